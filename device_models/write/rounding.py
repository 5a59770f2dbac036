"""Rounding to whole numbers (of pulses, of grid steps): nearest, truncated, stochastic or none."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

Rounding = Literal["nearest", "stochastic", "truncate", "none"]


def check_rounding(mode: str) -> None:
    """Raise ValueError for an unknown rounding mode."""
    if mode not in get_args(Rounding):
        raise ValueError(f"rounding is {mode!r}; allowed: {', '.join(get_args(Rounding))}")


def round_whole(x: Tensor, mode: Rounding, generator: torch.Generator) -> Tensor:
    """Round to whole numbers.

    ``nearest`` takes ties to even, ``truncate`` rounds towards 0, ``stochastic`` rounds up with
    the fractional part as probability and so keeps the mean (Gupta et al., ICML 2015), ``none``
    leaves x as it is (what a chip without this effect would do).
    """
    if mode == "none":
        return x
    if mode == "nearest":
        return x.round()
    if mode == "truncate":
        return x.trunc()
    noise = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    return noise.add_(x).floor_()


def rounding_outcomes(x: Tensor, mode: Rounding) -> tuple[Tensor, Tensor]:
    """The lower outcome of ``round_whole`` and the probability of the one above it.

    A deterministic mode has probability 0 of the outcome above.
    """
    if mode == "stochastic":
        low = x.floor()
        return low, x - low
    low = x if mode == "none" else x.round() if mode == "nearest" else x.trunc()
    return low, torch.zeros_like(x)


def split_pulses(increment: Tensor, pulses: Tensor, mode: Rounding) -> tuple[Tensor, Tensor]:
    """An increment as a number of equal parts of one pulse at most.

    Args:
        increment: Requested increment, shape ``(N,)``.
        pulses: Real-valued number of pulses that it asks for, 0 or more, shape ``(N,)``.
        mode: How a number of pulses becomes whole.

    Returns:
        The part, one whole pulse where there are several, and how many there are.
    """
    several = pulses > 1.0
    low, p = rounding_outcomes(pulses, mode)
    whole = increment / pulses.where(several, torch.ones_like(pulses))
    # A hair to the side on which rounding errors make neither two pulses of it nor none.
    hair = -1e-12 if mode == "stochastic" else 1e-12
    part = torch.where(several, whole * (1.0 + hair), increment)
    return part, torch.where(several, low + p, torch.ones_like(pulses))
