"""Memristor write: pulses along the conductance curve, with noise, bounds and faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from device_models.kernels.counter_numbers import DeviceNumbers, draw_key, no_key
from device_models.kernels.dispatch import Properties
from device_models.moments import clipped_normal, two_point_mixture
from device_models.outer_products import OuterProducts, SampleStreams, TrainSettings
from device_models.protocols import ElementMoments
from device_models.write import on_gpu, outer
from device_models.write.crossbar import Crossbar, DevicePopulation
from device_models.write.cycle_to_cycle import cycle_to_cycle_std
from device_models.write.fused_curves import properties, write_fused
from device_models.write.pulse_response import CONSTANT_STEP, Response
from device_models.write.rounding import (
    Rounding,
    check_rounding,
    round_by_device,
    rounding_outcomes,
)
from device_models.write.whole_pulses import by_direction


@dataclass(frozen=True)
class MemristorWrite:
    """Write path of a crossbar of memristors (NeuroSim+; Chen, Peng and Yu, IEEE TCAD 2018).

    A requested increment is split evenly over the devices of a weight, turned into a whole number
    of pulses, and each device moves along its own curve from where it stands; cycle-to-cycle noise
    is added and the result clipped to the device's window. The controller that chooses the pulses
    knows the nominal device only.

    Without ``levels`` pulses are infinitely fine and one write is one programming event: the
    cycle-to-cycle noise is then the same for every increment that is not 0.

    Attributes:
        crossbar: The devices and where they stand.
        potentiation: Response to pulses that raise the conductance.
        depression: Response to pulses that lower it.
        levels: Pulses over the window, up and down, 2 or more; None for infinitely fine pulses.
            What one pulse is the part 1/levels of, so no whole numbers where it was measured.
        cycle_to_cycle: Standard deviation of one pulse, as a fraction of the conductance range; or
            that of a pulse up and that of one down.
        rounding: How a requested increment becomes a whole number of pulses.
        counted: Pulses over the window that a request is counted by whatever its direction, as
            trains of coinciding pulses count; None where the controller counts by ``levels``.

    Raises:
        ValueError: If levels, noise or rounding are out of range.
    """

    takes_stacks: ClassVar[Literal[True]] = True

    crossbar: Crossbar
    potentiation: Response = CONSTANT_STEP
    depression: Response = CONSTANT_STEP
    levels: tuple[float, float] | None = None
    cycle_to_cycle: float | tuple[float, float] = 0.0
    rounding: Rounding = "stochastic"
    counted: float | None = None

    def __post_init__(self) -> None:
        check_rounding(self.rounding)
        if self.levels is not None and min(self.levels) < 2:
            raise ValueError(f"levels are {self.levels}; allowed: 2 or more")
        for spread in self.spreads:
            if not spread >= 0:
                raise ValueError(f"cycle_to_cycle is {spread:g}; allowed: 0 or more")

    @property
    def deterministic(self) -> bool:
        """Whether a write has neither noise nor stochastic rounding."""
        return not self.noisy and (self.levels is None or self.rounding != "stochastic")

    @cached_property
    def for_loops(self) -> Properties | None:
        """What compiled loops take of this write path; None where they do not take it."""
        return properties(self)

    @cached_property
    def for_gpu(self) -> on_gpu.Packed | None:
        """What kernels on a GPU take of this write path; None where they do not take it."""
        return on_gpu.curve_properties(self)

    @property
    def spreads(self) -> tuple[float, float]:
        """Noise of a pulse up and of one down."""
        given = self.cycle_to_cycle
        return given if isinstance(given, tuple) else (given, given)

    @property
    def noisy(self) -> bool:
        """Whether pulses have any noise."""
        return any(self.spreads)

    def program(self, w: Tensor) -> Tensor:
        """Clip to what each synapse can hold: initial weights are written with verification."""
        return self.crossbar.program(w)

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Realized increment in weight units, shape ``(N,)``."""
        key = self.key_of(generator)
        fused = write_fused(self, w, increment, key)
        return self.plain_write(w, increment, key) if fused is None else fused

    def key_of(self, generator: torch.Generator, *count: int) -> Tensor:
        """The key of one write, or keys of some; none is drawn where a write draws nothing."""
        draw = no_key if self.deterministic else draw_key
        return draw(generator, *count)

    def plain_write(self, w: Tensor, increment: Tensor, key: Tensor) -> Tensor:
        """The write of a key by tensor operations, on any kind of device, shape ``(N,)``."""
        realized = torch.zeros_like(w)
        numbers = DeviceNumbers.of_all(key, w)
        lines = zip(self.crossbar.populations, self.crossbar.fractions(w), strict=True)
        for line, (devices, fraction) in enumerate(lines):
            up, pulses = self._requested(devices, increment)
            if self.levels is not None:
                pulses = round_by_device(pulses, self.rounding, numbers, line)
            # Few devices get a pulse in one step: only these are moved and draw noise.
            where = torch.nonzero((pulses != 0) & devices.movable).squeeze(1)
            x, scale, n = fraction[where], _pick(devices.scale, where), pulses[where]
            moved = x + self._move(x / scale, scale, n, up[where])
            if self.noisy:
                moved = moved + numbers.pick(where).normal(line) * self._noise_std(n, up[where])
            moved = torch.minimum(moved.clamp_min(0.0), scale)
            change = (moved - x) * (devices.polarity * self.crossbar.gain)
            realized.index_add_(0, where, change)
        return realized

    def write_outer(
        self,
        w: Tensor,
        layers: Sequence[OuterProducts],
        factor: float,
        generator: torch.Generator | SampleStreams,
    ) -> bool:
        """Writes samples one after the other into ``w`` itself: see ``OuterWrite``."""
        return outer.write_curves(self, w, layers, factor, generator)

    def write_trains(
        self,
        w: Tensor,
        layers: Sequence[OuterProducts],
        trains: TrainSettings,
        factor: float,
        generator: torch.Generator,
    ) -> bool:
        """Writes coincidences into ``w`` itself: see ``TrainWrite``."""
        return outer.write_curve_trains(self, w, layers, trains, factor, generator)

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """Exact mean and variance of a write: two pulse numbers, each with clipped noise."""
        mean, variance = torch.zeros_like(w), torch.zeros_like(w)
        fractions = self.crossbar.fractions(w)
        for devices, x in zip(self.crossbar.populations, fractions, strict=True):
            up, pulses = self._requested(devices, increment)
            if self.levels is None:
                outcome = self._moved_moments(devices, x, pulses, up)
            else:
                low, p = rounding_outcomes(pulses, self.rounding)
                # Mostly no device gets a whole pulse for certain: those stay where they are.
                some = bool(low.any())
                below = (
                    self._moved_moments(devices, x, low, up) if some else ElementMoments.constant(x)
                )
                above = self._moved_moments(devices, x, low + 1, up)
                outcome = two_point_mixture(below, above, p)
            change = torch.where(devices.movable, outcome.mean - x, torch.zeros_like(x))
            spread = torch.where(devices.movable, outcome.variance, torch.zeros_like(x))
            mean += devices.polarity * self.crossbar.gain * change
            variance += self.crossbar.gain**2 * spread
        return ElementMoments(mean, variance)

    def _requested(self, devices: DevicePopulation, increment: Tensor) -> tuple[Tensor, Tensor]:
        """Direction (True is up) and real-valued number of pulses that each device is asked for.

        Without levels the second is the fraction ν of the window.
        """
        up = increment > 0 if devices.polarity > 0 else increment < 0
        part = increment.abs() / (2.0 * self.crossbar.weight_range)
        if self.levels is None:
            return up, part
        rise, fall = self.levels if self.counted is None else (self.counted, self.counted)
        return up, part * by_direction(up, part, rise, fall)

    def _move(self, position: Tensor, scale: Tensor, pulses: Tensor, up: Tensor) -> Tensor:
        """Mean movement in fractions of the nominal window; ``position`` is of the device's own."""
        levels = (1, 1) if self.levels is None else self.levels
        rise = self.potentiation.step(position, pulses / levels[0])
        fall = self.depression.step(1.0 - position, pulses / levels[1])
        return scale * torch.where(up, rise, -fall)

    def _noise_std(self, pulses: Tensor, up: Tensor) -> Tensor:
        count = (pulses != 0).to(pulses.dtype) if self.levels is None else pulses
        return cycle_to_cycle_std(count, by_direction(up, count, *self.spreads))

    def _moved_moments(
        self, devices: DevicePopulation, x: Tensor, pulses: Tensor, up: Tensor
    ) -> ElementMoments:
        center = x + self._move(x / devices.scale, devices.scale, pulses, up)
        zero = torch.zeros((), dtype=x.dtype, device=x.device)
        return clipped_normal(center, self._noise_std(pulses, up), zero, devices.scale)


def _pick(values: Tensor, where: Tensor) -> Tensor:
    """Select from a population's tensor, which may be uniform."""
    return values if values.numel() == 1 else values[where]
