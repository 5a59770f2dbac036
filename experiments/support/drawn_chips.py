"""Chips that a commit draws: the first that exists and learns, and what one of them costs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from device_models import Chip, UnstableRuleError
from experiments.support.record import ROOT, Run
from neurograd.errors import DivergenceError, NeurogradError
from neurograd.judge.cost import Baseline, judge_chips, lost_decrease
from neurograd.judge.networks import Network
from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
from neurograd.pipeline.changed import quick_spec
from neurograd.pipeline.check import CleanTraining, train_clean
from neurograd.pipeline.forecasting import allowed_by, baseline_of
from neurograd.problem import Problem
from neurograd.records.measured import trained_network
from neurograd.spec import Spec
from neurograd.training.loop import train
from tests.neurograd.chip_specs import Regime, draw_spec

AWAY = 1000
"""Number of the first chip that is trained, far from those of a forecast or a verdict."""


def head(folder: Path = ROOT.parent) -> str:
    """Hash of the commit that the working tree stands at.

    Raises:
        NeurogradError: If there is none.
    """
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        raise NeurogradError(f"{folder}: is no git repository; allowed: --commit HASH") from None
    return found.stdout.strip()


def first_that_learns(
    run: Run,
    seed: Sequence[int],
    compute: Callable[[Spec, CleanTraining], dict[str, Any]],
    regime: Regime | None = None,
    refuse: Callable[[Spec], None] = lambda spec: None,
) -> dict[str, Any]:
    """The row of the first drawn spec that exists and whose clean network learns.

    A spec whose row ends in an error is drawn again as well, and told apart: nothing that fails is
    left out in silence.

    Args:
        run: The run.
        seed: What is drawn; the attempt's number comes after it.
        compute: Makes the row of a spec and its clean training.
        refuse: Raises where a spec is not wanted; it is drawn again.
        regime: What is given of the draw.
    """
    refused: list[str] = []
    failed: list[str] = []
    not_learned = attempt = 0
    while True:
        drawn = draw_spec((*seed, attempt), regime)
        refused += drawn.refused
        attempt += 1
        spec = quick_spec(drawn.spec) if run.quick else drawn.spec
        try:
            refuse(spec)
            clean = train_clean(spec, device=run.device)
            learns = _learns(spec, clean, run)
        except DivergenceError:
            learns = False
        except (NeurogradError, UnstableRuleError) as error:
            refused.append(_line(error))
            continue
        if not learns:
            not_learned += 1
            continue
        try:
            row = compute(spec, clean)
        except (NeurogradError, UnstableRuleError) as error:
            failed.append(_line(error))
            continue
        return {
            **_told(spec, drawn.sections),
            "refused": refused,
            "failed": failed,
            "not_learned": not_learned,
            **row,
        }


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def first_drawn(seeds: Mapping[str, Sequence[int]], regimes: Mapping[str, Regime | None]) -> Any:
    """The keys of the first spec that each seed draws: rows that are resumed are of the same.

    Args:
        seeds: Of each item, by its name.
        regimes: What is given of the draws, by the same names.
    """
    return {name: draw_spec((*seed, 0), regimes[name]).sections for name, seed in seeds.items()}


def _learns(spec: Spec, clean: CleanTraining, run: Run) -> bool:
    """Whether the clean network has anything to lose, by the rule of the verdict itself."""
    twin = clean.result
    baseline = baseline_of(build_problem(spec, run.device))
    return judge_chips(baseline, allowed_by(spec), twin, [twin]).clean_learned


def _told(spec: Spec, sections: Mapping[str, Any]) -> dict[str, Any]:
    """What was drawn."""
    return {
        "task": spec.task.name,
        "rule": spec.learning_rule.name,
        "batch": spec.learning_rule.batch_size,
        "sections": sections,
    }


def chip_cost(spec: Spec, problem: Problem, clean: Network, index: int) -> float:
    """What one chip costs against the twin on its batches: accuracy, or part of the decrease.

    Args:
        spec: Its spec.
        problem: The spec's problem.
        clean: The clean twin of whole batches.
        index: Number of the chip.
    """
    steps, seed = spec.count_updates(problem.num_samples), spec.measure.seed

    def trained(chip: Chip) -> Network:
        return trained_network(
            train(problem, chip, steps, seed, chip_index=index + 1, curve_points=2)
        )

    twin = clean
    if spec.learning_rule.batch_size != "full":
        twin = trained(build_clean_chip(spec, problem))
    return cost_beside(baseline_of(problem), twin, trained(build_chip(spec, problem, index=index)))


def cost_beside(baseline: Baseline, twin: Network, chip: Network) -> float:
    """What a chip costs against its twin: accuracy, or part of the decrease of the loss."""
    if twin.test_accuracy is not None and chip.test_accuracy is not None:
        return twin.test_accuracy - chip.test_accuracy
    return lost_decrease(baseline, twin, chip)
