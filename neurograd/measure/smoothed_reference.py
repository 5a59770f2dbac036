"""A mean update against the gradient of the smoothed loss, which is never formed.

Bias, gain and cosine need only ``⟨m, ∇L_s⟩`` and ``‖∇L_s‖²`` beside the mean update m (see
``smoothed_loss.py``). With ``c = −γm`` the multiple of the mean update that is nearest to ``∇L_s``,
``‖∇L_s‖² = ‖c‖² + ‖∇L_s − c‖²``, and only the second part is noisy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from device_models import Chip
from neurograd.measure.estimate import Estimate, propagate
from neurograd.measure.intervals import Interval, combine_errors
from neurograd.measure.moments import Moments, Sampler, bias_interval, measure_moments
from neurograd.measure.smoothed_loss import SmoothedLoss
from neurograd.progress import Progress


@dataclass(frozen=True)
class SmoothedBudget:
    """How much is measured at a point.

    Attributes:
        draws: Updates for the moments.
        loss_draws: Draws of every one-dimensional derivative and of the loss change.
        norm_draws: Antithetic pairs of the gradient's length.
        seed: Seed of every draw.
    """

    draws: int
    loss_draws: int
    norm_draws: int
    seed: int


@dataclass(frozen=True)
class Reference:
    """The mean update m against the gradient g of the smoothed loss; intervals at 99 %.

    Attributes:
        std: s in weight units.
        grad_square: ‖g‖².
        slope: ⟨m, g⟩.
        b: Bias ``‖m + g‖/√N``; 0 where none was detected.
        b_ci: Its interval; starts at 0 where none was detected.
        gain: ``⟨m, −g⟩/‖g‖²``; NaN where g is lost in noise.
        gain_ci: Its interval.
        cosine: Cosine of m and −g; NaN where g is lost in noise.
        cosine_ci: Its interval.
    """

    std: float
    grad_square: Estimate
    slope: Estimate
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
    fixed = chip.deterministic_gradient and all(effect.deterministic for effect in chip.writes)
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
    mean = moments.mean
    mean_square = _mean_square(moments)
    slope = smoothed.slope(mean, budget.loss_draws, progress=progress)
    control = nearest_multiple(mean, slope.value)
    known = grad_square is not None
    if grad_square is None:
        grad_square = smoothed.residual_square(control, budget.norm_draws, progress=progress)
    error, degrees = combine_errors([(slope.error, slope.degrees), moments.linear_error(control)])
    return _reference(
        smoothed.std,
        mean_square,
        Estimate(slope.value, error, degrees),
        grad_square,
        mean.numel(),
        known=known,
    )


def _mean_square(moments: Moments) -> Estimate:
    """Unbiased ‖m‖²; exact for a chip without noise."""
    square = float(moments.mean @ moments.mean) - moments.total_variance / moments.draws
    if moments.total_variance == 0:
        return Estimate.exact(square)
    error, degrees = moments.linear_error(moments.mean)
    return Estimate(square, 2.0 * error, degrees)


def nearest_multiple(mean: Tensor, slope: float) -> Tensor:
    """The multiple of the mean update that is nearest to the gradient.

    Args:
        mean: Mean update m, shape ``(N,)``.
        slope: ⟨m, g⟩.
    """
    square = float(mean @ mean)
    return mean * (slope / square) if square > 0 else mean.clone()


def _reference(
    std: float,
    mean_square: Estimate,
    slope: Estimate,
    rest: Estimate,
    size: int,
    *,
    known: bool,
) -> Reference:
    """From ‖m‖², ⟨m, g⟩ and the rest: ‖g‖² where it is known, else ‖g − c‖²."""
    parts = (mean_square, slope, rest)
    # E[Ŝ²] = S² + Var, and the residual's control moves with Ŝ: twice the variance too much.
    excess = 2.0 * slope.error**2 / mean_square.value if mean_square.value > 0 else 0.0

    def grad_square(m: float, s: float, r: float) -> float:
        return r if known else r + (s * s / m if m > 0 else 0.0) - excess

    def bias_square(m: float, s: float, r: float) -> float:
        return m + 2.0 * s + grad_square(m, s, r)

    def gain(m: float, s: float, r: float) -> float:
        return -s / grad_square(m, s, r)

    def cosine(m: float, s: float, r: float) -> float:
        return -s / math.sqrt(m * grad_square(m, s, r))

    square = propagate(grad_square, parts)
    bias = propagate(bias_square, parts)
    floor = 1e-7 * math.sqrt(max(0.0, mean_square.value) / size)
    b, b_ci = bias_interval(bias.value, bias.error, int(bias.degrees), floor, size)
    found = square.ci[0] > 0 and mean_square.value > 0
    unknown = Estimate(math.nan, math.nan, 1.0)
    gained = propagate(gain, parts) if found else unknown
    turned = propagate(cosine, parts) if found else unknown
    low, high = turned.ci
    return Reference(
        std=std,
        grad_square=square,
        slope=slope,
        b=b,
        b_ci=b_ci,
        gain=gained.value,
        gain_ci=gained.ci,
        cosine=max(-1.0, min(1.0, turned.value)) if found else math.nan,
        cosine_ci=(max(-1.0, low), min(1.0, high)) if found else (math.nan, math.nan),
    )
