"""Synapses of a crossbar: which devices hold a weight, and where each of them stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from device_models.write.device_to_device import draw_window_scale
from device_models.write.stuck_at import draw_stuck

Mapping = Literal["differential_pair", "reference"]


@dataclass(frozen=True)
class DevicePopulation:
    """The devices on one line of synapses, one a weight.

    Fractions are of the nominal conductance window. Uniform populations keep tensors of shape
    ``(1,)``, which broadcast.

    Attributes:
        polarity: +1 where more conductance means more weight, else −1.
        scale: Width of each device's own window.
        low: Lowest fraction that the device can be brought to.
        high: Highest fraction; equal to ``low`` for a stuck device.
    """

    polarity: int
    scale: Tensor
    low: Tensor
    high: Tensor

    @property
    def movable(self) -> Tensor:
        """Which devices respond to pulses."""
        return self.high > self.low


@dataclass(frozen=True)
class Crossbar:
    """Weights as devices: a differential pair a weight, or one device and a fixed reference.

    A differential pair holds ``w = weight_range·(x⁺ − x⁻)``. Its common mode is taken as
    re-centred after every write, so that the weight alone tells the state: both devices stand at
    the same fraction φ of their way, x⁺ going up and x⁻ coming down. A reference cell holds
    ``w = weight_range·(2x − 1)``.

    Attributes:
        weight_range: Largest |weight| of nominal devices.
        populations: The devices of every weight, one entry a polarity.
    """

    weight_range: float
    populations: tuple[DevicePopulation, ...]

    @property
    def devices_per_weight(self) -> int:
        """2 in a differential pair, 1 beside a reference."""
        return len(self.populations)

    @property
    def gain(self) -> float:
        """Weight change of a unit change of one device's fraction."""
        return 2.0 * self.weight_range / self.devices_per_weight

    @property
    def offset(self) -> float:
        """Weight that the reference subtracts."""
        return self.weight_range if self.devices_per_weight == 1 else 0.0

    def weight_bounds(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest weight that each synapse can hold."""
        low = sum(p.low if p.polarity > 0 else -p.high for p in self.populations)
        high = sum(p.high if p.polarity > 0 else -p.low for p in self.populations)
        return self.gain * torch.as_tensor(low) - self.offset, (
            self.gain * torch.as_tensor(high) - self.offset
        )

    def rest(self) -> Tensor:
        """Weight of each synapse all of whose devices stand at their lowest states."""
        lowest = sum(p.polarity * p.low for p in self.populations)
        return self.gain * torch.as_tensor(lowest) - self.offset

    def state_zero(self) -> Tensor:
        """Weight from which the states of devices that have a few go on to both sides.

        0 of pairs whose devices both move, of which one stands at its lowest state and the other
        one holds the weight. Any other synapse has the states of one device, from its lowest weight
        on.
        """
        low, _ = self.weight_bounds()
        if self.devices_per_weight == 1:
            return low
        first, second = (population.movable for population in self.populations)
        return torch.where(first & second, torch.zeros_like(low), low)

    def with_stuck(self, held: Sequence[Tensor]) -> Crossbar:
        """The same devices, of which some more are stuck; one that is stuck already stays so.

        Args:
            held: Fraction that every population's devices are stuck at, NaN for those that work,
                shapes ``(N,)``.
        """
        populations = []
        for each, at in zip(self.populations, held, strict=True):
            stuck = ~at.isnan() & each.movable
            low, high = (torch.where(stuck, at, end) for end in (each.low, each.high))
            populations.append(replace(each, low=low, high=high))
        return replace(self, populations=tuple(populations))

    def program(self, w: Tensor) -> Tensor:
        """The nearest weight that each synapse can hold, shape ``(N,)``."""
        low, high = self.weight_bounds()
        return torch.minimum(torch.maximum(w, low), high)

    def fractions(self, w: Tensor) -> list[Tensor]:
        """Fraction x of the nominal window of every population's devices, each shape ``(N,)``."""
        low, high = self.weight_bounds()
        width = high - low
        way = torch.where(width > 0, (w - low) / width.clamp_min(1e-300), 0.5).clamp(0.0, 1.0)
        return [
            p.low + way * (p.high - p.low) if p.polarity > 0 else p.high - way * (p.high - p.low)
            for p in self.populations
        ]


def draw_crossbar(
    num_weights: int,
    *,
    weight_range: float = 1.0,
    mapping: Mapping = "differential_pair",
    device_to_device: float = 0.0,
    stuck_low: float = 0.0,
    stuck_high: float = 0.0,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> Crossbar:
    """Draw one chip's devices; what is drawn here stays fixed for the chip.

    Args:
        num_weights: Number N of weights.
        weight_range: Largest |weight| of nominal devices, above 0.
        mapping: ``differential_pair`` or ``reference``.
        device_to_device: Relative standard deviation of a device's window (see
            ``device_to_device.py``).
        stuck_low: Probability that a device is stuck at its lowest conductance.
        stuck_high: Probability that a device is stuck at its highest conductance.
        generator: Source of the chip's fixed variation.
        dtype: Type of the weights.

    Raises:
        ValueError: If an argument is out of range.
    """
    if mapping not in get_args(Mapping):
        raise ValueError(f"mapping is {mapping!r}; allowed: {', '.join(get_args(Mapping))}")
    if not weight_range > 0:
        raise ValueError(f"weight_range is {weight_range:g}; allowed: above 0")
    polarities = (1, -1) if mapping == "differential_pair" else (1,)

    def population(polarity: int) -> DevicePopulation:
        # A generator a purpose: the same devices are stuck with and without variation.
        for_scale, for_stuck = _child(generator), _child(generator)
        scale = torch.ones(1, dtype=dtype, device=generator.device)
        if device_to_device > 0:
            scale = draw_window_scale(num_weights, device_to_device, for_scale, dtype)
        low, high = torch.zeros_like(scale), scale
        if stuck_low > 0 or stuck_high > 0:
            is_low, is_high = draw_stuck(num_weights, stuck_low, stuck_high, for_stuck)
            low = torch.where(is_high, scale, torch.zeros_like(scale))
            high = torch.where(is_low, torch.zeros_like(scale), scale)
        return DevicePopulation(polarity, scale, low, high)

    return Crossbar(weight_range, tuple(population(p) for p in polarities))


def _child(generator: torch.Generator) -> torch.Generator:
    """A generator seeded by the next draw of another one."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return torch.Generator(device=generator.device).manual_seed(int(seed))
