"""One-sided pair: two devices a weight that are only ever potentiated, with refresh.

Phase-change memory can be raised gradually but only reset at once, so that a weight is the
difference of two devices, ``w = weight_range·(g⁺ − g⁻)``, and decreases by potentiating the second
(Nandakumar et al., Front. Neurosci. 2020). Refresh, which rewrites both devices with the same
difference and one of them at 0, is taken as done after every write, so that the weight alone tells
the state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from device_models.moments import clipped_normal
from device_models.protocols import ElementMoments
from device_models.write.fused_pulses import write_fused
from device_models.write.many_pulses import MOST_SINGLE_PULSES
from device_models.write.pulsed_step import DeviceValues, Step
from device_models.write.pulsed_write import pulse_train, pulses_beyond, train_ends
from device_models.write.rounding import Rounding
from device_models.write.whole_pulses import NominalStepWrite, changes, pulsed_by_chance


@dataclass(frozen=True)
class OneSidedPair(NominalStepWrite):
    """Write path of a pair of devices that pulses only raise.

    An increment up pulses the first device from where it stands for w ≥ 0, from 0 for w < 0; an
    increment down pulses the second likewise.

    Attributes:
        step: Mean and spread of one pulse's step; only its upward part is used.
        positive: Devices that hold the positive weights.
        negative: Devices that hold the negative weights.
        dw_min: Nominal step of one pulse, in units of the weight range; or both directions' own.
        weight_range: Weight that a state of 1 stands for.
        rounding: How a requested increment becomes a whole number of pulses; ``none`` divides them.
        max_pulses: Most pulses of one update, or of one up and of one down; None for any number.

    Raises:
        ValueError: If an argument is out of range.
    """

    one_sided: ClassVar[bool] = True

    step: Step
    positive: DeviceValues
    negative: DeviceValues
    dw_min: float | tuple[float, float]
    weight_range: float = 1.0
    rounding: Rounding = "stochastic"
    max_pulses: int | tuple[int, int] | None = None

    @property
    def lines(self) -> tuple[DeviceValues, DeviceValues]:
        """Devices that hold positive and negative weights."""
        return self.positive, self.negative

    def weight_bounds(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest weight that each pair can hold."""
        return -self.weight_range * self.negative.high, self.weight_range * self.positive.high

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Realized increment in weight units, shape ``(N,)``."""
        key = self.key_of(generator)
        fused = write_fused(self, w, increment, key)
        if fused is None:
            return self.plain_write(w, increment, key)
        realized, beyond = fused
        if beyond:
            self._raise(realized, w, increment, key, MOST_SINGLE_PULSES)
        return realized

    def plain_write(self, w: Tensor, increment: Tensor, key: Tensor) -> Tensor:
        """The write of a key by tensor operations, on any kind of device, shape ``(N,)``."""
        realized = torch.zeros_like(w)
        self._raise(realized, w, increment, key)
        return realized

    def _raise(
        self, realized: Tensor, w: Tensor, increment: Tensor, key: Tensor, done: int = 0
    ) -> None:
        """Puts in what the pulses realize of which the first were applied."""
        every, pulses, numbers = self._pulses(w, increment, key, done)
        for sign, devices in ((1.0, self.positive), (-1.0, self.negative)):
            own = torch.nonzero(sign * increment[every] > 0).squeeze(1)
            where, unit = every[own], sign * self.weight_range
            some = devices.pick(where)
            start = self._start(w[where], sign, some)
            up = torch.ones_like(start, dtype=torch.bool)
            train = pulses_beyond if done else pulse_train
            state = some.clip(start + realized[where] / unit)
            end = train(self.step, some, state, up, pulses[own], numbers.pick(own))
            realized[where] = unit * (end - start)

    def _one_pulse(
        self, w: Tensor, increment: Tensor, chance: Tensor, part: Tensor
    ) -> ElementMoments:
        up = torch.ones_like(w, dtype=torch.bool)
        asked: list[ElementMoments] = []
        for sign, devices in ((1.0, self.positive), (-1.0, self.negative)):
            start = self._start(w, sign, devices)
            size, std = self.step.moments(start, up, devices)
            end = start + part * size
            moved = clipped_normal(end, part.sqrt() * std, devices.low, devices.high)
            asked.append(pulsed_by_chance(start, moved, chance, sign * self.weight_range))
        return _by_sign(increment, *asked)

    def _after_pulses(
        self, w: Tensor, increment: Tensor, pulses: Tensor, part: Tensor
    ) -> tuple[ElementMoments, ElementMoments]:
        up = torch.ones_like(w, dtype=torch.bool)
        asked: list[tuple[ElementMoments, ElementMoments]] = []
        for sign, devices in ((1.0, self.positive), (-1.0, self.negative)):
            start = self._start(w, sign, devices)
            own = torch.where(sign * increment > 0, pulses, torch.zeros_like(pulses))
            ends = train_ends(self.step, devices, start, up, own, part)
            asked.append(changes(start, ends, sign * self.weight_range))
        (rise, more_rise), (fall, more_fall) = asked
        return _by_sign(increment, rise, fall), _by_sign(increment, more_rise, more_fall)

    def _start(self, w: Tensor, sign: float, devices: DeviceValues) -> Tensor:
        """State of the device of one sign: the weight's size, or its lower bound 0."""
        state = torch.maximum(sign * w / self.weight_range, devices.low)
        return torch.minimum(state, devices.high)


def _by_sign(increment: Tensor, rise: ElementMoments, fall: ElementMoments) -> ElementMoments:
    """The first where an increment is above 0, the second where it is below, else nothing."""
    still = torch.zeros_like(increment)
    mean, variance = (
        torch.where(increment > 0, up, torch.where(increment < 0, down, still))
        for up, down in ((rise.mean, fall.mean), (rise.variance, fall.variance))
    )
    return ElementMoments(mean, variance)
