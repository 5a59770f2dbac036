"""Conductance states: devices that can stand at a few conductances only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from neurograd.effects.cycle_to_cycle import spreads_of
from neurograd.effects.effect import Effect, Keys, Remedy, Stage, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.sections import SpecSections
from neurograd.effects.whole_steps import stepped
from neurograd.keys.fields import SpecModel, Whole, spec_problem

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly

_KEY = "device.conductance.states"


class StateKeys(SpecModel):
    """device.conductance.states, a key of the conductance range."""

    states: Annotated[int, Whole(2, 1_000_000, also=", or null for any conductance")] | None = (
        Field(
            None,
            description="Conductances that a device can stand at, 2 to 1000000, even spaced over "
            "its window; every write lands on one (quantization.update_rounding). A weight has as "
            "many values, 2·states - 1 in a pair whose devices both work. Not beside levels. "
            "Default: null, any.",
        )
    )


class StateChecks(SpecModel):
    """What devices of a few states cannot have."""

    @model_validator(mode="after")
    def _check_states(self) -> StateChecks:
        device: Any = self
        if device.conductance.states is None:
            return self
        moved = "would move devices off their states (conductance.states); remove one of both"
        for key, is_there in (
            ("conductance.levels", device.conductance.levels is not None),
            ("pulsed", device.pulsed is not None),
            ("measured", device.measured is not None),
            ("write.cycle_to_cycle", any(spreads_of(device))),
            ("leakage", device.leakage is not None),
        ):
            if is_there:
                raise spec_problem(moved, key)
        return self


def _build(parts: Assembly) -> None:
    from device_models import ConductanceStates, MemristorWrite  # noqa: PLC0415  (needs torch)

    synapse = parts.synapse
    # Other devices have no states (StateChecks).
    assert synapse is not None
    assert isinstance(synapse.write, MemristorWrite)
    bounds, zero = synapse.bounds, synapse.write.crossbar.state_zero()
    count = parts.spec.device.conductance.states
    synapse.write = ConductanceStates(synapse.write, *bounds, zero, count, parts.rounding)


def _remedy(spec: SpecSections) -> Remedy:
    return stepped(_KEY, spec)


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    states: int | None = None if spec.device is None else spec.device.conductance.states
    if states is not None:
        settings = one_key(_KEY, whole=True)
        yield Knob(_KEY, "conductance states", states, -1, 2, 1_000_000, settings, whole=True)


EFFECT = Effect(
    name="states",
    label="the finite number of conductance states",
    key=_KEY,
    stage=Stage.WRITE,
    order=50,
    keys=(Keys("device", StateChecks, 200),),
    when=on_device(lambda device: device.conductance.states is not None),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=12,
)
