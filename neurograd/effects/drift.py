"""Conductance drift between programming and reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change
from neurograd.effects.knob import CENTURY, Knob, one_key
from neurograd.effects.sections import SpecSections
from neurograd.effects.weight_cells import weight_cells
from neurograd.keys.fields import Number, Seconds, SpecModel, refuse, spec_problem

if TYPE_CHECKING:
    from torch import Tensor

    from device_models import ConductanceDrift
    from neurograd.effects.assembly import Assembly


class Drift(SpecModel):
    """Conductance drift between programming and reading: g(t) = g·(t/t0)^(-nu).

    Every device drifts from its conductance in the window, both devices of a pair (from
    conductance.min, 0 where no window is known, upwards); a reference does not.
    """

    time: Annotated[float, Seconds()] | None = Field(
        None,
        description="Age of the conductances at every read of the training: '1 h', or seconds; at "
        "least t0. Where there is a deployment, whose times are counted from its programming, "
        "nothing ages in training. Default: null, for a deployment only.",
    )
    t0: Annotated[float, Seconds()] = Field(
        20.0, description="Time at which the programmed value is read. Default: 20 s."
    )
    exponent: Annotated[float, Number(0, 1)] | None = Field(
        None,
        description="Drift exponent nu of every device, 0 to 1; with exponent_spread the mean of "
        "a normal number whose magnitude is nu, so that no conductance rises: the mean of nu is "
        "then larger (0.09 for 0.05 and a spread of 0.1). Default: null, the state-dependent "
        "exponent of phase-change memory (Nandakumar et al. 2019).",
    )
    exponent_spread: Annotated[float, Number(0, 1)] | None = Field(
        None,
        description="Standard deviation over devices of the normal number whose magnitude is nu, "
        "with exponent only. Default: 0.",
    )

    @model_validator(mode="after")
    def _check_times(self) -> Drift:
        if not self.t0 > 0:
            raise spec_problem("0 s is out of range; allowed: above 0 s", "t0")
        if self.time is not None and 0 < self.time < self.t0:
            problem = f"{self.time:g} s is before t0, {self.t0:g} s; allowed: t0 or later"
            raise spec_problem(problem, "time")
        if self.exponent is None:
            refuse(self, ("exponent_spread",), "is for a given exponent only")
        return self


class DriftKeys(SpecModel):
    """device.drift."""

    drift: Drift | None = Field(
        None,
        description="Conductance drift of every device; a reference does not drift. "
        "Default: null, none.",
    )


def acts_in_training(spec: SpecSections) -> bool:
    """Whether reads during training find conductances that have drifted."""
    drift: Drift | None = None if spec.device is None else spec.device.drift
    return drift is not None and moves(drift) and _age_in_training(spec, drift) > drift.t0


def _age_in_training(spec: SpecSections, drift: Drift) -> float:
    """Age of the conductances at every read of the training in seconds; 0 where none is asked."""
    return drift.time or 0.0 if spec.deployment is None else 0.0


def moves(drift: Drift) -> bool:
    """Whether devices have an exponent other than 0."""
    return drift.exponent is None or drift.exponent > 0 or bool(drift.exponent_spread)


def draw_drift(parts: Assembly, time: float) -> ConductanceDrift:
    """The drift of a chip's devices until a time after they were programmed, t0 or later.

    Args:
        parts: The chip, whose spec has a drift.
        time: In seconds.
    """
    import torch  # noqa: PLC0415

    from device_models import ConductanceDrift, draw_deviates  # noqa: PLC0415  (needs torch)

    drift: Drift = parts.spec.device.drift
    exponent = None
    if drift.exponent is not None:
        exponent = (drift.exponent, drift.exponent_spread or 0.0)
    cells, generator = weight_cells(parts), parts.generator("drift")

    def draw() -> Tensor:
        return draw_deviates(parts.problem.num_parameters, generator, parts.problem.dtype)

    deviates = draw()
    if cells.reference is None:
        deviates = torch.stack((deviates, draw()))
    return ConductanceDrift(time / drift.t0, deviates, cells, exponent)


def _build(parts: Assembly) -> None:
    parts.reads.append(draw_drift(parts, parts.spec.device.drift.time))


def _remedy(spec: SpecSections) -> Remedy:
    return change("shorten", ["device.drift.time"])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    drift: Drift | None = None if spec.device is None else spec.device.drift
    times = () if spec.deployment is None else spec.deployment.times
    ages = spec.device is not None and any(times)
    age = 0.0 if drift is None else _age_in_training(spec, drift)
    if drift is not None and age and moves(drift):
        key = "device.drift.time"
        yield Knob(key, "drift time", age, 1, drift.t0, CENTURY, one_key(key), "s")
    if not age and not ages:
        return
    if drift is None:
        # Devices that keep what they hold: how much drift a deployment would bear.
        drift = Drift(exponent=0.0)
    if drift.exponent is None:
        return
    for key, label, now in (
        ("device.drift.exponent", "drift exponent", drift.exponent),
        (
            "device.drift.exponent_spread",
            "spread of drift exponents",
            drift.exponent_spread or 0.0,
        ),
    ):
        yield Knob(key, label, now, 1, 0.0, 1.0, one_key(key), first=0.005)


EFFECT = Effect(
    name="drift",
    label="conductance drift",
    key="device.drift",
    stage=Stage.READ,
    order=10,
    keys=(Keys("device", DriftKeys, 90),),
    when=lambda spec, samples: acts_in_training(spec),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=25,
)
