"""A mean update against the gradient of the smoothed loss, which is never formed.

Bias, gain and cosine need only ``⟨m, ∇L_s⟩`` and ``‖∇L_s‖²`` beside the mean update m (see
``loss.py``). With ``c = −γm̂`` the multiple of the measured mean m̂ that is nearest to
``∇L_s``, ``‖∇L_s‖² = ‖c‖² + ‖∇L_s − c‖²``, and only the second part is noisy. That is geometry for
any m̂, with the noise that is in it: ‖c‖² takes ‖m̂‖² as it is, while ‖m‖² of the mean update itself
is ‖m̂‖² less the noise of the mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from device_models import Chip
from neurograd.measure.estimate import Estimate, propagate
from neurograd.measure.intervals import Interval, combine_errors
from neurograd.measure.moments import Moments, Sampler, bias_interval, measure_moments
from neurograd.measure.smoothed.loss import SmoothedLoss
from neurograd.progress import Progress

_SMALL = 1e-4
"""Part of a group's deviation that a derivative along it is taken over."""


@dataclass(frozen=True)
class SmoothedBudget:
    """How much is measured at a point.

    Attributes:
        draws: Updates for the moments.
        loss_draws: Draws of every one-dimensional derivative and of the loss change.
        norm_draws: Antithetic pairs of the gradient's length.
        seed: Seed of every draw.
        samples: How many training samples judge a draw of a loss; all of them when None.
    """

    draws: int
    loss_draws: int
    norm_draws: int
    seed: int
    samples: int | None = None


@dataclass(frozen=True)
class Reference:
    """The mean update m against the gradient g of the smoothed loss; intervals at 99 %.

    Attributes:
        std: s in weight units.
        grad_square: ‖g‖².
        slope: ⟨m, g⟩.
        control: The multiple c of the measured mean that is nearest to g, shape ``(N,)``.
        control_mean: ⟨c, m⟩.
        mean_square: ‖m‖², without the noise of its measurement.
        b: Bias ``‖m + g‖/√N``; 0 where none was detected.
        b_ci: Its interval; starts at 0 where none was detected.
        gain: ``⟨m, −g⟩/‖g‖²``; NaN where g is lost in noise.
        gain_ci: Its interval.
        cosine: Cosine of m and −g; NaN where g or m is lost in noise.
        cosine_ci: Its interval.
    """

    std: float
    grad_square: Estimate
    slope: Estimate
    control: Tensor
    control_mean: Estimate
    mean_square: Estimate
    b: float
    b_ci: Interval
    gain: float
    gain_ci: Interval
    cosine: float
    cosine_ci: Interval

    @property
    def grad_norm(self) -> float:
        """‖g‖; NaN where it is lost in noise."""
        low, _ = self.grad_square.ci
        return math.sqrt(self.grad_square.value) if low > 0 else math.nan


def mean_update(
    chip: Chip, sample: Sampler, w: Tensor, budget: SmoothedBudget, point: int
) -> Moments:
    """Moments of Δw about 0: mean update, total variance; two draws where nothing is random."""
    fixed = chip.deterministic_gradient and chip.deterministic_writes
    draws = 2 if fixed else budget.draws
    return measure_moments(sample, w.new_zeros(w.shape), draws, budget.seed, point=point)


def measure_reference(
    smoothed: SmoothedLoss,
    moments: Moments,
    budget: SmoothedBudget,
    *,
    grad_square: Estimate | None = None,
    progress: Progress | None = None,
) -> Reference:
    """Bias, gain and cosine of a mean update against the gradient of a smoothed loss.

    Args:
        smoothed: The smoothed loss at the weights.
        moments: Moments of Δw with reference gradient 0.
        budget: How much to measure.
        grad_square: ``‖∇L_s‖²`` where it is known from another mean update, nearer to the gradient;
            measured when None.
        progress: Called with the number of draws done since the last call.
    """
    slope = smoothed.slope(moments.mean, budget.loss_draws, progress=progress)
    control = nearest_multiple(moments.mean, slope.value)
    known = grad_square is not None
    if grad_square is None:
        grad_square = smoothed.residual_square(control, budget.norm_draws, progress=progress)
    return _reference(smoothed.std, moments, control, slope, grad_square, known=known)


def _mean_square(moments: Moments) -> Estimate:
    """Unbiased ‖m‖²; exact for a chip without noise."""
    square = float(moments.mean @ moments.mean) - moments.total_variance / moments.draws
    if moments.total_variance == 0:
        return Estimate.exact(square)
    error, degrees = moments.linear_error(moments.mean)
    return Estimate(square, 2.0 * error, degrees)


def nearest_multiple(mean: Tensor, slope: float) -> Tensor:
    """The multiple of the measured mean update that is nearest to the gradient.

    Args:
        mean: Mean update m̂ with its noise, shape ``(N,)``.
        slope: ⟨m̂, g⟩.
    """
    square = float(mean @ mean)
    return mean * (slope / square) if square > 0 else mean.clone()


def _along(moments: Moments, control: Tensor) -> Estimate:
    """⟨c, m⟩ of a multiple c of the measured mean, which is fixed from then on.

    ⟨c, m̂⟩ has the noise of the mean twice, in m̂ and in c: its expected square is taken out.
    """
    square = float(moments.mean @ moments.mean)
    if square == 0 or moments.total_variance == 0:
        return Estimate.exact(float(control @ moments.mean))
    of_noise = moments.total_variance / moments.draws / square
    return Estimate(
        float(control @ moments.mean) * (1.0 - of_noise), *moments.linear_error(control)
    )


@dataclass(frozen=True)
class _Numbers:
    """What a result depends on; m is the mean update, m̂ its measured mean, g the gradient.

    Attributes:
        mean_square: ‖m‖².
        slope: ⟨m, g⟩.
        grad_square: ‖g‖².
    """

    mean_square: float
    slope: float
    grad_square: float


def _reference(
    std: float,
    moments: Moments,
    control: Tensor,
    slope: Estimate,
    rest: Estimate,
    *,
    known: bool,
) -> Reference:
    """From m̂, ⟨m̂, g⟩ and the rest: ‖g‖² where it is known, else ‖g − c‖²."""
    mean, size = moments.mean, moments.num_parameters
    mean_square, whole = _mean_square(moments), float(mean @ mean)
    # E[Ŝ²] = S² + Var, and the residual's control moves with Ŝ: twice the variance too much.
    excess = 2.0 * slope.error**2 / whole if whole > 0 else 0.0

    def grad_square(s: float, r: float) -> float:
        return r if known else r + (s * s / whole if whole > 0 else 0.0) - excess

    # What the noise of the mean update does to ⟨m̂, g⟩ beside the part that ⟨m̂, c⟩ shows: g − c is
    # not known but for its length.
    square = grad_square(slope.value, rest.value)
    beside = max(0.0, square - float(control @ control)) * moments.total_variance
    groups = len(moments.group_deviations)
    unseen = Estimate(0.0, math.sqrt(beside / (size * moments.draws)), groups - 1.0)
    # Along the noise of every group: 2⟨m̂, δ⟩ and ⟨c, δ⟩.
    longer = 2.0 * (moments.group_deviations @ mean).cpu().numpy()
    steeper = (moments.group_deviations @ control).cpu().numpy()

    def estimated(function: Callable[[_Numbers], float]) -> Estimate:
        """A result with its error by the smoothed loss's draws and by the mean update's noise."""

        def value(s: float, r: float, beside: float = 0.0, t: float = 0.0, group: int = 0) -> float:
            return function(
                _Numbers(
                    mean_square.value + t * float(longer[group]),
                    s + beside + t * float(steeper[group]),
                    grad_square(s, r),
                )
            )

        found = propagate(value, (slope, rest, unseen))
        if moments.total_variance == 0:
            return found
        moved = [
            (value(slope.value, rest.value, 0.0, _SMALL, g) - found.value) / _SMALL
            for g in range(groups)
        ]
        spread = math.sqrt(float(np.square(moved).sum()) / (groups * (groups - 1)))
        error, degrees = combine_errors([(found.error, found.degrees), (spread, groups - 1.0)])
        return Estimate(found.value, error, degrees)

    bias = estimated(lambda n: n.mean_square + 2.0 * n.slope + n.grad_square)
    floor = 1e-7 * math.sqrt(max(0.0, mean_square.value) / size)
    b, b_ci = bias_interval(bias.value, bias.error, int(min(bias.degrees, 1e9)), floor, size)
    gradient = propagate(grad_square, (slope, rest))
    has_gradient, has_mean = gradient.ci[0] > 0, mean_square.ci[0] > 0
    unknown = Estimate(math.nan, math.nan, 1.0)
    gained = estimated(lambda n: -n.slope / n.grad_square) if has_gradient else unknown
    found = has_gradient and has_mean
    turned = (
        estimated(lambda n: -n.slope / math.sqrt(n.mean_square * n.grad_square))
        if found
        else unknown
    )
    low, high = turned.ci
    return Reference(
        std=std,
        grad_square=gradient,
        slope=estimated(lambda n: n.slope),
        control=control,
        control_mean=_along(moments, control),
        mean_square=mean_square,
        b=b,
        b_ci=b_ci,
        gain=gained.value,
        gain_ci=gained.ci,
        cosine=max(-1.0, min(1.0, turned.value)) if found else math.nan,
        cosine_ci=(max(-1.0, low), min(1.0, high)) if found else (math.nan, math.nan),
    )
