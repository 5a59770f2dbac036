"""Numbers that stand for activations and losses in compiled passes."""

from __future__ import annotations

NONE, RELU, TANH, SIGMOID = 0, 1, 2, 3
"""Activations."""

CROSS_ENTROPY, SQUARES = 0, 1
"""Losses of classes: the mean over samples, and of squares over outputs as well."""
