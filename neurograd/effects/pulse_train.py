"""Updates by trains of pulses on rows and columns that coincide at the devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.pulse_quantum import pulse_quantum
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import EMPTY, SpecModel, Whole, spec_problem

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class PulseTrain(SpecModel):
    """Rank-one updates by trains of pulses on rows and columns that coincide at the devices."""

    kind: Literal["stochastic", "deterministic"] = Field(
        "stochastic", description="Random or counted pulses. Default: stochastic."
    )
    length: Annotated[int, Whole(1, 1000)] = Field(
        31, description="Slots of a train, 1 to 1000. Default: 31."
    )


class PulseTrainKeys(SpecModel):
    """device.pulse_train."""

    pulse_train: Annotated[PulseTrain, EMPTY] | None = Field(
        None, description="Updates by trains of coinciding pulses. Default: null, pulses counted."
    )

    @model_validator(mode="after")
    def _check_pulse_train(self) -> PulseTrainKeys:
        device: Any = self
        counted = (device.pulsed, device.measured, device.conductance.levels)
        if self.pulse_train is not None and counted == (None, None, None):
            problem = (
                "needs pulses to count; allowed: with device.pulsed, device.measured or "
                "device.conductance.levels"
            )
            raise spec_problem(problem, "pulse_train")
        return self


def _build(parts: Assembly) -> None:
    from device_models import PulseTrains  # noqa: PLC0415  (needs torch)

    train: PulseTrain = parts.spec.device.pulse_train
    quantum = pulse_quantum(parts.spec.device)
    step_size = parts.spec.training.largest_step_size
    parts.rule = PulseTrains(quantum, step_size, train.length, train.kind)


def _remedy(spec: SpecSections) -> Remedy:
    return change("raise", ["device.pulse_train.length"])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    train: PulseTrain | None = None if spec.device is None else spec.device.pulse_train
    if train is not None:
        key, label = "device.pulse_train.length", "length of a pulse train"
        settings = one_key(key, whole=True)
        yield Knob(key, label, train.length, -1, 1, 1000, settings, whole=True, either=True)


EFFECT = Effect(
    name="pulse_train",
    label="updates by pulse trains",
    key="device.pulse_train",
    stage=Stage.TRAIN,
    keys=(Keys("device", PulseTrainKeys, 50),),
    when=on_device(lambda device: device.pulse_train is not None),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=24,
    on_layers=True,
)
