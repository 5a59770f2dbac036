"""Numbers of compiled passes that others need, too: what stands for activations and losses."""

from __future__ import annotations

NONE, RELU, TANH, SIGMOID = 0, 1, 2, 3
"""Activations."""

CROSS_ENTROPY, SQUARES = 0, 1
"""Losses of classes: the mean over samples, and of squares over outputs as well."""

LOST = 1e-8
"""Part of a vector's norm that counts as nothing where it is all that is new in it."""
