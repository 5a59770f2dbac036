"""Which key of a spec to change, and in which direction, so that an effect gets smaller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from neurograd.effects import catalogue as names
from neurograd.effects.catalogue import Effect
from neurograd.spec import Spec
from neurograd.spec.device_schema import Pulsed
from neurograd.spec.schema import Quantization


@dataclass(frozen=True)
class Remedy:
    """What makes an effect smaller.

    Attributes:
        key: The key of the spec that the effect depends on most directly.
        words: What to do, such as 'lower device.write.cycle_to_cycle'.
    """

    key: str
    words: str


def remedy(effect: Effect, spec: Spec) -> Remedy:
    """The keys that an effect comes from in this spec.

    Args:
        effect: One of ``active_effects``.
        spec: The validated spec.
    """
    if effect.name == spec.learning_rule.name:
        if effect.name == "surrogate":
            return _of("raise", ["learning_rule.truncation"])
        return Remedy(effect.key, f"choose another {effect.key}")
    return _REMEDIES[effect.name](spec)


def rounding_stalls(spec: Spec) -> bool:
    """Whether increments below half a step, or below a whole one, are lost altogether."""
    quantization = spec.quantization or Quantization()
    return quantization.update_rounding != "stochastic"


def _of(verb: str, keys: Sequence[str], ending: str = "") -> Remedy:
    return Remedy(keys[0], f"{verb} {' and '.join(keys)}{ending}")


def _levels(spec: Spec) -> Remedy:
    return _stepped("device.conductance.levels", spec)


def _stepped(key: str, spec: Spec) -> Remedy:
    """More steps; where small increments are lost, rounding at random keeps their mean."""
    if not rounding_stalls(spec):
        return _of("raise", [key])
    return Remedy(key, f"set quantization.update_rounding to stochastic, or raise {key}")


def _weight_bits(spec: Spec) -> Remedy:
    quantization = spec.quantization or Quantization()
    stored = spec.device is None and quantization.update_bits is None
    key = "quantization.weight_bits"
    return _stepped(key, spec) if stored else _of("raise", [key])


def _nonlinearity(spec: Spec) -> Remedy:
    device = spec.device
    assert device is not None
    if device.measured is not None:
        return Remedy("device.measured", "straighten the curve of device.measured")
    pulsed = device.pulsed
    if pulsed is not None:
        if pulsed.model not in ("constant", "linear"):
            return Remedy("device.pulsed.model", "choose a straighter device.pulsed.model")
        keys = ["device.pulsed.gamma"] if pulsed.gamma and _any(pulsed.gamma) else []
        keys += ["device.pulsed.up_down"] if pulsed.up_down else []
        return _of("bring", keys, " nearer to 0")
    if device.write.nonlinearity is not None:
        return _of("bring", ["device.write.nonlinearity"], " nearer to 0")
    if device.write.slope is not None:
        return _of("bring", ["device.write.slope"], " nearer to 0")
    return Remedy("device.write.model", "choose a straighter device.write.model")


def _any(numbers: object) -> bool:
    return any(number for _, number in numbers)  # type: ignore[attr-defined]


def _cycle_to_cycle(spec: Spec) -> Remedy:
    pulsed = spec.device is not None and spec.device.pulsed is not None
    return _of("lower", ["device.pulsed.dw_min_std" if pulsed else "device.write.cycle_to_cycle"])


_SPREADS = (
    "dw_min_dtod",
    "w_max_dtod",
    "w_min_dtod",
    "up_down_dtod",
    "gamma_dtod",
    "reference_std",
    "corrupt",
)


def _device_to_device(spec: Spec) -> Remedy:
    assert spec.device is not None
    pulsed: Pulsed | None = spec.device.pulsed
    if pulsed is None:
        return _of("lower", ["device.write.device_to_device"])
    return _of("lower", [f"device.pulsed.{k}" for k in _SPREADS if getattr(pulsed, k)])


def _faults(spec: Spec) -> Remedy:
    assert spec.device is not None
    faults = spec.device.faults
    kinds = ("stuck_low", "stuck_high")
    return _of("lower", [f"device.faults.{kind}" for kind in kinds if getattr(faults, kind)])


def _converters(spec: Spec) -> Remedy:
    assert spec.device is not None
    converters = spec.device.converters
    bits = [f"{kind}_bits" for kind in ("dac", "adc") if getattr(converters, f"{kind}_bits")]
    if bits:
        return _of("raise", [f"device.converters.{kind}" for kind in bits])
    ranges = [f"{kind}_range" for kind in ("input", "output")]
    given = [kind for kind in ranges if getattr(converters, kind)]
    return _of("widen", [f"device.converters.{kind}" for kind in given] or ["device.converters"])


_REMEDIES: dict[str, Callable[[Spec], Remedy]] = {
    names.MINIBATCH.name: lambda _: _of("raise", ["learning_rule.batch_size"]),
    names.PULSE_TRAIN.name: lambda _: _of("raise", ["device.pulse_train.length"]),
    names.WEIGHT_ROUNDING.name: _weight_bits,
    names.UPDATE_ROUNDING.name: lambda spec: _stepped("quantization.update_bits", spec),
    names.DRIFT.name: lambda _: _of("shorten", ["device.drift.time"]),
    names.IR_DROP.name: lambda _: _of("lower", ["device.ir_drop.wire_ratio"]),
    names.WRITE_NOISE.name: lambda _: _of("lower", ["device.pulsed.write_noise_std"]),
    names.READ_NOISE.name: lambda _: _of("lower", ["device.read.noise"]),
    names.CONVERTERS.name: _converters,
    names.LEVELS.name: _levels,
    names.NONLINEARITY.name: _nonlinearity,
    names.CYCLE_TO_CYCLE.name: _cycle_to_cycle,
    names.DEVICE_TO_DEVICE.name: _device_to_device,
    names.LEAKAGE.name: lambda _: _of("raise", ["device.leakage.lifetime"]),
    names.FAULTS.name: _faults,
    names.ENDURANCE.name: lambda _: _of("lower", ["device.endurance.age"]),
}
