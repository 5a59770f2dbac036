"""A problem that a program hands over, as a spec whose other keys are those of a chip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from device_models import Chip, Minibatch
from device_models.protocols import LearningRule, StepSized
from neurograd.effects.minibatch import is_batched
from neurograd.effects.recipe_keys import recipe_keys, recipe_of
from neurograd.errors import NeurogradError
from neurograd.pipeline.own.written_keys import written_keys
from neurograd.problem import Problem
from neurograd.spec import Spec, list_presets, validate_spec
from neurograd.spec.loading import without_ranges
from neurograd.training.course import with_step_size

CHIP_KEYS = (
    "name", "device", "quantization", "layers", "learning_rule", "training", "update",
    "deployment", "targets", "measure",
)  # fmt: skip
"""Sections of a spec that say nothing of network and data."""

BESIDE_A_CHIP = ("training", "targets", "measure")
"""Sections that a chip of a program's own leaves open."""

OF_PROBLEM = ("precision", "chunk_size")
"""Keys of ``measure`` that are the problem's."""

DECIDED = ("task", "network", *(f"measure.{key}" for key in OF_PROBLEM))
"""Keys that a problem of a program's own has decided, alone or with all below them."""

LEFT_OPEN = "network.biases"
"""What keys still say of its network: whether its biases lie in devices."""

OWN_CHIP = "the chip that the program handed over"
"""What sentences call it: as a whole, it is all that sets it apart from an ideal one."""

_PRECISIONS = {torch.float64: "float64", torch.float32: "float32"}


@dataclass(frozen=True)
class HandedOver:
    """What a program hands over beside keys.

    Attributes:
        problem: Network, loss and data.
        chip: The chip; None where the keys make it.
        numbers: How far the numbers of the chip that ``limits`` turns may move, by their paths; all
            that are known to harm where there are none.
    """

    problem: Problem
    chip: Chip | None = None
    numbers: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def spec_for(
    problem: Problem,
    chip: Chip | Spec | Mapping[str, Any] | str | None,
    settings: Mapping[str, Mapping[str, Any]],
) -> Spec:
    """The spec of a problem of one's own on a chip.

    Args:
        problem: Network, loss and data.
        chip: A preset's name; a mapping with keys of a spec, all but ``network`` and ``task``; a
            spec, of which network and task are left out and ranges are kept; a chip of
            ``device_models``, whose step size and batches are the training's; None for ideal
            synapses.
        settings: Sections that lie over those of the chip, such as ``training``.

    Raises:
        NeurogradError: If a key is wrong, or the problem is no network for its data.
    """
    own: Chip | None = None
    if isinstance(chip, Chip):
        own, keys = chip, _keys_of_own(chip, settings, problem.num_samples)
    else:
        keys = _chip_keys(chip)
    for name, section in settings.items():
        if name != "measure":
            for key in section:
                check_open(f"{name}.{key}", "problem")
        keys = {**without_ranges(keys, (f"{name}.{key}" for key in section))}
        keys[name] = {**_section(keys, name), **section}
    keys["measure"] = _measured_as(problem, _section(keys, "measure"))
    factory = type(problem.module).__name__
    keys["network"] = {**keys.get("network", {}), "kind": "module", "factory": factory}
    counts = {"train_samples": problem.num_samples}
    if problem.has_test:
        counts["test_samples"] = len(problem.data("test")[0])
    keys["task"] = {"name": "python", **counts}
    spec = validate_spec(keys, "chip")
    problem.check_network()
    found = spec.beside(HandedOver(problem, own))
    check_beside(found)
    return found


def check_open(key: str, place: str) -> None:
    """Raise NeurogradError for a key that a problem of a program's own has decided.

    Args:
        key: The dotted key.
        place: Where it stands, as errors call it.
    """
    if key == LEFT_OPEN or not any(key == each or key.startswith(f"{each}.") for each in DECIDED):
        return
    raise NeurogradError(
        f"{place}: {key} is for a spec alone, as the problem has it already; allowed: another "
        "problem=, or keys of the chip"
    )


def check_beside(spec: Spec) -> None:
    """Raise NeurogradError for keys that what a program has handed over cannot follow.

    Args:
        spec: The spec, with what is beside its keys.
    """
    chip: Chip | None = None if spec.handed_over is None else spec.handed_over.chip
    set_keys = recipe_keys(spec.training)
    if chip is None or not set_keys:
        return
    if isinstance(_rule_of(chip), StepSized):
        refused = "whose rule counts the pulses of an update itself; allowed: one of the two"
    elif chip.write_each == "sample":
        refused = "which writes every sample, not the sum over a batch; allowed: write_each batch"
    else:
        return
    raise NeurogradError(f"training.{set_keys[0]}: is not for a chip {refused}")


def check_sections(settings: Mapping[str, Any]) -> None:
    """Raise NeurogradError for what stands as a section and is none, such as a misspelt option."""
    for name, section in settings.items():
        if not isinstance(section, Mapping):
            raise NeurogradError(
                f"{name}: is neither an option nor a section of a chip; allowed: mappings such as "
                f"training={{'steps': 300}}, of {', '.join(CHIP_KEYS[1:])}"
            )


def _keys_of_own(
    chip: Chip, settings: Mapping[str, Mapping[str, Any]], samples: int
) -> dict[str, Any]:
    """What a chip says of the training; the clean twin has the same steps and batches."""
    for name in settings:
        if name not in BESIDE_A_CHIP:
            raise NeurogradError(
                f"{name}: is not for a chip of your own, which has its parts already; allowed "
                f"beside it: {', '.join(BESIDE_A_CHIP)}"
            )
    if chip.recipe is not None:
        raise NeurogradError(
            "chip: has a recipe of its own, which the clean twin would not have; allowed: "
            "training={'optimizer': ...} beside a chip without"
        )
    _check_own_step_size(chip)
    training: dict[str, Any] = {"step_size": chip.step_size}
    batch: int | str = "full"
    if isinstance(chip.rule, Minibatch):
        batch, training["order"] = chip.rule.batch_size, chip.rule.order
        if batch >= samples and not chip.rule.is_whole(samples):
            raise NeurogradError(
                f"chip: draws {batch} of {samples} samples with replacement, and keys take such a "
                "batch as the whole set; allowed: fewer, or order fresh"
            )
    for key, its in training.items():
        asked = settings.get("training", {}).get(key, its)
        if asked != its:
            raise NeurogradError(
                f"training.{key}: {asked} beside a chip whose {key} is {its}; allowed: no such key"
            )
    return {
        "name": "chip of a program",
        "training": training,
        "learning_rule": {"batch_size": batch},
    }


def _rule_of(chip: Chip) -> LearningRule:
    """Its rule itself, whether on batches or not."""
    return chip.rule.rule if isinstance(chip.rule, Minibatch) else chip.rule


def _check_own_step_size(chip: Chip) -> None:
    """Raise NeurogradError where a rule that counts pulses counts those of another step size."""
    rule = _rule_of(chip)
    if not isinstance(rule, StepSized):
        return
    its = getattr(rule, "step_size", chip.step_size)
    if its != chip.step_size:
        raise NeurogradError(
            f"chip: has step size {chip.step_size:g}, and its rule {type(rule).__name__} one of "
            f"{its:g}; allowed: the same"
        )


def has_own_chip(spec: Spec) -> bool:
    """Whether a program has handed over the chip."""
    return spec.handed_over is not None and spec.handed_over.chip is not None


def own_chip(spec: Spec, problem: Problem) -> Chip | None:
    """The chip that a program has handed over, as the spec trains it; None where keys make it."""
    chip: Chip | None = None if spec.handed_over is None else spec.handed_over.chip
    if chip is None:
        return None
    found = with_step_size(chip, spec.training.largest_step_size)
    if isinstance(found.rule, Minibatch) and is_batched(spec, problem.num_samples):
        found = replace(found, rule=replace(found.rule, order=spec.training.order or "fresh"))
    return replace(found, recipe=recipe_of(spec.training, problem))


def own_parts(spec: Spec) -> str | None:
    """The parts of a chip that a program has handed over, by their classes; None without one."""
    chip: Chip | None = None if spec.handed_over is None else spec.handed_over.chip
    if chip is None:
        return None
    rule = type(chip.rule).__name__
    if isinstance(chip.rule, Minibatch):
        rule = f"{rule} of {type(chip.rule.rule).__name__}"
    effects = (*chip.reads, *chip.passes, *chip.writes)
    return ", ".join([rule, *(type(effect).__name__ for effect in effects)])


def _chip_keys(chip: Spec | Mapping[str, Any] | str | None) -> dict[str, Any]:
    if chip is None:
        return {}
    if isinstance(chip, str):
        if chip not in list_presets():
            raise NeurogradError(
                f"chip {chip!r} is no preset; allowed: {', '.join(list_presets())}, or a mapping "
                "with keys of a spec"
            )
        return {"name": chip, "device": {"preset": chip}}
    if isinstance(chip, Spec):
        return _keys_of_spec(chip)
    if not isinstance(chip, Mapping):
        raise NeurogradError(
            f"chip is {type(chip).__name__}; allowed: a preset's name, a mapping with keys of a "
            "spec, a spec, or a device_models.Chip"
        )
    for key in chip:
        if key not in CHIP_KEYS:
            raise NeurogradError(
                f"chip: {key} is no key of a chip; allowed: {', '.join(CHIP_KEYS)}"
            )
    return dict(chip)


def _section(keys: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of a chip's keys, which something is laid over; empty where it has none."""
    found = keys.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        kind = type(found).__name__
        raise NeurogradError(f"chip: {name} is {kind}; allowed: a mapping with keys of {name}")
    return found


def _keys_of_spec(chip: Spec) -> dict[str, Any]:
    """The keys of a chip as they were written, so that sections over them find no defaults."""
    written = written_keys(chip)
    keys = {key: value for key, value in written.items() if key in (*CHIP_KEYS, "ranges")}
    given = keys.get("measure") or {}
    keys["measure"] = {key: value for key, value in given.items() if key not in OF_PROBLEM}
    # The rule that a kind of network has by default is the chip's without this network as well.
    keys["learning_rule"] = {**(keys.get("learning_rule") or {}), "name": chip.learning_rule.name}
    return keys


def _measured_as(problem: Problem, measure: Mapping[str, Any]) -> dict[str, Any]:
    """The section with the keys that the problem itself has decided, which may ask for no other."""
    if problem.dtype not in _PRECISIONS:
        raise NeurogradError(f"the problem is {problem.dtype}; allowed: float64 or float32")
    decided = {"precision": _PRECISIONS[problem.dtype], "chunk_size": problem.chunk_size}
    for key, its in decided.items():
        if measure.get(key, its) != its:
            option = "dtype" if key == "precision" else key
            raise NeurogradError(
                f"measure.{key}: {measure[key]} beside a problem, which has {its}; allowed: no "
                f"such key, and Problem(..., {option}=...)"
            )
    return {**measure, **decided}


def handed_over(spec: Spec, device: torch.device) -> Problem:
    """The problem of a spec from ``spec_for``, with a module of its own.

    Raises:
        NeurogradError: If it lies on another kind of device.
    """
    problem: Problem = spec.handed_over.problem
    if problem.device.type != device.type:
        raise NeurogradError(
            f"the problem lies on {problem.device} and the work is to be on {device}; allowed: "
            "Problem(..., device=...) and the same device here"
        )
    return problem.replica()


def own_chip_notes(spec: Spec) -> Iterator[str]:
    """What a report has to say of a chip that a program has handed over."""
    parts = own_parts(spec)
    if parts is not None:
        yield (
            f"The chip was handed over by a program ({parts}): all networks are trained on the "
            "same devices, so that what differs from device to device is not in the intervals, and "
            "no part of the chip is told to be the cause."
        )
