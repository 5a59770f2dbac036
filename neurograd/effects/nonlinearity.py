"""A step that depends on the conductance: NeuroSim's labels, slopes and behavioural models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from neurograd.effects.effect import Effect, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, pair
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import Number, SpecModel

SHAPE = ("model", "up_down", "gamma", "amplitude", "a", "b", "exponent")
"""The keys of device.pulsed that shape a step."""


class Nonlinearity(SpecModel):
    """NeuroSim's nonlinearity labels; 0 is a straight line."""

    potentiation: Annotated[float, Number(-9, 9)] = Field(
        0.0, description="Label on the way up, -9 to 9. Default: 0."
    )
    depression: Annotated[float, Number(-9, 9)] = Field(
        0.0, description="Label on the way down, -9 to 9. Default: 0."
    )


class Slope(SpecModel):
    """How fast the step shrinks towards the bound (aihwkit's gamma)."""

    potentiation: Annotated[float, Number(0, 1)] = Field(
        0.0, description="0: constant step, 1: the step is 0 at the upper bound. Default: 0."
    )
    depression: Annotated[float, Number(0, 1)] = Field(
        0.0, description="0: constant step, 1: the step is 0 at the lower bound. Default: 0."
    )


class CurveKeys(SpecModel):
    """device.write.nonlinearity and device.write.slope."""

    nonlinearity: Nonlinearity | None = Field(
        None, description="NeuroSim labels, for model nonlinear only. Default: 0 and 0."
    )
    slope: Slope | None = Field(
        None, description="Shrinking of the step, for model linear only. Default: 0 and 0."
    )


def _any(section: SpecModel | None) -> bool:
    """Whether a section is there and holds a number other than 0."""
    return section is not None and any(number for _, number in section)


def _is_curved(device: Any) -> bool:
    pulsed, write = device.pulsed, device.write
    if pulsed is not None:
        straight = pulsed.model in ("constant", "linear")
        # A controller that counts by the step of the direction makes up for the asymmetry.
        uneven = pulsed.up_down != 0 and (device.pulse_train or pulsed.known_step == "mean")
        return not straight or _any(pulsed.gamma) or bool(uneven)
    if device.measured is not None or write.model == "soft_bounds":
        return True
    return _any(write.nonlinearity) or _any(write.slope)


def _remedy(spec: SpecSections) -> Remedy:
    device = spec.device
    if device.measured is not None:
        return Remedy("device.measured", "straighten the curve of device.measured")
    pulsed = device.pulsed
    if pulsed is not None:
        if pulsed.model not in ("constant", "linear"):
            return Remedy("device.pulsed.model", "choose a straighter device.pulsed.model")
        keys = ["device.pulsed.gamma"] if _any(pulsed.gamma) else []
        keys += ["device.pulsed.up_down"] if pulsed.up_down else []
        return change("bring", keys, " nearer to 0")
    for key in ("nonlinearity", "slope"):
        if getattr(device.write, key) is not None:
            return change("bring", [f"device.write.{key}"], " nearer to 0")
    return Remedy("device.write.model", "choose a straighter device.write.model")


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    device = spec.device
    if device is None or device.pulsed is not None or device.measured is not None:
        return
    slope: Slope | None = device.write.slope
    if slope is not None and _any(slope):
        ends = (slope.potentiation, slope.depression)
        yield pair("device.write.slope", "slope of the step", ends, 1.0)
        return
    if device.write.model == "soft_bounds":
        return
    key, label = "device.write.nonlinearity", "nonlinearity (larger label)"
    labels: Nonlinearity | None = device.write.nonlinearity
    if labels is not None and _any(labels):
        yield pair(key, label, (labels.potentiation, labels.depression), 9.0)
        return

    def curved(value: float) -> dict[str, Any]:
        shape = {"model": "nonlinear", "slope": None}
        bent = {"nonlinearity.potentiation": value, "nonlinearity.depression": -value}
        return {f"device.write.{name}": v for name, v in {**shape, **bent}.items()}

    yield Knob(key, label, 0.0, 1, 0.0, 9.0, curved, first=0.25)


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    labels: Nonlinearity | None = None if spec.device is None else spec.device.write.nonlinearity
    if labels is not None and labels.potentiation > 0 and labels.depression > 0:
        yield (
            "Both labels of device.write.nonlinearity are above 0: this device falls in small "
            "steps first. Most published devices fall in large steps first, which is a label below "
            f"0 (depression: {-labels.depression:g})."
        )


EFFECT = Effect(
    name="nonlinearity",
    label="the nonlinear pulse response",
    key="device.write.nonlinearity",
    stage=Stage.WRITE,
    order=20,
    when=on_device(_is_curved),
    also=(
        "device.write.model",
        "device.write.slope",
        "device.measured",
        *(f"device.pulsed.{key}" for key in SHAPE),
    ),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=13,
    hints=_hints,
)
