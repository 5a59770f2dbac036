"""Bias, variance, loss change and curvature, measured from samples, with intervals."""
