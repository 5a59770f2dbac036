"""The predicted verdict of a spec: forecasts of its chips and of their clean twin."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import torch

from device_models import Chip
from neurograd.effects.effect import Effect
from neurograd.forecast.path import forecast_chip
from neurograd.judge.cost import Judgement, judge_chips
from neurograd.judge.verdict import Cost, judge
from neurograd.pipeline.build import build_chip, build_clean_chip
from neurograd.pipeline.json_form import evaluated_dict, number
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.seeding import generator_for
from neurograd.spec import Spec

CLEAN = -1
"""Index of the clean twin among the networks of a forecast."""

MODEL_ERROR = 0.25
"""Part of a predicted cost by which it may be off (measured by ``experiments.agreement``)."""


@dataclass(frozen=True)
class Forecast:
    """A predicted verdict.

    Attributes:
        judgement: Verdict and cost; the interval covers chips, test samples and ``MODEL_ERROR``.
        clean_loss: Predicted training loss of the clean twin.
        clean_accuracy: Predicted test accuracy of the clean twin, None where undefined.
        chip_loss: Mean predicted training loss of the chips.
        chip_accuracy: Mean predicted test accuracy of the chips, None where undefined.
        diverged: Number of chips that are predicted to diverge.
        gradients: Gradients that all forecasts took together.
    """

    judgement: Judgement
    clean_loss: float
    clean_accuracy: float | None
    chip_loss: float
    chip_accuracy: float | None
    diverged: int
    gradients: int


def forecast(
    spec: Spec,
    problem: Problem,
    *,
    without: Collection[Effect] = (),
    clean: dict[str, Any] | None = None,
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
    return judge_forecasts(spec, problem, twin, chips)


def forecast_network(
    spec: Spec,
    problem: Problem,
    index: int,
    *,
    without: Collection[Effect] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Predict one network, as JSON types: ``loss``, ``test_accuracy``, ``correct``, ...

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        index: Which chip, or ``CLEAN``.
        without: Effects that are left out.
        progress: Called with the number of updates done since the last call.
    """
    clean = index == CLEAN
    chip = (
        build_clean_chip(spec, problem)
        if clean
        else build_chip(spec, problem, index=index, without=without)
    )
    seed = spec.measure.seed
    predicted = forecast_chip(
        problem, chip, spec.training.steps, seed, index=index + 1, progress=progress
    )
    return {
        **_evaluated(problem, chip, predicted.weights, seed, index + 1),
        "diverged": predicted.diverged,
        "gradients": predicted.gradients,
    }


def judge_forecasts(
    spec: Spec, problem: Problem, clean: dict[str, Any], chips: list[dict[str, Any]]
) -> Forecast:
    """The predicted verdict from the networks of ``forecast_network``."""
    start = problem.loss(problem.initial_weights)
    judged = _with_model_error(judge_chips(problem, start, clean, chips, spec.targets), len(chips))
    count = len(chips)
    accurate = clean["test_accuracy"] is not None
    return Forecast(
        judgement=judged,
        clean_loss=number(clean["loss"]),
        clean_accuracy=clean["test_accuracy"],
        chip_loss=sum(number(chip["loss"]) for chip in chips) / count,
        chip_accuracy=sum(chip["test_accuracy"] for chip in chips) / count if accurate else None,
        diverged=sum(bool(chip["diverged"]) for chip in chips),
        gradients=clean["gradients"] + sum(chip["gradients"] for chip in chips),
    )


def _with_model_error(judged: Judgement, chips: int) -> Judgement:
    """The interval widened by what the prediction itself may be off, and judged again."""
    wide = _widened(judged.cost)
    verdict = judge(wide, judged.allowed, chips=chips, clean_learned=judged.clean_learned)
    return replace(judged, verdict=verdict, cost=wide, excess_loss=_widened(judged.excess_loss))


def _widened(cost: Cost) -> Cost:
    if not math.isfinite(cost.value):
        return cost
    low, high = cost.ci
    extra = MODEL_ERROR * abs(cost.value)
    return replace(cost, ci=(low - extra, high + extra))


def _evaluated(
    problem: Problem, chip: Chip, weights: torch.Tensor, seed: int, index: int
) -> dict[str, Any]:
    """Loss and accuracy as the chip itself reads its weights and computes."""
    seen = chip.see(problem)
    generator = generator_for(seed, "forecast", index, "evaluate", device=weights.device)
    return evaluated_dict(seen, chip.read(weights, generator))
