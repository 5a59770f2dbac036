"""What is measured at one point of a spiking network, against the gradient of its smoothed loss.

The mean update stands against ``∇L_s`` as ``reference.py`` says. The loss change is
counted from the loss before the step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from device_models import Chip
from neurograd.measure.estimate import Estimate
from neurograd.measure.intervals import Interval
from neurograd.measure.measured_point import MeasuredPoint
from neurograd.measure.moments import Moments, Sampler
from neurograd.measure.smoothed.loss import SmoothedChange, SmoothedLoss
from neurograd.measure.smoothed.reference import (
    Reference,
    SmoothedBudget,
    mean_update,
    measure_reference,
)
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.recording import sampler_of


@dataclass(frozen=True)
class SmoothedPoint(MeasuredPoint):
    """Prediction and measurement of a step's change of the smoothed loss, side by side.

    H is the Hessian of the smoothed loss ``L_s``; ``loss`` and ``programmed_loss`` are without
    smoothing, and the moments' reference gradient is 0, so that their bias is the mean itself.

    Attributes:
        reference: The mean update against ∇L_s.
        series: The same for other s.
        smoothed_loss: L_s.
        mean_curvature: mᵀ∇²L_s m, without the noise of the measured mean.
        measured: E[L_s(w + Δt·Δw)] − L_s(w).
    """

    reference: Reference
    series: tuple[Reference, ...]
    smoothed_loss: Estimate
    mean_curvature: Estimate
    measured: SmoothedChange

    @property
    def predicted_mean(self) -> Estimate:
        """What the mean update does: ``Δt⟨g, m⟩ + ½Δt² mᵀHm``."""
        dt = self.step_size
        return self.reference.slope.times(dt).plus(self.mean_curvature.times(0.5 * dt**2))

    @property
    def predicted_variance(self) -> Estimate:
        """What the noise does: ``½Δt² Tr(HΣ)``."""
        return self.covariance.times(0.5 * self.step_size**2)

    @property
    def predicted(self) -> Estimate:
        """Change of the smoothed loss by one step, to second order."""
        return self.predicted_mean.plus(self.predicted_variance)

    @property
    def difference(self) -> Estimate:
        """Measured − predicted.

        They share no draws but the mean update's, whose noise moves both by ``Δt⟨c, m̂ − m⟩``: it
        is counted once, in the prediction. That much is safe: it cancels but for the turn that the
        same noise gives the control.
        """
        measured = self.measured
        own = Estimate(measured.value, measured.residual_error, measured.residual_degrees)
        return own.minus(self.predicted)

    @property
    def grad_norm(self) -> float:
        """‖∇L_s‖; NaN where it is lost in noise."""
        return self.reference.grad_norm

    @property
    def b(self) -> float:
        """Bias b against ∇L_s; 0 where none was detected."""
        return self.reference.b

    @property
    def b_ci(self) -> Interval:
        """Its 99 % interval."""
        return self.reference.b_ci


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
    sample = sampler_of(chip, problem, w)
    moments = mean_update(chip, sample, w, budget, point)
    smoothed = SmoothedLoss(problem, w, std, budget.seed, point, budget.samples)
    reference = measure_reference(smoothed, moments, budget, progress=progress)
    covariance = _covariance(smoothed, moments, sample, budget, progress)
    # m̂ᵀHm̂ of the measured mean has the noise of the mean in it, Tr(HΣ)/K.
    noise_of_mean = covariance.times(1.0 / moments.draws)
    mean_curvature = smoothed.derivatives(
        lambda generator: moments.mean, budget.loss_draws, "curvature", progress=progress
    )[1].minus(noise_of_mean)
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
            control=reference.control,
            known=reference.control_mean,
            progress=progress,
        ),
        step_size=chip.step_size,
        follows_gradient=chip.recipe is None,
    )


def _covariance(
    smoothed: SmoothedLoss,
    moments: Moments,
    sample: Sampler,
    budget: SmoothedBudget,
    progress: Progress | None,
) -> Estimate:
    if moments.total_variance == 0:
        return Estimate.exact(0.0)
    scale = 1.0 / (1.0 + 1.0 / moments.draws)  # the mean's own noise is in every sample as well
    _, second = smoothed.derivatives(
        lambda generator: sample(generator) - moments.mean,
        budget.loss_draws,
        "covariance",
        progress=progress,
    )
    return second.times(scale)
