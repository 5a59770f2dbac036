"""Compiled loops of spiking neurons."""
