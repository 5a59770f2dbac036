"""Read noise: every read of a device gives another conductance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from neurograd.effects.devices_per_weight import noise_part
from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, fraction
from neurograd.effects.sections import SpecSections
from neurograd.effects.slips import small_part
from neurograd.effects.thermal_noise import ThermalKeys
from neurograd.effects.weight_cells import weight_span
from neurograd.keys.fields import EMPTY, Fraction, SpecModel

if TYPE_CHECKING:
    from device_models import ReadNoise
    from neurograd.effects.assembly import Assembly


class Read(ThermalKeys):
    """What one read gives."""

    noise: Annotated[float, Fraction()] = Field(
        0.0,
        description="Standard deviation of the noise of one read, as a fraction of the "
        "conductance range. Default: 0 %.",
    )


class ReadKeys(SpecModel):
    """device.read."""

    read: Annotated[Read, EMPTY] = Field(default_factory=Read, description="What one read gives.")


def read_noise_of(device: Any) -> ReadNoise:
    """Read noise of the weights that a spec's device holds."""
    from device_models import ReadNoise  # noqa: PLC0415  (needs torch)

    pair = device.conductance.mapping == "differential_pair"
    gain = weight_span(device) * noise_part(device)
    return ReadNoise.of_range(device.read.noise, gain, 2 if pair else 1)


def _build(parts: Assembly) -> None:
    parts.reads.append(read_noise_of(parts.spec.device))


def _remedy(spec: SpecSections) -> Remedy:
    return change("lower", [EFFECT.key])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if spec.device is not None:
        yield fraction(EFFECT.key, EFFECT.label, spec.device.read.noise)


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    if spec.device is not None:
        yield from small_part(EFFECT.key, spec.device.read.noise)


EFFECT = Effect(
    name="read_noise",
    label="read noise",
    key="device.read.noise",
    stage=Stage.READ,
    order=40,
    keys=(Keys("device", ReadKeys, 60),),
    when=on_device(lambda device: device.read.noise > 0),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=20,
    hints=_hints,
)
