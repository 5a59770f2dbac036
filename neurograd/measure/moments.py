"""Bias and variance of a weight update, measured from samples in memory of order N.

The estimators are those of Ghosh et al., ICLR 2023, Eq. 1: ``Δw = −g + b·β + σ√f(N)·n̂``.
``‖mean‖²`` overestimates ``‖bias‖²`` by the total variance over the number of draws, so the squared
bias is the U-statistic ``(‖Σv‖² − Σ‖v‖²)/(K(K−1))`` of ``v = u + g``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from neurograd.errors import ModelError
from neurograd.measure.draw_groups import GroupAccumulator, LeftOut
from neurograd.measure.intervals import Interval, interval, jackknife_error, t_quantile
from neurograd.progress import Progress
from neurograd.seeding import generator_for

MAX_GROUPS = 20
"""Groups of the jackknife; their means are kept, so memory is this many vectors."""

REPORT_EVERY = 100
"""Draws between two reports of progress."""

Sampler = Callable[[torch.Generator], Tensor]


@dataclass(frozen=True)
class Moments:
    """Measured bias and variance of Δw in gradient units; every interval is at 99 %.

    Attributes:
        draws: Number K of samples.
        gradient: Reference gradient g, or the clean update u of a recipe in its place, shape
            ``(N,)``.
        mean: Mean update, shape ``(N,)``.
        variance: Variance of every element (unbiased), shape ``(N,)``.
        group_deviations: Mean of each jackknife group minus the overall mean, shape ``(G, N)``.
        b: Bias b = ‖bias‖/√N; 0 where none was detected.
        b_ci: Interval of b; starts at 0 where none was detected, its end is the upper bound then.
        total_variance: σ²f(N), the trace of the covariance.
        total_variance_ci: Its interval.
        gain: ⟨mean, −g⟩/‖g‖²: 1 is the right step, another value a rescaled learning rate.
        gain_ci: Its interval.
        cosine: Cosine of the mean update and −g; NaN where the mean is lost in noise.
        cosine_ci: Its interval.
    """

    draws: int
    gradient: Tensor
    mean: Tensor
    variance: Tensor
    group_deviations: Tensor
    b: float
    b_ci: Interval
    total_variance: float
    total_variance_ci: Interval
    gain: float
    gain_ci: Interval
    cosine: float
    cosine_ci: Interval

    @property
    def num_parameters(self) -> int:
        """Number N of weights."""
        return self.mean.numel()

    @property
    def bias(self) -> Tensor:
        """Mean update minus −g, shape ``(N,)``: unbiased, with the noise of the mean in it."""
        return self.mean + self.gradient

    @property
    def detected(self) -> bool:
        """Whether the interval of b excludes 0."""
        return self.b_ci[0] > 0

    @cached_property
    def beta(self) -> Tensor:
        """Direction β of the bias with ‖β‖ = √N, shape ``(N,)``; zeros where none was detected."""
        bias = self.bias
        norm = float(bias.norm())
        if not self.detected or norm == 0:
            return torch.zeros_like(bias)
        return bias * (math.sqrt(self.num_parameters) / norm)

    @property
    def grad_norm(self) -> float:
        """‖g‖, or ‖u‖."""
        return float(self.gradient.norm())

    @property
    def inverse_noise_ratio(self) -> float:
        """√(σ²f(N))/‖g‖; infinite at a zero gradient with noise."""
        if self.grad_norm == 0:
            return math.inf if self.total_variance > 0 else 0.0
        return math.sqrt(self.total_variance) / self.grad_norm

    @property
    def bias_parallel(self) -> float:
        """Length of the bias along −g: what a gain other than 1 explains."""
        return (self.gain - 1.0) * self.grad_norm

    @property
    def bias_orthogonal(self) -> float:
        """Length of the bias across g, 0 where none was detected; all of it where g is 0.

        From the unbiased squares of the bias and of its part along g: the noise of the mean is in
        neither.
        """
        square = self.b**2 * self.num_parameters
        if square > 0 and self.grad_norm > 0:
            error = self.linear_error(self.gradient)[0] / self.grad_norm
            square -= self.bias_parallel**2 - error**2
        return math.sqrt(max(0.0, square))

    def linear_error(self, direction: Tensor) -> tuple[float, float]:
        """Standard error of ⟨direction, mean⟩ and its degrees of freedom.

        Args:
            direction: Any fixed vector, shape ``(N,)``.
        """
        groups = len(self.group_deviations)
        values = self.group_deviations @ direction
        return float(values.square().sum().div(groups * (groups - 1)).sqrt()), groups - 1.0


def measure_moments(
    sample_update: Sampler,
    gradient: Tensor,
    draws: int,
    seed: int,
    *,
    point: int = 0,
    progress: Progress | None = None,
) -> Moments:
    """Measure the moments of an estimator of the weight update.

    Draw k uses a generator made from (seed, point, k), and sums are taken in the order of k, so
    the same arguments give the same bits.

    Args:
        sample_update: Draws one Δw in gradient units with the given generator, shape ``(N,)``.
        gradient: Reference gradient g, or the clean update u of a recipe, shape ``(N,)``; its
            device is the generators'.
        draws: Number of samples, 2 or more.
        seed: Seed of the draws, 0 or more.
        point: Index of the place where this is measured, so that places differ.
        progress: Called with the number of draws done since the last call.

    Returns:
        The moments, with 99 % intervals from a delete-a-group jackknife.

    Raises:
        ValueError: If there are fewer than two draws.
        ModelError: If a sample has the wrong shape or is not finite.

    Source:
        Ghosh et al., ICLR 2023, Eq. 1.
    """
    if draws < 2:
        raise ValueError(f"draws is {draws}; allowed: 2 or more")
    bounds = np.linspace(0, draws, min(draws, MAX_GROUPS) + 1).astype(int)
    total = GroupAccumulator(gradient)
    # The groups' means, of which there is never a second copy.
    means = gradient.new_empty(len(bounds) - 1, gradient.numel())
    counts, scatter = np.diff(bounds).astype(float), np.empty(len(means))
    group = GroupAccumulator(gradient)
    for number, (start, stop) in enumerate(pairwise(bounds)):
        group.clear()
        for k in range(start, stop):
            generator = generator_for(seed, "moments", point, int(k), device=gradient.device)
            update = sample_update(generator)
            if update.shape != gradient.shape:
                raise ModelError(
                    f"the update has shape {tuple(update.shape)}; allowed: the gradient's, "
                    f"{tuple(gradient.shape)}"
                )
            group.add(update, gradient)
            # Often enough for an interrupt, which acts where progress is reported.
            if progress is not None and (group.count % REPORT_EVERY == 0 or k + 1 == stop):
                progress((group.count - 1) % REPORT_EVERY + 1)
        if not bool(torch.isfinite(group.mean).all()):
            raise ModelError("the update has NaN or infinite entries; allowed: finite numbers")
        total.merge(group)
        means[number], scatter[number] = group.mean, float(group.scatter.sum())
    return _summarize(gradient, total, means, counts, scatter)


def _summarize(
    gradient: Tensor,
    total: GroupAccumulator,
    means: Tensor,
    counts: np.ndarray,
    scatter: np.ndarray,
) -> Moments:
    """The moments of all draws.

    Args:
        gradient: The reference, shape ``(N,)``.
        total: All draws.
        means: Mean of each group, shape ``(G, N)``; becomes its deviation.
        counts: Draws of each group, shape ``(G,)``.
        scatter: Scatter of each group, summed over the weights, shape ``(G,)``.
    """
    draws, bias = total.count, total.mean
    deviations = means.sub_(bias)
    variance = total.scatter / (draws - 1)
    total_variance = float(variance.sum())
    left = LeftOut(deviations, counts, scatter)
    square, left_square = left.squares(bias)

    degrees = len(counts) - 1
    b, b_ci = bias_interval(
        square - total_variance / draws,
        jackknife_error(left_square),
        degrees,
        _rounding_floor(gradient, bias),
        gradient.numel(),
        left.noise_along(bias),
    )
    # One leave-one-out variance can not be had from two draws.
    variance_error = jackknife_error(left.variances) if draws > 2 else math.inf
    low, high = interval(total_variance, variance_error, degrees)
    gain, gain_ci = _gain(gradient, bias, deviations, degrees)
    cosine, cosine_ci = _cosine(gradient, bias - gradient, total_variance / draws, left)
    return Moments(
        draws=draws,
        gradient=gradient,
        mean=bias - gradient,
        variance=variance,
        group_deviations=deviations,
        b=b,
        b_ci=b_ci,
        total_variance=total_variance,
        total_variance_ci=(max(0.0, low), high),
        gain=gain,
        gain_ci=gain_ci,
        cosine=cosine,
        cosine_ci=cosine_ci,
    )


def _rounding_floor(gradient: Tensor, bias: Tensor) -> float:
    """Bias per weight below which only the arithmetic's rounding is seen."""
    scale = float(gradient.norm() + bias.norm()) / math.sqrt(gradient.numel())
    return 64 * float(torch.finfo(gradient.dtype).eps) * scale


def bias_interval(
    square: float,
    error: float,
    degrees: int,
    floor: float,
    num_parameters: int,
    noise: float = 0.0,
) -> tuple[float, Interval]:
    """Bias b and its 99 % interval from the unbiased squared length of the bias.

    The error of a square is small where the mean happens to be near 0. Noise of few directions can
    bring it there although the bias is not: the upper end is at least that of a length whose
    own error is the noise along it.

    Args:
        square: Unbiased ‖bias‖².
        error: Its standard error.
        degrees: Degrees of freedom of the error.
        floor: Bias per weight below which none is reported.
        num_parameters: N.
        noise: Variance of the mean along the bias.
    """
    if not math.isfinite(error):  # two draws: no interval
        return 0.0, (0.0, math.inf)
    low, high = (math.sqrt(max(0.0, end)) for end in interval(square, error, degrees))
    length = math.sqrt(max(0.0, square + noise)) + t_quantile(degrees) * math.sqrt(noise)
    low, high = (end / math.sqrt(num_parameters) for end in (low, max(high, length)))
    b = math.sqrt(max(0.0, square) / num_parameters)
    if low <= floor:
        return 0.0, (0.0, high if high > floor else 0.0)
    return b, (low, high)


def _gain(
    gradient: Tensor, bias: Tensor, deviations: Tensor, degrees: int
) -> tuple[float, Interval]:
    square = float(gradient.square().sum())
    if square == 0:
        return math.nan, (math.nan, math.nan)
    gain = 1.0 - float(bias @ gradient) / square
    values = (deviations @ gradient) / square
    groups = len(deviations)
    error = float(values.square().sum().div(groups * (groups - 1)).sqrt())
    return gain, interval(gain, error, degrees)


def _cosine(
    gradient: Tensor, mean: Tensor, mean_variance: float, left: LeftOut
) -> tuple[float, Interval]:
    """Cosine of E[Δw] and −g with its interval; NaN where the mean's length is lost in noise.

    The noise of the mean is taken out of its length. Whether that is known is what its own spread
    over groups says: noise of few directions moves a length far more than white noise does.
    """
    square, left_square = left.squares(mean)
    square, degrees, norm = square - mean_variance, len(left_square) - 1, float(gradient.norm())
    error = jackknife_error(left_square) if mean_variance > 0 else 0.0
    if norm == 0 or not interval(square, error, degrees)[0] > 0:
        return math.nan, (math.nan, math.nan)
    product, length = float(mean @ gradient), math.sqrt(square) * norm
    value, error = -product / length, 0.0
    if mean_variance > 0:
        lengths = np.sqrt(np.maximum(left_square, 0.0)) * norm
        error = jackknife_error((left.moved(gradient) - product) / lengths)
    low, high = interval(value, error, degrees)
    value, low, high = (max(-1.0, min(1.0, each)) for each in (value, low, high))
    return value, (low, high)
