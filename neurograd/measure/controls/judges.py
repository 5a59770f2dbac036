"""Which training samples judge which draws: most draws where the loss changes by most.

Parts of the training set of equal size take turns, each with draws of its own. The error is
smallest where the draws of a part are in proportion to the spread of its loss (Neyman, J. R. Stat.
Soc. 1934), so that samples of like spread make a part. It is told by the loss's slope in the
outputs: what kinks make of a noise goes through it, and cross-entropy is flat where it is straight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neurograd.problem import Problem
from neurograd.problem.sample_parts import FEWEST, SamplePart, count_of_parts
from neurograd.seeding import generator_for

FLOOR = 0.3
"""Spread of a sample whose loss is flat in the outputs, over the mean of all."""


@dataclass(frozen=True, eq=False)
class JudgedPart:
    """Training samples that judge some of the draws.

    Attributes:
        part: The samples.
        before: Their losses after the clean step, shape ``(n,)``.
        draws: Numbers of the draws.
    """

    part: SamplePart
    before: Tensor
    draws: range


def judged_parts(
    problem: Problem, clean: Tensor, samples: int | None, draws: int, seed: int, point: int = 0
) -> tuple[JudgedPart, ...]:
    """Parts of the training set with their draws, all of which have one.

    Args:
        problem: Network, loss and data.
        clean: Weights after the clean step, shape ``(N,)``.
        samples: Samples of one part, about, as for ``count_of_parts``.
        draws: Draws that are shared out.
        seed: Seed of the order of samples of the same spread.
        point: Index of the place; likewise.

    Raises:
        ValueError: If a part has no samples.
    """
    count = count_of_parts(problem.num_samples, samples, draws)
    if count == 1:
        before = problem.per_sample_losses(clean)
        return (JudgedPart(SamplePart(problem, 1.0), before, range(draws)),)
    before, spread = _losses_and_spread(problem, clean)
    generator = generator_for(seed, "loss parts", point)
    order = torch.randperm(problem.num_samples, generator=generator).to(problem.device)
    order = order[spread[order].argsort(stable=True)]
    indices = order.tensor_split(count)
    weights = np.array([float(spread[index].mean()) for index in indices])
    ends = np.cumsum(shared_out(weights, draws))
    return tuple(
        JudgedPart(SamplePart.of(problem, index), before[index], range(end - number, end))
        for index, number, end in zip(indices, np.diff(ends, prepend=0), ends, strict=True)
    )


def shared_out(weights: np.ndarray, draws: int) -> np.ndarray:
    """Whole numbers of draws near the proportion of some weights, two or more each.

    Args:
        weights: Above 0, shape ``(parts,)``.
        draws: Their sum, two a part or more.
    """
    beyond = np.maximum(0.0, draws * weights / weights.sum() - FEWEST)
    left = draws - FEWEST * len(weights)
    ideal = left * beyond / beyond.sum() if beyond.sum() > 0 else np.zeros(len(weights))
    extra = np.floor(ideal).astype(int)
    missing = left - int(extra.sum())
    extra[np.argsort(extra - ideal, kind="stable")[:missing]] += 1
    return FEWEST + extra


def _losses_and_spread(problem: Problem, w: Tensor) -> tuple[Tensor, Tensor]:
    """Losses, and what they are expected to spread by, in proportion; both of shape ``(n,)``."""
    losses, slopes = [], []
    for x, y in problem.chunks("train"):
        with torch.no_grad():
            outputs = problem.outputs(problem.parameters_of(w), x)
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            found = problem.sample_losses(leaf, y)
            (slope,) = torch.autograd.grad(found.sum(), leaf)
        losses.append(found.detach())
        slopes.append(slope.reshape(len(slope), -1).norm(dim=1))
    spread = torch.cat(slopes)
    mean = spread.mean()
    return torch.cat(losses), spread / mean + FLOOR if float(mean) > 0 else spread + FLOOR
