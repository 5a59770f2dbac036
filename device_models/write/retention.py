"""Retention: synapses that forget, such as charge on a capacitor that leaks away.

Source: lifetime and its spread as in Rasch et al., IEEE AICAS 2021 (the simulator's decay of the
weight by a constant part per update).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from device_models.kernels.dispatch import alike, over_devices, taken
from device_models.protocols import ElementMoments


def draw_lifetimes(
    size: int,
    lifetime: float,
    spread: float,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Lifetime of every synapse in updates, shape ``(size,)``.

    Normal, and clipped at one update, after which nothing is left anyway.

    Args:
        size: Number of synapses.
        lifetime: Mean lifetime in updates, 1 or more.
        spread: Standard deviation as a part of the mean, 0 or more.
        generator: Drawn from once, when the chip is made; its device is the result's.
        dtype: Type of the result.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not 1 <= lifetime < math.inf:
        raise ValueError(f"lifetime is {lifetime:g}; allowed: 1 update or more")
    if not 0 <= spread < math.inf:
        raise ValueError(f"spread is {spread:g}; allowed: 0 or more")
    normal = torch.randn(size, generator=generator, dtype=dtype, device=generator.device)
    return (lifetime * (1.0 + spread * normal)).clamp_min(1.0)


class _Leak:
    """What a leak of one device and one of a pair have in common."""

    takes_stacks: ClassVar[Literal[True]] = True

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    @property
    def once_an_update(self) -> bool:
        """Always True: a lifetime is in updates, however many writes one is."""
        return True

    def program(self, w: Tensor) -> Tensor:
        """The weights themselves: nothing has leaked yet."""
        return w

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """The increment less what leaks during the update, shape ``(N,)``."""
        return self._kept(w, increment)

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """The realized increment; no variance."""
        return ElementMoments.constant(self._kept(w, increment))

    def _kept(self, w: Tensor, increment: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class Leakage(_Leak):
    """Write path: with every update, each weight loses the part ``1/lifetime`` of itself.

    ``w ← (w + increment)·(1 − 1/lifetime)``: what this update wrote leaks, too. Put it after the
    device's own write. A weight that is left alone decays exponentially with the lifetime
    as its time constant, and training ends where the gradient balances the leak: a bias of
    ``−w/(lifetime·Δt)`` in gradient units, which grows as the step size shrinks.

    Attributes:
        lifetime: Lifetime in updates, 1 or more; a number, or a tensor of shape ``(N,)``.

    Raises:
        ValueError: If a lifetime is below 1.
    """

    lifetime: Tensor | float

    def __post_init__(self) -> None:
        _check(self.lifetime)

    def over_writes(self, writes: float) -> Self:
        """The leak of one of so many writes an update: its lifetime is as many writes."""
        return replace(self, lifetime=self.lifetime * writes)

    def affine(self, w: Tensor) -> tuple[Tensor | float, Tensor]:
        """The part of an increment that stays, and what leaks of the weight itself."""
        leak = 1.0 / self.lifetime
        return 1.0 - leak, -leak * w

    def _kept(self, w: Tensor, increment: Tensor) -> Tensor:
        return _less(increment, w + increment, self.lifetime)


@dataclass(frozen=True)
class PairLeakage(_Leak):
    """Write path: the leak of differential pairs, each device with a lifetime of its own.

    The device of the weight's sign holds it and leaks as in ``Leakage``. It is not affine in the
    increment: a weight that crosses 0 is held by the other device.

    A pair of which one device is stuck leaks to the weight that is left where the other one stands
    at its lowest state: ``rest`` takes the place of 0, and what is above it is what the positive
    device holds.

    Attributes:
        positive: Lifetime in updates of the devices that hold positive weights, 1 or more; a
            number, or a tensor of shape ``(N,)``.
        negative: That of the devices that hold negative weights.
        rest: Weight that a pair leaks to, a number, or a tensor of shape ``(N,)`` or ``(1,)``.

    Raises:
        ValueError: If a lifetime is below 1.
    """

    positive: Tensor | float
    negative: Tensor | float
    rest: Tensor | float = 0.0

    def __post_init__(self) -> None:
        _check(self.positive, self.negative)

    def over_writes(self, writes: float) -> Self:
        """See ``Leakage.over_writes``."""
        return replace(self, positive=self.positive * writes, negative=self.negative * writes)

    def _kept(self, w: Tensor, increment: Tensor) -> Tensor:
        fused = self._fused(w, increment)
        if fused is not None:
            return fused
        reached = w + increment - self.rest
        # Of two plain numbers, ``where`` would make the default type, whatever the weights' is.
        negative, positive = (
            each.to(w) if isinstance(each, Tensor) else w.new_full((), each)
            for each in (self.negative, self.positive)
        )
        lifetime = torch.where(reached < 0, negative, positive)
        return _less(increment, reached, lifetime)

    def _fused(self, w: Tensor, increment: Tensor) -> Tensor | None:
        """The same by a compiled loop; None where that does not take these tensors."""
        lifetimes = [
            each.to(w).reshape(-1) if isinstance(each, Tensor) else w.new_full((1,), each)
            for each in (self.positive, self.negative, self.rest)
        ]
        if not (taken(w, increment) and alike(w, *lifetimes)):
            return None
        from device_models.kernels.leak_loop import leak_pairs  # noqa: PLC0415  (a loop)

        realized = torch.empty_like(w)
        over_devices(leak_pairs, w, *(x.numpy() for x in (w, increment, realized, *lifetimes)))
        return realized


def _less(increment: Tensor, reached: Tensor, lifetime: Tensor | float) -> Tensor:
    """An increment less what leaks of the weights that are reached."""
    if isinstance(lifetime, Tensor):
        return torch.addcdiv(increment, reached, lifetime, value=-1.0)
    return torch.sub(increment, reached, alpha=1.0 / lifetime)


def _check(*lifetimes: Tensor | float) -> None:
    shortest = min(float(torch.as_tensor(lifetime).min()) for lifetime in lifetimes)
    if not shortest >= 1:
        raise ValueError(f"lifetime is {shortest:g}; allowed: 1 update or more")
