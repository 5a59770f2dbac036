"""Change of the loss by one step: predicted by Lemma 2.1 and measured by a control variate.

Both are differences to the clean step, ``L(w + Δt·Δw) − L(w − Δt·g)`` (Ghosh et al., ICLR 2023,
Eq. 2). Where a recipe (momentum, Adam, weight decay, clipping) makes another update u of the
gradient, the clean step is −Δt·u, and Lemma 2.1 with ``d = −u`` in place of −g

    E[ΔL] = b⟨g,β⟩Δt + ½b²βᵀHβΔt² + b dᵀHβΔt² + ½Tr(HΣ)Δt²
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neurograd.measure.controls import ControlChoice, judged_parts
from neurograd.measure.estimate import Estimate
from neurograd.measure.intervals import Interval, combine_errors, t_quantile
from neurograd.measure.kinks import KinkTerm
from neurograd.measure.moments import Moments, Sampler
from neurograd.problem import Problem
from neurograd.problem.sample_parts import sample_parts
from neurograd.progress import Progress
from neurograd.seeding import generator_for
from neurograd.theory import covariance_variance_term, exact_margin, white_variance_term


@dataclass(frozen=True)
class PredictedLossChange(Estimate):
    """Lemma 2.1 (Eq. 3), its variance term with the measured covariance; in units of the loss.

    Attributes:
        value: Bias, covariance-aware variance term, and kinks.
        bias: All terms that the bias causes.
        variance: ``½Δt² Tr(HΣ)``, with the noise as it is.
        variance_white: ``½Δt² σ²f(N)/N Tr H``, the paper's term for white noise.
        kinks: What the kinks add that the step crosses (``neurograd.theory.kinks``), noisy less
            clean; exactly 0 where they were not asked for.
        exact_margin: Predicted ``(L(w + Δt·Δw) − L(w))/Δt``, with the kinks of the whole step from
            w: descent iff negative.
        exact_margin_ci: Its 99 % interval.
        gradient_curvature: κ = gᵀHg/‖g‖² of the gradient itself; NaN at a zero gradient.
    """

    bias: float
    variance: Estimate
    variance_white: float
    kinks: Estimate
    exact_margin: float
    exact_margin_ci: Interval
    gradient_curvature: float

    @property
    def total(self) -> float:
        """Bias, covariance-aware variance term and kinks: the value."""
        return self.value


@dataclass(frozen=True)
class MeasuredLossChange(Estimate):
    """A measured loss change, E[ΔL] of one step; in units of the loss.

    Attributes:
        draws: Number of updates whose loss was evaluated.
        samples: Training samples that each of them was judged on, about.
        residual_error: Standard error of what this measurement adds to that of the moments along
            the gradient where they land: the error against a prediction made with the same moments.
        residual_degrees: Its degrees of freedom: fewer than the draws where parts see few of them,
            or where the moments' groups count; infinite where it is exactly 0.
    """

    draws: int
    samples: int
    residual_error: float
    residual_degrees: float


def covariance_trace(
    problem: Problem,
    w: Tensor,
    moments: Moments,
    sample_update: Sampler,
    *,
    diagonal: Tensor | None,
    draws: int,
    seed: int,
    point: int = 0,
    samples: int | None = None,
) -> Estimate:
    """Tr(HΣ) of the update's noise, without forming Σ.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        moments: Measured at ``w``.
        sample_update: Draws one Δw.
        diagonal: Exact diagonal of H where the noise of the weights is independent: the trace is
            then Σ H_ii Σ_ii, and εᵀHε needs no product. None to use Hessian-vector products.
        draws: Number of fresh noise samples ε over which εᵀHε is averaged, 2 or more.
        seed: Seed of the samples.
        point: Index of the place.
        samples: Training samples whose Hessian one ε meets, about, as in ``measure_loss_change``.

    Returns:
        The trace, in units of the loss over Δt squared; exactly 0 without noise.

    Raises:
        ValueError: If there are fewer than two draws.

    Source:
        Lemma 2.1 for noise of any covariance (``neurograd.theory.covariance_variance_term``).
    """
    if draws < 2:
        raise ValueError(f"draws is {draws}; allowed: 2 or more")
    if moments.total_variance == 0:
        return Estimate.exact(0.0)
    judged = samples if diagonal is None else None
    # Four draws a part or more: the few of two leave the error of the trace open.
    parts = sample_parts(problem, judged, draws // 2, seed, "covariance parts", point)
    found = []
    for first, part in enumerate(parts):
        product = part.problem.hessian_product(w) if diagonal is None else diagonal.mul
        values = []
        for k in range(first, draws, len(parts)):
            noise = sample_update(generator_for(seed, "covariance", point, k, device=w.device))
            noise = noise - moments.mean
            values.append(float(noise @ product(noise)))
        found.append((part.share, np.array(values)))
    # The mean's own noise is in ε as well.
    return Estimate.of_parts(found).times(1.0 / (1.0 + 1.0 / moments.draws))


def predict_loss_change(
    product: Callable[[Tensor], Tensor],
    moments: Moments,
    step_size: float,
    hessian_trace: float,
    covariance: Estimate,
    kinks: KinkTerm | None = None,
    gradient: Tensor | None = None,
) -> PredictedLossChange:
    """Lemma 2.1 with the measured bias vector and covariance, and what it misses at kinks.

    ``bᵀHb`` of the measured mean contains the noise of the mean, ``Tr(HΣ)/K``, which is taken out.

    Args:
        product: The map v → Hv at the weights.
        moments: Measured there.
        step_size: Δt, zero or greater.
        hessian_trace: Tr H.
        covariance: Tr(HΣ).
        kinks: The kinks of the step from ``measure_kinks``; None to leave them out, which is
            right for smooth networks only.
        gradient: Gradient of the loss, shape ``(N,)``, where the moments' reference is another
            update u; the reference when None.

    Returns:
        The change against the clean step, with the error of the moments, of Tr(HΣ) and of the
        kinks.

    Raises:
        ValueError: If a number is not finite or outside its range.

    Source:
        Ghosh et al., ICLR 2023, Lemma 2.1, Eq. 3; for a clean step −Δt·u ours.
    """
    u, bias, mean = moments.gradient, moments.bias, moments.mean
    g = u if gradient is None else gradient
    hu, h_bias = product(u), product(bias)
    hg = hu if gradient is None else product(g)
    noise_of_mean = covariance.value / moments.draws
    linear = step_size * float(g @ bias)
    cross = -(step_size**2) * float(hu @ bias)
    quadratic = 0.5 * step_size**2 * (float(bias @ h_bias) - noise_of_mean)
    variance = Estimate(
        covariance_variance_term(covariance.value, step_size),
        covariance_variance_term(covariance.error, step_size),
        covariance.degrees,
    )
    # d(total)/d(mean) = Δt·(g + Δt·H·mean)
    slope = step_size * (g + step_size * (h_bias - hu))
    parts = [moments.linear_error(slope), (variance.error, variance.degrees)]
    if kinks is not None:
        parts.append((kinks.error, kinks.degrees))
    error, degrees = combine_errors(parts)
    bias_terms = linear + cross + quadratic
    curvature = float(mean @ (h_bias - hu)) - noise_of_mean
    crossed = 0.0 if kinks is None else kinks.chip.value
    margin = exact_margin(float(g @ mean), curvature, covariance.value, step_size, crossed)
    half = 0.0 if error == 0 else t_quantile(degrees) * error / step_size
    square = float(g @ g)
    return PredictedLossChange(
        value=bias_terms + variance.value + (0.0 if kinks is None else kinks.value),
        error=error,
        degrees=degrees,
        bias=bias_terms,
        variance=variance,
        variance_white=white_variance_term(
            moments.total_variance, hessian_trace, moments.num_parameters, step_size
        ),
        kinks=Estimate.exact(0.0)
        if kinks is None
        else Estimate(kinks.value, kinks.error, kinks.degrees),
        exact_margin=margin,
        exact_margin_ci=(margin - half, margin + half),
        gradient_curvature=float(g @ hg) / square if square > 0 else math.nan,
    )


def measure_loss_change(
    problem: Problem,
    w: Tensor,
    sample_update: Sampler,
    step_size: float,
    moments: Moments,
    draws: int,
    seed: int,
    *,
    point: int = 0,
    exact_mean: Tensor | None = None,
    samples: int | None = None,
    independent: bool = False,
    progress: Progress | None = None,
) -> MeasuredLossChange:
    """Measure E[ΔL] of one step.

    The first-order term ``Δt⟨c, ε⟩`` has mean zero and dominates the spread. It is subtracted from
    every draw with c the gradient where the mean update lands, with the slopes of activations that
    noise sees (``neurograd.measure.controls``); its mean is known from the cheap moment samples,
    whose error enters the interval. Where the noise of different weights is independent, what each
    layer's own noise adds to its products is subtracted in its place, at the inputs that the draw
    gives the layer: products of one layer's noise with another's are in it. Losses are subtracted
    per sample before they are averaged.

    With ``samples`` every draw's loss is that of one part of the training set, with the control
    of that part, and the parts' means are averaged by their sizes. The expected change is the same,
    as an update does not know which samples judge it; but what a noise does to all samples alike is
    drawn anew for each part. The same error then takes far fewer evaluations of the whole loss,
    and somewhat more draws.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        sample_update: Draws one Δw in gradient units.
        step_size: Δt.
        moments: Measured at ``w`` with the same ``sample_update``.
        draws: Number of updates whose loss is evaluated, 2 or more.
        seed: Seed of these draws; they are independent of the moments' ones.
        point: Index of the place.
        exact_mean: Mean update where it is known in closed form; removes the moments' error.
        samples: Training samples that one draw is judged on, about: parts are of equal size, and
            larger where two draws each would be more than ``draws``. All of them when None.
        independent: Whether the noise of different weights is independent
            (``Chip.independent_noise``).
        progress: Called with the number of draws done since the last call.

    Returns:
        The change against the clean step, in units of the loss.

    Raises:
        ValueError: If there are fewer than two draws, or no samples.

    Source:
        Ghosh et al., ICLR 2023, Eq. 2; controls and parts are ours.
    """
    if draws < 2:
        raise ValueError(f"draws is {draws}; allowed: 2 or more")
    mean = moments.mean if exact_mean is None else exact_mean
    clean = w - step_size * moments.gradient
    noisy = moments.total_variance > 0
    controls = ControlChoice.of(
        problem,
        w,
        sample_update,
        step_size,
        mean,
        draws if noisy else 0,
        seed,
        point=point,
        independent=independent and noisy,
        keep_inputs=exact_mean is None,
    )
    judged = judged_parts(problem, clean, samples, draws, seed, point)
    value, residuals, direction = 0.0, [], torch.zeros_like(w)
    for each in judged:
        control = controls.on(each.part.problem)
        values = []
        for k in each.draws:
            update = sample_update(generator_for(seed, "loss", point, k, device=w.device))
            losses, known = control.judge(update)
            values.append(float((losses - each.before).mean()) - known)
            if progress is not None:
                progress(1)
        share = each.part.share
        value += share * float(np.mean(values))
        residuals.append((share * _error_of_mean(np.array(values)), len(values) - 1.0))
        if exact_mean is None:
            direction.add_(control.direction(), alpha=share)
    residual, residual_degrees = error, degrees = combine_errors(residuals)
    if exact_mean is None:
        error, degrees = combine_errors([*residuals, moments.linear_error(direction)])
        # A prediction has the moments' error along the gradient.
        whole = step_size * problem.gradient(w + step_size * mean)
        beside = moments.linear_error(direction - whole)
        residual, residual_degrees = combine_errors([*residuals, beside])
    return MeasuredLossChange(
        value=value,
        error=error,
        degrees=degrees,
        draws=draws,
        samples=math.ceil(problem.num_samples / len(judged)),
        residual_error=residual,
        residual_degrees=residual_degrees,
    )


def _error_of_mean(values: np.ndarray) -> float:
    spread = float(values.std(ddof=1))
    # Equal values differ from their mean by rounding only.
    rounding = 4 * np.finfo(values.dtype).eps * float(np.abs(values).max(initial=0.0))
    return spread / math.sqrt(len(values)) if spread > rounding else 0.0


def difference_of(predicted: PredictedLossChange, measured: MeasuredLossChange) -> Estimate:
    """Measured − predicted made with the same moments.

    The moments' first-order error is in both and cancels.

    Args:
        predicted: From ``predict_loss_change``.
        measured: From ``measure_loss_change`` with the same moments.
    """
    error, degrees = combine_errors(
        [
            (measured.residual_error, measured.residual_degrees),
            (predicted.variance.error, predicted.variance.degrees),
            (predicted.kinks.error, predicted.kinks.degrees),
        ]
    )
    return Estimate(measured.value - predicted.value, error, degrees)
