"""Worn devices: those that have seen more write cycles than they live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import EMPTY, Number, SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class Endurance(SpecModel):
    """Devices that have worn out after so many write cycles."""

    cycles: Annotated[float, Number(0, above=True)] = Field(
        1e6, description="Median lifetime in write cycles, above 0. Default: 1e6."
    )
    spread: Annotated[float, Number(0, above=True)] = Field(
        0.5, description="Standard deviation of the logarithm of the lifetime. Default: 0.5."
    )
    age: Annotated[float, Number(0)] = Field(
        0.0,
        description="Write cycles that every device has seen when the training begins. Default: 0.",
    )
    fails: Literal["low", "high", "held"] = Field(
        "high",
        description="Where a worn device stands: at the smallest or largest conductance, or where "
        "it was programmed. Default: high.",
    )


class EnduranceKeys(SpecModel):
    """device.endurance."""

    endurance: Annotated[Endurance, EMPTY] | None = Field(
        None, description="Worn devices. Default: null, none."
    )


def _build(parts: Assembly) -> None:
    import torch  # noqa: PLC0415

    from device_models import WornDevices, draw_worn  # noqa: PLC0415  (needs torch)

    endurance: Endurance = parts.spec.device.endurance
    synapse = parts.synapse
    assert synapse is not None
    generator, size = parts.generator("endurance"), parts.problem.num_parameters
    worn = draw_worn(size, endurance.cycles, endurance.spread, endurance.age, generator)
    low, high = (end.expand(size) for end in synapse.bounds)
    if endurance.fails == "held":
        held = synapse.write.program(parts.problem.initial_weights)
    elif parts.spec.device.conductance.mapping == "reference":
        held = high if endurance.fails == "high" else low
    else:
        # One of the two devices, each as likely, is at its largest conductance.
        first = torch.rand(size, generator=generator, device=worn.device) < 0.5
        held = torch.where(first, high, low)
        held = held if endurance.fails == "high" else torch.zeros_like(held)
    synapse.write = WornDevices(synapse.write, worn, held)


def _remedy(spec: SpecSections) -> Remedy:
    return change("lower", ["device.endurance.age"])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    endurance: Endurance | None = None if spec.device is None else spec.device.endurance
    if endurance is None:
        return
    cycles, age = "device.endurance.cycles", "device.endurance.age"
    first, top = endurance.cycles / 30.0, 1e4 * endurance.cycles
    yield Knob(
        age, "age (write cycles)", endurance.age, 1, 0.0, top, one_key(age), first=first
    )  # fmt: skip
    if endurance.age > 0:
        low = min(1e-4 * endurance.age, endurance.cycles)
        label = "endurance (write cycles)"
        yield Knob(cycles, label, endurance.cycles, -1, low, 1e18, one_key(cycles))


EFFECT = Effect(
    name="endurance",
    label="worn devices",
    key="device.endurance",
    stage=Stage.AFTER,
    order=30,
    keys=(Keys("device", EnduranceKeys, 120),),
    when=on_device(lambda device: device.endurance is not None),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=27,
)
