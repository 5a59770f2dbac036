"""A chip while its effects are added, part by part."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neurograd.effects.effect import Effect, SpecSections
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
        spec: The validated spec.
        problem: The spec's problem.
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
    """

    spec: SpecSections
    problem: Problem
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

    def keeps(self, effect: Effect) -> bool:
        """Whether an effect is not left out."""
        return effect.name not in self.without

    def generator(self, purpose: str) -> torch.Generator:
        """The generator of this chip for one purpose."""
        from neurograd.seeding import generator_for  # noqa: PLC0415  (needs torch)

        seed = self.spec.measure.seed
        return generator_for(seed, purpose, self.index, device=self.problem.device)

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
    _check_layers(spec, problem, names)
    parts = Assembly(spec, problem, index, names, Backprop())
    for each in contributions():
        if each.build is None or each.name in names:
            continue
        if each.applies(spec, problem.num_samples):
            each.build(parts)
    synapse = [] if parts.synapse is None else [parts.synapse.write]
    return Chip(
        parts.rule,
        spec.training.largest_step_size,
        (*parts.reads, *parts.digital_reads),
        (*parts.digital_writes, *synapse, *parts.later_writes),
        tuple(parts.passes),
        parts.write_each,
        recipe_of(spec.training, problem),
    )


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
