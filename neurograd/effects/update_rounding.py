"""Update quantization: the memory that sums the updates has a few bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from neurograd.effects.digital_grid import digital_grid
from neurograd.effects.effect import Effect, Keys, Remedy, Stage
from neurograd.effects.knob import Knob, bits
from neurograd.effects.sections import SpecSections
from neurograd.effects.whole_steps import stepped
from neurograd.keys.fields import BITS, SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class UpdateRoundingKeys(SpecModel):
    """quantization.update_bits and quantization.update_rounding."""

    update_bits: Annotated[int, BITS] | None = Field(
        None,
        description="Bits of the memory that sums the updates, 1 to 32; with a device, which "
        "stores the weights itself, only updates are rounded. Default: null, the device's levels, "
        "else weight_bits.",
    )
    update_rounding: Literal["stochastic", "nearest", "truncate"] = Field(
        "stochastic",
        description="How an update becomes a whole number of steps, or of pulses of a device with "
        "levels. Coincidences of a pulse train are whole pulses already: truncate is as nearest "
        "there. Default: stochastic.",
    )


def _are_rounded(spec: SpecSections, samples: int) -> bool:
    return spec.quantization is not None and spec.quantization.update_bits is not None


def _build(parts: Assembly) -> None:
    from device_models import UpdateRounding  # noqa: PLC0415  (needs torch)

    quantization = parts.spec.quantization
    grid = digital_grid(parts, quantization.update_bits)
    # A device stores the weights in its own window: the memory sums what is written to it.
    stores = parts.spec.device is None
    write = UpdateRounding(grid, quantization.update_rounding, stores=stores)
    parts.digital_writes.append(write)


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
