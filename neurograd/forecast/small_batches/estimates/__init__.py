"""Estimates of single updates of a chip's rule, of some samples at one point."""
