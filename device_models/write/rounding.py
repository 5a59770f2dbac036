"""Rounding to whole numbers (of pulses, of grid steps): nearest, truncated, stochastic or none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, get_args

import torch
from torch import Tensor

from device_models.kernels.counter_numbers import DeviceNumbers, single_uniforms
from device_models.kernels.whole_numbers import truncated

MOST_OUTCOMES = 81
"""Most whole numbers that a normal number is rounded to one by one."""

_FARTHEST = 8.0
"""Standard deviations beyond which a normal distribution has nothing: 1e-15 of it."""

Rounding = Literal["nearest", "stochastic", "truncate", "none"]


def check_rounding(mode: str) -> None:
    """Raise ValueError for an unknown rounding mode."""
    if mode not in get_args(Rounding):
        raise ValueError(f"rounding is {mode!r}; allowed: {', '.join(get_args(Rounding))}")


def round_whole(x: Tensor, mode: Rounding, generator: torch.Generator) -> Tensor:
    """Round to whole numbers.

    ``nearest`` takes ties to even, ``truncate`` rounds towards 0 (see ``truncated``),
    ``stochastic`` rounds up with the fractional part as probability and so keeps the mean (Gupta et
    al., ICML 2015), ``none`` leaves x as it is (what a chip without this effect would do).
    """
    if mode != "stochastic":
        return _without_draw(x, mode)
    noise = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    return noise.add_(x).floor_()


def round_by_device(x: Tensor, mode: Rounding, numbers: DeviceNumbers, place: int = 0) -> Tensor:
    """As ``round_whole``, by the uniform numbers of the devices at a place, shape ``(n,)``."""
    if mode != "stochastic":
        return _without_draw(x, mode)
    return _by_chance(x, numbers.uniform(place))


def round_by_key(x: Tensor, mode: Rounding, key: Tensor, size: Tensor | float = 1.0) -> Tensor:
    """As ``round_whole``, by the one uniform number that each device has in a write, ``(N,)``.

    ``size`` is that of ``truncated``.
    """
    if mode != "stochastic":
        return _without_draw(x, mode, size)
    return _by_chance(x, single_uniforms(key, x))


def _by_chance(x: Tensor, units: Tensor) -> Tensor:
    low = x.floor()
    return low + (units < x - low)


def _without_draw(x: Tensor, mode: Rounding, size: Tensor | float = 1.0) -> Tensor:
    if mode == "none":
        return x
    return x.round() if mode == "nearest" else truncated(x, size)


def rounding_outcomes(
    x: Tensor, mode: Rounding, size: Tensor | float = 1.0
) -> tuple[Tensor, Tensor]:
    """The lower outcome of ``round_whole`` and the probability of the one above it.

    A deterministic mode has probability 0 of the outcome above; ``size`` is that of ``truncated``.
    """
    if mode == "stochastic":
        low = x.floor()
        return low, x - low
    return _without_draw(x, mode, size), torch.zeros_like(x)


def normal_rounding_outcomes(
    mean: Tensor, std: Tensor, mode: Rounding
) -> Iterator[tuple[Tensor, Tensor]] | None:
    """Whole numbers that normal numbers are rounded to, with their exact chances.

    Args:
        mean: Means, any shape.
        std: Standard deviations, same shape; 0 for a constant.
        mode: ``nearest``, ``stochastic`` or ``truncate``.

    Returns:
        Chance and value of every whole number that is reached, each of the arguments' shape; None
        where these are more than ``MOST_OUTCOMES``.
    """
    reach = math.ceil(_FARTHEST * float(std.max())) + 1
    if mode == "none" or 2 * reach + 1 > MOST_OUTCOMES:
        return None
    low, p = rounding_outcomes(mean, mode)
    center = mean.round()
    return (
        (_chance(center + k, mean, std, mode, low, p), center + k) for k in range(-reach, reach + 1)
    )


def _chance(
    whole: Tensor, mean: Tensor, std: Tensor, mode: Rounding, low: Tensor, p: Tensor
) -> Tensor:
    """Chance that a normal number is rounded to a whole number; ``low`` and p are the mean's."""
    constant = (1 - p) * (low == whole) + p * (low + 1 == whole)
    still = std == 0
    spread = torch.where(still, torch.ones_like(std), std)

    def above(edge: Tensor) -> Tensor:
        mass: Tensor = torch.special.ndtr((mean - edge) / spread)
        return mass

    def excess(edge: Tensor) -> Tensor:
        place = (mean - edge) / spread
        density = torch.exp(-0.5 * place.square()) / math.sqrt(2.0 * math.pi)
        mean_excess: Tensor = spread * (density + place * torch.special.ndtr(place))
        return mean_excess

    if mode == "stochastic":
        # E max(0, 1 − |x − whole|), by the second difference of E max(0, x − edge).
        found = excess(whole - 1) - 2.0 * excess(whole) + excess(whole + 1)
    elif mode == "nearest":
        found = above(whole - 0.5) - above(whole + 0.5)
    else:
        found = above(whole - (whole <= 0).to(whole.dtype)) - above(
            whole + (whole >= 0).to(whole.dtype)
        )
    return torch.where(still, constant, found.clamp_min(0.0))
