"""The range of a crossbar's converters: inputs and products beyond it are clipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neurograd.effects.effect import Effect, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.sections import SpecSections

KEY = "device.converters"
RANGES = {"output_range": "range of the ADC", "input_range": "range of the DAC"}


def _given(device: Any) -> dict[str, float]:
    """The ranges that are fixed; others follow the largest value of each vector."""
    converters = device.converters
    if converters is None:
        return {}
    found = {name: getattr(converters, name) for name in RANGES}
    return {name: value for name, value in found.items() if value is not None}


def _remedy(spec: SpecSections) -> Remedy:
    keys = [f"{KEY}.{name}" for name in _given(spec.device)]
    managed = spec.device.converters.bound_management != "none"
    if managed or EFFECT.key not in keys:
        return change("widen", keys)
    return change("widen", keys, f", or set {KEY}.bound_management to iterative")


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if spec.device is None:
        return
    for name, value in _given(spec.device).items():
        key = f"{KEY}.{name}"
        # A narrow range clips; a wide one makes the steps of a few bits coarse.
        low, high = min(1e-6, value), max(1e6, value)
        yield Knob(key, RANGES[name], value, -1, low, high, one_key(key), either=True)


EFFECT = Effect(
    name="converter_clipping",
    label="the clipping of the converters",
    key=f"{KEY}.output_range",
    stage=Stage.PASS,
    order=10,
    when=on_device(lambda device: bool(_given(device))),
    also=(f"{KEY}.input_range",),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=23,
    on_layers=True,
)
