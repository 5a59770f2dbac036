"""What is measured at one point of a spiking network, against the gradient of its smoothed loss.

The gradient of ``L_s`` is never formed: bias, gain and cosine need only ``⟨m, ∇L_s⟩`` and
``‖∇L_s‖²`` beside the mean update m (see ``smoothing.py``). With ``c = −γm`` the multiple of the
mean update that is nearest to ``∇L_s``, ``‖∇L_s‖² = ‖c‖² + ‖∇L_s − c‖²``, and only the second part
is noisy. The loss change is counted from the loss before the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from device_models import Chip
from neurograd.measure.intervals import Interval, combine_errors, interval
from neurograd.measure.moments import Moments, Sampler, bias_interval, measure_moments
from neurograd.measure.smoothed_loss import Measured, SmoothedLoss
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.theory import anisotropy, bias_ratio, noise_curvature_threshold


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
    grad_square: Measured
    slope: Measured
    b: float
    b_ci: Interval
    gain: float
    gain_ci: Interval
    cosine: float
    cosine_ci: Interval

    @property
    def grad_norm(self) -> float:
        """‖g‖; NaN where it is lost in noise."""
        low, _ = interval(
            self.grad_square.value, self.grad_square.standard_error, self.grad_square.degrees
        )
        return math.sqrt(self.grad_square.value) if low > 0 else math.nan


@dataclass(frozen=True)
class SmoothedPoint:
    """Prediction and measurement of a step's change of the smoothed loss, side by side.

    Attributes:
        step: Steps of the clean training before this point.
        loss: Loss of the clean network there, without smoothing.
        programmed_loss: Loss after its weights are programmed into the chip.
        moments: Moments of Δw; its reference gradient is 0, so that its bias is the mean itself.
        reference: The mean update against ∇L_s.
        series: The same for other s.
        smoothed_loss: L_s.
        trace: Tr ∇²L_s.
        mean_curvature: mᵀ∇²L_s m.
        covariance: Tr(∇²L_s Σ).
        measured: E[L_s(w + Δt·Δw)] − L_s(w).
        step_size: Δt.
    """

    step: int
    loss: float
    programmed_loss: float
    moments: Moments
    reference: Reference
    series: tuple[Reference, ...]
    smoothed_loss: Measured
    trace: Measured
    mean_curvature: Measured
    covariance: Measured
    measured: Measured
    step_size: float

    @property
    def predicted_mean(self) -> Measured:
        """What the mean update does: ``Δt⟨g, m⟩ + ½Δt² mᵀHm``."""
        dt = self.step_size
        return _sum(self.reference.slope.times(dt), self.mean_curvature.times(0.5 * dt**2))

    @property
    def predicted_variance(self) -> Measured:
        """What the noise does: ``½Δt² Tr(HΣ)``."""
        return self.covariance.times(0.5 * self.step_size**2)

    @property
    def predicted(self) -> Measured:
        """Change of the smoothed loss by one step, to second order."""
        return _sum(self.predicted_mean, self.predicted_variance)

    @property
    def difference_ci(self) -> Interval:
        """99 % interval of measured − predicted, which share no draws."""
        difference = _sum(self.measured, self.predicted.times(-1.0))
        return _ci(difference)

    @property
    def agree(self) -> bool:
        """Whether measured − predicted is compatible with 0."""
        return self.difference_ci[0] <= 0.0 <= self.difference_ci[1]

    @property
    def anisotropy(self) -> float:
        """N·Tr(HΣ)/(Tr H · Tr Σ): 1 for white noise; NaN without noise."""
        return anisotropy(
            self.covariance.value,
            self.trace.value,
            self.moments.total_variance,
            self.moments.num_parameters,
        )

    @property
    def noise_threshold(self) -> float:
        """Curvature from which noise prevents descent (Theorem 3.1, Eq. 7)."""
        norm = self.reference.grad_norm
        if math.isnan(norm):
            return math.nan
        return noise_curvature_threshold(self.step_size, self.moments.total_variance, norm)

    @property
    def bias_ratio(self) -> float:
        """The ratio r = b√N/‖g‖ of Theorem 3.2."""
        return self._ratio(self.reference.b)

    @property
    def bias_ratio_ci(self) -> Interval:
        """Interval of r at the measured ‖g‖."""
        low, high = self.reference.b_ci
        return self._ratio(low), self._ratio(high)

    def _ratio(self, b: float) -> float:
        norm = self.reference.grad_norm
        if math.isnan(norm) or not math.isfinite(b):
            return math.nan
        return bias_ratio(b, self.moments.num_parameters, norm)


def measure_smoothed_point(
    problem: Problem,
    chip: Chip,
    w_clean: Tensor,
    step: int,
    point: int,
    std: float,
    budget: SmoothedBudget,
    *,
    other_std: tuple[float, ...] = (),
    progress: Progress | None = None,
) -> SmoothedPoint:
    """Measure a chip at one point against the smoothed loss.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        w_clean: Weights of the clean training, shape ``(N,)``.
        step: Steps that led there.
        point: Index of the point, which its draws depend on.
        std: s in weight units, above 0.
        budget: How much to measure.
        other_std: Other s at which the bias is measured, with a quarter of the pairs.
        progress: Called with the number of draws done since the last call.
    """
    w = chip.program(w_clean)
    sample = chip.sampler(problem, w)
    moments = mean_update(chip, sample, w, budget, point)
    smoothed = SmoothedLoss(problem, w, std, budget.seed, point)
    reference = measure_reference(smoothed, moments, budget, progress=progress)
    mean_curvature = smoothed.derivatives(
        lambda generator: moments.mean, budget.loss_draws, "curvature", progress=progress
    )[1]
    covariance = _covariance(smoothed, moments, sample, budget, progress)
    return SmoothedPoint(
        step=step,
        loss=problem.loss(w_clean),
        programmed_loss=problem.loss(w),
        moments=moments,
        reference=reference,
        series=tuple(
            measure_reference(
                replace(smoothed, std=other),
                moments,
                replace(budget, norm_draws=max(2, budget.norm_draws // 4)),
                progress=progress,
            )
            for other in other_std
        ),
        smoothed_loss=smoothed.loss(budget.loss_draws),
        trace=smoothed.trace(budget.loss_draws, progress=progress),
        mean_curvature=mean_curvature,
        covariance=covariance,
        measured=smoothed.change(
            sample,
            chip.step_size,
            budget.loss_draws,
            control=_nearest_multiple(moments.mean, reference.slope.value),
            mean=moments.mean,
            progress=progress,
        ),
        step_size=chip.step_size,
    )


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
    grad_square: Measured | None = None,
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
    mean_square = Measured(*_mean_square(moments))
    slope = smoothed.slope(mean, budget.loss_draws, progress=progress)
    control = _nearest_multiple(mean, slope.value)
    known = grad_square is not None
    if grad_square is None:
        grad_square = smoothed.residual_square(control, budget.norm_draws, progress=progress)
    error, degrees = combine_errors(
        [(slope.standard_error, slope.degrees), moments.linear_error(control)]
    )
    return _reference(
        smoothed.std,
        mean_square,
        Measured(slope.value, error, degrees),
        grad_square,
        mean.numel(),
        known=known,
    )


def _mean_square(moments: Moments) -> tuple[float, float, float]:
    """Unbiased ‖m‖² with its error; exact for a chip without noise."""
    square = float(moments.mean @ moments.mean) - moments.total_variance / moments.draws
    if moments.total_variance == 0:
        return square, 0.0, math.inf
    error, degrees = moments.linear_error(moments.mean)
    return square, 2.0 * error, degrees


def _nearest_multiple(mean: Tensor, slope: float) -> Tensor:
    """The multiple of the mean update that is nearest to the gradient with ⟨m, g⟩ = slope."""
    square = float(mean @ mean)
    return mean * (slope / square) if square > 0 else mean.clone()


def _reference(
    std: float,
    mean_square: Measured,
    slope: Measured,
    rest: Measured,
    size: int,
    *,
    known: bool,
) -> Reference:
    """From ‖m‖², ⟨m, g⟩ and the rest: ‖g‖² where it is known, else ‖g − c‖²."""
    parts = (mean_square, slope, rest)
    along = slope.value, slope.standard_error
    # E[Ŝ²] = S² + Var, and the residual's control moves with Ŝ: twice the variance too much.
    excess = 2.0 * along[1] ** 2 / mean_square.value if mean_square.value > 0 else 0.0

    def grad_square(m: float, s: float, r: float) -> float:
        return r if known else r + (s * s / m if m > 0 else 0.0) - excess

    def bias_square(m: float, s: float, r: float) -> float:
        return m + 2.0 * s + grad_square(m, s, r)

    def gain(m: float, s: float, r: float) -> float:
        return -s / grad_square(m, s, r)

    def cosine(m: float, s: float, r: float) -> float:
        return -s / math.sqrt(m * grad_square(m, s, r))

    square = _propagate(grad_square, parts)
    bias = _propagate(bias_square, parts)
    floor = 1e-7 * math.sqrt(max(0.0, mean_square.value) / size)
    b, b_ci = bias_interval(bias.value, bias.standard_error, int(bias.degrees), floor, size)
    found = _ci(square)[0] > 0 and mean_square.value > 0
    unknown = Measured(math.nan, math.nan, 1.0)
    gained = _propagate(gain, parts) if found else unknown
    turned = _propagate(cosine, parts) if found else unknown
    low, high = _ci(turned)
    return Reference(
        std=std,
        grad_square=square,
        slope=slope,
        b=b,
        b_ci=b_ci,
        gain=gained.value,
        gain_ci=_ci(gained),
        cosine=max(-1.0, min(1.0, turned.value)) if found else math.nan,
        cosine_ci=(max(-1.0, low), min(1.0, high)) if found else (math.nan, math.nan),
    )


def _propagate(
    function: Callable[[float, float, float], float], parts: tuple[Measured, ...]
) -> Measured:
    """A function of independent measured numbers, with its error to first order."""
    values = [part.value for part in parts]
    center = function(*values)
    errors = []
    for k, part in enumerate(parts):
        if part.standard_error == 0:
            continue
        # A small step: the derivative at the estimate.
        step = 1e-4 * part.standard_error
        moved = [v + step * (i == k) for i, v in enumerate(values)]
        errors.append((abs(function(*moved) - center) / 1e-4, part.degrees))
    error, degrees = combine_errors(errors)
    return Measured(center, error, degrees if math.isfinite(degrees) else 1e9)


def _covariance(
    smoothed: SmoothedLoss,
    moments: Moments,
    sample: Sampler,
    budget: SmoothedBudget,
    progress: Progress | None,
) -> Measured:
    if moments.total_variance == 0:
        return Measured(0.0, 0.0, math.inf)
    scale = 1.0 / (1.0 + 1.0 / moments.draws)  # the mean's own noise is in every sample as well
    _, second = smoothed.derivatives(
        lambda generator: sample(generator) - moments.mean,
        budget.loss_draws,
        "covariance",
        progress=progress,
    )
    return second.times(scale)


def _sum(a: Measured, b: Measured) -> Measured:
    error, degrees = combine_errors([(a.standard_error, a.degrees), (b.standard_error, b.degrees)])
    return Measured(a.value + b.value, error, degrees)


def _ci(measured: Measured) -> Interval:
    return interval(measured.value, measured.standard_error, measured.degrees)
