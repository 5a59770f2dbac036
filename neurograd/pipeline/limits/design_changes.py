"""What else would save a design: another network, step size, rounding, batch or number of draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurograd import words
from neurograd.effects.minibatch import in_batches
from neurograd.effects.training_keys import MOST_UPDATES, scaled_period
from neurograd.effects.whole_steps import rounds_updates
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.limits.clean_twin import clean_gets_worse
from neurograd.pipeline.limits.outlook import Outlook, PredictedCost, Tick
from neurograd.pipeline.own.handed_over import has_own_chip
from neurograd.pipeline.predicted.refused import CAUSED_BY_VALUES
from neurograd.spec import Spec


@dataclass(frozen=True)
class DesignChange:
    """A change of the design that leaves the device as it is.

    Attributes:
        label: What a sentence calls it.
        settings: The keys that it changes, with their values.
        why: The reason to expect something from it.
    """

    label: str
    settings: dict[str, Any]
    why: str


@dataclass(frozen=True)
class PredictedChange:
    """What is predicted for a change of the design, against a clean twin with the same change.

    Attributes:
        change: The change.
        estimate: The prediction, None where the clean training itself fails or learns nothing, so
            that there is nothing to lose.
        problem: Why there is none, or none that is a number; empty otherwise.
        worse: How much worse the clean network gets, where that is more than a chip may cost, so
            that the change saves nothing whatever its cost is; empty otherwise.
    """

    change: DesignChange
    estimate: PredictedCost | None
    problem: str = ""
    worse: str = ""

    @property
    def saves(self) -> bool:
        """Whether the predicted cost is allowed, of a clean network that is as good."""
        return self.estimate is not None and self.estimate.inside and not self.worse


def find_changes(spec: Spec, samples: int) -> list[DesignChange]:
    """The changes that a spec has room for.

    Args:
        spec: The validated spec.
        samples: Number of training samples, the largest batch.
    """
    after = _deployed(spec)
    if not spec.training.trains:
        return after
    if has_own_chip(spec):
        # Its batches and its rounding are its own; only the clean twin would follow.
        return _steps(spec)
    return [
        *_wider(spec),
        *_steps(spec),
        *_rounding(spec),
        *_averaging(spec, samples),
        *after,
    ]


def try_change(
    spec: Spec,
    change: DesignChange,
    outlook: Outlook,
    now: PredictedCost,
    tick: Tick | None = None,
) -> PredictedChange:
    """Predict a spec with a change.

    Args:
        spec: The spec as it is.
        change: The change.
        outlook: What predicts.
        now: What it predicts for the spec as it is.
        tick: Told of progress.
    """
    try:
        found = outlook.predict(with_settings(spec, change.settings), tick)
    except CAUSED_BY_VALUES as error:
        return PredictedChange(change, None, str(error))
    if not found.clean_learned:
        return PredictedChange(change, None, _NOTHING_LEARNED)
    worse = clean_gets_worse(spec, outlook.problem(spec), now, found)
    return PredictedChange(change, found, found.problem, worse)


_NOTHING_LEARNED = "the clean network is predicted to learn nothing that a chip could lose"


def best_first(found: list[PredictedChange]) -> list[PredictedChange]:
    """By predicted cost; those of a worse clean network after them, and those without one last."""
    return sorted(found, key=lambda each: (each.estimate is None, bool(each.worse), _cost(each)))


def _cost(each: PredictedChange) -> float:
    return 0.0 if each.estimate is None else each.estimate.cost


def _wider(spec: Spec) -> list[DesignChange]:
    network, settings = spec.network, {}
    if network.weights is not None:
        # A file of weights fits one width.
        return []
    if network.hidden:
        settings["network.hidden"] = [2 * width for width in network.hidden]
    if network.channels:
        settings["network.channels"] = [2 * channels for channels in network.channels]
    if not settings or any(width > 65536 for widths in settings.values() for width in widths):
        return []
    return [DesignChange("twice the width", settings, "less curvature a weight (Section 2.1)")]


def _steps(spec: Spec) -> list[DesignChange]:
    found = []
    training = spec.training
    unit = "steps" if training.epochs is None else "epochs"
    now = training.steps or training.epochs or 1
    for factor in _STEP_SIZES:
        count = max(1, round(now / factor))
        if count > MOST_UPDATES or count == now:
            continue
        # The count may round: half of 3 epochs are 2, with 1.5 times the step size.
        label = _STEP_SIZES.get(now / count, f"{words.number(now / count)} times")
        settings: dict[str, Any] = {
            # Step size times steps, the length of the training, stays the same.
            "training.step_size": training.scaled_step_size(now / count),
            f"training.{unit}": count,
        }
        if training.schedule is not None and training.schedule.every is not None:
            # So does where on its way the step size falls.
            every = scaled_period(training.schedule.every, count / now)
            settings["training.schedule.every"] = every
        found.append(
            DesignChange(f"{label} the step size, {count} {unit}", settings, _STEP[factor < 1])
        )
    return found


_STEP_SIZES = {2.0: "twice", 0.5: "half", 0.25: "a quarter of"}
_STEP = {
    False: "fewer writes, so less write noise in all",
    True: "less estimator noise in each step, but more writes",
}


def _rounding(spec: Spec) -> list[DesignChange]:
    quantization, found = spec.quantization, []
    if quantization is None:
        return []
    key = "quantization.update_rounding"
    # A layer with a rounding of its own keeps it.
    views = [view for name, view in spec.views().items() if not name or not spec.has_own(name, key)]
    if any(map(rounds_updates, views)) and quantization.update_rounding != "stochastic":
        found.append(
            DesignChange(
                "stochastic rounding of updates", {key: "stochastic"}, "small updates count"
            )
        )
    finer = spec.device is not None or quantization.update_bits is not None
    seen = quantization.weight_bits is not None and finer
    if seen and quantization.weight_rounding != "stochastic":
        key = "quantization.weight_rounding"
        why = "no bias of the read weights, but noise"
        found.append(DesignChange("stochastic rounding of weights", {key: "stochastic"}, why))
    return found


def _deployed(spec: Spec) -> list[DesignChange]:
    """What helps a network that ages."""
    deployment, drifts = spec.deployment, spec.device is not None and spec.device.drift is not None
    if deployment is None or not drifts or deployment.compensation == "global":
        return []
    settings = {"deployment.compensation": "global"}
    return [DesignChange("global drift compensation", settings, "undoes the mean of the drift")]


def _averaging(spec: Spec, samples: int) -> list[DesignChange]:
    rule, found = spec.learning_rule, []
    if isinstance(rule.batch_size, int) and rule.batch_size < samples:
        size = min(4 * rule.batch_size, samples)
        settings = in_batches(spec, samples, size)
        steps = settings.get("training.steps")
        label = f"batches of {size}{'' if steps is None else f', {steps} steps'}"
        found.append(DesignChange(label, settings, "less sampling noise"))
    if rule.samples is not None and rule.samples < 10_000:
        count = min(4 * rule.samples, 10_000)
        settings = {"learning_rule.samples": count}
        label = f"{count} perturbations an update"
        found.append(DesignChange(label, settings, "less estimator noise"))
    return found
