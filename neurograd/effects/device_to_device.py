"""Device-to-device variation: every device has a window and steps of its own, fixed for a chip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from neurograd.effects.effect import Effect, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, fraction
from neurograd.effects.measured_table import jumps_of
from neurograd.effects.sections import SpecSections
from neurograd.effects.slips import small_part
from neurograd.keys.fields import Fraction, SpecModel

SPREADS = (
    "dw_min_dtod",
    "w_max_dtod",
    "w_min_dtod",
    "up_down_dtod",
    "gamma_dtod",
    "reference_std",
    "corrupt",
)
"""The keys of device.pulsed that are spreads over devices."""


class DeviceToDeviceKeys(SpecModel):
    """device.write.device_to_device; a behavioural device has spreads of its own parameters."""

    device_to_device: Annotated[float, Fraction()] = Field(
        0.0,
        description="Relative standard deviation of each device's conductance window and step, "
        "fixed for a chip. Default: 0 %.",
    )


def _is_varied(device: Any) -> bool:
    if device.pulsed is not None:
        return any(getattr(device.pulsed, key) for key in SPREADS)
    spread: float = device.write.device_to_device
    return spread > 0


def _remedy(spec: SpecSections) -> Remedy:
    pulsed = spec.device.pulsed
    if pulsed is None:
        return change("lower", [EFFECT.key])
    return change("lower", [f"device.pulsed.{key}" for key in SPREADS if getattr(pulsed, key)])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    device = spec.device
    # A table of jumps is that of one device, and takes no spread.
    if device is not None and device.pulsed is None and jumps_of(device) is None:
        yield fraction(EFFECT.key, EFFECT.label, device.write.device_to_device)


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    if spec.device is not None:
        yield from small_part(EFFECT.key, spec.device.write.device_to_device)


EFFECT = Effect(
    name="device_to_device",
    label="device-to-device variation",
    key="device.write.device_to_device",
    stage=Stage.WRITE,
    order=40,
    when=on_device(_is_varied),
    also=tuple(f"device.pulsed.{key}" for key in SPREADS),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=11,
    hints=_hints,
)
