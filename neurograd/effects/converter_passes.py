"""Converters around a crossbar, digital to analog and back: their keys and how they are built.

They do harm in two ways with remedies of their own: ``converters`` is their resolution,
``converter_clipping`` their range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from neurograd.effects import converter_clipping, converters
from neurograd.effects.effect import Contribution, Keys, Stage, on_device
from neurograd.keys.fields import Number, SpecModel, Whole

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class Converters(SpecModel):
    """Digital-to-analog and analog-to-digital converters of a crossbar's products."""

    dac_bits: Annotated[int, Whole(2, 16, also=", or null for ideal")] | None = Field(
        None, description="Bits of inputs and errors, 2 to 16. Default: null, ideal."
    )
    adc_bits: Annotated[int, Whole(2, 16, also=", or null for ideal")] | None = Field(
        None, description="Bits of the products, 2 to 16. Default: null, ideal."
    )
    input_range: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Largest |input|, above which it is clipped. Default: null, the largest of "
        "each vector.",
    )
    output_range: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Largest |product|, above which it is clipped. Default: null, the largest of "
        "each vector.",
    )


class ConverterKeys(SpecModel):
    """device.converters."""

    converters: Converters | None = Field(
        None, description="Converters around the array. Default: null, ideal."
    )


def _build(parts: Assembly) -> None:
    from device_models import Converters as ConverterPasses  # noqa: PLC0415  (needs torch)

    given: Converters = parts.spec.device.converters
    fine = {} if parts.keeps(converters.EFFECT) else dict.fromkeys(("dac_bits", "adc_bits"))
    clips = parts.keeps(converter_clipping.EFFECT)
    parts.passes.append(ConverterPasses(**{**given.model_dump(), **fine}, clips=clips))


SHARED = Contribution(
    name="converter_passes",
    stage=Stage.PASS,
    keys=(Keys("device", ConverterKeys, 70),),
    when=on_device(lambda device: device.converters is not None),
    build=_build,
)
