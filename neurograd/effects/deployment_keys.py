"""What comes after training: a network is programmed once, and used for a long time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.effects.effect import Contribution, Stage
from neurograd.effects.knob import CENTURY, Knob, fraction
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import Fraction, Seconds, Shorthand, SpecModel, spec_problem

_SIZED = ("normal", "proportional")
"""Models of an error that the spec gives the size of."""


class ProgramError(SpecModel):
    """What programming misses its target by, a normal error of every weight or device."""

    model: Literal[
        "normal",
        "proportional",
        "pcm_nandakumar_2019",
        "reram_wan_2022",
        "reram_wan_2022_1d",
        "reram_wan_2022_2d",
    ] = Field(
        "normal",
        description="normal: every weight by the same standard deviation; proportional: every "
        "device by a part of its conductance; or a published error of each device as a function "
        "of its conductance: phase-change memory (Nandakumar et al. 2019), ReRAM after 1 s, 1 day "
        "and 2 days (Wan et al. 2022). Default: normal.",
    )
    error: Annotated[float, Fraction()] | None = Field(
        None,
        description="Standard deviation: for normal over the range of the weights, from the "
        "smallest to the largest one (beside a reference that is the device's window; each device "
        "of a pair errs √2 of it); for proportional over the device's own conductance. "
        "Default: null, as published.",
    )

    @model_validator(mode="after")
    def _check_size(self) -> ProgramError:
        if self.model in _SIZED and self.error is None:
            raise spec_problem(f"is missing; required with model {self.model}", "error")
        if self.model not in _SIZED and self.error is not None:
            problem = f"is not for model {self.model}, whose error is published; remove the key"
            raise spec_problem(problem, "error")
        return self


def _long_form(value: Any) -> Any:
    """A size alone is that of a normal error."""
    if value is None or isinstance(value, Mapping | ProgramError):
        return value
    return {"error": value}


_SIZE = Shorthand(
    _long_form,
    (("anyOf", [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}]),),
    "a percentage, such as '2 %', or a mapping",
)


class Deployment(SpecModel):
    """The network that a chip holds after training is programmed once, then read much later.

    The weights that are programmed are those that the chip was trained to hold, or, with
    training.steps 0, the start weights.
    """

    program_error: Annotated[ProgramError | None, _SIZE] = Field(
        None, description="What programming misses its target by. Default: null, nothing."
    )
    times: tuple[Annotated[float, Seconds()], ...] = Field(
        (3600.0, 86400.0, 31557600.0),
        min_length=1,
        max_length=20,
        description="Times after programming at which the network is judged: 0, or at least "
        "device.drift.t0 where the devices drift; 1 to 20 of them. Default: [1 h, 1 d, 1 y].",
    )
    read_noise: Literal["none", "pcm_nandakumar_2019"] = Field(
        "none",
        description="pcm_nandakumar_2019: every device is read with the 1/f noise of phase-change "
        "memory, which grows with the time since programming (at first that of device.drift.t0, or "
        "of 20 s). Default: none beside device.read.noise.",
    )
    compensation: Literal["none", "global"] = Field(
        "none",
        description="global: the output of each layer is multiplied by one factor, the mean "
        "magnitude of its weights as read after programming over that as read at the time. "
        "Default: none.",
    )

    @model_validator(mode="after")
    def _check_times(self) -> Deployment:
        if len(set(self.times)) < len(self.times):
            raise spec_problem("names a time twice; allowed: each once", "times")
        return self


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    deployment: Deployment | None = spec.deployment
    if deployment is None:
        return
    error = deployment.program_error
    if error is None or error.error is not None:
        size = 0.0 if error is None or error.error is None else error.error
        yield fraction("deployment.program_error.error", "programming error", size)
    if spec.device is None or spec.device.drift is None:
        return  # nothing ages: all times are alike

    last, first = max(deployment.times), spec.device.drift.t0

    def times(value: float) -> dict[str, Any]:
        return {"deployment.times": [*(t for t in deployment.times if t < min(value, last)), value]}

    label = "last time after programming"
    yield Knob("deployment.times", label, last, 1, first, CENTURY, times, "s", first=first)


SHARED = Contribution(
    name="deployment_keys", stage=Stage.AFTER, order=90, knobs=_knobs, knob_rank=27
)
