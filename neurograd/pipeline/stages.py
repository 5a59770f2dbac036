"""The stages of a check: trainings, measurements and forecasts, each computed once and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from device_models import Chip
from neurograd.deployment import Variant as Deployed
from neurograd.deployment import deploy
from neurograd.effects.minibatch import is_batched
from neurograd.errors import DivergenceError
from neurograd.explain.variants import Variant, variants
from neurograd.forecast.chip_end import Way
from neurograd.measure.point import MeasurementBudget
from neurograd.pipeline.build import (
    active_effects,
    build_chip,
    build_clean_chip,
    build_schedule,
)
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.identity import Identity, digest_of
from neurograd.pipeline.points.measuring import PointStage
from neurograd.pipeline.points.work import full_budget, point_budget
from neurograd.pipeline.pool import Inline, TaskPool
from neurograd.pipeline.pool.once import Once
from neurograd.pipeline.pool.workers import Workers
from neurograd.pipeline.predicted.network import (
    CLEAN,
    count_twins,
    forecast_network,
    forecast_stage,
    has_own_twin,
    stage_of,
    way_of_all,
)
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.records.measured import trained_network
from neurograd.records.point import MeasuredPoint
from neurograd.records.record import Record
from neurograd.records.training import DeployedNetworks, PredictedNetwork, TrainedNetwork
from neurograd.spec import Spec
from neurograd.training.loop import Trained, train
from neurograd.training.schedules import Schedule
from neurograd.training.snapshots import Snapshot

T = TypeVar("T")
R = TypeVar("R", bound=Record)


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
        workers: What computes; None where the thread that asks for a stage does.
        content: Fingerprint of the problem, by which workers know theirs.
        asked: How much is measured at a point where that is not what the spec and the work of its
            training ask for.
    """

    spec: Spec
    quick: bool
    problem: Problem
    chip: Chip
    store: StageStore
    pool: TaskPool
    workers: Workers | None = None
    content: str = ""
    asked: MeasurementBudget | None = None
    _ways: Once[Way | None] = field(default_factory=Once)

    def _computed(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """What a stage's function gives, here or on a worker.

        Args:
            name: The stage.
            work: A function of this class.
            arguments: Its arguments, which can be pickled.
        """
        if self.workers is None:
            return work(self, *arguments)
        advance = self.pool.stage(name, 1)
        sent = (self.spec, self.content, self.quick, work, arguments)
        found: T = self.workers.compute(_on_worker, *sent)
        advance(1)
        return found

    def _kept(self, name: str, kind: type[R], work: Callable[..., R], *arguments: Any) -> R:
        """The record of a stage, computed only if it is not there yet."""
        return self.store.run_record(name, kind, partial(self._computed, name, work, *arguments))

    def clean(self) -> tuple[TrainedNetwork, dict[str, Tensor]]:
        """The clean training, with tensors of snapshots along it (``Snapshot.tensors``).

        It sees the batches of the first chip.

        Raises:
            DivergenceError: If it diverges.
        """
        work = partial(self._computed, "clean", Stages._clean)
        return self.store.run_record_tensors(
            "clean", TrainedNetwork, work, self.problem.initial_weights
        )

    def _clean(self) -> tuple[TrainedNetwork, dict[str, Tensor]]:
        places = sorted({round(t) for t in np.linspace(0, self.steps, self.spec.measure.points)})
        trained = self._train_clean(0, "training the clean network", snapshots=places)
        kept = (Snapshot(t, trained.snapshots[t], trained.states.get(t)) for t in places)
        tensors = {name: each for found in kept for name, each in found.tensors().items()}
        return trained_network(trained), tensors

    @property
    def steps(self) -> int:
        """Updates of the training."""
        return self.spec.count_updates(self.problem.num_samples)

    @property
    def schedule(self) -> Schedule:
        """How its step size falls."""
        return build_schedule(self.spec, self.problem.num_samples)

    @property
    def clean_is_random(self) -> bool:
        """Whether clean trainings differ, so that every chip has a clean twin of its own."""
        return is_batched(self.spec, self.problem.num_samples)

    def clean_twin(self, index: int) -> TrainedNetwork:
        """The clean training on the batches of one chip; that of the first chip is ``clean``.

        Raises:
            DivergenceError: If it diverges.
        """
        return self._kept(f"clean-{index}", TrainedNetwork, Stages._clean_twin, index)

    def _clean_twin(self, index: int) -> TrainedNetwork:
        label = f"training the clean twin of chip {index + 1}"
        return trained_network(self._train_clean(index, label, curve_points=2))

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
        name = f"chip-{index}"
        if self.spec.deployment is None:
            return self._kept(name, TrainedNetwork, Stages._chip_network, index), None
        work = partial(self._computed, name, Stages._chip, index)
        network, tensors = self.store.run_record_tensors(
            name, TrainedNetwork, work, self.problem.initial_weights
        )
        return network, tensors["weights"]

    def _chip(self, index: int) -> tuple[TrainedNetwork, dict[str, Tensor]]:
        training = self.spec.training
        count = training.seeds if index < training.seeds else training.max_seeds
        label = f"training chip {index + 1} of {'up to ' * (index >= training.seeds)}{count}"
        trained = train(
            self.problem.replica(),
            build_chip(self.spec, self.problem, index=index),
            self.steps,
            self.spec.measure.seed,
            chip_index=index + 1,
            schedule=self.schedule,
            progress=self.pool.stage(label, self.steps),
        )
        kept = torch.full_like(trained.weights, torch.nan) if trained.diverged else trained.weights
        return trained_network(trained), {"weights": kept}

    def _chip_network(self, index: int) -> TrainedNetwork:
        return self._chip(index)[0]

    def deployed_chip(
        self, index: int, weights: Tensor, variant: Deployed | None = None, at: int | None = None
    ) -> DeployedNetworks:
        """What becomes of a trained chip's network once it is programmed.

        Args:
            index: Which chip.
            weights: Those that it was trained to hold, shape ``(N,)``.
            variant: How it is deployed; as the spec says when None.
            at: Which of the deployment's times alone; all of them when None.
        """
        name = f"deployed-{index}"
        if variant is not None:
            name = f"{variant.name}-{'' if at is None else f'at-{at}-'}{index}"
        spec = self.spec if variant is None else variant.spec
        # Effects are known by name on a worker.
        left_out = () if variant is None else tuple(effect.name for effect in variant.without)
        asked = (spec, index, weights, left_out, at)
        return self._kept(name, DeployedNetworks, Stages._deployed, *asked)

    def _deployed(
        self, spec: Spec, index: int, weights: Tensor, left_out: tuple[str, ...], at: int | None
    ) -> DeployedNetworks:
        known = () if not left_out else active_effects(spec, self.problem)
        without = [effect for effect in known if effect.name in left_out]
        if without and not spec.training.trains:
            # Nothing was trained to be held: without an effect the network is another one.
            chip = build_chip(spec, self.problem, index=index, without=without)
            weights = chip.program(self.problem.initial_weights)
        return deploy(spec, self.problem.replica(), index, weights, without=without, at=at)

    def measured_point(self, index: int, clean: Snapshot) -> MeasuredPoint:
        """Measurement and prediction at one point of the clean training.

        Args:
            index: Which point.
            clean: The clean training there.
        """
        name = f"point-{index}"
        if self.budget != full_budget(self.spec, self.problem, quick=self.quick):
            # It depends on the number of chips, which changes nothing else that is kept.
            name += f"-{self.budget.draws}-{self.budget.samples}-{self.budget.spectrum.outliers}"
        return self._kept(name, MeasuredPoint, Stages._measured_point, index, clean)

    @property
    def budget(self) -> MeasurementBudget:
        """How much is measured at a point."""
        if self.asked is not None:
            return self.asked
        return point_budget(self.spec, self.problem, self.chip, quick=self.quick)

    def _measured_point(self, index: int, clean: Snapshot) -> MeasuredPoint:
        parts = (self.spec, self.problem, self.chip, self.schedule, self.pool)
        return PointStage(*parts, quick=self.quick, budget=self.budget).measured(index, clean)

    def predicted_network(self, index: int, every_update: bool = False) -> PredictedNetwork:
        """The forecast of one chip, or of the clean twin (``CLEAN``).

        Args:
            index: Which network.
            every_update: Whether every update is drawn whatever way the spec's forecasts take.
        """
        name = "the clean twin" if index == CLEAN else f"chip {index + 1}"
        way = self._way("chip", self.spec, every_update, first=self.chip)
        twins = count_twins(self.spec, self.problem)
        own_twin = has_own_twin(self.spec, self.problem, index)
        stage = forecast_stage(index, way, twins, own_twin=own_twin)
        looked_at = way != "every_update" and index != CLEAN
        if looked_at:
            # Other commands predict the same chips without looking whether their paths hold.
            stage = f"{stage}-bursts"
        asked = (self.spec, name, index, None, looked_at, way)
        return self._kept(stage, PredictedNetwork, Stages._predicted, *asked)

    def predicted_variant(
        self, variant: Variant, index: int, every_update: bool = False
    ) -> PredictedNetwork:
        """The forecast of one chip without some of its effects.

        Args:
            variant: Without which.
            index: Which chip.
            every_update: Whether every update is drawn whatever way the spec's forecasts take.
        """
        kind, name = f"mitigation-{variant.name}", f"chip {index + 1} {variant.label}"
        parts = {"without": variant.left_out, "first": self.chip}
        way = self._way(kind, self.spec, every_update, **parts)
        stage = stage_of(f"{kind}-{index + 1}", way)
        # Effects are known by name on a worker.
        asked = (self.spec, name, index, variant.name, False, way)
        return self._kept(stage, PredictedNetwork, Stages._predicted, *asked)

    def predicted_change(
        self, name: str, settings: dict[str, Any], index: int, every_update: bool = False
    ) -> PredictedNetwork:
        """The forecast of one chip of the spec with other values of some keys of the device.

        It is kept by these values.

        Args:
            name: Of the change, for who watches.
            settings: The keys with their values.
            index: Which chip.
            every_update: Whether every update is drawn whatever way the forecasts of those take.

        Raises:
            SpecError: If the values do not go with the rest of the spec.
        """
        changed, shown = with_settings(self.spec, settings), f"{name}, chip {index + 1}"
        kind = f"tried-{digest_of(settings)}"
        way = self._way(kind, changed, every_update)
        stage = stage_of(f"{kind}-{index + 1}", way)
        asked = (changed, shown, index, None, False, way)
        return self._kept(stage, PredictedNetwork, Stages._predicted, *asked)

    def _way(self, kind: str, spec: Spec, every_update: bool, **options: Any) -> Way | None:
        """``way_of_all`` for forecasts of one kind, or every update drawn."""

        def look() -> Way | None:
            return way_of_all(spec, self.problem.replica(), **options)

        return "every_update" if every_update else self._ways.get(kind, look)

    def _predicted(
        self,
        spec: Spec,
        name: str,
        index: int,
        variant: str | None = None,
        bursts: bool = False,
        way: Way | None = None,
    ) -> PredictedNetwork:
        """The forecast of a chip of a spec with the same problem.

        Args:
            spec: The spec.
            name: What a progress bar calls it.
            index: Which chip, or ``CLEAN``.
            variant: Which variant of the chip; the whole chip when None.
            bursts: Whether real updates look whether the predicted path holds.
            way: Which way it takes.
        """
        known = () if variant is None else variants(active_effects(spec, self.problem))
        left_out = next((each.left_out for each in known if each.name == variant), ())
        clean = index == CLEAN and way != "every_update"
        steps = self.steps * (count_twins(spec, self.problem) if clean else 1)
        return forecast_network(
            spec,
            self.problem.replica(),
            index,
            without=left_out,
            bursts=bursts,
            way=way,
            progress=self.pool.stage(f"predicting {name}", steps),
        )


def _on_worker(
    spec: Spec,
    problem: Problem,
    quick: bool,
    work: Callable[..., T],
    arguments: tuple[Any, ...],
) -> T:
    """A function of ``Stages`` on a worker, which keeps nothing and shows nothing."""
    store, chip = StageStore(None, Identity()), build_chip(spec, problem)
    return work(Stages(spec, quick, problem, chip, store, Inline()), *arguments)
