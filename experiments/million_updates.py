"""Forecasts of a million updates of single samples, five chips and their twin, against training.

784-256-128-10 on MNIST's images, in float32. Forecasts are whole ones, with the real updates from
states of their paths that tell whether these hold. Of the training of each chip the first updates
are timed and extended to all of it, the looks at its loss left out; where pulses are drawn, later
updates, which ask for fewer, take a little less. Seconds are those of one core, by its own clock,
so that other work on the machine counts as little as it can.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from device_models import Chip
from experiments.support.forecasts.claims import ratio_interval
from experiments.support.held import together
from experiments.support.record import Claim, Run, held_over, held_where, parse, run_main
from neurograd.measure.intervals import mean_interval
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.predicted.network import CLEAN, forecast_network
from neurograd.pipeline.predicted.way import forecast_way
from neurograd.problem import Problem
from neurograd.spec import Spec, validate_spec
from neurograd.training.loop import train

ALLOWED_SECONDS, CORES = 600.0, 2
"""Time of a forecast by the clock, on so many cores."""
ALLOWED_COST = 0.1
"""Cost of a forecast over that of the training of its chips."""
ALLOWED_BURSTS = 0.005
"""Real updates from states of paths, over those of the training."""
PRESETS = ("ecram-mo", "gokmen-vlasov")
PART = 2000
"""Updates of a training that are timed: those between as many and twice as many."""

SPEC: Mapping[str, Any] = {
    "name": "a million updates",
    "network": {"hidden": [256, 128]},
    "task": {"name": "mnist_5k"},
    "learning_rule": {"batch_size": 1},
    "training": {"step_size": 0.01, "steps": 1_000_000, "order": "with_replacement", "seeds": 5},
    "measure": {"precision": "float32"},
}
_SMALL: Mapping[str, Any] = {
    "network": {"hidden": [4]},
    "task": {"name": "digits", "train_samples": 64, "test_samples": 20},
    "training": {"step_size": 0.03, "steps": 600, "order": "with_replacement", "seeds": 1},
}
_SMALL_PART = 20


def spec_of(preset: str, *, quick: bool) -> Spec:
    """The training through chips of a preset."""
    small = _SMALL if quick else {}
    return validate_spec({**SPEC, **small, "device": {"preset": preset}})


def predicted(run: Run, item: tuple[str, int]) -> dict[str, Any]:
    """One network's forecast, and its seconds beside those of its training."""
    preset, index = item
    spec = spec_of(preset, quick=run.quick)
    spec = spec.model_copy(update={"measure": spec.measure.model_copy(update={"seed": run.seed})})
    problem = build_problem(spec, run.device)
    start = time.thread_time()
    found = forecast_network(spec, problem, index, bursts=index != CLEAN)
    took = time.thread_time() - start
    row: dict[str, Any] = {
        "preset": preset,
        "clean": index == CLEAN,
        "seconds": took,
        "loss": found.loss,
        "accuracy": found.test_accuracy,
        "diverged": found.diverged,
        "real_updates": sum(each.settling + each.measured for each in found.bursts),
    }
    if index != CLEAN:
        chip, part = build_chip(spec, problem, index=index), _SMALL_PART if run.quick else PART
        row["way"], regime = forecast_way(spec, problem, chip)
        row["regime"] = None if regime is None else regime.name
        one, other = (_seconds_of(problem, chip, count, run.seed) for count in (part, 2 * part))
        row["training_seconds"] = (other - one) * spec.training.steps / part
    return row


def _seconds_of(problem: Problem, chip: Chip, steps: int, seed: int) -> float:
    """Processor time of a training with one look at its losses before it and one after it."""
    start = time.thread_time()
    train(problem, chip, steps, seed, curve_points=2)
    return time.thread_time() - start


def summary(rows: Sequence[Mapping[str, Any]], steps: int) -> dict[str, Any]:
    """Sums of one preset's networks.

    Args:
        rows: Of the clean twin and the chips.
        steps: Updates of the training of each.
    """
    chips = [row for row in rows if not row["clean"]]
    seconds = sum(row["seconds"] for row in rows)
    training = [row["training_seconds"] for row in chips]
    # Each with its part of the twin, of which there is one.
    twin = sum(row["seconds"] for row in rows if row["clean"]) / len(chips)
    each = [row["seconds"] + twin for row in chips]
    _, (low, high) = mean_interval(each)
    return {
        "core_seconds": seconds,
        "core_seconds_ci": (max(0.0, len(chips) * low), len(chips) * high),
        "training_core_seconds": sum(training),
        "cost": seconds / sum(training),
        "cost_ci": ratio_interval(each, training),
        "bursts": max(row["real_updates"] for row in chips) / steps,
    }


def claims(found: Mapping[str, Mapping[str, Any]]) -> list[Claim]:
    """What is claimed of time and of real updates, by preset."""
    setting = "784-256-128-10, 1,000,000 updates of single samples, five chips and twin, float32"

    def told(key: str, form: str, by: float = 1.0) -> str:
        parts = []
        for name, each in found.items():
            ends = [end * by for end in each.get(f"{key}_ci", ())]
            shown = f" ({ends[0]:{form}} to {ends[1]:{form}})" if ends else ""
            parts.append(f"{name} {each[key] * by:{form}}{shown}")
        return ", ".join(parts)

    return [
        Claim(
            f"A million updates are forecast in 10 minutes of {CORES} cores.",
            "neurograd's forecast",
            setting,
            told("core_seconds", ".0f", 1.0 / CORES)
            + f" s, cores' time over {CORES}; 99 % intervals over chips",
            together(
                [
                    held_where(each["core_seconds_ci"], 0.0, CORES * ALLOWED_SECONDS)
                    for each in found.values()
                ]
            ),
        ),
        Claim(
            "Such a forecast costs at most a tenth of the training, its bursts included.",
            "neurograd's forecast",
            f"{setting}; of each training {PART:,} updates were timed",
            told("cost", ".3f") + "; 99 % intervals over chips",
            together([held_where(each["cost_ci"], 0.0, ALLOWED_COST) for each in found.values()]),
        ),
        Claim(
            "At most 0.5 % of the updates are real ones from states of the paths.",
            "neurograd's forecast",
            setting,
            told("bursts", ".2%") + ", counted",
            held_over([each["bursts"] <= ALLOWED_BURSTS for each in found.values()]),
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("million_updates", __doc__ or "", arguments)
    training = spec_of(PRESETS[0], quick=run.quick).training
    items = {
        f"{preset}-{index + 1}": (preset, index)
        for preset in PRESETS
        for index in (CLEAN, *range(training.seeds))
    }
    rows = list(run.each(items, partial(predicted, run)).values())
    found = {
        preset: summary([row for row in rows if row["preset"] == preset], training.steps)
        for preset in PRESETS
    }
    run.write({"presets": found, "networks": rows}, claims=claims(found))


if __name__ == "__main__":
    run_main(main)
