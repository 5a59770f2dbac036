"""The converters of a crossbar's products: digital to analog and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from neurograd.effects.effect import Effect, Keys, Remedy, SpecSections, Stage, change, on_device
from neurograd.effects.knob import Knob, bits
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

    parts.passes.append(ConverterPasses(**parts.spec.device.converters.model_dump()))


def _remedy(spec: SpecSections) -> Remedy:
    converters: Converters = spec.device.converters
    given = [name for name, value in converters if value]
    finer = [name for name in given if name.endswith("_bits")]
    if finer:
        return change("raise", [f"device.converters.{name}" for name in finer])
    return change("widen", [f"device.converters.{name}" for name in given] or [EFFECT.key])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if spec.device is None:
        return
    converters: Converters | None = spec.device.converters
    for name, label in (("adc_bits", "ADC resolution"), ("dac_bits", "DAC resolution")):
        now = None if converters is None else getattr(converters, name)
        yield bits(f"device.converters.{name}", label, now, 2, 16)


EFFECT = Effect(
    name="converters",
    label="the converters",
    key="device.converters",
    stage=Stage.PASS,
    keys=(Keys("device", ConverterKeys, 70),),
    when=on_device(lambda device: device.converters is not None),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=22,
)
