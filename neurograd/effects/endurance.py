"""Worn devices: those that have seen more write cycles than they live."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.sections import SpecSections
from neurograd.effects.stuck_pairs import one_sided_pair, stick
from neurograd.keys.fields import EMPTY, Number, SpecModel

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from device_models import Crossbar
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


def are_worn(device: Any) -> bool:
    """Whether devices have seen any write cycle."""
    return device.endurance is not None and device.endurance.age > 0


def worn_cells(parts: Assembly, cells: Crossbar) -> Crossbar:
    """The devices of a crossbar, of which some have worn out, each for itself."""
    import torch  # noqa: PLC0415

    endurance: Endurance = parts.spec.device.endurance
    generator = parts.generator("endurance")
    standing = cells.fractions(cells.program(parts.problem.initial_weights))
    held = []
    for population, here in zip(cells.populations, standing, strict=True):
        ends = {"low": torch.zeros_like(here), "high": population.scale, "held": here}
        held.append(_where_worn(parts, generator, ends[endurance.fails]))
    return cells.with_stuck(held)


def _where_worn(parts: Assembly, generator: torch.Generator, end: Tensor) -> Tensor:
    """Where worn devices stand, NaN for those that work, shape ``(N,)``."""
    from device_models import draw_worn  # noqa: PLC0415  (needs torch)

    endurance: Endurance = parts.spec.device.endurance
    size = parts.problem.num_parameters
    worn = draw_worn(size, endurance.cycles, endurance.spread, endurance.age, generator)
    return end.new_full((size,), math.nan).where(~worn, end)


def _build(parts: Assembly) -> None:
    """Worn synapses of devices that were not drawn with them."""
    endurance: Endurance = parts.spec.device.endurance
    synapse, generator = parts.synapse, parts.generator("endurance")
    assert synapse is not None
    if synapse.has_faults:
        return
    held = synapse.write.program(parts.problem.initial_weights)
    pair = one_sided_pair(synapse)
    if pair is None:
        low, high = synapse.bounds
        end = {"low": low, "high": high, "held": held}[endurance.fails]
        at = _where_worn(parts, generator, end)
        synapse.hold(~at.isnan(), at.nan_to_num(0.0))
        return
    states = []
    for sign, devices in zip((1.0, -1.0), pair.lines, strict=True):
        here = (sign * held / pair.weight_range).clamp_min(0.0)
        ends = {"low": here.new_zeros(()), "high": devices.high, "held": here}
        states.append(_where_worn(parts, generator, ends[endurance.fails]))
    stick(synapse, (states[0], states[1]))


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
    when=on_device(are_worn),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=27,
)
