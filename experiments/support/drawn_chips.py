"""Chips that a commit draws: the first that exists and learns, and what one of them costs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from device_models import Chip, UnstableRuleError
from experiments.support.record import ROOT, Run
from neurograd.errors import DivergenceError, NeurogradError
from neurograd.judge.cost import judge_chips, lost_decrease
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
) -> dict[str, Any]:
    """The row of the first drawn spec that exists and whose clean network learns.

    Args:
        run: The run.
        seed: What is drawn; the attempt's number comes after it.
        compute: Makes the row of a spec and its clean training; what it refuses is drawn again.
        regime: What is given of the draw.
    """
    refused: list[str] = []
    not_learned = attempt = 0
    while True:
        drawn = draw_spec((*seed, attempt), regime)
        refused += drawn.refused
        attempt += 1
        spec = quick_spec(drawn.spec) if run.quick else drawn.spec
        try:
            clean = train_clean(spec, device=run.device)
            if not _learns(spec, clean, run):
                not_learned += 1
                continue
            row = compute(spec, clean)
        except DivergenceError:
            not_learned += 1
            continue
        except (NeurogradError, UnstableRuleError) as error:
            refused.append(" ".join(str(error).split()))
            continue
        return {
            **_told(spec, drawn.sections),
            "refused": refused,
            "not_learned": not_learned,
            **row,
        }


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
    network = trained(build_chip(spec, problem, index=index))
    if twin.test_accuracy is not None and network.test_accuracy is not None:
        return twin.test_accuracy - network.test_accuracy
    return lost_decrease(baseline_of(problem), twin, network)
