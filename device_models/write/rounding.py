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
