"""What a network that was trained elsewhere is held against: the best constant output."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from neurograd.problem import Problem

_CLOSED_FORM = ("cross_entropy", "mse", "class_mse")
"""Losses whose best constant output is known: log frequencies, mean targets and frequencies."""

_ROUNDS = 100
"""Iterations in which any other loss is minimised; one output a class is there in a few."""

_LEAST = 1e-6
"""Frequency that stands for that of a class without samples, whose logarithm has no value."""


def untrained_loss(problem: Problem) -> float:
    """Training loss of the best output that is the same for every sample.

    What start weights that are not trained further are held against, by the problem's own loss. Of
    a function of one's own the best output is looked for: from the mean of the targets, or from the
    frequencies of classes and their logarithms.

    Args:
        problem: Network, loss and data.
    """
    name = problem.loss_function.name
    if name == "cross_entropy":
        return _entropy(_frequencies(problem))
    starts = _starts(problem)
    losses = [_constant_loss(problem, start) for start in starts]
    if name in _CLOSED_FORM:
        return losses[0]
    losses += [_least(problem, start) for start in starts]
    return min((loss for loss in losses if math.isfinite(loss)), default=math.inf)


def _frequencies(problem: Problem) -> Tensor:
    """The part of the training samples that each class has, up to the last one, shape ``(C,)``."""
    _, targets = problem.data("train")
    return torch.bincount(targets).to(problem.dtype) / len(targets)


def _entropy(part: Tensor) -> float:
    part = part[part > 0]
    return float(-(part * part.log()).sum())


def _starts(problem: Problem) -> list[Tensor]:
    """Constant outputs that are best for common losses, shape ``(1, ...)`` each."""
    inputs, targets = problem.data("train")
    with torch.no_grad():
        outputs = problem.outputs(problem.parameters_of(problem.initial_weights), inputs[:1])
    if not problem.is_classification:
        mean = targets.mean(0, keepdim=True)
        return [mean if mean.shape == outputs.shape else torch.zeros_like(outputs)]
    part = _frequencies(problem)
    part = functional.pad(part, (0, outputs.shape[-1] - len(part))).unsqueeze(0)
    return [part, part.clamp_min(_LEAST).log()]


def _mean_loss(problem: Problem, output: Tensor) -> Tensor:
    _, targets = problem.data("train")
    return problem.sample_losses(output.expand(len(targets), *output.shape[1:]), targets).mean()


def _constant_loss(problem: Problem, output: Tensor) -> float:
    with torch.no_grad():
        return float(_mean_loss(problem, output))


def _least(problem: Problem, start: Tensor) -> float:
    """Lowest loss that is found from a constant output; infinite where it has no slope."""
    output, lowest = start.clone().requires_grad_(), math.inf
    optimizer = torch.optim.LBFGS([output], max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        nonlocal lowest
        optimizer.zero_grad()
        loss = _mean_loss(problem, output)
        value = float(loss.detach())
        lowest = min(lowest, value) if math.isfinite(value) else lowest
        if loss.requires_grad:
            loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return lowest
