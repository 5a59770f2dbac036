"""Parts of a training set: what is averaged over draws and samples alike may be judged in turns.

A mean over draws of a mean over samples is also the sum of the means of the parts by their sizes,
whichever draws each part sees, as long as draws do not depend on samples. Parts of equal size at
random, every sample in one of them, leave no error of samples: only that of each part's draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.problem.flat_problem import Problem
from neurograd.seeding import generator_for

FEWEST = 2
"""Draws of a part: one has no error."""


@dataclass(frozen=True)
class SamplePart:
    """Some of the training samples.

    Attributes:
        problem: The same network and loss on these samples alone.
        share: How much of the training set they are, above 0 and at most 1.
    """

    problem: Problem
    share: float

    @staticmethod
    def of(problem: Problem, index: Tensor) -> SamplePart:
        """Some samples of a problem.

        Args:
            problem: Network, loss and data.
            index: The samples' numbers, shape ``(n,)``.
        """
        return SamplePart(problem.on_samples(index), len(index) / problem.num_samples)


def count_of_parts(num_samples: int, samples: int | None, draws: int) -> int:
    """How many parts take turns, 1 or more.

    Args:
        num_samples: Samples of the training set.
        samples: Samples of one part, about: parts are of equal size, and larger where two draws
            for each would be more than ``draws``. All of them in one part when None.
        draws: Draws that are shared out.

    Raises:
        ValueError: If a part has no samples.
    """
    if samples is None:
        return 1
    if samples < 1:
        raise ValueError(f"samples is {samples}; allowed: 1 or more")
    return max(1, min(math.ceil(num_samples / samples), draws // FEWEST))


def sample_parts(
    problem: Problem, samples: int | None, draws: int, seed: int, purpose: str, point: int = 0
) -> tuple[SamplePart, ...]:
    """The training set in parts at random, of which draw k sees number k modulo their count.

    Args:
        problem: Network, loss and data.
        samples: Samples of one part, about, as for ``count_of_parts``.
        draws: Draws that are shared out.
        seed: Seed of the order.
        purpose: What the parts are for: another one has another order.
        point: Index of the place; likewise.

    Raises:
        ValueError: If a part has no samples.
    """
    count = count_of_parts(problem.num_samples, samples, draws)
    if count == 1:
        return (SamplePart(problem, 1.0),)
    generator = generator_for(seed, purpose, point)
    order = torch.randperm(problem.num_samples, generator=generator).to(problem.device)
    return tuple(SamplePart.of(problem, index) for index in order.tensor_split(count))
