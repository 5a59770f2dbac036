"""The range of weights that digital memories and devices hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from neurograd.effects.effect import Contribution, Keys, Stage
from neurograd.effects.knob import Knob
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import LARGEST, Number, SpecModel


class WeightRangeKeys(SpecModel):
    """quantization.weight_range."""

    weight_range: Annotated[float, Number(0, LARGEST, above=True)] = Field(
        1.0,
        description="Largest |weight| that can be stored, above 0, 1e15 at most. With a device, "
        "device.conductance.weight_range governs, times the larger of pulsed.w_max and -w_min "
        "where the device has them, counted from its reference. Default: 1.",
    )


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    quantization, device = spec.quantization, spec.device
    digital = quantization is not None and (quantization.weight_bits or quantization.update_bits)
    if device is None and not digital:
        return
    if device is not None:
        now, keys = device.conductance.weight_range, ["device.conductance.weight_range"]
        keys += ["quantization.weight_range"] if quantization is not None else []
    else:
        now, keys = quantization.weight_range, ["quantization.weight_range"]
    # A narrow range cuts weights; a wide one makes every step and its noise larger.
    yield Knob(
        keys[0], "weight range", now, 1, 1e-6, 1e6,
        lambda value: dict.fromkeys(keys, value), either=True,
    )  # fmt: skip


SHARED = Contribution(
    name="weight_range",
    stage=Stage.DIGITAL,
    keys=(Keys("quantization", WeightRangeKeys, 30),),
    knobs=_knobs,
    knob_rank=42,
)
