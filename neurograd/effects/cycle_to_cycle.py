"""Cycle-to-cycle noise: every pulse is another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from neurograd.effects.effect import Effect, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, fraction
from neurograd.effects.measured_table import jumps_of
from neurograd.effects.sections import SpecSections
from neurograd.effects.slips import small_part
from neurograd.keys.fields import Fraction, OneOrSection, SpecModel


class PulseNoise(SpecModel):
    """Noise of a pulse that raises the conductance, and of one that lowers it."""

    potentiation: Annotated[float, Fraction()] = Field(
        description="Noise of one pulse on the way up, as a fraction of the conductance range."
    )
    depression: Annotated[float, Fraction()] = Field(
        description="Noise of one pulse on the way down, as a fraction of the conductance range."
    )


_MEASURED = "device.measured"
_FORM = "{potentiation: '5 %', depression: '3 %'}"


class CycleToCycleKeys(SpecModel):
    """device.write.cycle_to_cycle; a behavioural device has device.pulsed.dw_min_std."""

    cycle_to_cycle: Annotated[float | PulseNoise, OneOrSection(Fraction(), PulseNoise, _FORM)] = (
        Field(
            0.0,
            description="Standard deviation of one pulse's write noise, as a fraction of the "
            "conductance range, for both directions or each on its own; without conductance.levels "
            "that of one update, whatever its size. Default: 0 %.",
        )
    )


def spreads_of(device: Any) -> tuple[float, float]:
    """Noise of a pulse up and of one down, of a device that is no behavioural one."""
    given: float | PulseNoise = device.write.cycle_to_cycle
    if isinstance(given, PulseNoise):
        return given.potentiation, given.depression
    return given, given


def _is_noisy(device: Any) -> bool:
    if device.pulsed is not None:
        return bool(device.pulsed.dw_min_std > 0)
    jumps = jumps_of(device)
    return any(spreads_of(device)) if jumps is None else jumps.noise > 0


def _named(device: Any) -> Iterator[tuple[str, float]]:
    """The keys that hold the noise of pulses, with their values."""
    given = device.write.cycle_to_cycle
    if isinstance(given, PulseNoise):
        yield from ((f"{EFFECT.key}.{name}", value) for name, value in given)
    else:
        yield EFFECT.key, given


def _remedy(spec: SpecSections) -> Remedy:
    if jumps_of(spec.device) is not None:
        return Remedy(_MEASURED, f"choose a {_MEASURED} of steps that vary less")
    pulsed = spec.device.pulsed is not None
    return change("lower", ["device.pulsed.dw_min_std" if pulsed else EFFECT.key])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    device = spec.device
    # Devices of a few states have no noise of pulses, and a table of jumps has its own.
    if device is None or device.pulsed is not None or device.conductance.states is not None:
        return
    if jumps_of(device) is None:
        for key, value in _named(device):
            _, dot, direction = key.removeprefix(EFFECT.key).partition(".")
            yield fraction(key, f"{EFFECT.label} of {direction}" if dot else EFFECT.label, value)


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    if spec.device is not None:
        for key, value in _named(spec.device):
            yield from small_part(key, value)


EFFECT = Effect(
    name="cycle_to_cycle",
    label="cycle-to-cycle noise",
    key="device.write.cycle_to_cycle",
    stage=Stage.WRITE,
    order=30,
    when=on_device(_is_noisy),
    also=(
        "device.pulsed.dw_min_std",
        "device.pulsed.noise",
        "device.pulsed.noise_offset",
        "device.pulsed.noise_slope",
        _MEASURED,
    ),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=10,
    hints=_hints,
)
