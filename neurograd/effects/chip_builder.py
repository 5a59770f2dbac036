"""Chips of a spec, from the effects that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from neurograd.effects.assembly import Assembly
from neurograd.effects.by_layer import ChipPart, chip_parts, pass_paths, read_paths, write_paths
from neurograd.effects.effect import Effect, Stage
from neurograd.effects.registry import all_effects, contributions
from neurograd.effects.sections import SpecSections
from neurograd.errors import NeurogradError

if TYPE_CHECKING:
    from device_models import Chip
    from neurograd.problem import Problem


def build_chip(
    spec: SpecSections, problem: Problem, *, index: int = 0, without: Collection[Effect] = ()
) -> Chip:
    """One chip of a spec.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        index: Which chip: fixed variation, faults and feedback are drawn from (seed, index).
        without: Effects to leave out; all others stay as they are, draw by draw.

    Raises:
        NeurogradError: If the network or the device can not do what is asked of it.
    """
    from device_models import Backprop, Chip  # noqa: PLC0415  (needs torch)
    from neurograd.effects.recipe_keys import recipe_of  # noqa: PLC0415

    names = frozenset(effect.name for effect in without)
    for view in spec.views().values():
        _check_layers(view, problem, names)
    parts = Assembly(spec, problem, index, names, Backprop())
    found = chip_parts(spec, problem)
    if not found:
        _add(parts, lambda stage: True)
        reads, writes, passes = parts.all_reads, parts.own_writes, tuple(parts.passes)
        writes = (*writes, *parts.later_writes)
    else:
        _add(parts, _of_rule)
        layers = [(each, _layer(parts, each)) for each in found]
        reads, writes, passes = read_paths(layers), write_paths(layers), pass_paths(layers)
    return Chip(
        parts.rule,
        spec.training.largest_step_size,
        reads,
        writes,
        passes,
        parts.write_each,
        recipe_of(spec.training, problem),
    )


def _add(parts: Assembly, brought: Callable[[Stage], bool]) -> None:
    """Adds what the spec asks for of the stages that are meant."""
    for each in contributions():
        if each.build is None or each.name in parts.without or not brought(each.stage):
            continue
        if each.applies(parts.spec, parts.problem.num_samples):
            each.build(parts)


def _of_rule(stage: Stage) -> bool:
    """Whether a stage is that of a chip's rule, which all layers share."""
    return stage in (Stage.RULE, Stage.TRAIN, Stage.BATCH)


def layer_assembly(chip: Assembly, part: ChipPart) -> Assembly | None:
    """One part of a chip before its effects are added; None where nothing changes its weights."""
    if part.spec is None:
        return None
    return Assembly(part.spec, part.weights, chip.index, chip.without, chip.rule, layer=part.name)


def _layer(chip: Assembly, part: ChipPart) -> Assembly | None:
    """What stores and reads the weights of one part of a chip; None where nothing changes them."""
    found = layer_assembly(chip, part)
    if found is not None:
        _add(found, lambda stage: not _of_rule(stage))
    return found


def _check_layers(spec: SpecSections, problem: Problem, without: Collection[str]) -> None:
    """Refuses what acts on layers where matrices of the network are used outside of them."""
    for each in all_effects():
        if not each.on_layers or each.name in without:
            continue
        if not each.applies(spec, problem.num_samples):
            continue
        found = matrices_outside_layers(problem)
        if found:
            raise NeurogradError(
                f"{each.key}: {each.label} acts on linear and convolution layers, and {found[0]} "
                f"{f'and {len(found) - 1} more are' if found[1:] else 'is'} used outside of them; "
                "allowed: a network whose products are torch.nn.Linear or Conv1d to Conv3d layers, "
                "or a chip without this effect"
            )


def matrices_outside_layers(problem: Problem) -> list[str]:
    """Names of the matrices that are used outside of linear and convolution layers."""
    return [name for name, dimensions in problem.outside_layers.items() if dimensions > 1]
