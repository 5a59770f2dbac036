"""The conductance range of one synaptic device, and what it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.effects.effect import Contribution, Keys, Stage
from neurograd.effects.levels import LevelKeys
from neurograd.effects.sections import SpecSections
from neurograd.effects.slips import odd_window
from neurograd.effects.states import StateKeys
from neurograd.keys.fields import EMPTY, LARGEST, Number, Siemens, SpecModel, spec_problem


class Window(SpecModel):
    """Both ends of the conductance range."""

    min: Annotated[float, Siemens()] | None = Field(
        None,
        description="Smallest conductance: '3.8 uS', or as a resistance '263 kΩ'; "
        "a bare number is in siemens. Wires carry it and it drifts. Default: that of measured in "
        "siemens, else none, taken as 0.",
    )
    max: Annotated[float, Siemens()] | None = Field(
        None,
        description="Largest conductance: '59 uS', or as a resistance '16.9 kΩ'. Only min/max "
        "counts for wires, drift and programming errors of devices, the size for thermal noise "
        "(read.bandwidth). Default: that of measured in siemens, else none.",
    )

    @model_validator(mode="after")
    def _check_window(self) -> Window:
        if (self.min is None) != (self.max is None):
            missing, given = ("min", "max") if self.min is None else ("max", "min")
            raise spec_problem(f"is missing; {given} is given, so give both or neither", missing)
        if self.min is not None and self.max is not None and self.min >= self.max:
            problem = (
                f"{self.min:g} S is not below max, {self.max:g} S; allowed: min below max "
                "(the larger resistance is the smaller conductance)"
            )
            raise spec_problem(problem, "min")
        return self


class Conductance(StateKeys, LevelKeys, Window):
    """The conductance range of one synaptic device, and what it stands for."""

    mapping: Literal["differential_pair", "reference"] = Field(
        "differential_pair",
        description="How a signed weight becomes conductances: two devices a weight, or one device "
        "against a fixed reference, a resistor on a line of its own that does not drift. "
        "Default: differential_pair.",
    )
    weight_range: Annotated[float, Number(0, LARGEST, above=True)] = Field(
        1.0,
        description="Largest |weight| that the conductance range stands for, above 0, 1e15 at "
        "most. Default: 1.",
    )


class ConductanceKeys(SpecModel):
    """device.conductance."""

    conductance: Annotated[Conductance, EMPTY] = Field(
        default_factory=Conductance, description="Conductance range and levels."
    )


def conductance_of(device: Any) -> Conductance:
    """The conductance range of a spec's device."""
    window: Conductance = device.conductance
    return window


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    if spec.device is not None:
        window = conductance_of(spec.device)
        yield from odd_window(window.min, window.max)


_WHERE = (
    "by min/max (0 without a window) on wires (device.ir_drop), drift (device.drift) "
    "and programming errors (deployment.program_error), and by max on thermal noise "
    "(device.read.bandwidth)"
)

SHARED = Contribution(
    name="conductance_window",
    stage=Stage.WRITE,
    keys=(Keys("device", ConductanceKeys, 10),),
    hints=_hints,
    acts={f"device.conductance.{end}": _WHERE for end in ("min", "max")},
)
