"""Conductance states: devices that can stand at a few conductances only, and nowhere between.

A device of N states stands at ``low + k·(high − low)/(N − 1)`` of its own window, k from 0 to
N − 1. Beside a reference the weight has these N values. In a differential pair the device of the
weight's sign holds it and the other one stands at its lowest state, so that there are 2N − 1: 0,
and N − 1 on either side, spaced by the window of the device of that side. A pair of which one
device is stuck has the N states of the other one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.kernels.counter_numbers import draw_key, no_key
from device_models.moments import two_point_mixture
from device_models.protocols import ElementMoments, WritePath
from device_models.write.fused_grids import land_fused
from device_models.write.rounding import Rounding, check_rounding, round_by_key, rounding_outcomes


@dataclass(frozen=True)
class ConductanceStates:
    """Write path whose writes land on one of each synapse's states.

    What the inner path makes of an increment is where the write is aimed at; the device ends at a
    state beside it. Stochastic landing keeps the mean and adds the variance
    ``spacing²·p·(1 − p)``, p the part of the way from one state to the next; nearest landing loses
    increments below half a spacing. Where the inner path moves nothing, nothing moves.

    Attributes:
        inner: What the synapses would make of an increment without states; draws nothing.
        low: Lowest weight of each synapse, a shape that goes with ``(N,)``.
        high: Highest weight; equal to ``low`` for one that is stuck.
        zero: Weight of state 0, from which states go on to both sides: 0 for a pair whose devices
            both move, else ``low`` (``Crossbar.state_zero``).
        states: Conductances that a device can stand at, 2 or more.
        rounding: How an aim becomes a state: ``stochastic``, ``nearest``, or ``truncate``, which
            never moves further than asked.

    Raises:
        ValueError: If the inner path is random, or states or rounding are not allowed.
    """

    inner: WritePath
    low: Tensor
    high: Tensor
    zero: Tensor
    states: int
    rounding: Rounding = "stochastic"

    def __post_init__(self) -> None:
        check_rounding(self.rounding)
        if self.rounding == "none":
            raise ValueError("rounding is 'none'; allowed: nearest, stochastic, truncate")
        if self.states < 2:
            raise ValueError(f"states is {self.states}; allowed: 2 or more")
        if not self.inner.deterministic:
            raise ValueError("inner draws; allowed: a write path that draws nothing")

    @property
    def deterministic(self) -> bool:
        """Whether two writes of the same increment are equal."""
        return self.rounding != "stochastic"

    def program(self, w: Tensor) -> Tensor:
        """The nearest state, shape ``(N,)``."""
        return self._weight(self._place(self.inner.program(w)).round())

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Realized increment in weight units, shape ``(N,)``."""
        aimed = self.inner.write(w, increment, generator)
        key = self.key_of(generator)
        fused = land_fused(self, w, aimed, key)
        return self.plain_landing(w, aimed, key) if fused is None else fused

    def key_of(self, generator: torch.Generator) -> Tensor:
        """The key of one write; nothing is drawn from the generator where a write draws nothing."""
        return no_key(generator) if self.deterministic else draw_key(generator)

    def plain_landing(self, w: Tensor, aimed: Tensor, key: Tensor) -> Tensor:
        """What is realized of an aim, by tensor operations, on any kind of device, ``(N,)``."""
        start, way, size = self._way(w, aimed)
        landed = self._weight(start + round_by_key(way, self.rounding, key, size))
        return torch.where(aimed == 0, torch.zeros_like(w), landed - w)

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """Exact moments: a choice between two neighbouring states."""
        aimed = self.inner.write(w, increment, torch.Generator(device=w.device))
        start, way, size = self._way(w, aimed)
        below, p = rounding_outcomes(way, self.rounding, size)
        landed = two_point_mixture(
            ElementMoments.constant(self._weight(start + below) - w),
            ElementMoments.constant(self._weight(start + below + 1) - w),
            p,
        )
        still = aimed == 0
        return ElementMoments(
            landed.mean.masked_fill(still, 0.0), landed.variance.masked_fill(still, 0.0)
        )

    def _way(self, w: Tensor, aimed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Number of the state that a weight stands at, and spacings from it to the aim.

        The third is the largest |weight| in these spacings, 1 or more: no more digits are known of
        the way than of that.
        """
        start = self._place(w).round()
        aim = torch.clamp(w + aimed, self.low, self.high)
        size = self._in_spacings(torch.maximum(self.low.abs(), self.high.abs()), aim)
        return start, self._place(aim) - start, size.clamp_min(1.0)

    @property
    def _spacings(self) -> tuple[Tensor, Tensor]:
        """Those above and below state 0; 0 on a side without states."""
        last = self.states - 1
        return (self.high - self.zero) / last, (self.zero - self.low) / last

    def _place(self, w: Tensor) -> Tensor:
        """Weights counted in spacings from state 0; whole numbers are states."""
        return self._in_spacings(w - self.zero, w)

    def _in_spacings(self, way: Tensor, w: Tensor) -> Tensor:
        """A difference of weights in spacings as they are at a weight; 0 where there are none."""
        above, below = self._spacings
        spacing = torch.where(w < self.zero, below, above)
        wide = spacing > 0
        return torch.where(wide, way / torch.where(wide, spacing, 1.0), 0.0)

    def _weight(self, place: Tensor) -> Tensor:
        above, below = self._spacings
        last = self.states - 1
        return torch.clamp(
            self.zero + place.clamp(-last, last) * torch.where(place < 0, below, above),
            self.low,
            self.high,
        )
