"""The resolution of a crossbar's converters: inputs and products are rounded to levels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neurograd.effects.effect import Effect, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, bits
from neurograd.effects.sections import SpecSections

KEY, BITS = "device.converters", ("dac_bits", "adc_bits")


def _given(device: Any) -> list[str]:
    """The converters that have a number of bits."""
    converters = device.converters
    return [] if converters is None else [name for name in BITS if getattr(converters, name)]


def _remedy(spec: SpecSections) -> Remedy:
    return change("raise", [f"{KEY}.{name}" for name in _given(spec.device)])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if spec.device is None:
        return
    converters = spec.device.converters
    for name, label in (("adc_bits", "ADC resolution"), ("dac_bits", "DAC resolution")):
        now = None if converters is None else getattr(converters, name)
        yield bits(f"{KEY}.{name}", label, now, 2, 16)


EFFECT = Effect(
    name="converters",
    label="the resolution of the converters",
    key=f"{KEY}.adc_bits",
    stage=Stage.PASS,
    when=on_device(lambda device: bool(_given(device))),
    also=(f"{KEY}.dac_bits",),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=22,
    on_layers=True,
)
