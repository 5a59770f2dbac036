"""Momentum and Adam beside a noisy array: predicted and measured steps, forecast and trained chips.

A tanh network learns from a teacher in batches of half of its samples, through an array with a
thousand levels and noisy writes, by momentum 0.9 and by Adam. At three points of the clean training
the loss change of one step is measured and predicted, with the optimizer's memory as it is there.
Ten chips are trained, and ten forecast: the mean training loss of both is compared by Welch's t
interval at 99 %, beside what the network learned, of which it may be 1 %; a step's predicted change
may be 10 % off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from experiments.support.held import held_near, together
from experiments.support.record import Claim, Held, Run, parse, run_main
from neurograd.forecast import forecast_chip
from neurograd.measure.point import MeasurementBudget, measure_point
from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
from neurograd.spec import validate_spec
from neurograd.training.loop import train

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "momentum": {"step_size": 0.005, "optimizer": {"name": "sgd", "momentum": 0.9}},
    "adam": {"step_size": 0.01, "optimizer": {"name": "adam"}},
}
TASK = {
    "name": "teacher_student",
    "train_samples": 80,
    "test_samples": 20,
    "inputs": 6,
    "outputs": 2,
    "teacher_hidden": [5],
}
DEVICE = {
    "conductance": {"weight_range": 2.0, "levels": 1000},
    "write": {"cycle_to_cycle": 0.001},
}
CHIPS, STEPS = 10, 500
_QUICK_CHIPS, _QUICK_STEPS = 3, 120
STEP_AGREES, END_AGREES = 0.1, 0.01
"""What may be between predicted and measured: part of a step's change, part of what was learned."""


def compared(run: Run, training: dict[str, Any]) -> dict[str, Any]:
    """Steps and ends of chips with one optimizer."""
    steps = _QUICK_STEPS if run.quick else STEPS
    chips = _QUICK_CHIPS if run.quick else CHIPS
    spec = validate_spec(
        {
            "network": {"hidden": [6], "activation": "tanh"},
            "task": TASK,
            "device": DEVICE,
            "learning_rule": {"batch_size": 40},
            "training": {**training, "steps": steps},
            "measure": {"seed": run.seed},
        }
    )
    problem = build_problem(spec, run.device)
    places = [0, steps // 2, steps]
    clean = train(
        problem, build_clean_chip(spec, problem), steps, run.seed, snapshots=places, curve_points=2
    )
    draws = 100 if run.quick else 600
    budget = MeasurementBudget(draws, draws // 2, 32, run.seed)
    points = []
    for k, step in enumerate(places):
        chip = build_chip(spec, problem).at(clean.states[step])
        point = measure_point(problem, chip, clean.snapshots[step], step, k, budget)
        points.append(
            {
                "step": step,
                "predicted": point.predicted.total,
                "measured": point.measured.value,
                "measured_ci": point.measured.ci,
                "difference_ci": point.difference_ci,
                "agree": point.agrees(len(places)),
            }
        )
    ends: dict[str, list[float]] = {"trained": [], "forecast": []}
    gradients = []
    for k in range(chips):
        chip = build_chip(spec, problem, index=k)
        trained = train(problem, chip, steps, run.seed, chip_index=k + 1, curve_points=2)
        found = forecast_chip(problem, chip, steps, run.seed, index=k + 1)
        ends["trained"].append(problem.loss(trained.weights))
        ends["forecast"].append(problem.loss(found.weights))
        gradients.append(found.gradients)
    low, high = stats.ttest_ind(
        ends["forecast"], ends["trained"], equal_var=False
    ).confidence_interval(0.99)
    return {
        "points": points,
        "steps": steps,
        "start_loss": problem.loss(problem.initial_weights),
        "clean_loss": clean.train_loss,
        **ends,
        "difference_ci": (float(low), float(high)),
        "gradients": float(np.mean(gradients)),
    }


def claims(results: dict[str, dict[str, Any]]) -> list[Claim]:
    """What is claimed of steps and of ends."""
    setting = (
        "56 weights, tanh, a teacher of 80 samples in batches of 40; 1000 levels, "
        "cycle-to-cycle noise of 0.1 %"
    )
    points = [point for row in results.values() for point in row["points"]]
    agree = sum(bool(point["agree"]) for point in points)
    near = [_step(point) for point in points]
    found = [
        Claim(
            "With momentum and Adam, predicted and measured loss change of a step agree within "
            f"{STEP_AGREES:.0%}.",
            "neurograd's optimizers",
            setting,
            f"the difference's interval is within it at {near.count('held')} of {len(points)} "
            f"points; it holds 0 at {agree}, at 99 % for those of each training together",
            together(near),
        )
    ]
    for name, row in results.items():
        low, high = row["difference_ci"]
        fallen = row["start_loss"] - float(np.mean(row["trained"]))
        found.append(
            Claim(
                f"With {name}, forecast chips end at the loss of trained ones, within "
                f"{END_AGREES:.0%} of what was learned.",
                "neurograd's optimizers",
                f"{setting}; {len(row['trained'])} chips each, {row['steps']} updates",
                f"mean loss {np.mean(row['forecast']):.4g} forecast with {row['gradients']:.0f} "
                f"gradients, {np.mean(row['trained']):.4g} trained: a difference of "
                f"{100 * low / fallen:.2g} % to {100 * high / fallen:.2g} % of what was learned "
                "(99 %)",
                held_near((low / fallen, high / fallen), 0.0, END_AGREES),
            )
        )
    return found


def _step(point: dict[str, Any]) -> Held:
    """One word for a step: contradicted, within the tolerance, or not told."""
    if not point["agree"]:
        return "not held"
    size = abs(point["predicted"])
    low, high = (end / size for end in point["difference_ci"])
    return "held" if max(-low, high) <= STEP_AGREES else "inconclusive"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("optimizers", __doc__ or "", arguments)
    results = run.each(OPTIMIZERS, partial(compared, run))
    run.write({"optimizers": results}, claims=claims(results))


if __name__ == "__main__":
    run_main(main)
