"""Loops over trains of pulses, for the CPU."""
