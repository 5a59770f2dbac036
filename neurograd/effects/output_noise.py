"""Output noise: the sums that an array's converters read are noisy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neurograd.effects.effect import Effect, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.sections import SpecSections

_LARGEST = 1e6


def _noise(device: Any) -> float:
    noise: float = 0.0 if device.converters is None else device.converters.output_noise
    return noise


def _remedy(spec: SpecSections) -> Remedy:
    return change("lower", [EFFECT.key])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if spec.device is not None and _noise(spec.device) > 0:
        key = EFFECT.key
        yield Knob(key, EFFECT.label, _noise(spec.device), 1, 0.0, _LARGEST, one_key(key))


EFFECT = Effect(
    name="output_noise",
    label="the noise of the sums",
    key="device.converters.output_noise",
    stage=Stage.PASS,
    order=20,
    when=on_device(lambda device: _noise(device) > 0),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=24,
    on_layers=True,
)
