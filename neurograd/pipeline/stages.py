"""The stages of a check: trainings, measurements and forecasts, each computed once and kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from device_models import Chip, ReadNoise
from neurograd.deployment import Variant as Deployed
from neurograd.deployment import deploy
from neurograd.effects.effect import Effect
from neurograd.effects.minibatch import is_batched
from neurograd.errors import DivergenceError
from neurograd.explain.variants import Variant
from neurograd.forecast.frozen import predict_excess_loss, summarize_point
from neurograd.measure.arrays import measure_cancellation, measure_conversion
from neurograd.measure.curvature.spectrum import FULL, QUICK
from neurograd.measure.point import MeasurementBudget, PointMeasurement, measure_point
from neurograd.measure.smoothed_point import measure_smoothed_point
from neurograd.measure.smoothed_reference import SmoothedBudget
from neurograd.pipeline.build import (
    active_effects,
    build_chip,
    build_clean_chip,
    build_schedule,
)
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.forecasting import CLEAN, forecast_network, forecast_stage
from neurograd.pipeline.pool import TaskPool
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.records.measured import (
    point_result,
    smoothed_point_result,
    trained_network,
    with_arrays,
)
from neurograd.records.point import MeasuredPoint, PointResult
from neurograd.records.training import DeployedNetworks, PredictedNetwork, TrainedNetwork
from neurograd.spec import Spec
from neurograd.training.course import chip_at, epoch_of
from neurograd.training.loop import Trained, train
from neurograd.training.schedules import Schedule
from neurograd.training.snapshots import Snapshot

COVARIANCE_DRAWS = 64
KINK_DRAWS = 128
DEFAULT_SMOOTHING = 0.02
"""s in weight units of a spiking network on a chip without read noise."""

DEFAULT_SMOOTHING_DRAWS = 500


def smoothing_of(spec: Spec) -> float:
    """S of a spiking network's smoothed loss in weight units: the read noise where there is one."""
    if spec.measure.smoothing is not None:
        return spec.measure.smoothing
    device = spec.device
    if device is None or device.read.noise == 0:
        return DEFAULT_SMOOTHING
    pair = device.conductance.mapping == "differential_pair"
    devices, gain = (2, 1.0) if pair else (1, 2.0)
    return ReadNoise.of_range(
        device.read.noise, gain * device.conductance.weight_range, devices
    ).std


@dataclass(frozen=True)
class Stages:
    """What is computed for one spec; every stage may run on another thread.

    Attributes:
        spec: The validated spec, in its quick version if that is checked.
        quick: Whether it is.
        problem: Its problem; stages that compute take a replica.
        chip: Its first chip.
        store: Keeps what is finished.
        pool: Shows progress.
    """

    spec: Spec
    quick: bool
    problem: Problem
    chip: Chip
    store: StageStore
    pool: TaskPool

    def clean(self) -> tuple[TrainedNetwork, dict[str, Tensor]]:
        """The clean training, with tensors of snapshots along it (``Snapshot.tensors``).

        It sees the batches of the first chip.

        Raises:
            DivergenceError: If it diverges.
        """
        steps = self.steps
        places = sorted({round(t) for t in np.linspace(0, steps, self.spec.measure.points)})
        if self.spec.measure.points == 1:
            places = [0]

        def compute() -> tuple[TrainedNetwork, dict[str, Tensor]]:
            trained = self._train_clean(0, "training the clean network", snapshots=places)
            kept = (Snapshot(t, trained.snapshots[t], trained.states.get(t)) for t in places)
            tensors = {name: each for found in kept for name, each in found.tensors().items()}
            return trained_network(trained), tensors

        return self.store.run_record_tensors(
            "clean", TrainedNetwork, compute, self.problem.initial_weights
        )

    @property
    def steps(self) -> int:
        """Updates of the training."""
        return self.spec.count_updates(self.problem.num_samples)

    @property
    def schedule(self) -> Schedule:
        """How its step size falls."""
        return build_schedule(self.spec, self.problem.num_samples)

    def _at(self, clean: Snapshot, chip: Chip) -> Chip:
        """A chip as the clean training has it there: memory, and step size of the next update.

        At the end, the step size is that of the last one.
        """
        return chip_at(chip.at(clean.state), self.schedule, min(clean.step, self.steps - 1))

    @property
    def clean_is_random(self) -> bool:
        """Whether clean trainings differ, so that every chip has a clean twin of its own."""
        return is_batched(self.spec, self.problem.num_samples)

    def clean_twin(self, index: int) -> TrainedNetwork:
        """The clean training on the batches of one chip; that of the first chip is ``clean``.

        Raises:
            DivergenceError: If it diverges.
        """

        def compute() -> TrainedNetwork:
            label = f"training the clean twin of chip {index + 1}"
            return trained_network(self._train_clean(index, label, curve_points=2))

        return self.store.run_record(f"clean-{index}", TrainedNetwork, compute)

    def _train_clean(self, index: int, label: str, **options: Any) -> Trained:
        """The clean training on the batches of one chip."""
        steps = self.steps
        trained = train(
            self.problem.replica(),
            build_clean_chip(self.spec, self.problem),
            steps,
            self.spec.measure.seed,
            chip_index=index + 1,
            schedule=self.schedule,
            progress=self.pool.stage(label, steps),
            **options,
        )
        if trained.diverged:
            raise DivergenceError(
                f"training.step_size: the clean training diverged after {trained.stopped_at} "
                f"steps at step size {self.spec.training.largest_step_size:g}; "
                "allowed: a step size at which the clean network trains"
            )
        return trained

    def trained_chip(self, index: int) -> tuple[TrainedNetwork, Tensor | None]:
        """The training through one chip, and the weights that it ends with.

        They are kept where a deployment goes on from them, and None elsewhere; shape ``(N,)``.
        """
        training = self.spec.training
        count = training.seeds if index < training.seeds else training.max_seeds
        label = f"training chip {index + 1} of {'up to ' * (index >= training.seeds)}{count}"

        def compute() -> tuple[TrainedNetwork, dict[str, Tensor]]:
            trained = train(
                self.problem.replica(),
                build_chip(self.spec, self.problem, index=index),
                self.steps,
                self.spec.measure.seed,
                chip_index=index + 1,
                schedule=self.schedule,
                progress=self.pool.stage(label, self.steps),
            )
            return trained_network(trained), {"weights": trained.weights}

        name = f"chip-{index}"
        if self.spec.deployment is None:
            return self.store.run_record(name, TrainedNetwork, lambda: compute()[0]), None
        network, tensors = self.store.run_record_tensors(
            name, TrainedNetwork, compute, self.problem.initial_weights
        )
        return network, tensors["weights"]

    def deployed_chip(
        self, index: int, weights: Tensor, variant: Deployed | None = None
    ) -> DeployedNetworks:
        """What becomes of a trained chip's network once it is programmed.

        Args:
            index: Which chip.
            weights: Those that it was trained to hold, shape ``(N,)``.
            variant: How it is deployed; as the spec says when None.
        """
        name, spec = ("deployed", self.spec) if variant is None else (variant.name, variant.spec)
        return self.store.run_record(
            f"{name}-{index}",
            DeployedNetworks,
            lambda: deploy(spec, self.problem.replica(), index, weights),
        )

    def measured_point(self, index: int, clean: Snapshot) -> MeasuredPoint:
        """Measurement and prediction at one point of the clean training.

        Args:
            index: Which point.
            clean: The clean training there.
        """

        def compute() -> MeasuredPoint:
            spiking = bool(self.problem.parts.spiking)
            found = (self._smoothed_point if spiking else self._point)(index, clean)
            point = self._with_arrays(found.point, clean.weights)
            return found.model_copy(update={"point": point})

        return self.store.run_record(f"point-{index}", MeasuredPoint, compute)

    def _point(self, index: int, clean: Snapshot) -> MeasuredPoint:
        measure = self.spec.measure
        measured = measure_point(
            self.problem.replica(),
            self._at(clean, self.chip),
            clean.weights,
            clean.step,
            index,
            MeasurementBudget(
                draws=measure.draws,
                loss_draws=measure.loss_draws,
                covariance_draws=min(measure.loss_draws, COVARIANCE_DRAWS),
                seed=measure.seed,
                spectrum=QUICK if self.quick else FULL,
                kink_draws=min(measure.loss_draws, KINK_DRAWS),
            ),
            variants={
                (effect.name, effect.label): self._at(
                    clean, build_chip(self.spec, self.problem, without=[effect])
                )
                for effect in active_effects(self.spec, self.problem)
            },
            progress=self.pool.stage(
                f"measuring at step {clean.step}", measure.draws + measure.loss_draws
            ),
        )
        return MeasuredPoint(
            point=point_result(measured, measure.points),
            frozen_excess_loss=self._frozen_excess_loss(measured),
        )

    def _frozen_excess_loss(self, measured: PointMeasurement) -> float | None:
        """By the frozen theory, which is that of plain gradient descent with independent updates.

        None with a recipe, where step sizes fall and where epochs are shuffled.
        """
        training, shuffled = self.spec.training, epoch_of(self.chip, self.problem.num_samples)
        if self.chip.recipe is not None or training.schedule is not None or shuffled is not None:
            return None
        step_size = training.largest_step_size
        return predict_excess_loss([summarize_point(measured)], step_size, self.steps)[0]

    def _with_arrays(self, point: PointResult, weights: Tensor) -> PointResult:
        """A point with what the arrays clip and what cancels in their writes."""
        w, seed, index = self.chip.program(weights), self.spec.measure.seed, point.step
        step = min(point.step, self.steps - 1)
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
                draws=measure.draws,
                loss_draws=measure.loss_draws,
                norm_draws=norm_draws,
                seed=measure.seed,
            ),
            other_std=() if self.quick else (0.5 * std, 2.0 * std),
            progress=self.pool.stage(
                f"measuring at step {clean.step}", 5 * measure.loss_draws + norm_draws
            ),
        )
        result = smoothed_point_result(measured, measure.points)
        return MeasuredPoint(point=result, frozen_excess_loss=None)

    def predicted_network(self, index: int) -> PredictedNetwork:
        """The forecast of one chip, or of the clean twin (``CLEAN``)."""
        name = "the clean twin" if index == CLEAN else f"chip {index + 1}"
        return self._predicted(forecast_stage(index), name, index, ())

    def predicted_variant(self, variant: Variant, index: int) -> PredictedNetwork:
        """The forecast of one chip without some of its effects."""
        stage = f"mitigation-{variant.name}-{index + 1}"
        return self._predicted(stage, f"chip {index + 1} {variant.label}", index, variant.left_out)

    def predicted_change(self, name: str, settings: dict[str, Any], index: int) -> PredictedNetwork:
        """The forecast of one chip of the spec with other values of some keys of the device.

        Args:
            name: Of the change, for the stage.
            settings: The keys with their values.
            index: Which chip.

        Raises:
            SpecError: If the values do not go with the rest of the spec.
        """
        changed = with_settings(self.spec, settings)

        def compute() -> PredictedNetwork:
            return forecast_network(
                changed,
                self.problem.replica(),
                index,
                progress=self.pool.stage(f"trying {name}", self.steps),
            )

        return self.store.run_record(f"{name}-{index + 1}", PredictedNetwork, compute)

    def _predicted(
        self, stage: str, name: str, index: int, without: Collection[Effect]
    ) -> PredictedNetwork:
        def compute() -> PredictedNetwork:
            return forecast_network(
                self.spec,
                self.problem.replica(),
                index,
                without=without,
                progress=self.pool.stage(f"predicting {name}", self.steps),
            )

        return self.store.run_record(stage, PredictedNetwork, compute)
