"""From the device of a validated spec to what a chip's reads, writes and passes do."""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from device_models import (
    ConductanceDrift,
    Converters,
    Crossbar,
    ExponentialStep,
    IrDrop,
    JumpTable,
    JumpTableWrite,
    Leakage,
    LinearStep,
    MemristorWrite,
    NominalDevice,
    OneSidedPair,
    PassPath,
    PowerStep,
    PulsedWrite,
    PulseResponse,
    ReadNoise,
    ReadPath,
    WornDevices,
    WriteNoise,
    WritePath,
    draw_crossbar,
    draw_deviates,
    draw_devices,
    draw_lifetimes,
    draw_worn,
    linear_response,
    nonlinear_response,
)
from device_models.write.pulsed_devices import nominal_step
from device_models.write.pulsed_step import DeviceValues, Step
from device_models.write.rounding import Rounding
from device_models.write.stuck_at import draw_stuck
from neurograd.effects.catalogue import (
    CONVERTERS,
    CYCLE_TO_CYCLE,
    DEVICE_TO_DEVICE,
    DRIFT,
    ENDURANCE,
    FAULTS,
    IR_DROP,
    LEAKAGE,
    LEVELS,
    NONLINEARITY,
    READ_NOISE,
    WRITE_NOISE,
    Effect,
)
from neurograd.effects.measured_device import read_measured
from neurograd.errors import NeurogradError
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec.device_schema import Device, Pulsed
from neurograd.spec.schema import Quantization


@dataclass(frozen=True)
class DeviceParts:
    """What a device adds to a chip.

    Attributes:
        reads: Read effects, in the order in which a read meets them.
        writes: Write effects, in order.
        passes: What the arrays' periphery does in both passes.
    """

    reads: tuple[ReadPath, ...] = field(default=())
    writes: tuple[WritePath, ...] = field(default=())
    passes: tuple[PassPath, ...] = field(default=())


def build_device(
    device: Device,
    quantization: Quantization | None,
    problem: Problem,
    seed: int,
    index: int,
    without: AbstractSet[str],
) -> DeviceParts:
    """The reads, writes and passes of one chip's devices.

    Args:
        device: The spec's device.
        quantization: The spec's digital limits, for how increments become pulses.
        problem: The problem, for the number and layout of the weights.
        seed: Seed of the chip's fixed variation.
        index: Which chip.
        without: Names of effects to leave out; all others stay as they are, draw by draw.

    Raises:
        NeurogradError: If the device can not do what is asked of it.
    """
    return _Builder(device, quantization, problem, (seed, index), frozenset(without)).build()


def device_effects(device: Device) -> list[Effect]:
    """The effects that a device switches on, in the order in which an update meets them."""
    write, pulsed = device.write, device.pulsed
    curved = write.nonlinearity is not None and any(write.nonlinearity.model_dump().values())
    sloped = write.slope is not None and any(write.slope.model_dump().values())
    noisy, varied = write.cycle_to_cycle > 0, write.device_to_device > 0
    if pulsed is not None:
        gamma = pulsed.gamma is not None and any(pulsed.gamma.model_dump().values())
        curved = pulsed.model not in ("constant", "linear") or gamma or pulsed.up_down != 0
        noisy, varied = pulsed.dw_min_std > 0, any(_spreads(pulsed))
    switched = [
        (device.drift is not None, DRIFT),
        (device.ir_drop is not None, IR_DROP),
        (pulsed is not None and pulsed.write_noise_std > 0, WRITE_NOISE),
        (device.read.noise > 0, READ_NOISE),
        (device.converters is not None, CONVERTERS),
        (device.conductance.levels is not None, LEVELS),
        (curved or sloped or write.model == "soft_bounds", NONLINEARITY),
        (device.measured is not None, NONLINEARITY),
        (noisy, CYCLE_TO_CYCLE),
        (varied, DEVICE_TO_DEVICE),
        (device.leakage is not None, LEAKAGE),
        (_has_faults(device), FAULTS),
        (device.endurance is not None, ENDURANCE),
    ]
    return [effect for on, effect in switched if on]


def pulse_quantum(device: Device) -> float:
    """Weight change of one nominal pulse, in weight units.

    Raises:
        NeurogradError: If a pulse does not move the nominal device.
    """
    weight_range = device.conductance.weight_range
    if device.pulsed is not None:
        return weight_range * controller_step(device.pulsed)
    if device.measured is not None:
        table = read_measured(device.measured)
        if isinstance(table, JumpTable):
            return 2.0 * weight_range * sum(table.typical_steps()) / 2.0
        return 2.0 * weight_range / max(table.levels)
    levels = device.conductance.levels
    assert levels is not None
    return 2.0 * weight_range / max(levels.potentiation, levels.depression)


def _has_faults(device: Device) -> bool:
    return device.faults.stuck_low > 0 or device.faults.stuck_high > 0


def _spreads(pulsed: Pulsed) -> list[float]:
    values = [
        pulsed.dw_min_dtod,
        pulsed.up_down_dtod,
        pulsed.w_max_dtod,
        pulsed.w_min_dtod,
        pulsed.gamma_dtod or 0.0,
        pulsed.reference_std or 0.0,
        pulsed.corrupt,
    ]
    return values


@dataclass(frozen=True)
class _Builder:
    """Builds one chip's parts; every purpose draws from a generator of its own."""

    device: Device
    quantization: Quantization | None
    problem: Problem
    path: tuple[int, int]
    without: frozenset[str]

    def build(self) -> DeviceParts:
        if self.device.pulsed is not None:
            write, bounds = self._pulsed(self.device.pulsed)
        elif self.device.measured is not None:
            write, bounds = self._measured(self.device.measured)
        else:
            crossbar = self._crossbar(stuck=True)
            write, bounds = self._memristor(crossbar), crossbar.weight_bounds()
        write = self._worn(write, bounds)
        writes: list[WritePath] = [write]
        if self.device.leakage is not None and self._keeps(LEAKAGE):
            writes.append(self._leakage())
        return DeviceParts(tuple(self._reads()), tuple(writes), tuple(self._passes()))

    def _keeps(self, effect: Effect) -> bool:
        return effect.name not in self.without

    def _generator(self, purpose: str) -> torch.Generator:
        seed, index = self.path
        return generator_for(seed, purpose, index, device=self.problem.device)

    @property
    def _rounding(self) -> Rounding:
        return "stochastic" if self.quantization is None else self.quantization.update_rounding

    @property
    def _range(self) -> float:
        return self.device.conductance.weight_range

    # -- reads and passes -------------------------------------------------------------------

    def _reads(self) -> list[ReadPath]:
        device, reads = self.device, list[ReadPath]()
        if device.drift is not None and self._keeps(DRIFT):
            reads.append(self._drift())
        if device.ir_drop is not None and self._keeps(IR_DROP):
            reads.append(self._ir_drop())
        pulsed = device.pulsed
        if pulsed is not None and pulsed.write_noise_std > 0 and self._keeps(WRITE_NOISE):
            reads.append(WriteNoise(pulsed.write_noise_std * pulsed.dw_min * self._range))
        if device.read.noise > 0 and self._keeps(READ_NOISE):
            pair = device.conductance.mapping == "differential_pair"
            gain = self._range * (1.0 if pair else 2.0)
            reads.append(ReadNoise.of_range(device.read.noise, gain, 2 if pair else 1))
        return reads

    def _drift(self) -> ConductanceDrift:
        drift = self.device.drift
        assert drift is not None
        exponent = None
        if drift.exponent is not None:
            exponent = (drift.exponent, drift.exponent_spread or 0.0)
        top = 1.0 if self.device.pulsed is None else self.device.pulsed.w_max
        deviates = draw_deviates(
            self.problem.num_parameters, self._generator("drift"), self.problem.dtype
        )
        return ConductanceDrift(drift.time / drift.t0, deviates, top * self._range, exponent)

    def _ir_drop(self) -> IrDrop:
        drop = self.device.ir_drop
        assert drop is not None
        size = None
        if drop.array_rows is not None and drop.array_columns is not None:
            size = (drop.array_rows, drop.array_columns)
        shapes = tuple(
            tuple(p.shape)
            for p in self.problem.parameters_of(self.problem.initial_weights).values()
        )
        return IrDrop(shapes, drop.wire_ratio, self._range, size)

    def _passes(self) -> list[PassPath]:
        converters = self.device.converters
        if converters is None or not self._keeps(CONVERTERS):
            return []
        return [Converters(**converters.model_dump())]

    # -- writes -----------------------------------------------------------------------------

    def _crossbar(self, *, stuck: bool) -> Crossbar:
        device = self.device
        varied, faulty = self._keeps(DEVICE_TO_DEVICE), stuck and self._keeps(FAULTS)
        return draw_crossbar(
            self.problem.num_parameters,
            weight_range=self._range,
            mapping=device.conductance.mapping,
            device_to_device=device.write.device_to_device if varied else 0.0,
            stuck_low=device.faults.stuck_low if faulty else 0.0,
            stuck_high=device.faults.stuck_high if faulty else 0.0,
            generator=self._generator("chip"),
            dtype=self.problem.dtype,
        )

    def _memristor(self, crossbar: Crossbar) -> MemristorWrite:
        device = self.device
        levels = device.conductance.levels
        up, down = _responses(device)
        if not self._keeps(NONLINEARITY):
            up = down = PulseResponse()
        return MemristorWrite(
            crossbar,
            up,
            down,
            None if levels is None else (levels.potentiation, levels.depression),
            device.write.cycle_to_cycle if self._keeps(CYCLE_TO_CYCLE) else 0.0,
            self._rounding if self._keeps(LEVELS) else "none",
        )

    def _measured(self, path: str) -> tuple[WritePath, tuple[Tensor, Tensor]]:
        try:
            table = read_measured(path)
        except ValueError as error:
            raise NeurogradError(f"device.measured: {error}") from None
        dtype, place = self.problem.dtype, self.problem.device
        if isinstance(table, JumpTable):
            jumps = JumpTableWrite(table.to(dtype=dtype, device=place), self._range, self._rounding)
            ends = torch.full((1,), self._range, dtype=dtype, device=place)
            return self._stuck(jumps, (-ends, ends)), (-ends, ends)
        crossbar = self._crossbar(stuck=True)
        straight = not self._keeps(NONLINEARITY)
        curves = [c.to(dtype=dtype, device=place) for c in (table.potentiation, table.depression)]
        write = MemristorWrite(
            crossbar,
            PulseResponse() if straight else curves[0],
            PulseResponse() if straight else curves[1],
            table.levels,
            self.device.write.cycle_to_cycle if self._keeps(CYCLE_TO_CYCLE) else 0.0,
            self._rounding,
        )
        return write, crossbar.weight_bounds()

    def _pulsed(self, pulsed: Pulsed) -> tuple[WritePath, tuple[Tensor, Tensor]]:
        nominal = nominal_device(pulsed, varied=self._keeps(DEVICE_TO_DEVICE))
        step = pulsed_step(
            pulsed, noisy=self._keeps(CYCLE_TO_CYCLE), curved=self._keeps(NONLINEARITY)
        )

        def draw(purpose: str) -> DeviceValues:
            size, dtype = self.problem.num_parameters, self.problem.dtype
            return draw_devices(nominal, size, self._generator(purpose), dtype)

        if not self._keeps(NONLINEARITY):
            nominal = replace(nominal, gamma=(0.0, 0.0), soft_bounds=False, up_down=0.0)
        options = (controller_step(pulsed), self._range, self._rounding, pulsed.max_pulses)
        if pulsed.model == "one_sided_pair":
            pair = OneSidedPair(step, draw("chip"), draw("second device"), *options)
            return self._stuck(pair, pair.weight_bounds()), pair.weight_bounds()
        write = PulsedWrite(step, draw("chip"), *options)
        return self._stuck(write, write.weight_bounds()), write.weight_bounds()

    def _stuck(self, write: WritePath, bounds: tuple[Tensor, Tensor]) -> WritePath:
        """Stuck synapses of devices that are no crossbar of fractions."""
        if not _has_faults(self.device) or not self._keeps(FAULTS):
            return write
        faults, size = self.device.faults, self.problem.num_parameters
        low, high = draw_stuck(size, faults.stuck_low, faults.stuck_high, self._generator("stuck"))
        ends = [end.expand(size) for end in bounds]
        return WornDevices(write, low | high, torch.where(high, ends[1], ends[0]))

    def _worn(self, write: WritePath, bounds: tuple[Tensor, Tensor]) -> WritePath:
        endurance = self.device.endurance
        if endurance is None or not self._keeps(ENDURANCE):
            return write
        generator, size = self._generator("endurance"), self.problem.num_parameters
        worn = draw_worn(size, endurance.cycles, endurance.spread, endurance.age, generator)
        low, high = (end.expand(size) for end in bounds)
        if endurance.fails == "held":
            held = write.program(self.problem.initial_weights)
        elif self.device.conductance.mapping == "reference":
            held = high if endurance.fails == "high" else low
        else:
            # One of the two devices, each as likely, is at its largest conductance.
            first = torch.rand(size, generator=generator, device=worn.device) < 0.5
            held = torch.where(first, high, low)
            held = held if endurance.fails == "high" else torch.zeros_like(held)
        return WornDevices(write, worn, held)

    def _leakage(self) -> Leakage:
        leakage = self.device.leakage
        assert leakage is not None
        return Leakage(
            draw_lifetimes(
                self.problem.num_parameters,
                leakage.lifetime,
                leakage.spread,
                self._generator("leakage"),
                self.problem.dtype,
            )
        )


def controller_step(pulsed: Pulsed) -> float:
    """What the controller takes one pulse for: the nominal device's mean step from weight 0.

    In units of the weight range; dw_min for constant and linear steps.

    Raises:
        NeurogradError: If that is not a positive number.
    """
    pair = pulsed.model == "one_sided_pair"
    nominal = nominal_device(pulsed, varied=False)
    step = nominal_step(pulsed_step(pulsed, noisy=False), nominal, one_sided=pair)
    if not 0 < step < math.inf:
        raise NeurogradError(
            f"device.pulsed: a pulse moves the nominal device by {step:g} from weight 0; "
            "allowed: parameters that give a step above 0"
        )
    return step


def nominal_device(pulsed: Pulsed, *, varied: bool = True) -> NominalDevice:
    """The published device of a spec, without device-to-device variation if asked."""
    gamma = (0.0, 0.0)
    if pulsed.model == "linear" and pulsed.gamma is not None:
        gamma = (pulsed.gamma.potentiation, pulsed.gamma.depression)
    fixed = NominalDevice(
        dw_min=pulsed.dw_min,
        up_down=pulsed.up_down,
        w_max=pulsed.w_max,
        w_min=pulsed.w_min,
        gamma=gamma,
        soft_bounds=pulsed.model == "soft_bounds",
        subtract_symmetry_point=bool(pulsed.subtract_symmetry_point),
    )
    if not varied:
        return fixed
    return replace(
        fixed,
        dw_min_dtod=pulsed.dw_min_dtod,
        log_normal=pulsed.dw_min_dtod_log_normal,
        up_down_dtod=pulsed.up_down_dtod,
        w_max_dtod=pulsed.w_max_dtod,
        w_min_dtod=pulsed.w_min_dtod,
        gamma_dtod=pulsed.gamma_dtod or 0.0,
        reference_std=pulsed.reference_std or 0.0,
        corrupt=pulsed.corrupt,
    )


def pulsed_step(pulsed: Pulsed, *, noisy: bool = True, curved: bool = True) -> Step:
    """The step of one pulse of a spec's device, without noise or its dependence on the state."""
    noise = pulsed.dw_min_std if noisy else 0.0
    if not curved:
        return LinearStep(noise)
    if pulsed.model == "power":
        return PowerStep(noise, pulsed.exponent or 0.0)
    if pulsed.model in ("exponential", "one_sided_pair"):
        assert pulsed.amplitude is not None
        assert pulsed.gamma is not None
        return ExponentialStep(
            noise,
            (pulsed.amplitude.potentiation, pulsed.amplitude.depression),
            (pulsed.gamma.potentiation, pulsed.gamma.depression),
            pulsed.a or 0.0,
            pulsed.b or 0.0,
            pulsed.noise_offset or 0.0,
            pulsed.noise_slope or 0.0,
        )
    return LinearStep(noise, pulsed.noise == "multiplicative")


def _responses(device: Device) -> tuple[PulseResponse, PulseResponse]:
    """Pulse responses up and down of a conductance curve."""
    write, levels = device.write, device.conductance.levels
    if write.nonlinearity is not None:
        return (
            nonlinear_response(write.nonlinearity.potentiation, depression=False),
            nonlinear_response(write.nonlinearity.depression, depression=True),
        )
    slopes = (1.0, 1.0)
    if write.model == "linear":
        slope = write.slope
        slopes = (slope.potentiation, slope.depression) if slope is not None else (0.0, 0.0)
    counts = (None, None) if levels is None else (levels.potentiation, levels.depression)
    return linear_response(slopes[0], counts[0]), linear_response(slopes[1], counts[1])
