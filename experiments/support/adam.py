"""Clean training with Adam, for networks that plain gradient descent trains too slowly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neurograd.errors import DivergenceError
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.seeding import generator_for


def train_adam(
    problem: Problem,
    steps: int,
    seed: int,
    *,
    step_size: float = 1e-3,
    batch_size: int = 50,
    warmup: float = 0.1,
    initial: Tensor | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Weights after minibatch training with Adam: clean, as a computer would train.

    The step size rises linearly at first (deep plain networks die of a full first step) and falls
    to 0 along a cosine. Batch t is drawn with replacement by a generator made from (seed, t).

    Args:
        problem: Network, loss and data; its dtype is the training's (float32 is enough here).
        steps: Number of updates, 1 or more.
        seed: Seed of the batches.
        step_size: Largest step size, greater than 0.
        batch_size: Samples of a batch, 1 or more.
        warmup: Part of the steps in which the step size rises, 0 to 1.
        initial: Weights at the start, shape ``(N,)``; the problem's own when None.
        progress: Called with the number of steps done since the last call.

    Returns:
        The weights, shape ``(N,)``, of the problem's dtype.

    Raises:
        ValueError: If a number is out of range.
        DivergenceError: If the weights become infinite or NaN.

    Source:
        Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """
    if steps < 1 or batch_size < 1:
        raise ValueError(f"{steps} steps with batches of {batch_size}; allowed: 1 or more")
    if not (step_size > 0 and 0 <= warmup <= 1):
        raise ValueError(
            f"step size {step_size:g} with a warm-up of {warmup:g}; allowed: greater than 0, and 0 "
            "to 1"
        )
    w = (problem.initial_weights if initial is None else initial).detach().clone()
    w.requires_grad_()
    optimizer = torch.optim.Adam([w], lr=step_size)
    for t in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = step_size * _schedule(t, steps, warmup)
        generator = generator_for(seed, "adam", t)
        index = torch.randint(problem.num_samples, (batch_size,), generator=generator)
        optimizer.zero_grad()
        problem.mean_loss(problem.parameters_of(w), index.to(w.device)).backward()
        optimizer.step()
        if progress is not None:
            progress(1)
    if not bool(torch.isfinite(w).all()):
        raise DivergenceError(
            f"Adam diverged within {steps} steps of size {step_size:g}; allowed: a smaller step"
        )
    return w.detach()


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Fraction of the largest step size at a step: up linearly, down along half a cosine."""
    rising = warmup * steps
    if step + 1 <= rising:
        return (step + 1) / rising
    return 0.5 * (1.0 + math.cos(math.pi * (step - rising) / max(1.0, steps - rising)))
