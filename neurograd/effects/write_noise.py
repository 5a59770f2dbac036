"""Write noise of a behavioural device: what the passes see differs from what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurograd.effects.devices_per_weight import noise_part
from neurograd.effects.effect import Effect, Remedy, Stage, change, on_device
from neurograd.effects.sections import SpecSections

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly
    from neurograd.effects.pulsed_keys import Pulsed


def _is_noisy(device: Any) -> bool:
    pulsed: Pulsed | None = device.pulsed
    return pulsed is not None and pulsed.write_noise_std > 0


def _build(parts: Assembly) -> None:
    from device_models import WriteNoise  # noqa: PLC0415  (needs torch)

    pulsed: Pulsed = parts.spec.device.pulsed
    step = pulsed.dw_min * parts.weight_range
    parts.reads.append(WriteNoise(pulsed.write_noise_std * step * noise_part(parts.spec.device)))


def _remedy(spec: SpecSections) -> Remedy:
    return change("lower", [EFFECT.key])


EFFECT = Effect(
    name="write_noise",
    label="write noise",
    key="device.pulsed.write_noise_std",
    stage=Stage.READ,
    order=30,
    when=on_device(_is_noisy),
    build=_build,
    remedy=_remedy,
)
