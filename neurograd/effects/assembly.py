"""A chip while its effects are added, part by part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from neurograd.effects.sections import SpecSections

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from device_models import PassPath, ReadPath, WritePath
    from device_models.updates.sample_writes import WriteEach
    from device_models.write.rounding import Rounding


class Named(Protocol):
    """What has a name, such as an effect."""

    @property
    def name(self) -> str:
        """The name."""
        ...


@dataclass
class Synapse:
    """What holds the weights.

    Attributes:
        write: What the synapses make of an increment.
        bounds: Smallest and largest weight of each, shapes that go with ``(N,)``.
        has_faults: Whether stuck and worn devices were drawn with the population already.
        rest: Weight of each where all of its devices stand at their lowest states, to which it
            leaks; None for that within its bounds that is nearest to 0.
    """

    write: WritePath
    bounds: tuple[Tensor, Tensor]
    has_faults: bool = False
    rest: Tensor | None = None

    def hold(self, still: Tensor, at: Tensor) -> None:
        """Lets some of them stand where they are, whatever is written: they hold no other weight.

        Args:
            still: Which of them, boolean, shape ``(N,)``.
            at: Weight that each of these stands at, shape ``(N,)``; the others' are ignored.
        """
        import torch  # noqa: PLC0415

        from device_models import WornDevices  # noqa: PLC0415  (needs torch)

        low, high = self.bounds
        self.write = WornDevices(self.write, still, at)
        self.bounds = torch.where(still, at, low), torch.where(still, at, high)


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

    def keeps(self, effect: Named) -> bool:
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

    @property
    def rounding(self) -> Rounding:
        """How an increment becomes a whole number of pulses."""
        quantization = self.spec.quantization
        mode: Rounding = "stochastic" if quantization is None else quantization.update_rounding
        return mode

    @property
    def pulse_rounding(self) -> Rounding:
        """How a request becomes a whole number of pulses.

        Coincidences of trains are whole numbers already, but for the rounding of real numbers, by
        which truncating would lose pulses.
        """
        device = self.spec.device
        trains = device is not None and device.pulse_train is not None
        by_trains = trains and "pulse_train" not in self.without
        return "nearest" if by_trains and self.rounding == "truncate" else self.rounding

    @property
    def weight_range(self) -> float:
        """Largest |weight| that the conductance range stands for."""
        size: float = self.spec.device.conductance.weight_range
        return size
