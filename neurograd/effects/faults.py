"""Stuck devices: those that no pulse moves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, fraction
from neurograd.effects.sections import SpecSections
from neurograd.effects.stuck_pairs import one_sided_pair, stick
from neurograd.keys.fields import EMPTY, Fraction, SpecModel, spec_problem

if TYPE_CHECKING:
    from torch import Tensor

    from device_models.write.pulsed_step import DeviceValues
    from neurograd.effects.assembly import Assembly


class Faults(SpecModel):
    """Devices that no pulse moves."""

    stuck_low: Annotated[float, Fraction()] = Field(
        0.0, description="Fraction of devices stuck at the smallest conductance. Default: 0 %."
    )
    stuck_high: Annotated[float, Fraction()] = Field(
        0.0, description="Fraction of devices stuck at the largest conductance. Default: 0 %."
    )

    @model_validator(mode="after")
    def _check_sum(self) -> Faults:
        total = self.stuck_low + self.stuck_high
        if total > 1:
            problem = f"with stuck_low is {total:.4g} in all; allowed: at most 100 % together"
            raise spec_problem(problem, "stuck_high")
        return self


class FaultKeys(SpecModel):
    """device.faults."""

    faults: Annotated[Faults, EMPTY] = Field(
        default_factory=Faults, description="Devices that no pulse moves."
    )


def _has_faults(device: Any) -> bool:
    faults: Faults = device.faults
    return faults.stuck_low > 0 or faults.stuck_high > 0


def _build(parts: Assembly) -> None:
    """Stuck synapses of devices whose window was not drawn with them."""
    import torch  # noqa: PLC0415

    synapse = parts.synapse
    assert synapse is not None
    if synapse.has_faults:
        return
    pair = one_sided_pair(synapse)
    if pair is not None:
        first, second = pair.lines
        stick(synapse, (_held(parts, "stuck", first), _held(parts, "stuck second device", second)))
        return
    low, high = _drawn(parts, "stuck")
    size = parts.problem.num_parameters
    ends = [end.expand(size) for end in synapse.bounds]
    synapse.hold(low | high, torch.where(high, ends[1], ends[0]))


def _drawn(parts: Assembly, purpose: str) -> tuple[Tensor, Tensor]:
    """Which devices are stuck at their smallest and at their largest conductance."""
    from device_models.write.stuck_at import draw_stuck  # noqa: PLC0415  (needs torch)

    faults: Faults = parts.spec.device.faults
    size, generator = parts.problem.num_parameters, parts.generator(purpose)
    return draw_stuck(size, faults.stuck_low, faults.stuck_high, generator)


def _held(parts: Assembly, purpose: str, devices: DeviceValues) -> Tensor:
    """State that each device of a pair is stuck at, NaN for those that work, shape ``(N,)``."""
    low, high = _drawn(parts, purpose)
    held = devices.high.new_full(low.shape, math.nan).masked_fill(low, 0.0)
    return held.where(~high, devices.high)


def _remedy(spec: SpecSections) -> Remedy:
    faults: Faults = spec.device.faults
    return change("lower", [f"device.faults.{kind}" for kind, part in faults if part])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if spec.device is None:
        return
    low, high = spec.device.faults.stuck_low, spec.device.faults.stuck_high
    yield fraction("device.faults.stuck_low", "devices stuck low", low, 1.0 - high)
    yield fraction("device.faults.stuck_high", "devices stuck high", high, 1.0 - low)


EFFECT = Effect(
    name="faults",
    label="stuck devices",
    key="device.faults",
    stage=Stage.AFTER,
    order=20,
    keys=(Keys("device", FaultKeys, 110),),
    when=on_device(_has_faults),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=21,
)
