"""A finite number of conductance levels: an update becomes a whole number of pulses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from neurograd.effects.effect import Effect, Remedy, Stage, on_device
from neurograd.effects.knob import Knob
from neurograd.effects.sections import SpecSections
from neurograd.effects.whole_steps import stepped
from neurograd.keys.fields import Shorthand, SpecModel, Whole


def _same_levels(value: Any) -> Any:
    """One number of levels stands for both directions."""
    if value is None or isinstance(value, Levels | Mapping):
        return value
    number = _LEVELS.read(value)
    return {"potentiation": number, "depression": number}


_LEVELS = Whole(2, 1_000_000, also=", {potentiation: N, depression: N}, or null for continuous")
_COUNT = Whole(2, 1_000_000)
_ONE_NUMBER = Shorthand(_same_levels, tuple(_LEVELS.json().items()), _LEVELS.allowed)


class Levels(SpecModel):
    """Pulses from one end of the conductance range to the other, for each direction.

    The size of a pulse, not the states that a weight can have: it moves from where it stands.
    """

    potentiation: Annotated[int, _COUNT] = Field(description="Pulses on the way up, 2 to 1000000.")
    depression: Annotated[int, _COUNT] = Field(description="Pulses on the way down, 2 to 1000000.")


class LevelKeys(SpecModel):
    """device.conductance.levels."""

    levels: Annotated[Levels | None, _ONE_NUMBER] = Field(
        None,
        description="Pulses over the window, 2 to 1000000, for both directions or each on its own: "
        "the size of a pulse, not the states of a weight (see states). Default: null, continuous.",
    )


def _remedy(spec: SpecSections) -> Remedy:
    return stepped("device.conductance.levels", spec)


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    levels: Levels | None = None if spec.device is None else spec.device.conductance.levels
    if levels is None:
        return
    most = max(levels.potentiation, levels.depression)
    parts = {"potentiation": levels.potentiation, "depression": levels.depression}

    def counts(value: float) -> dict[str, Any]:
        ratio = value / most
        return {
            f"device.conductance.levels.{name}": max(2, round(ratio * count))
            for name, count in parts.items()
        }

    # More levels are finer, but take more pulses, each of which has its noise.
    yield Knob(
        "device.conductance.levels", "levels", most, -1, 2, 1_000_000, counts,
        whole=True, either=True,
    )  # fmt: skip


FEW = 16
"""Levels up to which a reader may take them for states."""


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    levels: Levels | None = None if spec.device is None else spec.device.conductance.levels
    if levels is not None and min(levels.potentiation, levels.depression) <= FEW:
        yield (
            "device.conductance.levels are the size of a pulse, not the states of a device: a "
            "weight moves by whole pulses from where it stands, so that it may have any value. For "
            "a device that can stand at so many conductances only: device.conductance.states."
        )


EFFECT = Effect(
    name="levels",
    label="the finite number of levels",
    key="device.conductance.levels",
    stage=Stage.WRITE,
    order=10,
    when=on_device(lambda device: device.conductance.levels is not None),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=12,
    hints=_hints,
)
