"""A chip while its effects are added, part by part."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neurograd.effects.by_layer import ChipPart, chip_parts, pass_paths, read_paths, write_paths
from neurograd.effects.effect import Effect, SpecSections, Stage
from neurograd.effects.registry import all_effects, contributions
from neurograd.errors import NeurogradError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from device_models import Chip, PassPath, ReadPath, WritePath
    from device_models.updates.sample_writes import WriteEach
    from device_models.write.rounding import Rounding
    from neurograd.problem import Problem


@dataclass
class Synapse:
    """What holds the weights.

    Attributes:
        write: What the synapses make of an increment.
        bounds: Smallest and largest weight of each, shapes that go with ``(N,)``.
        has_faults: Whether stuck devices were drawn with the population already.
    """

    write: WritePath
    bounds: tuple[Tensor, Tensor]
    has_faults: bool = False


@dataclass
class Assembly:
    """One chip of a spec while effects are added; every purpose draws from a generator of its own.

    Attributes:
        spec: The validated spec, or as one layer has it.
        problem: The spec's problem, or the layer's part of it.
        index: Which chip: fixed variation, faults and feedback are drawn from (seed, index).
        without: Names of effects that are left out.
        rule: What the chip computes.
        reads: What the array makes of stored weights, in the order in which a read meets them.
        digital_reads: What is made of weights that were read.
        digital_writes: What is made of an increment before it reaches the synapses.
        synapse: What holds the weights, None for ideal synapses.
        later_writes: What synapses do beside their writes.
        passes: What the arrays' periphery does in both passes.
        write_each: What is written at a time, a batch or a sample of it.
        layer: Name of the layer that is assembled, None for a chip as a whole.
        cell: Which of several devices, or pairs, of every weight is being drawn.
    """

    spec: SpecSections
    problem: Any
    index: int
    without: frozenset[str]
    rule: Any
    reads: list[ReadPath] = field(default_factory=list)
    digital_reads: list[ReadPath] = field(default_factory=list)
    digital_writes: list[WritePath] = field(default_factory=list)
    synapse: Synapse | None = None
    later_writes: list[WritePath] = field(default_factory=list)
    passes: list[PassPath] = field(default_factory=list)
    write_each: WriteEach = "batch"
    layer: str | None = None
    cell: int = 0

    def keeps(self, effect: Effect) -> bool:
        """Whether an effect is not left out."""
        return effect.name not in self.without

    def generator(self, purpose: str) -> torch.Generator:
        """The generator of this chip, and of this cell of its weights, for one purpose."""
        from neurograd.seeding import generator_for  # noqa: PLC0415  (needs torch)

        layer = () if self.layer is None else (self.layer,)
        path = (purpose, self.index, *layer, *(("cell", self.cell) if self.cell else ()))
        return generator_for(self.spec.measure.seed, *path, device=self.problem.device)

    @property
    def all_reads(self) -> tuple[ReadPath, ...]:
        """What the passes see of stored weights, in order."""
        return (*self.reads, *self.digital_reads)

    @property
    def own_writes(self) -> tuple[WritePath, ...]:
        """What becomes of an increment, in order, without what happens beside writes."""
        return (*self.digital_writes, *([] if self.synapse is None else [self.synapse.write]))

    def add(self, brought: Callable[[Stage], bool]) -> None:
        """Adds what the spec asks for of the stages that are meant."""
        for each in contributions():
            if each.build is None or each.name in self.without or not brought(each.stage):
                continue
            if each.applies(self.spec, self.problem.num_samples):
                each.build(self)

    @property
    def rounding(self) -> Rounding:
        """How an increment becomes a whole number of pulses."""
        quantization = self.spec.quantization
        mode: Rounding = "stochastic" if quantization is None else quantization.update_rounding
        return mode

    @property
    def weight_range(self) -> float:
        """Largest |weight| that the conductance range stands for."""
        size: float = self.spec.device.conductance.weight_range
        return size


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
        parts.add(lambda stage: True)
        reads, writes, passes = parts.all_reads, parts.own_writes, tuple(parts.passes)
        writes = (*writes, *parts.later_writes)
    else:
        parts.add(_of_rule)
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
        found.add(lambda stage: not _of_rule(stage))
    return found


def _check_layers(spec: SpecSections, problem: Problem, without: Collection[str]) -> None:
    """Refuses what acts on layers where matrices of the network are outside of them."""
    for each in all_effects():
        if not each.on_layers or each.name in without:
            continue
        if not each.applies(spec, problem.num_samples):
            continue
        found = matrices_outside_layers(problem)
        if found:
            raise NeurogradError(
                f"{each.key}: {each.label} acts on linear and convolution layers, and {found[0]} "
                f"{f'and {len(found) - 1} more are' if found[1:] else 'is'} outside of them; "
                "allowed: a network whose products are torch.nn.Linear or Conv1d to Conv3d layers, "
                "or a chip without this effect"
            )


def matrices_outside_layers(problem: Problem) -> list[str]:
    """Names of the matrices that no linear or convolution layer multiplies by."""
    return [name for name, dimensions in problem.outside_layers.items() if dimensions > 1]
