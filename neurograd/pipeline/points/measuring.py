"""One point of the clean training, measured as a spec asks for it, as a record."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from device_models import Chip
from neurograd.effects.read_noise import read_noise_of
from neurograd.forecast.frozen import predict_excess_loss, summarize_point
from neurograd.measure.arrays import measure_cancellation, measure_conversion
from neurograd.measure.point import MeasurementBudget, PointMeasurement, measure_point
from neurograd.measure.smoothed.point import measure_smoothed_point
from neurograd.measure.smoothed.reference import SmoothedBudget
from neurograd.pipeline.build import active_effects, build_chip
from neurograd.pipeline.points.work import DEFAULT_SMOOTHING_DRAWS
from neurograd.pipeline.pool import TaskPool
from neurograd.problem import Problem
from neurograd.records.measured import point_result, smoothed_point_result, with_arrays
from neurograd.records.point import MeasuredPoint, PointResult
from neurograd.spec import Spec
from neurograd.training.course import chip_at, epoch_of
from neurograd.training.schedules import Schedule
from neurograd.training.snapshots import Snapshot

DEFAULT_SMOOTHING = 0.02
"""s in weight units of a spiking network on a chip without read noise."""


def smoothing_of(spec: Spec) -> float:
    """S of a spiking network's smoothed loss in weight units: the read noise where there is one."""
    if spec.measure.smoothing is not None:
        return spec.measure.smoothing
    device = spec.device
    if device is None or device.read.noise == 0:
        return DEFAULT_SMOOTHING
    return read_noise_of(device).std


@dataclass(frozen=True)
class PointStage:
    """What is measured at the points of one clean training.

    Attributes:
        spec: The validated spec, in its quick version if that is checked.
        problem: Its problem; every point takes a replica.
        chip: Its first chip.
        schedule: How the step size falls along the training.
        pool: Shows progress.
        quick: Whether the spec is its quick version.
        budget: How much is measured.
    """

    spec: Spec
    problem: Problem
    chip: Chip
    schedule: Schedule
    pool: TaskPool
    quick: bool
    budget: MeasurementBudget

    @property
    def _last_step(self) -> int:
        return self.spec.count_updates(self.problem.num_samples) - 1

    def _at(self, clean: Snapshot, chip: Chip) -> Chip:
        """A chip as the clean training has it there: memory, and step size of the next update.

        At the end, the step size is that of the last one.
        """
        return chip_at(chip.at(clean.state), self.schedule, min(clean.step, self._last_step))

    def measured(self, index: int, clean: Snapshot) -> MeasuredPoint:
        """Measurement and prediction at one point.

        Args:
            index: Which point.
            clean: The clean training there.
        """
        spiking = bool(self.problem.parts.spiking)
        found = (self._smoothed_point if spiking else self._point)(index, clean)
        point = self._with_arrays(found.point, clean.weights)
        return found.model_copy(update={"point": point})

    def _point(self, index: int, clean: Snapshot) -> MeasuredPoint:
        budget = self.budget
        measured = measure_point(
            self.problem.replica(),
            self._at(clean, self.chip),
            clean.weights,
            clean.step,
            index,
            budget,
            variants={
                (effect.name, effect.label): self._at(
                    clean, build_chip(self.spec, self.problem, without=[effect])
                )
                for effect in active_effects(self.spec, self.problem)
            },
            progress=self.pool.stage(
                f"measuring at step {clean.step}", budget.draws + budget.loss_draws
            ),
        )
        return MeasuredPoint(
            point=point_result(measured, self.spec.measure.points),
            frozen_excess_loss=self._frozen_excess_loss(measured),
        )

    def _frozen_excess_loss(self, measured: PointMeasurement) -> float | None:
        """By the frozen theory, which is that of plain gradient descent with independent updates.

        None with a recipe, where step sizes fall and where epochs are shuffled.
        """
        training, shuffled = self.spec.training, epoch_of(self.chip, self.problem.num_samples)
        if self.chip.recipe is not None or training.schedule is not None or shuffled is not None:
            return None
        steps, step_size = self._last_step + 1, training.largest_step_size
        return predict_excess_loss([summarize_point(measured)], step_size, steps)[0]

    def _with_arrays(self, point: PointResult, weights: Tensor) -> PointResult:
        """A point with what the arrays clip and what cancels in their writes."""
        w, seed, index = self.chip.program(weights), self.spec.measure.seed, point.step
        step = min(point.step, self._last_step)
        problem, chip = self.problem.replica(), chip_at(self.chip, self.schedule, step)
        return with_arrays(
            point,
            measure_conversion(problem, chip, w, seed, point=index),
            measure_cancellation(problem, chip, w, seed, point=index),
        )

    def _smoothed_point(self, index: int, clean: Snapshot) -> MeasuredPoint:
        """A point of a spiking network, whose reference is the gradient of its smoothed loss."""
        measure, std = self.spec.measure, smoothing_of(self.spec)
        norm_draws = measure.smoothing_draws or DEFAULT_SMOOTHING_DRAWS
        measured = measure_smoothed_point(
            self.problem.replica(),
            self._at(clean, self.chip),
            clean.weights,
            clean.step,
            index,
            std,
            SmoothedBudget(
                draws=self.budget.draws,
                loss_draws=measure.loss_draws,
                norm_draws=norm_draws,
                seed=measure.seed,
                samples=self.budget.samples,
            ),
            other_std=() if self.quick else (0.5 * std, 2.0 * std),
            progress=self.pool.stage(
                f"measuring at step {clean.step}", 5 * measure.loss_draws + norm_draws
            ),
        )
        result = smoothed_point_result(measured, measure.points)
        return MeasuredPoint(point=result, frozen_excess_loss=None)
