"""Leaking synapses: weights decay between updates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, fraction, one_key
from neurograd.effects.sections import SpecSections
from neurograd.effects.temperature import REFERENCE, temperature_of
from neurograd.errors import NumbersError
from neurograd.keys.fields import EMPTY, Fraction, Number, SpecModel

if TYPE_CHECKING:
    from torch import Tensor

    from neurograd.effects.assembly import Assembly

BOLTZMANN_EV = 8.617333262e-5
"""Boltzmann's constant in electronvolts over kelvin (CODATA 2018)."""


class Leakage(SpecModel):
    """A volatile synapse: its weight decays between updates."""

    lifetime: Annotated[float, Number(1)] = Field(
        1e6,
        description="Updates in which a weight falls to about 1/e, at least 1: each takes "
        "1/lifetime of it (all of it with 1). Default: 1e6.",
    )
    spread: Annotated[float, Fraction()] = Field(
        0.0, description="Relative standard deviation over devices, each of a pair. Default: 0 %."
    )
    activation_energy: Annotated[float, Number(0, 10, above=True)] | None = Field(
        None,
        description="Activation energy of the leak in electronvolts: the lifetime is then that at "
        "300 K, and follows Arrhenius' law to device.temperature. Default: null, the lifetime as "
        "it is.",
    )


class LeakageKeys(SpecModel):
    """device.leakage."""

    leakage: Annotated[Leakage, EMPTY] | None = Field(
        None, description="Decay of volatile synapses. Default: null, none."
    )


LONGEST = 1e18
"""Lifetime in updates beyond which nothing leaks: one update then leaves every number as it is."""


def lifetime_at(leakage: Leakage, temperature: float) -> float:
    """Updates in which a weight falls to about 1/e at a temperature in kelvin.

    ``τ(T) = τ(300 K)·exp(E/k·(1/T − 1/300 K))``, Arrhenius' law, by which retention is extrapolated
    from bakes (resistive memory: Ielmini, Semicond. Sci. Technol. 31, 063002, 2016).
    """
    if leakage.activation_energy is None:
        return leakage.lifetime
    slope = leakage.activation_energy / BOLTZMANN_EV
    exponent = slope * (1.0 / temperature - 1.0 / REFERENCE)
    return min(leakage.lifetime * math.exp(min(exponent, 100.0)), LONGEST)


def _build(parts: Assembly) -> None:
    from device_models import Leakage as OneLeakage  # noqa: PLC0415  (needs torch)
    from device_models import PairLeakage, draw_lifetimes  # noqa: PLC0415

    leakage: Leakage = parts.spec.device.leakage
    generator, dtype = parts.generator("leakage"), parts.problem.dtype
    temperature = temperature_of(parts.spec.device)
    lifetime = lifetime_at(leakage, temperature)
    if lifetime < 1:
        raise NumbersError(
            f"device.temperature: at {temperature:g} K a weight of this activation energy lives "
            f"{lifetime:.3g} updates; allowed: 1 or more"
        )

    still = _stands_still(parts)

    def draw() -> Tensor:
        size = parts.problem.num_parameters
        drawn = draw_lifetimes(size, lifetime, leakage.spread, generator, dtype)
        return drawn.masked_fill(still, math.inf)

    first = draw()
    pair = parts.spec.device.conductance.mapping == "differential_pair"
    if pair:
        parts.later_writes.append(PairLeakage(first, draw(), _rest(parts)))
    else:
        parts.later_writes.append(OneLeakage(first))


def _stands_still(parts: Assembly) -> Tensor:
    """Which synapses hold one weight only, stuck, worn or corrupt; nothing of it leaks."""
    synapse = parts.synapse
    assert synapse is not None
    low, high = synapse.bounds
    return low == high


def _rest(parts: Assembly) -> Tensor | float:
    """What pairs leak to: 0, but for those of which a device is stuck, which keeps its charge."""
    synapse = parts.synapse
    assert synapse is not None
    low, high = synapse.bounds
    rest = synapse.rest
    if rest is None:
        rest = low.clamp_min(0.0) + high.clamp_max(0.0)
    return rest if bool(rest.any()) else 0.0


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
    # Behind all that holds devices where they are.
    order=40,
    keys=(Keys("device", LeakageKeys, 100),),
    when=on_device(lambda device: device.leakage is not None),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=26,
)
