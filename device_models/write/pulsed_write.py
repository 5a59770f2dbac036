"""Pulsed write: one pulse after the other, each with its own noise and bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from device_models.kernels.counter_numbers import DeviceNumbers
from device_models.moments import clipped_normal
from device_models.protocols import ElementMoments
from device_models.write.fused_pulses import ends_fused, further_fused, write_fused
from device_models.write.many_pulses import (
    FREE_REACH,
    MOST_SINGLE_PULSES,
    Kick,
    decayed,
    take_together,
)
from device_models.write.pulsed_step import DeviceValues, Step, has_linear_noise
from device_models.write.rounding import Rounding
from device_models.write.train_moments import after_train
from device_models.write.whole_pulses import NominalStepWrite, changes, pulsed_by_chance


@dataclass(frozen=True)
class PulsedWrite(NominalStepWrite):
    """Write path of devices that are known by the step of one pulse.

    A requested increment becomes ``|increment|/(weight_range·dw_min)`` pulses, a whole number by
    rounding: the controller knows the nominal step only, or that of either direction. Every pulse
    moves the device by its step at the state where it then stands, with fresh noise, and ends at
    the device's own bounds. A weight is ``weight_range·(h − reference)``. Trains that are one
    normal number are drawn as one (``free_train``).

    Attributes:
        step: Mean and spread of one pulse's step.
        devices: The chip's devices.
        dw_min: Nominal step of one pulse, in units of the weight range; or both directions' own.
        weight_range: Weight that a state of 1 stands for.
        rounding: How a requested increment becomes a whole number of pulses; ``none`` divides them.
        max_pulses: Most pulses of one update, or of one up and of one down; None for any number.

    Raises:
        ValueError: If an argument is out of range.
    """

    takes_stacks: ClassVar[Literal[True]] = True

    step: Step
    devices: DeviceValues
    dw_min: float | tuple[float, float]
    weight_range: float = 1.0
    rounding: Rounding = "stochastic"
    max_pulses: int | tuple[int, int] | None = None

    @property
    def lines(self) -> tuple[DeviceValues, DeviceValues]:
        """Devices of pulses up and of pulses down: the same ones."""
        return self.devices, self.devices

    def weight_bounds(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest weight that each device can hold."""
        devices = self.devices
        return (
            self.weight_range * (devices.low - devices.reference),
            self.weight_range * (devices.high - devices.reference),
        )

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Realized increment in weight units, shape ``(N,)``."""
        key = self.key_of(generator)
        fused = write_fused(self, w, increment, key)
        if fused is None:
            return self.plain_write(w, increment, key)
        realized, beyond = fused
        if beyond:
            where, count, numbers = self._pulses(w, increment, key, MOST_SINGLE_PULSES)
            devices, up = self.devices.pick(where), increment[where] > 0
            start = self._state(w[where], devices)
            state = devices.clip(start + realized[where] / self.weight_range)
            end = pulses_beyond(self.step, devices, state, up, count, numbers)
            realized[where] = self.weight_range * (end - start)
        return realized

    def plain_write(self, w: Tensor, increment: Tensor, key: Tensor) -> Tensor:
        """The write of a key by tensor operations, on any kind of device, shape ``(N,)``."""
        where, count, numbers = self._pulses(w, increment, key)
        devices, up = self.devices.pick(where), increment[where] > 0
        start = self._state(w[where], devices)
        end = pulse_train(self.step, devices, start, up, count, numbers)
        return torch.zeros_like(w).index_copy_(0, where, self.weight_range * (end - start))

    def _one_pulse(
        self, w: Tensor, increment: Tensor, chance: Tensor, part: Tensor
    ) -> ElementMoments:
        state = self._state(w, self.devices)
        up = increment > 0
        mean, std = self.step.moments(state, up, self.devices)
        mean, std = part * mean, part.sqrt() * std
        moved = clipped_normal(
            state + torch.where(up, mean, -mean), std, self.devices.low, self.devices.high
        )
        return pulsed_by_chance(state, moved, chance, self.weight_range)

    def _after_pulses(
        self, w: Tensor, increment: Tensor, pulses: Tensor, part: Tensor
    ) -> tuple[ElementMoments, ElementMoments]:
        shape = increment.shape
        # Trains of a stack are followed together, by as many calls as the longest has pulses.
        devices = self.devices if len(shape) == 1 else self.devices.in_rows(shape[0])
        state, up = self._state(w, self.devices).flatten(), (increment > 0).flatten()
        ends = train_ends(self.step, devices, state, up, pulses.flatten(), part.flatten())
        below, above = changes(state, ends, self.weight_range)
        return below.shaped(shape), above.shaped(shape)

    def _state(self, w: Tensor, devices: DeviceValues) -> Tensor:
        return devices.clip(w / self.weight_range + devices.reference)


def signed_step(step: Step, devices: DeviceValues, up: Tensor) -> Kick:
    """What one pulse of a fixed direction does to the state of each device.

    Args:
        step: Mean and spread of one pulse's step.
        devices: Properties of the devices.
        up: Direction, True is up, shape ``(n,)``.
    """

    def kick(h: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = step.moments(h, up[which], devices.pick(which))
        return torch.where(up[which], mean, -mean), std

    return kick


def train_ends(
    step: Step, devices: DeviceValues, start: Tensor, up: Tensor, pulses: Tensor, part: Tensor
) -> tuple[ElementMoments, ElementMoments]:
    """Moments of the states behind trains of a fixed direction: see ``after_train``.

    Args:
        step: Mean and spread of one pulse's step.
        devices: Properties of the devices.
        start: States before, shape ``(n,)``.
        up: Direction, True is up, shape ``(n,)``.
        pulses: Whole number of pulses, 0 or more, shape ``(n,)``.
        part: Part of one more that is taken, shape ``(n,)``.
    """
    found = ends_fused(step, devices, start, up, pulses, part)
    if found is not None:
        return found
    low, high = (v.expand_as(start) for v in (devices.low, devices.high))
    return after_train(signed_step(step, devices, up), start, low, high, pulses, part)


def pulse_train(
    step: Step,
    devices: DeviceValues,
    state: Tensor,
    up: Tensor,
    pulses: Tensor,
    numbers: DeviceNumbers,
) -> Tensor:
    """States after a number of pulses each, applied one after the other.

    Of a request for more than ``MOST_SINGLE_PULSES``, those beyond are taken in blocks
    (``many_pulses``).

    Args:
        step: Mean and spread of one pulse's step.
        devices: Properties of these devices.
        state: States before, shape ``(n,)``.
        up: Direction, True is up, shape ``(n,)``.
        pulses: Number of pulses, 0 or more, shape ``(n,)``; of a number that is not whole the last
            pulse is a part f, with f times its mean and f times its variance.
        numbers: The noise of these devices.
    """
    state = state.clone()
    low, high = (v.expand_as(state) for v in (devices.low, devices.high))
    single = pulses.clamp_max(float(MOST_SINGLE_PULSES))
    whole = bool((single == single.floor()).all())
    left = single
    if has_linear_noise(step):
        free, ends = free_train(step, devices, state, up, single, numbers)
        state, left = torch.where(free, ends, state), left.masked_fill(free, 0.0)
    active = torch.nonzero(left > 0).squeeze(1)
    done = 0
    while active.numel():
        h, some, direction = state[active], devices.pick(active), up[active]
        mean, std = step.moments(h, direction, some)
        if not whole:
            part = (single[active] - done).clamp_max(1.0)
            mean, std = part * mean, part.sqrt() * std
        if step.noise:
            mean = mean + std * numbers.pick(active).normal(done)
        moved = h + torch.where(direction, mean, -mean)
        state[active] = torch.minimum(torch.maximum(moved, low[active]), high[active])
        done += 1
        active = active[left[active] > done]
    many = torch.nonzero(pulses > MOST_SINGLE_PULSES).squeeze(1)
    if many.numel():
        state[many] = further_pulses(
            step, devices.pick(many), state[many], up[many], pulses[many], numbers.pick(many)
        )
    return state


def free_train(
    step: Step,
    devices: DeviceValues,
    state: Tensor,
    up: Tensor,
    pulses: Tensor,
    numbers: DeviceNumbers,
) -> tuple[Tensor, Tensor]:
    """Trains of linear steps that meet no bound, each taken as one: an autoregression.

    Pulses of ``Δ(1 + γh)`` with the noise ``σΔξ`` are, together, exactly normal, as in
    ``many_pulses``. A train keeps away from the bounds with all of its path but for a chance of
    1e-15 (Lévy's inequality) where these are 8 standard deviations of the sum of its noise from
    both ends of the mean path.

    Args:
        step: A linear step, see ``has_linear_noise``.
        devices: Properties of these devices.
        state: States before, shape ``(n,)``.
        up: Direction, True is up, shape ``(n,)``.
        pulses: Number of pulses, shape ``(n,)``; only whole numbers from 2 on are taken.
        numbers: The noise of these devices.

    Returns:
        Which trains these are, and the states after all trains as if they were, shape ``(n,)``.
    """
    delta = torch.where(up, devices.step_up, devices.step_down)
    slope = torch.where(up, devices.slope_up, devices.slope_down)
    decay = torch.where(up, -slope, slope) * delta
    relaxing = (decay >= 0) & (decay < 1)
    decay = torch.where(relaxing, decay, torch.zeros_like(decay))
    way = delta * (1.0 + slope * state) * decayed(decay, pulses)
    mean, std = state + torch.where(up, way, -way), step.noise * delta
    reach = FREE_REACH * std * pulses.sqrt()
    inside = (torch.minimum(state, mean) - reach > devices.low) & (
        torch.maximum(state, mean) + reach < devices.high
    )
    free = relaxing & inside & (pulses > 1) & (pulses == pulses.floor())
    spread = std * decayed(decay * (2.0 - decay), pulses).sqrt()
    return free, mean + numbers.normal(0) * spread


def pulses_beyond(
    step: Step,
    devices: DeviceValues,
    state: Tensor,
    up: Tensor,
    pulses: Tensor,
    numbers: DeviceNumbers,
) -> Tensor:
    """``further_pulses``, by a compiled loop where it takes them: its numbers but for rounding."""
    fused = further_fused(step, devices, state, up, pulses, numbers)
    if fused is not None:
        return fused
    return further_pulses(step, devices, state, up, pulses, numbers)


def further_pulses(
    step: Step,
    devices: DeviceValues,
    state: Tensor,
    up: Tensor,
    pulses: Tensor,
    numbers: DeviceNumbers,
) -> Tensor:
    """States after all pulses of requests of which ``MOST_SINGLE_PULSES`` were applied.

    Arguments are those of ``pulse_train``, with the states behind the pulses that were applied.
    """
    low, high = (v.expand_as(state) for v in (devices.low, devices.high))

    def noise(which: Tensor, block: int) -> Tensor:
        return numbers.pick(which).normal(MOST_SINGLE_PULSES + block)

    kick = signed_step(step, devices, up)
    return take_together(kick, state, low, high, pulses, noise if step.noise else None)
