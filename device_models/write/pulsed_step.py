"""Steps of single pulses in published behavioural device models.

The state h of a device is in units in which a weight of 1 is ``weight_range``. One pulse in
direction d moves it by ``d·(mean(h) + std(h)·ξ)``:

==================  ==================================  =================================
model               mean                                std
==================  ==================================  =================================
constant step       ``Δ``                               ``σΔ``
linear step         ``Δ(1 + γ^d h)``                    ``σΔ``, or ``σ·mean``
soft bounds         linear, 0 at the device's own bound  ``σΔ``, or ``σ·mean``
exponential step    ``Δ·max(0, 1 − A^d e^{dγ^d z})``    ``σ·(mean + offset + slope·|h|)``
power step          ``Δω^γ`` up, ``Δ(1 − ω)^γ`` down    ``σ·mean``
==================  ==================================  =================================

with ``γ⁺ = −|γ_up|/w_max``, ``γ⁻ = −|γ_down|/w_min``, ``z = 2ah/(b_max − b_min) + b`` and
``ω = (b_max − h)/(b_max − b_min)``.

Sources: Gokmen and Vlasov, Front. Neurosci. 2016 (constant); Rasch et al., IEEE Design & Test 2019
(linear, soft bounds); Gong et al., Nat. Commun. 2018 (exponential); Fusi and Abbott, Nat. Neurosci.
2007 (power); all as in IBM's aihwkit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class DeviceValues:
    """Fixed properties of devices, each of shape ``(N,)`` or ``(1,)``.

    Attributes:
        step_up: Δ of a pulse up.
        step_down: Δ of a pulse down.
        low: Lower bound b_min.
        high: Upper bound b_max.
        slope_up: γ⁺ of a linear step.
        slope_down: γ⁻ of a linear step.
        reference: State of the reference device: the weight is ``h − reference``.
    """

    step_up: Tensor
    step_down: Tensor
    low: Tensor
    high: Tensor
    slope_up: Tensor
    slope_down: Tensor
    reference: Tensor

    def pick(self, where: Tensor) -> DeviceValues:
        """The values of some devices."""
        return DeviceValues(*(v if v.numel() == 1 else v[where] for v in vars(self).values()))

    def in_rows(self, rows: int) -> DeviceValues:
        """The same devices once for each row of a stack, which is taken as one vector."""
        return DeviceValues(*(v if v.numel() == 1 else v.repeat(rows) for v in vars(self).values()))

    def clip(self, state: Tensor) -> Tensor:
        """States within the bounds."""
        return torch.minimum(torch.maximum(state, self.low), self.high)


class Step(Protocol):
    """Mean and standard deviation of one pulse's step in the direction of the pulse.

    The standard deviation is 0 everywhere where ``noise`` is 0.
    """

    @property
    def noise(self) -> float:
        """Cycle-to-cycle noise σ relative to the step."""
        ...

    def moments(self, h: Tensor, up: Tensor, devices: DeviceValues) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the distance moved from states ``h``.

        Args:
            h: States, shape ``(n,)``.
            up: Direction, True is up, shape ``(n,)``.
            devices: Properties of these devices.
        """
        ...


def _delta(up: Tensor, devices: DeviceValues) -> Tensor:
    return torch.where(up, devices.step_up, devices.step_down)


def _width(devices: DeviceValues) -> tuple[Tensor, Tensor]:
    """Window of every device, 1 in place of 0, and which have one: a stuck device has none."""
    width = devices.high - devices.low
    return torch.where(width > 0, width, torch.ones_like(width)), width > 0


@dataclass(frozen=True)
class LinearStep:
    """Constant (slopes 0) and linear steps, and soft bounds (slopes of 1 over the own bound).

    Attributes:
        noise: Cycle-to-cycle noise σ relative to the step.
        multiplicative: Whether the noise scales with the present step or with Δ.
    """

    noise: float = 0.0
    multiplicative: bool = False

    def moments(self, h: Tensor, up: Tensor, devices: DeviceValues) -> tuple[Tensor, Tensor]:
        """See ``Step``."""
        delta = _delta(up, devices)
        mean = delta * (1.0 + h * torch.where(up, devices.slope_up, devices.slope_down))
        return mean, self.noise * (mean.abs() if self.multiplicative else delta)


@dataclass(frozen=True)
class ExponentialStep:
    """The exponential step of Gong et al., 2018.

    Attributes:
        noise: Cycle-to-cycle noise σ relative to the step.
        amplitude: A up and down.
        gamma: γ up and down.
        a: Scale of the state in the exponent.
        b: Offset of the exponent.
        noise_offset: Part of the noise that is there whatever the step, in units of the state.
        noise_slope: Part of the noise that grows with the size of the state.
    """

    noise: float = 0.0
    amplitude: tuple[float, float] = (-1.18445, -0.081404)
    gamma: tuple[float, float] = (5.0, 5.0)
    a: float = -0.5
    b: float = -0.5
    noise_offset: float = 0.0
    noise_slope: float = 0.0

    def moments(self, h: Tensor, up: Tensor, devices: DeviceValues) -> tuple[Tensor, Tensor]:
        """See ``Step``."""
        width, movable = _width(devices)
        z = 2.0 * self.a * h / width + self.b
        rise = 1.0 - self.amplitude[0] * torch.exp(self.gamma[0] * z)
        fall = 1.0 - self.amplitude[1] * torch.exp(-self.gamma[1] * z)
        mean = _delta(up, devices) * torch.where(up, rise, fall).clamp_min(0.0)
        spread = mean + (self.noise_offset + self.noise_slope * h.abs())
        return mean * movable, self.noise * spread * movable


@dataclass(frozen=True)
class PowerStep:
    """The power step of Fusi and Abbott, 2007.

    Attributes:
        noise: Cycle-to-cycle noise σ relative to the step.
        exponent: γ, 0 or more.
    """

    noise: float = 0.0
    exponent: float = 1.0

    def moments(self, h: Tensor, up: Tensor, devices: DeviceValues) -> tuple[Tensor, Tensor]:
        """See ``Step``."""
        width, movable = _width(devices)
        room = ((devices.high - h) / width).clamp(0.0, 1.0)
        mean = _delta(up, devices) * torch.where(up, room, 1.0 - room) ** self.exponent
        mean = mean * movable
        return mean, self.noise * mean


def has_linear_noise(step: Step) -> bool:
    """Whether a step is linear in the state, with a noise that does not depend on it."""
    return type(step) is LinearStep and step.noise > 0 and not step.multiplicative


def step_numbers(step: Step) -> tuple[float, ...]:
    """The numbers of a step as loops and kernels take them, 0 for those that it has not.

    Amplitudes and rates up and down, scale ``2a`` and offset of the exponent, offset and slope of
    the noise, exponent of a power step: nine.
    """
    nothing = (0.0, 0.0)
    return (
        *getattr(step, "amplitude", nothing),
        *getattr(step, "gamma", nothing),
        2.0 * getattr(step, "a", 0.0),
        getattr(step, "b", 0.0),
        getattr(step, "noise_offset", 0.0),
        getattr(step, "noise_slope", 0.0),
        getattr(step, "exponent", 0.0),
    )
