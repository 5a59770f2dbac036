"""Which numbers of a spec can be turned, which way harms, and how far each may go.

Shape parameters without a harmless end (an exponential step's A, a and b, the range of a clipping
converter) are no knobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from neurograd.errors import SpecError
from neurograd.report import format as show
from neurograd.spec import Spec, spec_to_dict, validate_spec
from neurograd.spec.device_schema import Device, Pulsed

DIGITS = 3
"""Significant digits of every value that is tried: what is printed is what was computed."""

Settings = Callable[[float], dict[str, Any]]
_SECONDS = ((86400.0 * 365.25, "years"), (86400.0, "days"), (3600.0, "h"), (60.0, "min"))


@dataclass(frozen=True)
class Knob:
    """One number of a spec.

    Attributes:
        key: The dotted key that holds it.
        label: What a sentence calls it.
        now: Its value, None where nothing limits it (ideal), which lies beyond ``high``.
        harmful: 1 where larger values are expected to harm, -1 where smaller ones are.
        low: Smallest value that may be tried.
        high: Largest value that may be tried.
        settings: The keys of the spec that a value stands for, with their values.
        unit: ``%`` for fractions, ``s`` for times, ``bits``, or empty.
        whole: Whether it takes whole numbers only.
        scale: ``log``, or ``linear`` (bits, each of which is a factor of two already).
        either: Whether harm on both sides is plausible, so that both are searched.
        first: First value that is tried where it is 0 now.
    """

    key: str
    label: str
    now: float | None
    harmful: int
    low: float
    high: float
    settings: Settings
    unit: str = ""
    whole: bool = False
    scale: str = "log"
    either: bool = False
    first: float = 0.0

    def apply(self, spec: Spec, value: float) -> Spec:
        """The spec with this number at another value.

        Raises:
            SpecError: If the value does not go with the rest of the spec.
        """
        return with_settings(spec, self.settings(value))

    def rounded(self, value: float) -> float:
        """The nearest value that is tried, within what is allowed."""
        near = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        return min(max(near, self.low), self.high)

    def show(self, value: float | None) -> str:
        """A value with its unit, as a sentence has it."""
        if value is None:
            return "ideal"
        if self.unit == "%":
            percent = float(f"{100 * value:.{DIGITS}g}")
            return f"{percent:.0f} %" if percent >= 100 else f"{show.number(percent)} %"
        if self.unit == "s":
            return _duration(value)
        text = str(round(value)) if self.whole else show.number(value)
        return f"{text} {self.unit}".strip()


def with_settings(spec: Spec, settings: dict[str, Any]) -> Spec:
    """A spec with other values of some keys.

    Raises:
        SpecError: If they do not go together.
    """
    overrides = [f"{key}={_yaml(value)}" for key, value in settings.items()]
    return validate_spec(spec_to_dict(spec), "limits", overrides)


def find_knobs(spec: Spec, samples: int) -> list[Knob]:
    """All knobs of a spec: active numbers, and those that are 0 or ideal but exist for it.

    Args:
        spec: The validated spec.
        samples: Number of training samples, the largest batch.
    """
    found = [*_rule_knobs(spec, samples), *_quantization_knobs(spec)]
    if spec.device is not None:
        found = [*_device_knobs(spec.device), *found]
    return [knob for knob in found if _exists(knob, spec)]


def _exists(knob: Knob, spec: Spec) -> bool:
    """Whether the rest of the spec allows another value (a measured table has its own noise)."""
    probe = knob.low if knob.harmful < 0 else knob.high
    now = knob.now if knob.now is not None else knob.high
    middle = knob.rounded(0.5 * (now + probe))
    try:
        knob.apply(spec, middle)
    except SpecError:
        return False
    return knob.low < knob.high


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_yaml(each) for each in value)}]"
    return value if isinstance(value, str) else repr(value)


def _duration(seconds: float) -> str:
    for size, word in _SECONDS:
        if seconds >= size:
            return f"{show.number(seconds / size)} {word}"
    return f"{show.number(seconds)} s"


# -- Kinds of knobs --------------------------------------------------------------------------------


def _one(key: str, *, whole: bool = False) -> Settings:
    return lambda value: {key: round(value) if whole else value}


def _fraction(key: str, label: str, now: float, high: float = 1.0) -> Knob:
    """A part of something that is best at 0."""
    return Knob(key, label, now, 1, 0.0, high, _one(key), "%", first=min(0.005, high))


def _spread(key: str, label: str, now: float, high: float = 5.0, first: float = 0.05) -> Knob:
    """A relative deviation that is best at 0."""
    return Knob(key, label, now, 1, 0.0, high, _one(key), "%", first=first)


def _pair(key: str, label: str, pair: tuple[float, float], high: float, **options: Any) -> Knob:
    """Two numbers, for potentiation and depression, that are scaled together."""
    size = max(abs(pair[0]), abs(pair[1]))
    parts = (1.0, 1.0) if size == 0 else (pair[0] / size, pair[1] / size)

    def settings(value: float) -> dict[str, Any]:
        ends = zip(("potentiation", "depression"), parts, strict=True)
        return {f"{key}.{name}": part * value for name, part in ends}

    return Knob(key, label, size, 1, 0.0, high, settings, **options)


def _bits(key: str, label: str, now: int | None, low: int, high: int) -> Knob:
    return Knob(
        key, label, now, -1, low, high, _one(key, whole=True), "bits", whole=True, scale="linear"
    )


# -- Sections --------------------------------------------------------------------------------------


def _device_knobs(device: Device) -> Iterator[Knob]:
    if device.pulsed is not None:
        yield from _pulsed_knobs(device.pulsed)
    else:
        yield from _write_knobs(device)
    yield _fraction("device.read.noise", "read noise", device.read.noise)
    faults = device.faults
    low, high = faults.stuck_low, faults.stuck_high
    yield _fraction("device.faults.stuck_low", "devices stuck low", low, 1.0 - high)
    yield _fraction("device.faults.stuck_high", "devices stuck high", high, 1.0 - low)
    yield from _periphery_knobs(device)
    yield from _time_knobs(device)


def _write_knobs(device: Device) -> Iterator[Knob]:
    write = device.write
    yield _fraction("device.write.cycle_to_cycle", "cycle-to-cycle noise", write.cycle_to_cycle)
    key = "device.write.device_to_device"
    yield _fraction(key, "device-to-device variation", write.device_to_device)
    levels = device.conductance.levels
    if levels is not None:
        most = max(levels.potentiation, levels.depression)
        parts = {"potentiation": levels.potentiation, "depression": levels.depression}

        def counts(value: float) -> dict[str, Any]:
            ratio = value / most
            return {
                f"device.conductance.levels.{name}": max(2, round(ratio * count))
                for name, count in parts.items()
            }

        # More levels are finer, but take more pulses, each of which has its noise.
        yield Knob(
            "device.conductance.levels", "levels", most, -1, 2, 1_000_000, counts,
            whole=True, either=True,
        )  # fmt: skip
    if device.measured is None:
        yield from _curve_knobs(device)


def _curve_knobs(device: Device) -> Iterator[Knob]:
    write = device.write
    slope = (0.0, 0.0)
    if write.slope is not None:
        slope = (write.slope.potentiation, write.slope.depression)
    if any(slope):
        yield _pair("device.write.slope", "slope of the step", slope, 1.0)
        return
    if write.model == "soft_bounds":
        return
    labels = (1.0, -1.0)
    if write.nonlinearity is not None and any(write.nonlinearity.model_dump().values()):
        labels = (write.nonlinearity.potentiation, write.nonlinearity.depression)
        yield _pair("device.write.nonlinearity", "nonlinearity (larger label)", labels, 9.0)
        return

    def curved(value: float) -> dict[str, Any]:
        shape = {"model": "nonlinear", "slope": None}
        ends = {"nonlinearity.potentiation": value, "nonlinearity.depression": -value}
        return {f"device.write.{key}": v for key, v in {**shape, **ends}.items()}

    yield Knob(
        "device.write.nonlinearity", "nonlinearity (larger label)", 0.0, 1, 0.0, 9.0, curved,
        first=0.25,
    )  # fmt: skip


def _pulsed_knobs(pulsed: Pulsed) -> Iterator[Knob]:
    def key(name: str) -> str:
        return f"device.pulsed.{name}"

    # A short step is fine, but takes more pulses, each of which has its noise.
    step = key("dw_min")
    yield Knob(step, "step of one pulse", pulsed.dw_min, 1, 1e-6, 1.0, _one(step), either=True)
    noise = "cycle-to-cycle noise (of a step)"
    yield _spread(key("dw_min_std"), noise, pulsed.dw_min_std, 100.0, 0.25)
    yield _spread(key("dw_min_dtod"), "spread of steps", pulsed.dw_min_dtod)
    sign = -1.0 if pulsed.up_down < 0 else 1.0
    yield Knob(
        key("up_down"), "up-down asymmetry", abs(pulsed.up_down), 1, 0.0, 0.99,
        lambda value: {key("up_down"): sign * value}, "%", first=0.01,
    )  # fmt: skip
    yield _spread(key("up_down_dtod"), "spread of the asymmetry", pulsed.up_down_dtod, first=0.01)
    yield _spread(key("w_max_dtod"), "spread of upper bounds", pulsed.w_max_dtod)
    if pulsed.model != "one_sided_pair":
        yield _spread(key("w_min_dtod"), "spread of lower bounds", pulsed.w_min_dtod)
    if pulsed.gamma is not None and pulsed.model == "linear":
        gamma = (pulsed.gamma.potentiation, pulsed.gamma.depression)
        if any(gamma):
            yield _pair(key("gamma"), "slope of the step (larger gamma)", gamma, 100.0)
            yield _spread(key("gamma_dtod"), "spread of the slope", pulsed.gamma_dtod or 0.0)
    if pulsed.model == "power":
        exponent = pulsed.exponent or 0.0
        yield Knob(
            key("exponent"), "exponent of the step", exponent, 1, 0.0, 20.0, _one(key("exponent")),
            first=0.25,
        )  # fmt: skip
    if pulsed.model == "soft_bounds":
        spread = pulsed.reference_std or 0.0
        yield _spread(key("reference_std"), "spread of references", spread)
    noise = "write noise (in steps)"
    std = pulsed.write_noise_std
    yield Knob(
        key("write_noise_std"), noise, std, 1, 0.0, 1000.0, _one(key("write_noise_std")), first=1.0
    )
    yield _fraction(key("corrupt"), "corrupt devices", pulsed.corrupt)
    if pulsed.max_pulses is not None:
        most = key("max_pulses")
        yield Knob(
            most, "most pulses of an update", pulsed.max_pulses, -1, 1, 10_000,
            _one(most, whole=True), whole=True,
        )  # fmt: skip


def _periphery_knobs(device: Device) -> Iterator[Knob]:
    converters = device.converters
    for name, label in (("adc_bits", "ADC resolution"), ("dac_bits", "DAC resolution")):
        now = None if converters is None else getattr(converters, name)
        yield _bits(f"device.converters.{name}", label, now, 2, 16)
    if device.ir_drop is not None:
        wire = "device.ir_drop.wire_ratio"
        ratio = device.ir_drop.wire_ratio
        yield Knob(wire, "wire resistance", ratio, 1, 0.0, 0.1, _one(wire), first=1e-5)
    if device.pulse_train is not None:
        length = "device.pulse_train.length"
        yield Knob(
            length, "length of a pulse train", device.pulse_train.length, -1, 1, 1000,
            _one(length, whole=True), whole=True, either=True,
        )  # fmt: skip


def _time_knobs(device: Device) -> Iterator[Knob]:
    drift, leakage, endurance = device.drift, device.leakage, device.endurance
    if drift is not None:
        key = "device.drift.time"
        century = 86400.0 * 36525
        yield Knob(key, "drift time", drift.time, 1, drift.t0, century, _one(key), "s")
        if drift.exponent is not None:
            key = "device.drift.exponent"
            yield Knob(key, "drift exponent", drift.exponent, 1, 0.0, 1.0, _one(key), first=0.005)
            key, spread = "device.drift.exponent_spread", drift.exponent_spread or 0.0
            yield Knob(
                key, "spread of drift exponents", spread, 1, 0.0, 1.0, _one(key), first=0.005
            )
    if leakage is not None:
        key = "device.leakage.lifetime"
        yield Knob(key, "lifetime of a weight (updates)", leakage.lifetime, -1, 1, 1e9, _one(key))
        yield _fraction("device.leakage.spread", "spread of lifetimes", leakage.spread)
    if endurance is not None:
        key, first = "device.endurance.age", endurance.cycles / 30.0
        top = 1e4 * endurance.cycles
        yield Knob(key, "age (write cycles)", endurance.age, 1, 0.0, top, _one(key), first=first)
        if endurance.age > 0:
            key = "device.endurance.cycles"
            low = 1e-4 * endurance.age
            yield Knob(
                key, "endurance (write cycles)", endurance.cycles, -1, min(low, endurance.cycles),
                1e18, _one(key),
            )  # fmt: skip


def _quantization_knobs(spec: Spec) -> Iterator[Knob]:
    quantization = spec.quantization
    bits = None if quantization is None else quantization.weight_bits
    yield _bits("quantization.weight_bits", "weight resolution", bits, 1, 32 if bits else 16)
    if quantization is not None and quantization.update_bits is not None:
        key = "quantization.update_bits"
        yield _bits(key, "resolution of the update memory", quantization.update_bits, 1, 32)
    quantized = quantization is not None and (bits or quantization.update_bits)
    if spec.device is None and not quantized:
        return
    now, keys = 1.0, ["quantization.weight_range"]
    if spec.device is not None:
        now, keys = spec.device.conductance.weight_range, ["device.conductance.weight_range"]
        keys += ["quantization.weight_range"] if quantization is not None else []
    elif quantization is not None:
        now = quantization.weight_range
    # A narrow range cuts weights; a wide one makes every step and its noise larger.
    yield Knob(
        keys[0], "weight range", now, 1, 1e-6, 1e6,
        lambda value: dict.fromkeys(keys, value), either=True,
    )  # fmt: skip


def _rule_knobs(spec: Spec, samples: int) -> Iterator[Knob]:
    rule = spec.learning_rule
    if isinstance(rule.batch_size, int) and rule.batch_size < samples:
        key = "learning_rule.batch_size"
        yield Knob(
            key, "batch size", rule.batch_size, -1, 1, samples, _one(key, whole=True), whole=True
        )
    # key, label, harmful direction, largest value, whole numbers, harm on either side
    rows: tuple[tuple[str, str, int, float, bool, bool], ...] = (
        ("samples", "perturbations of an update", -1, 10_000, True, False),
        ("perturbation", "size of the perturbation", 1, 1e6, False, True),
        ("nudging", "nudging strength", 1, 1e6, False, True),
        ("relaxation_steps", "steps of the nudged phase", -1, 10_000, True, False),
        ("relaxation_rate", "relaxation rate", 1, 1e6, False, True),
        ("truncation", "steps that the gradient flows back", -1, 10_000, True, False),
        ("feedback_scale", "scale of the feedback", 1, 1e6, False, True),
        ("magnitude", "size of the estimate's elements", 1, 1e6, False, True),
    )
    for name, label, harmful, high, whole, either in rows:
        now = getattr(rule, name)
        if now is None:
            continue
        key, low = f"learning_rule.{name}", 1.0 if whole else 1e-9
        yield Knob(
            key, label, now, harmful, low, high, _one(key, whole=whole), whole=whole, either=either
        )
