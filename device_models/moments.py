"""Distributions that device models share, and how they pass through effects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import (
    AffineWrite,
    ComposedWrite,
    DiscreteWrite,
    ElementMoments,
    PulseWise,
    StackedWrite,
    WritePath,
)

_CHUNK_ELEMENTS = 2**19
"""Numbers of a chunk of increments; bounds the memory."""

_INVERSE_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)

FAR = 9.0
"""Standard deviations beyond which a normal distribution has less than the last digit."""

WIDEST = 100.0
"""Windows that a deviation may have before the digits of what is not clipped are lost."""


def clipped_normal(center: Tensor, std: Tensor, low: Tensor, high: Tensor) -> ElementMoments:
    """Mean and variance of ``clip(center + std·ξ, low, high)``, ξ standard normal.

    All arguments broadcast to one shape. Works relative to the center, so that a small noise on a
    large value loses no digits; ``std = 0`` is the clipped constant. The center may be infinite;
    where it is the spread may be anything.
    """
    center, std, low, high = torch.broadcast_tensors(center, std, low, high)
    center, std = _within_reach(center, std, low, high)
    below, above = low - center, high - center
    safe_std = std.clamp_min(torch.finfo(center.dtype).tiny)
    alpha, beta = below / safe_std, above / safe_std
    mass_low, mass_high = torch.special.ndtr(alpha), torch.special.ndtr(-beta)
    inside = (1.0 - mass_low).sub_(mass_high).clamp_min_(0.0)
    # In place from here on: for vectors of some thousand weights memory that is new costs as much
    # as the numbers in it.
    density_low = alpha.square_().mul_(-0.5).exp_().mul_(_INVERSE_SQRT_2PI)
    density_high = beta.square_().mul_(-0.5).exp_().mul_(_INVERSE_SQRT_2PI)
    shift = (below * mass_low).add_(above * mass_high)
    shift.sub_((density_high - density_low).mul_(std))
    square = below.square().mul_(mass_low).add_(mass_high.mul_(above.square()))
    square.add_(inside.mul_(std.square()))
    square.sub_(density_high.mul_(above).sub_(density_low.mul_(below)).mul_(std))
    still = std == 0
    constant = torch.minimum(below.clamp_min_(0.0), above)
    shift = torch.where(still, constant, shift)
    variance = square.sub_(shift.square()).masked_fill_(still, 0.0)
    return ElementMoments(center + shift, variance.clamp_min_(0.0))


def _within_reach(center: Tensor, std: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Center and deviation of a normal number that is clipped to the same, within all digits.

    From a center far beyond the window the way back to a bound has no digits left, or is infinite.
    A deviation beyond ``WIDEST`` is brought there together with the center: what is not clipped
    is less than half a percent.
    """
    width = high - low
    wide, middle = std > WIDEST * width, low + 0.5 * width
    std = std.masked_fill(center.isinf(), 0.0)
    shrunk = middle + (center - middle) * (WIDEST * width / std)
    center = torch.where(wide & (std > 0), shrunk, center)
    std = torch.minimum(std, WIDEST * width)
    # A whole window on top, so that numbers closer by stay as they are to the last digit.
    reach = FAR * std + width
    return torch.minimum(torch.maximum(center, low - reach), high + reach), std


def two_point_mixture(first: ElementMoments, second: ElementMoments, p: Tensor) -> ElementMoments:
    """Moments of a draw from ``second`` with probability ``p``, else from ``first``."""
    gap = second.mean - first.mean
    mean = first.mean + p * gap
    variance = (1 - p) * first.variance + p * second.variance + p * (1 - p) * gap.square()
    return ElementMoments(mean, variance)


Mixture = Iterator[tuple[Tensor, ElementMoments]]
"""A distribution, element by element: the chance of each part, and its normal distribution.

Chances have shape ``(N,)`` or ``(1,)`` and sum to 1; a part without variance is one value. Parts
come one after the other, so that memory does not grow with their number.
"""

STRATA = 8
"""Parts of equal probability into which a normal increment is cut on either side of 0."""

_FARTHEST = 8.0
"""Standard deviations beyond which a normal distribution has nothing: 1e-15 of it."""


def normal(increment: ElementMoments) -> Mixture:
    """A normal distribution; a constant where there is no variance."""
    yield torch.ones(1, dtype=increment.mean.dtype, device=increment.mean.device), increment


def through_write(effect: WritePath, w: Tensor, increment: Mixture) -> Mixture:
    """What a write effect makes of a random increment, as a mixture.

    An effect with a few outcomes (``DiscreteWrite``) gives each of them; one that is affine in the
    increment (``AffineWrite``) maps every part exactly; one that is made of others
    (``ComposedWrite``) says itself what it makes of a normal distribution; any other one gives a
    normal distribution with the effect's own mean and variance for each value of the increment.
    Parts that are normal are taken at the nodes of ``normal_nodes``.

    Args:
        effect: The write effect.
        w: Stored weights, shape ``(N,)``.
        increment: The distribution of the increment.

    Raises:
        ValueError: If the effect states no moments.
    """
    if isinstance(effect, AffineWrite):
        kept, offset = effect.affine(w)
        for chance, part in increment:
            yield chance, ElementMoments(offset + kept * part.mean, kept**2 * part.variance)
        return
    if isinstance(effect, DiscreteWrite):
        for chance, part in increment:
            for outcome, value in effect.outcomes(w, part):
                yield chance * outcome, ElementMoments.constant(value)
        return
    if isinstance(effect, ComposedWrite):
        for chance, part in increment:
            yield chance, effect.realized(w, part)
        return
    for chance, part in increment:
        for here, value in normal_nodes(part):
            yield chance * here, _realized(effect, w, value)


def through_writes(
    writes: Sequence[WritePath], w: Tensor, increment: ElementMoments
) -> ElementMoments:
    """Mean and variance of what write effects, in order, make of an increment.

    Args:
        writes: The write effects.
        w: Stored weights, shape ``(N,)``.
        increment: The normal distribution of the increment; a constant without variance.

    Raises:
        ValueError: If an effect states no moments.
    """
    now = normal(increment)
    for effect in writes:
        now = through_write(effect, w, now)
    return mixture_moments(now)


def in_chunks(w: Tensor, increments: Tensor) -> Sequence[Tensor]:
    """Increments of shape ``(M, N)`` in chunks that bound the memory."""
    chunks: Sequence[Tensor] = increments.split(max(1, _CHUNK_ELEMENTS // w.numel()))
    return chunks


def stacked_through_writes(
    writes: Sequence[WritePath], w: Tensor, increments: Tensor
) -> ElementMoments:
    """``through_writes`` for each of some constant increments.

    Args:
        writes: The write effects.
        w: Stored weights, shape ``(N,)``.
        increments: Increments of one update each, shape ``(M, N)``.

    Returns:
        Moments of shape ``(M, N)``.
    """

    def moments(at: Tensor, some: Tensor) -> ElementMoments:
        return through_writes(writes, at, ElementMoments.constant(some))

    if all(isinstance(effect, StackedWrite) for effect in writes):
        found = [moments(w.expand_as(some), some) for some in in_chunks(w, increments)]
    else:
        found = [moments(w, each).shaped((1, -1)) for each in increments]
    mean, variance = zip(*((each.mean, each.variance) for each in found), strict=True)
    return ElementMoments(torch.cat(mean), torch.cat(variance))


def of_constant(writes: Sequence[WritePath], w: Tensor, increment: Tensor) -> ElementMoments | None:
    """Exact mean and variance of what write effects make of a constant; None where unknown.

    Known where every effect but the last is deterministic, so that the last one gets a constant.
    """
    if not writes:
        return ElementMoments.constant(increment)
    if not all(effect.deterministic for effect in writes[:-1]):
        return None
    unused = torch.Generator(device=w.device)
    for effect in writes[:-1]:
        increment = effect.write(w, increment, unused)
    return writes[-1].moments(w, increment)


def mixture_moments(mixture: Mixture) -> ElementMoments:
    """Mean and variance of a mixture, merged part by part (Chan, Golub and LeVeque, 1983)."""
    weight, first = next(mixture)
    mean, spread = first.mean, weight * first.variance
    for chance, part in mixture:
        total = weight + chance
        share = chance / torch.where(total > 0, total, torch.ones_like(total))
        gap = part.mean - mean
        mean = mean + share * gap
        spread = spread + chance * part.variance + weight * share * gap.square()
        weight = total
    return ElementMoments(mean, spread.clamp_min(0.0))


@dataclass(frozen=True)
class SampledMoments(ElementMoments):
    """Mean and variance of a write, averaged over a sample of increments.

    Attributes:
        mean: Mean, shape ``(N,)``.
        variance: Variance of every element: the mean of the write's own, and the spread of its
            means over the increments (with Bessel's correction).
        mean_error: Standard error that the mean has from the sample, shape ``(N,)``.
    """

    mean_error: Tensor


def sampled_moments(writes: Iterable[ElementMoments]) -> SampledMoments:
    """Moments of writes of independent increments, each with moments of its own.

    Args:
        writes: Moments of shape ``(M, N)``, in chunks of any M, which are merged (Chan, Golub and
            LeVeque, 1983).

    Raises:
        ValueError: If there are fewer than two increments.
    """
    count, mean, spread, own = 0, torch.zeros(()), torch.zeros(()), torch.zeros(())
    for each in writes:
        more = len(each.mean)
        here = each.mean.mean(0)
        gap = here - mean if count else torch.zeros_like(here)
        spread = spread + (each.mean - here).square().sum(0)
        spread = spread + gap.square() * (count * more / (count + more))
        mean = mean + gap * (more / (count + more)) if count else here
        own = own + each.variance.sum(0)
        count += more
    if count < 2:
        raise ValueError(f"a sample has {count} increments; allowed: 2 or more")
    spread = spread / (count - 1)
    return SampledMoments(mean, own / count + spread, (spread / count).sqrt())


def normal_nodes(part: ElementMoments) -> Iterator[tuple[Tensor, Tensor]]:
    """Values that stand for a normal distribution, and their chances.

    Responses of synapses have a kink at 0, where pulses turn round. So each side of 0 is cut into
    ``STRATA`` parts of equal probability, and each of these is two values, a standard deviation of
    the part to either side of its mean. A response that is quadratic on either side of 0 gets its
    mean exactly, a linear one its variance as well. A jump is misplaced by at
    most ``1/(2·STRATA)`` of the probability on its side.

    Args:
        part: Mean and variance, shape ``(N,)``; a constant is one value.
    """
    if not bool((part.variance > 0).any()):
        yield torch.ones(1, dtype=part.mean.dtype, device=part.mean.device), part.mean
        return
    dtype = part.mean.dtype
    mean, std = part.mean.double(), part.variance.double().sqrt()
    still = std == 0
    kink = (-mean / torch.where(still, torch.ones_like(std), std)).clamp(-_FARTHEST, _FARTHEST)
    for side in (1.0, -1.0):
        # Both sides by the upper one's formulas: what lies above ``start``, which is mirrored.
        start = side * kink
        mass = torch.special.ndtr(-start)
        for k in range(STRATA):
            center, spread = _stratum(start, mass, k)
            for end in (-1.0, 1.0):
                value = mean + side * std * (center + end * spread)
                yield (0.5 / STRATA * mass).to(dtype), torch.where(still, mean, value).to(dtype)


def _stratum(start: Tensor, mass: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation of part k of what a standard normal number has above ``start``."""
    floor = torch.finfo(mass.dtype).tiny

    def end(j: int) -> Tensor:
        above = (mass * (1.0 - j / STRATA)).clamp_min(floor)
        return start if j == 0 else -torch.special.ndtri(above)

    low = end(k)
    density_low = _INVERSE_SQRT_2PI * torch.exp(-0.5 * low.square())
    share = (mass / STRATA).clamp_min(floor)
    if k == STRATA - 1:
        density_high, edge_high = torch.zeros_like(low), torch.zeros_like(low)
    else:
        high = end(k + 1)
        density_high = _INVERSE_SQRT_2PI * torch.exp(-0.5 * high.square())
        edge_high = high * density_high
    center = (density_low - density_high) / share
    variance = 1.0 + (low * density_low - edge_high) / share - center.square()
    return center, variance.clamp_min(0.0).sqrt()


def _realized(effect: WritePath, w: Tensor, increment: Tensor) -> ElementMoments:
    """What an effect makes of one increment."""
    moments = effect.moments(w, increment)
    if moments is None and isinstance(effect, PulseWise):
        moments = effect.train_moments(w, increment)
    if moments is None:
        raise ValueError(f"{type(effect).__name__} states no moments")
    return moments
