"""Granularity of a device that is known by its pulses: an update becomes a whole number of them.

The step of a pulse is a number of the behavioural device, which brings its knob.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurograd.effects.effect import Effect, Remedy, Stage, on_device
from neurograd.effects.sections import SpecSections
from neurograd.effects.whole_steps import rounding_stalls

if TYPE_CHECKING:
    from device_models.write.rounding import Rounding
    from neurograd.effects.assembly import Assembly

STEP, MEASURED, MOST = "device.pulsed.dw_min", "device.measured", "device.pulsed.max_pulses"


def counting(parts: Assembly) -> tuple[Rounding, int | None]:
    """How an increment becomes pulses, and how many at most; without granularity pulses divide."""
    if not parts.keeps(EFFECT):
        return "none", None
    pulsed = parts.spec.device.pulsed
    return parts.pulse_rounding, None if pulsed is None else pulsed.max_pulses


def _counts_pulses(device: Any) -> bool:
    """Whether pulses are counted; device.conductance.levels count those of a conductance curve."""
    return device.pulsed is not None or device.measured is not None


def _remedy(spec: SpecSections) -> Remedy:
    device = spec.device
    stochastic = "set quantization.update_rounding to stochastic, or "
    start = stochastic if rounding_stalls(spec) else ""
    if device.pulsed is None:
        return Remedy(MEASURED, f"{start}choose a {MEASURED} of smaller steps")
    if device.pulsed.max_pulses is None:
        return Remedy(STEP, f"{start}lower {STEP}")
    return Remedy(STEP, f"{start}lower {STEP} and raise {MOST}")


EFFECT = Effect(
    name="granularity",
    label="the granularity of pulses",
    key=STEP,
    stage=Stage.WRITE,
    order=15,
    when=on_device(_counts_pulses),
    also=(MEASURED, MOST),
    remedy=_remedy,
)
