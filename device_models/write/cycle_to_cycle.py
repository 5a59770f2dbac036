"""Cycle-to-cycle noise: no two pulses move the same device equally far."""

from __future__ import annotations

from torch import Tensor


def cycle_to_cycle_std(pulses: Tensor, spread: Tensor | float) -> Tensor:
    """Standard deviation that a train of pulses adds, as a fraction of the conductance range.

    The noise of single pulses is independent, so it grows with the root of their number
    (NeuroSim; Chen, Peng and Yu, IEEE TCAD 2018).

    Args:
        pulses: Number of pulses, 0 or more, any shape.
        spread: Standard deviation of one pulse as a fraction of the conductance range, or that of
            each train's pulses, same shape.
    """
    return pulses.sqrt() * spread
