"""Step sizes along a training, as factors on Δt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class Schedule(Protocol):
    """The factor on Δt at each update; it never grows."""

    def factors(self, steps: Numbers) -> Numbers:
        """Factors above 0 at updates, like ``steps``; the first update is 0."""
        ...


@dataclass(frozen=True)
class ConstantStep:
    """Δt at every update."""

    def factors(self, steps: Numbers) -> Numbers:
        """Ones."""
        return np.ones_like(steps)


@dataclass(frozen=True)
class StepDecay:
    """Δt·factor^⌊t/every⌋, as ``torch.optim.lr_scheduler.StepLR``.

    Attributes:
        every: Updates between two decays, 1 or more.
        factor: What a decay leaves, above 0 and up to 1.

    Raises:
        ValueError: If an attribute is out of range.
    """

    every: int
    factor: float

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every is {self.every}; allowed: 1 or more")
        if not 0 < self.factor <= 1:
            raise ValueError(f"factor is {self.factor:g}; allowed: above 0 and up to 1")

    def factors(self, steps: Numbers) -> Numbers:
        """Powers of the factor."""
        found: Numbers = self.factor ** np.floor(steps / self.every)
        return found


@dataclass(frozen=True)
class CosineDecay:
    """Δt·(m + (1 − m)·½(1 + cos(πt/T))), as ``torch.optim.lr_scheduler.CosineAnnealingLR``.

    It would be m at update T, the one after the last.

    Source: Loshchilov and Hutter, ICLR 2017, Eq. 5, without restarts.

    Attributes:
        steps: Number T of updates, 1 or more.
        minimum: m, from 0 to 1.

    Raises:
        ValueError: If an attribute is out of range.
    """

    steps: int
    minimum: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}; allowed: 1 or more")
        if not 0 <= self.minimum <= 1:
            raise ValueError(f"minimum is {self.minimum:g}; allowed: 0 to 1")

    def factors(self, steps: Numbers) -> Numbers:
        """Squares of a cosine over a quarter of a turn, which keep their digits at the end."""
        part = np.cos(0.5 * np.pi * steps / self.steps) ** 2
        found: Numbers = self.minimum + (1.0 - self.minimum) * part
        return found


def factor_at(schedule: Schedule, step: int) -> float:
    """The factor at one update."""
    if isinstance(schedule, ConstantStep):
        return 1.0  # without an array, as each update of a training asks
    return float(schedule.factors(np.array([step], dtype=np.float64))[0])


def mean_factor(schedule: Schedule, first: int, count: int) -> float:
    """Mean factor of ``count`` updates from ``first`` on."""
    steps = np.arange(first, first + count, dtype=np.float64)
    return float(schedule.factors(steps).mean())


def steady_updates(schedule: Schedule, first: int, most: int, ratio: float) -> int:
    """How many updates from ``first`` on have nearly the step size of the first, 1 to ``most``.

    Args:
        schedule: The factors, which do not grow.
        first: An update.
        most: Most updates, 1 or more.
        ratio: Largest factor over the smallest, 1 or more.
    """
    least = factor_at(schedule, first) / ratio * (1.0 - 1e-12)
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        if factor_at(schedule, first + middle - 1) >= least:
            low = middle
        else:
            high = middle - 1
    return low
