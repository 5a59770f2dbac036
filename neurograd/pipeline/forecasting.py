"""The predicted verdict of a spec: forecasts of its chips and of their clean twin."""

from __future__ import annotations

from collections.abc import Collection

import torch

from neurograd.effects.effect import Effect
from neurograd.forecast.path import forecast_chip
from neurograd.judge.cost import Allowed, Baseline
from neurograd.judge.forecasts import Forecast, judge_forecasts
from neurograd.pipeline.build import build_chip, build_clean_chip
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.records.measured import predicted_network
from neurograd.records.training import PredictedNetwork
from neurograd.seeding import generator_for
from neurograd.spec import Spec

CLEAN = -1
"""Index of the clean twin among the networks of a forecast."""


def allowed_by(spec: Spec) -> Allowed:
    """What a spec's targets allow."""
    targets = spec.targets
    return Allowed(targets.max_accuracy_drop, targets.max_excess_loss, targets.confidence)


def baseline_of(problem: Problem, start_loss: float | None = None) -> Baseline:
    """What a network has before it learns.

    Args:
        problem: Network, loss and data.
        start_loss: Training loss before the first step; that of the initial weights when None.
    """
    loss = problem.loss(problem.initial_weights) if start_loss is None else start_loss
    if not (problem.has_test and problem.is_classification):
        return Baseline(loss, None)
    _, targets = problem.data("test")
    return Baseline(loss, float(torch.bincount(targets).max()) / len(targets))


def untrained_loss(problem: Problem) -> float:
    """Training loss of the best output that is the same for every sample.

    What start weights that are not trained further are held against: a mean of the targets, or,
    with classes, their frequencies.
    """
    _, targets = problem.data("train")
    if problem.is_classification:
        part = torch.bincount(targets).to(problem.dtype) / len(targets)
        part = part[part > 0]
        return float(-(part * part.log()).sum())
    mean = targets.mean(0, keepdim=True).expand_as(targets)
    return float(problem.sample_losses(mean, targets).mean())


def forecast_stage(index: int) -> str:
    """Under which name the forecast of a network is kept, wherever it was made."""
    return f"forecast-{index + 1}"


def forecast(
    spec: Spec,
    problem: Problem,
    *,
    without: Collection[Effect] = (),
    clean: PredictedNetwork | None = None,
) -> Forecast:
    """Predict the verdict of a spec without training through its chips.

    Args:
        spec: The validated spec; ``training.seeds`` chips are predicted.
        problem: The spec's problem.
        without: Effects that are left out of the chips.
        clean: The clean twin of the same network, task, batches and training, from
            ``forecast_network(spec, problem, CLEAN)``; predicted here when None.
    """
    twin = forecast_network(spec, problem, CLEAN) if clean is None else clean
    chips = [
        forecast_network(spec, problem, index, without=without)
        for index in range(spec.training.seeds)
    ]
    return judge_forecasts(baseline_of(problem), allowed_by(spec), twin, chips)


def forecast_network(
    spec: Spec,
    problem: Problem,
    index: int,
    *,
    without: Collection[Effect] = (),
    progress: Progress | None = None,
) -> PredictedNetwork:
    """Predict the training of one network; loss and accuracy are as the chip itself reads it.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        index: Which chip, or ``CLEAN``.
        without: Effects that are left out.
        progress: Called with the number of updates done since the last call.
    """
    chip = (
        build_clean_chip(spec, problem)
        if index == CLEAN
        else build_chip(spec, problem, index=index, without=without)
    )
    seed, place = spec.measure.seed, index + 1
    predicted = forecast_chip(
        problem, chip, spec.training.steps, seed, index=place, progress=progress
    )
    weights = predicted.weights
    generator = generator_for(seed, "forecast", place, "evaluate", device=weights.device)
    return predicted_network(
        chip.see(problem),
        chip.read(weights, generator),
        diverged=predicted.diverged,
        gradients=predicted.gradients,
    )
