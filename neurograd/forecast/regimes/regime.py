"""Which regime keeps a chip's training from being followed as a path of means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from device_models import Chip, UnstableRuleError
from neurograd.forecast.regimes.large_writes import (
    LARGEST_NOISE,
    LARGEST_STEP,
    WriteNoise,
    write_noise,
)
from neurograd.forecast.regimes.strong_reads import LARGEST_ERROR, error_of_reads
from neurograd.problem import Problem

RegimeName = Literal[
    "strong_reads", "coarse_steps", "large_noise", "path_thrown", "some_chips_lost", "path_left"
]
"""The first three are found before a path is followed, the others on it."""


@dataclass(frozen=True)
class Regime:
    """What keeps a path of means from describing a training.

    Attributes:
        name: Which one.
        reason: What was found, in words.
        number: What was found.
        limit: How large, or with ``path_left`` how small, it may be.
    """

    name: RegimeName
    reason: str
    number: float
    limit: float


def regime_of(problem: Problem, chip: Chip) -> Regime | None:
    """The regime of a chip at its initial weights; None where a path describes its training.

    Writes are not looked at with a recipe, which asks for other increments than estimates. A rule
    that is unstable there has none: its path says so itself.

    Args:
        problem: Network, loss and data.
        chip: The chip; the mean of its rule is known.
    """
    try:
        error = error_of_reads(problem, chip)
        noise = WriteNoise(0.0, 0.0) if chip.recipe is not None else write_noise(problem, chip)
    except UnstableRuleError:
        return None
    found: tuple[tuple[RegimeName, str, float, float], ...] = (
        (
            "strong_reads",
            "one pair of random reads is off by {:.2g} of the gradient",
            error,
            LARGEST_ERROR,
        ),
        (
            "coarse_steps",
            "one step of a weight is {:.2g} of the length of all weights",
            noise.step,
            LARGEST_STEP,
        ),
        (
            "large_noise",
            "the noise of one write is {:.2g} of the length of the weights",
            noise.length,
            LARGEST_NOISE,
        ),
    )
    for name, said, number, limit in found:
        if number > limit:
            return Regime(name, f"{said.format(number)}, above {limit:g}", number, limit)
    return None
