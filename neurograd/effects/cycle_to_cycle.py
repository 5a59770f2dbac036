"""Cycle-to-cycle noise: every pulse is another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from neurograd.effects.effect import Effect, Remedy, SpecSections, Stage, change, on_device
from neurograd.effects.knob import Knob, fraction
from neurograd.effects.slips import small_part
from neurograd.keys.fields import Fraction, SpecModel


class CycleToCycleKeys(SpecModel):
    """device.write.cycle_to_cycle; a behavioural device has device.pulsed.dw_min_std."""

    cycle_to_cycle: Annotated[float, Fraction()] = Field(
        0.0,
        description="Standard deviation of one pulse's write noise, as a fraction of the "
        "conductance range. Default: 0 %.",
    )


def _is_noisy(device: Any) -> bool:
    noise: float = device.write.cycle_to_cycle
    if device.pulsed is not None:
        noise = device.pulsed.dw_min_std
    return noise > 0


def _remedy(spec: SpecSections) -> Remedy:
    pulsed = spec.device.pulsed is not None
    return change("lower", ["device.pulsed.dw_min_std" if pulsed else EFFECT.key])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    device = spec.device
    # Devices of a few states have no noise of pulses.
    if device is not None and device.pulsed is None and device.conductance.states is None:
        yield fraction(EFFECT.key, EFFECT.label, device.write.cycle_to_cycle)


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    if spec.device is not None:
        yield from small_part(EFFECT.key, spec.device.write.cycle_to_cycle)


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
    ),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=10,
    hints=_hints,
)
