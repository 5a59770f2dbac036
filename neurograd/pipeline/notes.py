"""What a reader of a report has to know of its spec: keys without effect, and likely slips."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import BaseModel

from device_models import ConductanceDrift, WornDevices
from neurograd import words
from neurograd.deployment import program_chip
from neurograd.effects.drift import moves
from neurograd.effects.effect import PLACES
from neurograd.effects.minibatch import is_batched
from neurograd.effects.recipe_keys import recipe_hints
from neurograd.effects.registry import contributions, hints_of
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_schedule
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.own.handed_over import own_chip_notes, own_parts
from neurograd.pipeline.own.layer_notes import layer_notes, without_key
from neurograd.pipeline.own.network_notes import network_notes
from neurograd.pipeline.own.without_effect import without_effect
from neurograd.pipeline.predicted.way import forecast_way, off_path_by
from neurograd.problem import Problem
from neurograd.spec import Device, Spec, spec_to_dict
from neurograd.spec.network_schema import OF_KIND
from neurograd.training.schedules import factor_at

Command = Literal["check", "train"]


def notes(spec: Spec, problem: Problem, command: Command) -> tuple[str, ...]:
    """Sentences about a spec, whatever its numbers turn out to be.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        command: What is done with it.
    """
    found = [*layer_notes(spec, problem), *hints_of(spec, problem.num_samples)]
    found += network_notes(spec, problem)
    batched = is_batched(spec, problem.num_samples)
    found += recipe_hints(spec.training, batched=batched)
    found += own_chip_notes(spec)
    idle = idle_keys(spec, problem)
    found += [_idle(group) for group in idle]
    said = {key for group in idle for key in group}
    found += [
        f"{key} changes no number of this spec: {why}."
        for key, why in without_effect(spec, problem)
        if key not in said
    ]
    found += _of_order(spec, problem)
    found += _of_schedule(spec, problem.num_samples)
    found += _of_data(spec, problem)
    found += _of_other_use(spec, problem, command)
    found += _of_deployment(spec)
    return tuple(found)


def off_path(spec: Spec, problem: Problem) -> str:
    """Why no path of means describes a spec's training that is predicted along one all the same.

    Args:
        spec: The validated spec.
        problem: The spec's problem.

    Returns:
        The regime that was found; empty where a path describes it, or none is followed.
    """
    return off_path_by(*forecast_way(spec, problem, build_chip(spec, problem)))


def _of_order(spec: Spec, problem: Problem) -> Iterator[str]:
    """What the order of the samples is to the numbers of points, or that there is none."""
    order = spec.training.order
    if not is_batched(spec, problem.num_samples):
        if order == "with_replacement" or (order == "shuffled" and spec.training.epochs is None):
            yield "training.order changes no number of this spec: a batch is all samples."
    elif order == "shuffled":
        yield (
            "Moments of points are those of one update, whose batch is a random one; that the "
            "batches of a shuffled epoch make up for each other, trainings and forecast have."
        )


def _of_schedule(spec: Spec, samples: int) -> Iterator[str]:
    """That a schedule, which never grows, has not fallen by the last update."""
    updates = spec.count_updates(samples)
    if spec.training.schedule is None or updates == 0:
        return
    if factor_at(build_schedule(spec, samples), updates - 1) == 1:
        yield (
            "training.schedule changes no number of this spec: each of its updates, of which there "
            f"are {updates}, has the whole step size."
        )


LARGE_INPUT = 20.0
"""Size of an input from which it was likely not meant for networks that start by ``init``."""


def _of_data(spec: Spec, problem: Problem) -> Iterator[str]:
    """How a user's own files were read, and likely slips in them."""
    if spec.network.weights is not None and spec.network.init not in (None, "xavier"):
        yield "network.init changes no number of this spec: network.weights gives the start."
    if spec.task.name not in ("file", "image_folder"):
        return
    (x, y), (test, _) = problem.data("train"), problem.data("test")
    shape = "×".join(str(size) for size in x.shape[1:])
    what = f"{x[0].numel()} inputs" if x.dim() == 2 else f"{shape} inputs"
    if spec.network.kind in OF_KIND and spec.network.coding in (None, "events"):
        what = f"{shape} spikes or currents (time steps × inputs)"
    kind = (
        f"classes, {len(y.unique())} of them"
        if problem.is_classification
        else f"values, {y.shape[1]} a sample"
    )
    yield (
        f"The data of the task were read as {len(x)} training and {len(test)} test samples of "
        f"{what}; the targets are {kind}. {' '.join(problem.remarks)}".strip()
    )
    largest = max(float(x.abs().max()), float(test.abs().max()))
    if largest > LARGE_INPUT:
        yield (
            f"Inputs of the task are as large as {largest:g}, and weights start as for inputs of "
            "about 1: scale them if that was not meant."
        )


def idle_keys(spec: Spec, problem: Problem) -> list[tuple[str, ...]]:
    """Keys of the chip that are set, and that all chips to be trained would be the same without.

    Each key of ``device``, ``quantization``, ``learning_rule`` and ``deployment`` that is not at
    its default is set to it, alone or, where that is refused, with another one of its section;
    nothing of the chip built may then be another, number by number. A section that may be null, and
    does nothing as a whole, is named in place of its keys.
    """
    found: list[tuple[str, ...]] = []
    if own_parts(spec) is not None:  # the keys are those of its clean twin
        return found
    chips = Chips(spec, problem)
    for place in (*PLACES, "deployment"):
        section = getattr(spec, place)
        if section is None:
            continue
        idle = [key for key in _optional(section, place) if _is_idle(key, spec, chips)]
        found += [(key,) for key in idle]
        groups: dict[str, list[tuple[str, Any]]] = {}
        for key, default in _set_keys(section, place, spec):
            if key.startswith(tuple(f"{whole}." for whole in idle)):
                continue  # the whole section does nothing
            groups.setdefault(key.rpartition(".")[0], []).append((key, default))
        for group in groups.values():
            found += _idle_of(group, spec, chips)
    return [*found, *_idle_of_layers(spec, chips)]


def _optional(section: BaseModel, place: str) -> Iterator[str]:
    """Sections of a section that are there, and need not be."""
    for name, field in type(section).model_fields.items():
        optional = field.get_default(call_default_factory=True) is None
        if isinstance(getattr(section, name), BaseModel) and optional:
            yield f"{place}.{name}"


def _is_idle(key: str, spec: Spec, chips: Chips) -> bool:
    """Whether all chips would be the same with null for a section."""
    other = _spec_with(spec, {key: None})
    if other is None or spec_to_dict(other) == spec_to_dict(spec):
        return False
    return chips.same_with(other) is True


def _idle_of_layers(spec: Spec, chips: Chips) -> Iterator[tuple[str, ...]]:
    """Keys of single layers that all chips would be the same without."""
    for key, other in without_key(spec):
        if chips.same_with(other):
            yield (key,)


def _idle_of(group: Sequence[tuple[str, Any]], spec: Spec, chips: Chips) -> list[tuple[str, ...]]:
    """Idle keys of one section, whose keys and defaults are given."""
    found: list[tuple[str, ...]] = []
    for number, (key, default) in enumerate(group):
        if any(key in known for known in found):
            continue
        others = [{key: default}, *({key: default, more: its} for more, its in group[number + 1 :])]
        for changed in others:
            other = _spec_with(spec, changed)
            if other is not None and spec_to_dict(other) == spec_to_dict(spec):
                break  # a default that the model of a device fills in is the value itself
            alike = None if other is None else chips.same_with(other)
            if alike is not None:
                found += [tuple(changed)] if alike else []
                break
    return found


def _acting(spec: Spec, problem: Problem, index: int) -> tuple[object, ...]:
    """A chip of a spec; ideal synapses realize a batch and its samples alike.

    Where it is deployed, its devices as they are programmed and as they age are a part of it.
    """
    chip = build_chip(spec, problem, index=index)
    chip = chip if chip.writes else dataclasses.replace(chip, write_each="batch")
    deployment, devices = spec.deployment, _devices(spec)
    if deployment is None or not devices:
        return (chip,)
    noisy = deployment.read_noise != "none" or any(each.read.noise > 0 for each in devices)
    compensated = noisy or any(each.drift is not None and moves(each.drift) for each in devices)
    factors = deployment.compensation if compensated else "none"
    return chip, program_chip(spec, problem, index, problem.initial_weights), factors


def _devices(spec: Spec) -> list[Device]:
    """The devices of a spec: that of the whole chip, and those of single layers."""
    return [view.device for view in spec.views().values() if view.device is not None]


class Chips:
    """The chips of a spec that are trained, each built once: a rare fault may spare the first."""

    def __init__(self, spec: Spec, problem: Problem) -> None:
        self._spec, self._problem = spec, problem
        self._built: dict[int, tuple[object, ...]] = {}

    def same_with(self, other: Spec) -> bool | None:
        """Whether all of them are those of another spec; None where that cannot be built."""
        for index in range(self._spec.training.seeds):
            try:
                changed = _acting(other, self._problem, index)
            except NeurogradError:
                return None
            if index not in self._built:
                self._built[index] = _acting(self._spec, self._problem, index)
            if not same(self._built[index], changed):
                return False
        return True


def _spec_with(spec: Spec, changed: dict[str, Any]) -> Spec | None:
    """A spec with other values of keys; None where they are refused."""
    try:
        return with_settings(spec, changed)
    except NeurogradError:
        return None


def _set_keys(section: BaseModel, place: str, spec: Spec) -> Iterator[tuple[str, Any]]:
    """Keys that are not at their default, with it; a section is gone through key by key."""
    of_kind = OF_KIND.get(spec.network.kind, {}).get(place, {})
    for name, field in type(section).model_fields.items():
        value, default = getattr(section, name), field.get_default(call_default_factory=True)
        default = of_kind.get(name, default)
        key = f"{place}.{name}"
        if isinstance(value, BaseModel):
            yield from _set_keys(value, key, spec)
        elif not field.is_required() and value != default and name != "preset":
            yield key, default


def same(one: object, other: object) -> bool:
    """Whether two parts of chips are equal, tensor by tensor; what is not known to be is not.

    A number of all devices is that number of each, and what no device has is not there.
    """
    one, other = _without_idle(one), _without_idle(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        shared = 1 in (one.numel(), other.numel())
        alike = bool((one == other).all()) if shared else torch.equal(one, other)
        return one.dtype == other.dtype and alike
    parts = _parts(one), _parts(other)
    if parts[0] is None or parts[1] is None:
        return one == other
    return parts[0].keys() == parts[1].keys() and all(
        same(part, parts[1][name]) for name, part in parts[0].items()
    )


def _without_idle(part: object) -> object:
    """What acts of a part of a chip: devices of which none is worn, and a drift that does not."""
    while isinstance(part, WornDevices) and not bool(part.worn.any()):
        part = part.inner
    still = isinstance(part, ConductanceDrift) and part.exponent == (0.0, 0.0)
    return None if still else part


def _parts(whole: object) -> Mapping[Any, object] | None:
    """What a thing is made of, by name; None for a thing that is one."""
    if isinstance(whole, torch.Generator):
        return {"state": whole.get_state()}
    if isinstance(whole, tuple | list):
        return dict(enumerate(whole))
    if isinstance(whole, Mapping):
        return whole
    if dataclasses.is_dataclass(whole):
        return {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    return None


def _idle(keys: Sequence[str]) -> str:
    depends = {key: text for each in contributions() for key, text in each.acts.items()}
    changes = "change" if len(keys) > 1 else "changes"
    reasons = sorted({depends[key] for key in keys if key in depends})
    act = "they act" if len(keys) > 1 else "it acts"
    why = f": {act} {' and '.join(reasons)}" if reasons else ""
    return f"{words.listed(keys)} {changes} no number of this spec{why}."


def _of_other_use(spec: Spec, problem: Problem, command: Command) -> Iterator[str]:
    """Keys that belong to another command, or to another kind of task."""
    target = "max_excess_loss" if problem.is_classification else "max_accuracy_drop"
    kind = "regression" if problem.is_classification else "classification"
    targets = dict(_set_keys(spec.targets, "targets", spec))
    if f"targets.{target}" in targets:
        yield f"targets.{target} changes no number of this spec: it is for {kind}."
    if command == "train" or not spec.training.trains:
        measured = ("draws", "loss_draws", "points", "smoothing", "smoothing_draws")
        keys = {f"measure.{name}" for name in measured}
        unused = [key for key, _ in _set_keys(spec.measure, "measure", spec) if key in keys]
        if unused:
            verb = "change" if len(unused) > 1 else "changes"
            what = "this spec" if command == "check" else "train"
            yield f"{words.listed(unused)} {verb} no number of {what}, which measures no points."


def _of_deployment(spec: Spec) -> Iterator[str]:
    """What a deployment does not have, and what it makes of other keys."""
    if spec.deployment is None:
        return
    devices = _devices(spec)
    still = all(device.drift is None for device in devices)
    if still and spec.deployment.read_noise == "none":
        yield (
            "The devices do not drift (device.drift), so that all of deployment.times find the "
            "same conductances."
        )
    if any(device.leakage is not None for device in devices):
        yield "device.leakage acts on updates and not on deployment.times: it has no law of time."
    if not spec.training.trains:
        yield (
            "training.steps is 0: what chips compute as gradients, their step size and how they "
            "realize updates change no number of this spec."
        )
