"""Writes by whole pulses: what an increment asks for, and the moments of what comes of it.

A controller knows one nominal step. It turns an increment into that many pulses, a whole number by
rounding; what the pulses then do is the device's own. Where no device gets more than one pulse,
mean and variance are those of a draw between a device that stays and one that was pulsed once.
Trains of several pulses go by ``train_moments``.

Without rounding (``none``) pulses can be divided, as those of no real controller can: of x pulses
the last one is a part f of a pulse, whose mean is f times a pulse's and whose variance f times its.
That is the device without its granularity, with the mean and the noise of its pulses.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from device_models.kernels.counter_numbers import DeviceNumbers, draw_key, no_key
from device_models.kernels.dispatch import Properties
from device_models.moments import two_point_mixture
from device_models.outer_products import OuterProducts, SampleStreams, TrainSettings
from device_models.protocols import ElementMoments
from device_models.write import fused_pulses, on_gpu, outer
from device_models.write.pulsed_step import DeviceValues, Step
from device_models.write.rounding import (
    Rounding,
    check_rounding,
    round_by_device,
    rounding_outcomes,
)
from device_models.write.train_moments import MOST_PULSES


def changes(
    start: Tensor, ends: tuple[ElementMoments, ElementMoments], scale: float
) -> tuple[ElementMoments, ElementMoments]:
    """Moments of changes of weights, from moments of states.

    Args:
        start: States before, shape ``(N,)``.
        ends: Moments of the states after.
        scale: Weight change of a unit change of the state.
    """
    below, above = (
        ElementMoments(scale * (end.mean - start), scale**2 * end.variance) for end in ends
    )
    return below, above


def by_direction(where: Tensor, like: Tensor, up: float, down: float) -> Tensor | float:
    """One number for increments up and another for those down, in the type of a tensor."""
    if up == down:
        return up
    return torch.where(where, like.new_full((), up), like.new_full((), down))


def pulsed_by_chance(
    start: Tensor, pulsed: ElementMoments, chance: Tensor, scale: float
) -> ElementMoments:
    """Moments of the change of a weight whose device is pulsed once by chance.

    Args:
        start: States before, shape ``(N,)``.
        pulsed: Moments of the states after one pulse.
        chance: Probability of the pulse, shape ``(N,)``.
        scale: Weight change of a unit change of the state.
    """
    outcome = two_point_mixture(ElementMoments.constant(start), pulsed, chance)
    return ElementMoments(scale * (outcome.mean - start), scale**2 * outcome.variance)


class WholePulseWrite(ABC):
    """A write path whose closed form is for one pulse a weight at most.

    Attributes:
        rounding: How a requested increment becomes a whole number of pulses.
    """

    rounding: Rounding

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments | None:
        """Exact moments where no weight is asked for more than one pulse, else None."""
        requested = self._requested(increment)
        low, p = rounding_outcomes(requested, self.rounding)
        if bool((low + (p > 0) > 1).any()):
            return None
        return self._single(w, increment, requested, low, p)

    def train_moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """Moments for any number of pulses: see ``train_moments`` for how far they are exact."""
        requested = self._requested(increment).clamp_max(MOST_PULSES)
        one = torch.ones_like(requested)
        if self.rounding == "none":
            low = requested.floor()
            return self._after_pulses(w, increment, low, requested - low)[1]
        low, p = rounding_outcomes(requested, self.rounding)
        below, above = self._after_pulses(w, increment, low, one)
        return two_point_mixture(below, above, p)

    def _single(
        self, w: Tensor, increment: Tensor, requested: Tensor, low: Tensor, p: Tensor
    ) -> ElementMoments:
        """One pulse for certain or by chance, or without rounding a part of one."""
        one = torch.ones_like(p)
        if self.rounding == "none":
            return self._one_pulse(w, increment, one, requested.clamp_max(1.0))
        return self._one_pulse(w, increment, torch.where(low > 0, one, p), one)

    @abstractmethod
    def _requested(self, increment: Tensor) -> Tensor:
        """Real-valued number of pulses that an increment asks for, 0 or more, ``(N,)``."""

    @abstractmethod
    def _one_pulse(
        self, w: Tensor, increment: Tensor, chance: Tensor, part: Tensor
    ) -> ElementMoments:
        """Moments of the realized increment of weights that get a part of a pulse by chance."""

    @abstractmethod
    def _after_pulses(
        self, w: Tensor, increment: Tensor, pulses: Tensor, part: Tensor
    ) -> tuple[ElementMoments, ElementMoments]:
        """Moments of what whole pulses realize, and of what a part of one more does, ``(N,)``."""


class NominalStepWrite(WholePulseWrite):
    """A write by pulses of one nominal step, whatever state the device is in.

    Attributes:
        step: Mean and spread of one pulse's step.
        dw_min: Nominal step of one pulse, in units of the weight range, above 0; or that of a
            pulse up and of one down, where the controller knows both.
        weight_range: Weight that a state of 1 stands for, above 0.
        max_pulses: Most pulses of one update, 1 or more; or most of those up and of those down;
            None for any number.
        one_sided: Whether a weight is a pair of devices that are only raised.

    Raises:
        ValueError: If an attribute is out of range.
    """

    one_sided: ClassVar[bool] = False

    step: Step
    dw_min: float | tuple[float, float]
    weight_range: float
    max_pulses: int | tuple[int, int] | None

    def __post_init__(self) -> None:
        check_rounding(self.rounding)
        up, down = self.steps
        for name, value in (("dw_min", min(up, down)), ("weight_range", self.weight_range)):
            if not value > 0:
                raise ValueError(f"{name} is {value:g}; allowed: above 0")
        if min(self.most_pulses) < 1:
            raise ValueError(f"max_pulses is {self.max_pulses}; allowed: 1 or more, or None")

    @property
    def deterministic(self) -> bool:
        """Whether a write has neither noise nor stochastic rounding."""
        return self.rounding != "stochastic" and self.step.noise == 0

    @property
    @abstractmethod
    def lines(self) -> tuple[DeviceValues, DeviceValues]:
        """Devices of increments up and of increments down."""

    @cached_property
    def for_loops(self) -> Properties | None:
        """What compiled loops take of this write path; None where they do not take it."""
        return fused_pulses.properties(self)

    @cached_property
    def for_gpu(self) -> on_gpu.Packed | None:
        """What kernels on a GPU take of this write path; None where they do not take it."""
        return on_gpu.pulse_properties(self)

    @cached_property
    def for_outer_loops(self) -> Properties | None:
        """What loops over outer products take of it; None where they do not take it."""
        return fused_pulses.properties_in_place(self)

    def write_outer(
        self,
        w: Tensor,
        layers: Sequence[OuterProducts],
        factor: float,
        generator: torch.Generator | SampleStreams,
    ) -> bool:
        """Writes samples one after the other into ``w`` itself: see ``OuterWrite``."""
        return outer.write_pulses(self, w, layers, factor, generator)

    def write_trains(
        self,
        w: Tensor,
        layers: Sequence[OuterProducts],
        trains: TrainSettings,
        factor: float,
        generator: torch.Generator,
    ) -> bool:
        """Writes coincidences into ``w`` itself: see ``TrainWrite``."""
        return outer.write_pulse_trains(self, w, layers, trains, factor, generator)

    @abstractmethod
    def weight_bounds(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest weight that each synapse can hold."""

    def program(self, w: Tensor) -> Tensor:
        """Clip to what each synapse can hold: initial weights are written with verification."""
        low, high = self.weight_bounds()
        return torch.minimum(torch.maximum(w, low), high)

    def key_of(self, generator: torch.Generator, *count: int) -> Tensor:
        """The key of one write, or keys of some; none is drawn where a write draws nothing."""
        draw = no_key if self.deterministic else draw_key
        return draw(generator, *count)

    def _pulses(
        self, w: Tensor, increment: Tensor, key: Tensor, beyond: int = 0
    ) -> tuple[Tensor, Tensor, DeviceNumbers]:
        """Devices that get more than some pulses, how many these are, and their noise."""
        numbers = DeviceNumbers.of_all(key, w)
        pulses = round_by_device(self._requested(increment), self.rounding, numbers)
        where = torch.nonzero(pulses > beyond).squeeze(1)
        return where, pulses[where], numbers.pick(where)

    @property
    def steps(self) -> tuple[float, float]:
        """What a pulse up and a pulse down are counted for, in units of the weight range."""
        return self.dw_min if isinstance(self.dw_min, tuple) else (self.dw_min, self.dw_min)

    @property
    def most_pulses(self) -> tuple[float, float]:
        """Most pulses up and down of one update."""
        most = math.inf if self.max_pulses is None else self.max_pulses
        return most if isinstance(most, tuple) else (most, most)

    def _requested(self, increment: Tensor) -> Tensor:
        rises = increment > 0
        step = self.weight_range * by_direction(rises, increment, *self.steps)
        pulses = increment.abs() / step
        if self.max_pulses is None:
            return pulses
        return pulses.clamp_max(by_direction(rises, increment, *self.most_pulses))
