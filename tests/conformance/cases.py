"""The cases of the conformance matrix: every rule, read, pass, write and update of device_models.

A new effect gets an entry here; ``test_discovery.py`` fails until it has one. An entry makes the
effect; everything else (whether it is deterministic, its closed-form mean and variance, whether it
is a mean over samples) the effect states itself, by the protocols of ``device_models.protocols``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from device_models import (
    Backprop,
    ConductanceDrift,
    ConductanceStates,
    Converters,
    EProp,
    EquilibriumPropagation,
    ExponentialStep,
    FixedPointGrid,
    ForwardGradient,
    IrDrop,
    JumpTable,
    Leakage,
    LearningRule,
    LinearStep,
    Manhattan,
    MemristorWrite,
    Minibatch,
    NodePerturbation,
    NominalDevice,
    OneSidedPair,
    PairLeakage,
    PassPath,
    PowerStep,
    PulsedWrite,
    PulseTrains,
    ReadNoise,
    ReadPath,
    RelativeNoise,
    SeveralDevices,
    SignSymmetric,
    SpikingNetwork,
    SurrogateBptt,
    ThermalNoise,
    UpdateRounding,
    WeightCells,
    WeightPerturbation,
    WeightRounding,
    WhiteNoise,
    WornDevices,
    WriteNoise,
    WritePath,
    draw_crossbar,
    draw_deviates,
    draw_devices,
    draw_direct_feedback,
    draw_eprop,
    draw_feedback,
    draw_lifetimes,
    draw_readouts,
    draw_worn,
    jump_table_write,
    nonlinear_response,
)
from device_models.passes.by_layer import LayerPasses
from device_models.read.by_layer import LayerReads, PartReads
from device_models.spiking.surrogate_gradient import Surrogate
from device_models.write.by_layer import LayerWrites, LayerWritesOnce, PartWrites
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for

N = 40
"""Weights of the cases of reads and writes."""

SAMPLES = 24
"""Training samples of the problems."""

DTYPES = [torch.float32, torch.float64]

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.cuda,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
        ],
    ),
]


@dataclass(frozen=True)
class Place:
    """Where a case runs: type and device of its tensors, and the weights of reads and writes."""

    dtype: torch.dtype
    device: str
    shapes: tuple[tuple[int, ...], ...] = ((5, 6), (10,))

    @property
    def size(self) -> int:
        """Number of weights of reads and writes."""
        return sum(math.prod(shape) for shape in self.shapes)

    def generator(self, *path: int | str) -> torch.Generator:
        """A generator of this device."""
        return generator_for(0, "conformance", *path, device=self.device)

    def normal(self, *shape: int, name: str) -> Tensor:
        """Standard normal numbers, the same for every type up to rounding."""
        draw = torch.randn(shape, generator=generator_for(0, name), dtype=torch.float64)
        return draw.to(dtype=self.dtype, device=self.device)

    def uniform(self, *shape: int, name: str) -> Tensor:
        """Uniform numbers from −1 to 1, the same for every type up to rounding."""
        draw = torch.rand(shape, generator=generator_for(0, name), dtype=torch.float64)
        return (2.0 * draw - 1.0).to(dtype=self.dtype, device=self.device)


# -- problems -----------------------------------------------------------------------------------


def rate_problem(place: Place, chunk_size: int = 1000, *, bias: bool = True) -> Problem:
    """A tanh network under cross-entropy."""
    network = nn.Sequential(nn.Linear(5, 6, bias=bias), nn.Tanh(), nn.Linear(6, 3, bias=bias))
    return _problem(network, (5,), place, chunk_size)


def relu_problem(place: Place, chunk_size: int = 1000) -> Problem:
    """As ``rate_problem``, with kinks."""
    network = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))
    return _problem(network, (5,), place, chunk_size)


def convolution_problem(place: Place) -> Problem:
    """A convolution and a linear layer under cross-entropy."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3))
    return _problem(network, (1, 4, 4), place, 1000)


def spiking_problem(place: Place, chunk_size: int = 1000) -> Problem:
    """A network of spiking neurons over six time steps, read out by its membranes."""
    network = SpikingNetwork(
        (4, 6, 3), surrogate=Surrogate("fast_sigmoid"), readout="membrane", dtype=place.dtype
    )
    return _problem(network, (6, 4), place, chunk_size)


def stochastic_spiking_problem(place: Place, chunk_size: int = 1000) -> Problem:
    """As ``spiking_problem``, with a surrogate derivative that is drawn."""
    network = SpikingNetwork(
        (4, 6, 3), surrogate=Surrogate("SSO"), readout="membrane", dtype=place.dtype
    )
    return _problem(network, (6, 4), place, chunk_size)


def _problem(network: nn.Module, shape: tuple[int, ...], place: Place, chunk_size: int) -> Problem:
    x = place.normal(SAMPLES, *shape, name="inputs")
    y = torch.arange(SAMPLES, device=place.device) % 3
    with torch.no_grad():
        for name, p in network.named_parameters():
            p.copy_(0.7 * place.normal(*p.shape, name=name))
    return Problem(
        network, CrossEntropy(), x, y, dtype=place.dtype, device=place.device, chunk_size=chunk_size
    )


# -- learning rules and updates -----------------------------------------------------------------


@dataclass(frozen=True)
class RuleCase:
    """One learning rule.

    Attributes:
        make: The rule for a problem.
        problem: The problem that it runs on.
        variance: Closed-form total variance of its estimate at weights; None where none is stated
            or it is 0.
        mean: Closed-form mean; None takes the rule's own ``expected`` where it has one.
        batches: Whether it can be restricted to a batch.
        linear_only: Whether it refuses networks with other layers than linear ones.
        perturbation: What it divides losses' differences by, and with them their rounding.
    """

    make: Callable[[Problem, Place], LearningRule]
    problem: Callable[..., Problem] = rate_problem
    variance: Callable[[LearningRule, Problem, Tensor], float] | None = None
    mean: Callable[[LearningRule, Problem, Tensor], Tensor] | None = None
    batches: bool = True
    linear_only: bool = False
    perturbation: float = 1.0

    @property
    def convolutions(self) -> bool:
        """Whether it also runs on networks with convolutions."""
        return self.problem is rate_problem and not self.linear_only


def _own(rule, problem, w):
    return rule.total_variance(problem, w)


def _drawn(draw):
    return lambda p, place: draw(p, p.initial_weights, place.generator("feedback"))


RULES = {
    "backprop": RuleCase(lambda p, _: Backprop(), mean=lambda r, p, w: p.gradient(w)),
    "feedback_alignment": RuleCase(_drawn(draw_feedback)),
    "sign_symmetric": RuleCase(lambda p, _: SignSymmetric()),
    "direct_feedback_alignment": RuleCase(_drawn(draw_direct_feedback)),
    "local_loss": RuleCase(_drawn(draw_readouts)),
    "equilibrium_propagation": RuleCase(
        lambda p, _: EquilibriumPropagation(relaxation_steps=10, relaxation_rate=0.05, nudging=0.5)
    ),
    "manhattan": RuleCase(
        lambda p, _: Manhattan(0.3), mean=lambda r, p, w: 0.3 * p.gradient(w).sign()
    ),
    "weight_perturbation": RuleCase(
        lambda p, _: WeightPerturbation(1e-2), variance=_own, perturbation=1e-2
    ),
    "weight_perturbation, one-sided": RuleCase(
        lambda p, _: WeightPerturbation(1e-3, samples=2, two_sided=False),
        variance=_own,
        perturbation=1e-3,
    ),
    "node_perturbation": RuleCase(
        lambda p, _: NodePerturbation(1e-2), variance=_own, perturbation=1e-2
    ),
    "forward_gradient": RuleCase(lambda p, _: ForwardGradient(2), variance=_own),
    "white_noise": RuleCase(
        lambda p, _: WhiteNoise(Backprop(), 0.1, 2.0), variance=lambda r, p, w: 2.0
    ),
    "relative_noise": RuleCase(
        lambda p, _: RelativeNoise(Backprop(), 0.1, 0.5),
        mean=lambda r, p, w: -r.moments(p.gradient(w)).mean,
        variance=lambda r, p, w: r.moments(p.gradient(w)).total_variance,
    ),
    "minibatch": RuleCase(lambda p, _: Minibatch(Backprop(), 7), variance=_own, batches=False),
    "surrogate_bptt": RuleCase(
        lambda p, _: SurrogateBptt(),
        spiking_problem,
        mean=lambda r, p, w: p.gradient(w),
    ),
    "surrogate_bptt, truncated": RuleCase(lambda p, _: SurrogateBptt(2), spiking_problem),
    "surrogate_bptt, stochastic": RuleCase(
        lambda p, _: SurrogateBptt(stochastic=True),
        stochastic_spiking_problem,
        mean=lambda r, p, w: p.gradient(w),
    ),
    "eprop": RuleCase(lambda p, _: EProp(), spiking_problem),
    "eprop, random": RuleCase(_drawn(draw_eprop), spiking_problem),
    "pulse_trains": RuleCase(
        lambda p, _: PulseTrains(quantum=0.002, step_size=0.05, length=10),
        variance=lambda r, p, w: r.moments(p, w).total_variance,
        linear_only=True,
    ),
    "pulse_trains, deterministic": RuleCase(
        lambda p, _: PulseTrains(quantum=0.002, step_size=0.5, kind="deterministic"),
        mean=lambda r, p, w: r.moments(p, w).mean,
        linear_only=True,
    ),
}


# -- reads, passes, writes ----------------------------------------------------------------------


READS: dict[str, Callable[[Place], ReadPath]] = {
    "read_noise": lambda place: ReadNoise(0.1),
    "write_noise": lambda place: WriteNoise(0.2),
    "thermal_noise": lambda place: ThermalNoise(1e-3, WeightCells(1.5, 0.2)),
    "thermal_noise beside a reference": lambda place: ThermalNoise(
        1e-3, WeightCells(4.0, 0.2, 0.5)
    ),
    "weight_rounding": lambda place: WeightRounding(FixedPointGrid(3)),
    "weight_rounding, stochastic": lambda place: WeightRounding(FixedPointGrid(3), "stochastic"),
    "conductance_drift": lambda place: ConductanceDrift(
        100.0, draw_deviates(place.size, place.generator("drift"), place.dtype)
    ),
    "conductance_drift of pairs": lambda place: ConductanceDrift(
        100.0,
        draw_deviates(2 * place.size, place.generator("drift"), place.dtype).view(2, -1),
        WeightCells(2.0, smallest=0.2),
    ),
    "conductance_drift beside a reference": lambda place: ConductanceDrift(
        100.0,
        draw_deviates(place.size, place.generator("drift"), place.dtype),
        WeightCells(4.0, smallest=0.2, reference=0.5),
    ),
    "ir_drop": lambda place: IrDrop(place.shapes, 1e-5, array_size=(4, 4)),
    "ir_drop, the whole network": lambda place: IrDrop(
        place.shapes, 0.1, WeightCells(4.0, 0.2, 0.5), array_size=(4, 4)
    ),
}

PASSES: dict[str, Callable[[], PassPath]] = {
    "converters": lambda: Converters(dac_bits=5, adc_bits=6),
    "converters, fixed ranges": lambda: Converters(
        dac_bits=6, adc_bits=7, input_range=2.0, output_range=6.0, error_input_range=1.0
    ),
}

FINE: dict[str, Callable[[], PassPath]] = {
    "converters": lambda: Converters(dac_bits=32, adc_bits=32),
}
"""Every pass, so fine that it changes next to nothing."""


@dataclass(frozen=True)
class WriteCase:
    """One write path.

    Attributes:
        make: The write path of N synapses.
        single: Largest increment that asks for one pulse at most; where the closed form holds for
            any increment, None.
    """

    make: Callable[[Place], WritePath]
    single: float | None = None


_NOMINAL = NominalDevice(
    dw_min=0.05, dw_min_dtod=0.3, up_down=0.1, w_max_dtod=0.2, w_min_dtod=0.2, gamma=(0.4, 0.3)
)


def _pulsed(step, nominal=_NOMINAL):
    return lambda place: PulsedWrite(
        step,
        draw_devices(nominal, place.size, place.generator("devices"), place.dtype),
        nominal.dw_min,
    )


def _crossbar(place, mapping="differential_pair"):
    return draw_crossbar(
        place.size,
        mapping=mapping,
        device_to_device=0.1,
        stuck_low=0.1,
        stuck_high=0.05,
        generator=place.generator("crossbar"),
        dtype=place.dtype,
    )


def _pair(place):
    one, other = (
        draw_devices(_NOMINAL, place.size, place.generator(name), place.dtype)
        for name in ("one", "other")
    )
    return OneSidedPair(LinearStep(0.3), one, other, _NOMINAL.dw_min)


def _jumps(place):
    columns = ([0.0, 0.5, 1.0], [0.08, 0.04, 0.01], [0.02] * 3, [-0.02, -0.05, -0.07], [0.01] * 3)
    tensors = (torch.tensor(c, dtype=place.dtype, device=place.device) for c in columns)
    return jump_table_write(JumpTable(0.0, 1.0, *tensors))


def _worn(place):
    worn = draw_worn(place.size, 100.0, 1.0, 80.0, place.generator("worn"))
    return WornDevices(
        _pulsed(LinearStep(0.3))(place), worn, 0.1 * place.normal(place.size, name="held")
    )


def _states(mapping):
    def make(place):
        crossbar = _crossbar(place, mapping)
        inner = MemristorWrite(crossbar, UP, DOWN)
        return ConductanceStates(inner, *crossbar.weight_bounds(), crossbar.state_zero(), 12)

    return make


def _several(update, noise):
    """Two cells of curves, of which one counts for three quarters."""

    def make(place):
        cells = [MemristorWrite(_crossbar(place), UP, DOWN, (20, 30), noise) for _ in range(2)]
        ends = tuple(cell.crossbar.weight_bounds() for cell in cells)
        return SeveralDevices(tuple(cells), ends, (3.0, 1.0), update)

    return make


UP, DOWN = (nonlinear_response(label, depression=label < 0) for label in (1.9, -0.6))

WRITES = {
    "memristor_write": WriteCase(
        lambda place: MemristorWrite(_crossbar(place), UP, DOWN, (20, 30), 0.03)
    ),
    "memristor_write, noisier up": WriteCase(
        lambda place: MemristorWrite(
            _crossbar(place, "reference"), UP, DOWN, (20, 30), (0.05, 0.01)
        )
    ),
    "memristor_write, nearest": WriteCase(
        lambda place: MemristorWrite(_crossbar(place), UP, DOWN, (20, 20), rounding="nearest")
    ),
    "memristor_write, fine pulses": WriteCase(
        lambda place: MemristorWrite(_crossbar(place, "reference"), UP, DOWN, None, 0.02)
    ),
    "pulsed_write, linear": WriteCase(_pulsed(LinearStep(0.3)), 0.05),
    "pulsed_write, exponential": WriteCase(_pulsed(ExponentialStep(0.3, noise_slope=0.1)), 0.05),
    "pulsed_write, power": WriteCase(_pulsed(PowerStep(0.2, 0.7)), 0.05),
    "one_sided_pair": WriteCase(_pair, 0.05),
    "jump_table": WriteCase(_jumps, 0.08),
    "worn_devices": WriteCase(_worn, 0.05),
    "update_rounding": WriteCase(lambda place: UpdateRounding(FixedPointGrid(6))),
    "update_rounding, nearest": WriteCase(
        lambda place: UpdateRounding(FixedPointGrid(6), "nearest")
    ),
    "retention": WriteCase(
        lambda place: Leakage(
            draw_lifetimes(place.size, 20.0, 0.3, place.generator("life"), place.dtype)
        )
    ),
    "retention, pair": WriteCase(
        lambda place: PairLeakage(
            *(
                draw_lifetimes(place.size, 20.0, 0.3, place.generator(end), place.dtype)
                for end in "+-"
            )
        )
    ),
    "several_devices, all": WriteCase(_several("all", 0.03)),
    "several_devices, one by one": WriteCase(_several("one_by_one", 0.03)),
    "several_devices, the least": WriteCase(_several("least_significant", 0.0)),
    "conductance_states": WriteCase(_states("differential_pair")),
    "conductance_states, reference": WriteCase(_states("reference")),
}


# -- effects that are made of others, a layer each; they are held against their parts in
# tests/device_models/test_by_layer.py ----------------------------------------------------------


def _thirds(place):
    """The weights in two parts, and those in the middle between the halves of one of them."""
    third = place.size // 3
    return (slice(0, third), slice(2 * third, place.size)), (slice(third, 2 * third),)


def _part(place, places):
    """The same place with the weights of a part."""
    return replace(place, shapes=((sum(each.stop - each.start for each in places),),))


def read_by_layer(place):
    """Two reads of one part, none of the other."""
    outer, inner = _thirds(place)
    rounded = WeightRounding(FixedPointGrid(5))
    return LayerReads((PartReads(outer, (rounded, ReadNoise(0.1))), PartReads(inner)))


def write_by_layer(place):
    """Two writes of one part, none of the other."""
    outer, inner = _thirds(place)
    part = _part(place, outer)
    digital = UpdateRounding(FixedPointGrid(7), "nearest")
    write = MemristorWrite(_crossbar(part), UP, DOWN, (20, 30), 0.03)
    return LayerWrites((PartWrites(outer, (digital, write)), PartWrites(inner)))


def leak_by_layer(place):
    """Leaks of one part."""
    outer, inner = _thirds(place)
    size = _part(place, inner).size
    life = draw_lifetimes(size, 20.0, 0.3, place.generator("life"), place.dtype)
    return LayerWritesOnce((PartWrites(outer), PartWrites(inner, (Leakage(life),))))


def pass_by_layer():
    """Converters of the first layer only."""
    return LayerPasses(Converters(dac_bits=5, adc_bits=6), frozenset({"0.weight"}))


def all_effects() -> list[object]:
    """One object of every case."""
    place = Place(torch.float64, "cpu")
    rules = [case.make(case.problem(place), place) for case in RULES.values()]
    passes = [make() for make in (*PASSES.values(), *FINE.values())]
    writes = [case.make(place) for case in WRITES.values()]
    composed = [make(place) for make in (read_by_layer, write_by_layer, leak_by_layer)]
    reads = [make(place) for make in READS.values()]
    return [*rules, *reads, *passes, *writes, *composed, pass_by_layer()]
