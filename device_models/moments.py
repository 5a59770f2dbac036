"""Moments of the distributions that device models share."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from device_models.protocols import ElementMoments, PulseWise, WritePath

_INVERSE_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


def clipped_normal(center: Tensor, std: Tensor, low: Tensor, high: Tensor) -> ElementMoments:
    """Mean and variance of ``clip(center + std·ξ, low, high)``, ξ standard normal.

    All arguments broadcast to one shape. Works relative to the center, so that a small noise on a
    large value loses no digits; ``std = 0`` is the clipped constant.
    """
    center, std, low, high = torch.broadcast_tensors(center, std, low, high)
    below, above = low - center, high - center
    safe_std = std.clamp_min(torch.finfo(center.dtype).tiny)
    alpha, beta = below / safe_std, above / safe_std
    mass_low, mass_high = torch.special.ndtr(alpha), torch.special.ndtr(-beta)
    inside = (1.0 - mass_low - mass_high).clamp_min(0.0)
    density_low = _INVERSE_SQRT_2PI * torch.exp(-0.5 * alpha.square())
    density_high = _INVERSE_SQRT_2PI * torch.exp(-0.5 * beta.square())
    shift = below * mass_low + above * mass_high - std * (density_high - density_low)
    square = (
        below.square() * mass_low
        + above.square() * mass_high
        + std.square() * inside
        - std * (above * density_high - below * density_low)
    )
    still = std == 0
    constant = torch.minimum(torch.maximum(torch.zeros_like(center), below), above)
    shift = torch.where(still, constant, shift)
    variance = torch.where(still, torch.zeros_like(square), square - shift.square())
    return ElementMoments(center + shift, variance.clamp_min(0.0))


def two_point_mixture(first: ElementMoments, second: ElementMoments, p: Tensor) -> ElementMoments:
    """Moments of a draw from ``second`` with probability ``p``, else from ``first``."""
    gap = second.mean - first.mean
    mean = first.mean + p * gap
    variance = (1 - p) * first.variance + p * second.variance + p * (1 - p) * gap.square()
    return ElementMoments(mean, variance)


def through_effect(effect: WritePath, w: Tensor, increment: ElementMoments) -> ElementMoments:
    """Moments of what a write effect makes of a random increment.

    Evaluated at one standard deviation to either side of the mean (the unscented transform of one
    dimension): exact to second order in the spread, and exact for a constant.
    """
    if not bool((increment.variance > 0).any()):
        return _realized(effect, w, increment.mean)
    std = increment.variance.sqrt()
    above = _realized(effect, w, increment.mean + std)
    below = _realized(effect, w, increment.mean - std)
    half = 0.5 * (above.mean - below.mean)
    return ElementMoments(
        0.5 * (above.mean + below.mean), 0.5 * (above.variance + below.variance) + half.square()
    )


def _realized(effect: WritePath, w: Tensor, increment: Tensor) -> ElementMoments:
    """The effect's moments; where they are known for single pulses only, many times one pulse."""
    moments = effect.moments(w, increment)
    if moments is not None:
        return moments
    if not isinstance(effect, PulseWise):
        raise ValueError(f"{type(effect).__name__} has no closed-form moments")
    single, times = effect.single_pulses(w, increment)
    return ElementMoments(single.mean * times, single.variance * times)
