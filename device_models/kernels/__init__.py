"""Writes of many devices in one pass over memory: counter-based random numbers, compiled loops."""
