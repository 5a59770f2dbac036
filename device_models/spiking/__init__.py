"""Spiking neurons and the surrogate derivatives of their spikes."""
