"""A spec with other values of some of its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurograd.pipeline.build import build_problem
from neurograd.pipeline.own.written_keys import overrides_of
from neurograd.spec import Spec, spec_to_dict, validate_spec


def with_settings(spec: Spec, settings: dict[str, Any]) -> Spec:
    """A spec with other values of some keys; every other key stays as it was validated.

    Args:
        spec: The validated spec.
        settings: The values by dotted key.

    Raises:
        SpecError: If they do not go together.
    """
    return validate_spec(spec_to_dict(spec), spec.name, overrides_of(settings)).like(spec)


@dataclass(frozen=True)
class _Quick:
    """How much a quick check does at most."""

    steps: int
    draws: int
    loss_draws: int


_QUICK = _Quick(steps=200, draws=200, loss_draws=50)
_QUICK_SPIKING = _Quick(steps=100, draws=50, loss_draws=24)
"""Of the kinds spiking and nir, whose passes take many time steps each."""


def quick_spec(spec: Spec) -> Spec:
    """A smaller version of a spec for a first look: fewer draws, points, steps and chips.

    Of the kinds spiking and nir at most 100 steps, 50 updates, 24 draws of a loss and 100 pairs of
    losses; of others 200, 200 and 50.
    """
    measure, training, ranges = spec.measure, spec.training, spec.ranges
    spiking = spec.network.kind in ("spiking", "nir")
    most = _QUICK_SPIKING if spiking else _QUICK
    seeds, steps = min(training.seeds, 3), training.steps
    if steps is None:
        steps = spec.count_updates(_training_samples(spec))
    fewer = {"steps": min(steps, most.steps), "epochs": None, "seeds": seeds, "max_seeds": seeds}
    return spec.model_copy(
        update={
            "measure": measure.model_copy(
                update={
                    "draws": min(measure.draws, most.draws),
                    "loss_draws": min(measure.loss_draws, most.loss_draws),
                    "points": min(measure.points, 3),
                    "smoothing_draws": None
                    if measure.smoothing_draws is None
                    else min(measure.smoothing_draws, 100),
                }
            ),
            "training": training.model_copy(update=fewer),
            "ranges": None
            if ranges is None
            else ranges.model_copy(update={"draws": min(ranges.draws, 8)}),
        }
    )


CUT = (
    "training.steps",
    "training.epochs",
    "training.seeds",
    "training.max_seeds",
    "measure.draws",
    "measure.loss_draws",
    "measure.points",
    "measure.smoothing_draws",
    "ranges.draws",
)
"""Keys that a quick look may cut."""


def cut_by_quick(spec: Spec) -> dict[str, tuple[Any, str]]:
    """Keys that a quick look cuts: the value that the spec has, and what is taken of it."""
    small = quick_spec(spec)
    found = {}
    for key in CUT:
        given, taken = value_at(spec, key), value_at(small, key)
        if given is None:
            continue
        if key == "training.epochs":
            taken = small.training.steps
            if taken == spec.count_updates(_training_samples(spec)):
                continue
        if given != taken:
            found[key] = given, f"{taken} steps" if key == "training.epochs" else f"{taken}"
    return found


def value_at(spec: Spec, key: str) -> Any:
    """The value of a dotted key; None where its section is not there."""
    found: Any = spec
    for name in key.split("."):
        found = getattr(found, name, None)
    return found


def _training_samples(spec: Spec) -> int:
    """How many the data have, wherever those lie that a program has handed over."""
    given = spec.handed_over
    problem = build_problem(spec) if given is None else given.problem
    count: int = problem.num_samples
    return count
