"""Models of runs of pulses: curves with two kinds of noise, their likelihood, and its maximum."""
