"""Spiking networks: their smoothed loss in the place of a loss that has no gradient."""
