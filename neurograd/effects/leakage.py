"""Leaking synapses: weights decay between updates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from neurograd.effects.effect import Effect, Keys, Remedy, SpecSections, Stage, change, on_device
from neurograd.effects.knob import Knob, fraction, one_key
from neurograd.keys.fields import EMPTY, Fraction, Number, SpecModel

if TYPE_CHECKING:
    from torch import Tensor

    from neurograd.effects.assembly import Assembly


class Leakage(SpecModel):
    """A volatile synapse: its weight decays between updates."""

    lifetime: Annotated[float, Number(1)] = Field(
        1e6, description="Updates in which a weight falls to 1/e, at least 1. Default: 1e6."
    )
    spread: Annotated[float, Fraction()] = Field(
        0.0, description="Relative standard deviation over devices, each of a pair. Default: 0 %."
    )


class LeakageKeys(SpecModel):
    """device.leakage."""

    leakage: Annotated[Leakage, EMPTY] | None = Field(
        None, description="Decay of volatile synapses. Default: null, none."
    )


def _build(parts: Assembly) -> None:
    from device_models import Leakage as OneLeakage  # noqa: PLC0415  (needs torch)
    from device_models import PairLeakage, draw_lifetimes  # noqa: PLC0415

    leakage: Leakage = parts.spec.device.leakage
    generator, dtype = parts.generator("leakage"), parts.problem.dtype

    def draw() -> Tensor:
        size = parts.problem.num_parameters
        return draw_lifetimes(size, leakage.lifetime, leakage.spread, generator, dtype)

    first = draw()
    pair = parts.spec.device.conductance.mapping == "differential_pair"
    parts.later_writes.append(PairLeakage(first, draw()) if pair else OneLeakage(first))


def _remedy(spec: SpecSections) -> Remedy:
    return change("raise", ["device.leakage.lifetime"])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    leakage: Leakage | None = None if spec.device is None else spec.device.leakage
    if leakage is None:
        return
    key, label = "device.leakage.lifetime", "lifetime of a weight (updates)"
    yield Knob(key, label, leakage.lifetime, -1, 1, 1e9, one_key(key))
    yield fraction("device.leakage.spread", "spread of lifetimes", leakage.spread)


EFFECT = Effect(
    name="leakage",
    label="leaking synapses",
    key="device.leakage",
    stage=Stage.AFTER,
    order=10,
    keys=(Keys("device", LeakageKeys, 100),),
    when=on_device(lambda device: device.leakage is not None),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=26,
)
