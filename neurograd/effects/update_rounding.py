"""Update quantization: the memory that sums the updates has a few bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change
from neurograd.effects.knob import Knob, bits
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import BITS, SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class UpdateRoundingKeys(SpecModel):
    """quantization.update_bits and quantization.update_rounding."""

    update_bits: Annotated[int, BITS] | None = Field(
        None,
        description="Bits of the memory that sums the updates, 1 to 32. Default: null, the "
        "device's levels, else weight_bits.",
    )
    update_rounding: Literal["stochastic", "nearest", "truncate"] = Field(
        "stochastic",
        description="How an update becomes a whole number of steps, or of pulses of a device with "
        "levels. Coincidences of a pulse train are whole pulses already: truncate is as nearest "
        "there. Default: stochastic.",
    )


def rounding_stalls(spec: SpecSections) -> bool:
    """Whether increments below half a step, or below a whole one, are lost altogether."""
    quantization = spec.quantization
    return quantization is not None and quantization.update_rounding != "stochastic"


def stepped(key: str, spec: SpecSections) -> Remedy:
    """More steps; where small increments are lost, rounding at random keeps their mean."""
    if not rounding_stalls(spec):
        return change("raise", [key])
    return Remedy(key, f"set quantization.update_rounding to stochastic, or raise {key}")


def _are_rounded(spec: SpecSections, samples: int) -> bool:
    return spec.quantization is not None and spec.quantization.update_bits is not None


def _build(parts: Assembly) -> None:
    from device_models import FixedPointGrid, UpdateRounding  # noqa: PLC0415  (needs torch)

    quantization = parts.spec.quantization
    grid = FixedPointGrid(quantization.update_bits, quantization.weight_range)
    parts.digital_writes.append(UpdateRounding(grid, quantization.update_rounding))


def _remedy(spec: SpecSections) -> Remedy:
    return stepped(EFFECT.key, spec)


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if _are_rounded(spec, samples):
        now, label = spec.quantization.update_bits, "resolution of the update memory"
        yield bits(EFFECT.key, label, now, 1, 32)


EFFECT = Effect(
    name="update_rounding",
    label="update quantization",
    key="quantization.update_bits",
    stage=Stage.DIGITAL,
    order=20,
    keys=(Keys("quantization", UpdateRoundingKeys, 20),),
    when=_are_rounded,
    build=_build,
    also=("quantization.update_rounding",),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=41,
    acts={
        "quantization.update_rounding": "on a device with levels or states, pulsed or "
        "measured, and on quantization.update_bits and weight_bits"
    },
)
