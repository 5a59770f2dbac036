"""Forecasts of chips drawn at random, against twenty trained chips of each spec.

Of whole batches, batches of 64 and of 8 and single samples 50 specs each are drawn: 15 to tune the
forecast on, by a seed that stays, and 35 to judge it, by a seed that is made from the commit that
is judged. Devices, rules, networks, step sizes and tasks (digits, real images, teacher and student)
are drawn; half of the batches are fresh or drawn with replacement, half of them shuffled. Each spec
is predicted as ``neurograd.predict`` does, five chips and their twin, and twenty of its chips are
trained, each beside a twin on its batches; costs are accuracy, or the lost part of the decrease of
the loss. Seconds are those of one core in the same thread; of the training a part is timed.

``--commit HASH`` judges on the chips of another commit, ``--tuning`` takes the chips to tune on,
``--chips N`` the first N of each size of batches, 20 or more for a record.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from experiments.support.drawn_chips import chip_cost, first_that_learns, head
from experiments.support.forecasts.drawn import JUDGING, REGIMES, TUNING, TUNING_SEED
from experiments.support.forecasts.drawn_claims import (
    INTERVAL,
    claims,
    draw,
    summary,
    trained_verdict,
)
from experiments.support.record import Run, own_options, parse_beside, run_main
from experiments.support.verdicts import TrueCost
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import CleanTraining
from neurograd.pipeline.forecasting import in_regime, judge_forecast
from neurograd.pipeline.predicted.network import CLEAN, forecast_network
from neurograd.pipeline.predicted.way import forecast_way
from neurograd.spec import Spec
from neurograd.training.loop import train
from tests.neurograd.chip_specs import Regime, seed_of

TRAINED = 20
"""Chips of a spec that are trained."""
BESIDE = 300
"""Updates of a training that are timed beside its forecast."""
_QUICK_TRAINED, _QUICK_STEPS = 2, 60
_QUICK_REGIMES = ("full", "1")
_QUICK_TASKS = ({"name": "digits", "train_samples": 150},)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    options = own_options()
    options.add_argument("--commit")
    options.add_argument("--tuning", action="store_true")
    options.add_argument("--chips", type=int)
    mine, run = parse_beside(options, "drawn_agreement", __doc__ or "", arguments)
    most = TUNING if mine.tuning else JUDGING
    count = (1 if run.quick else most) if mine.chips is None else mine.chips
    if not 1 <= count <= most:
        raise NeurogradError(f"--chips: {count}; allowed: 1 to {most}")
    if mine.tuning and mine.commit is not None:
        raise NeurogradError("--commit: not with --tuning, whose seed stays; allowed: one of them")
    commit = None if mine.tuning else mine.commit or head()
    seed = (TUNING_SEED if commit is None else seed_of(commit), run.seed)
    items = {
        f"{name}-{k:02}": (regime, (*seed, r, k))
        for r, (name, regime) in enumerate(REGIMES.items())
        if not run.quick or name in _QUICK_REGIMES
        for k in range(count)
    }
    rows = run.each(items, partial(_one, run), depends_on=[commit])
    result = summary(rows)
    drawn = "a seed that stays, to tune on" if commit is None else f"commit {commit[:8]}"
    part = "" if count == most else f", the first {count} of {most} a size of batches"
    setting = f"{len(rows)} specs drawn by {drawn}{part}; {TRAINED} trained chips each"
    flags = (" --tuning" if commit is None else f" --commit {commit}") + (
        "" if count == most else f" --chips {count}"
    )
    record = {"command": run.command() + flags, "commit": commit, "summary": result, "chips": rows}
    run.write(record, draw(rows), claims(result, setting))


def _one(run: Run, item: tuple[Regime, Sequence[int]]) -> dict[str, Any]:
    regime, seed = item
    if run.quick:
        regime = replace(regime, steps=_QUICK_STEPS, tasks=_QUICK_TASKS)
    return first_that_learns(run, seed, partial(beside, run), regime)


def beside(run: Run, spec: Spec, clean: CleanTraining) -> dict[str, Any]:
    """One spec predicted and trained.

    Args:
        run: The run.
        spec: The spec.
        clean: The training of its clean twin.
    """
    predicted = predicted_beside(run, spec)
    problem = build_problem(spec, run.device)
    count = _QUICK_TRAINED if run.quick else TRAINED
    costs = [chip_cost(spec, problem, clean.result, index) for index in range(count)]
    true = TrueCost.of(costs)
    verdict = trained_verdict(true, predicted["allowed"], spec.targets.confidence)
    return {**predicted, "trained": {**asdict(true), "verdict": verdict}}


def predicted_beside(run: Run, spec: Spec) -> dict[str, Any]:
    """The forecast of a spec, and its seconds beside those of training as many chips.

    A training step costs the same all along, so its seconds are those of ``BESIDE`` steps.
    """
    problem = build_problem(spec, run.device)
    seeds, steps = spec.training.seeds, spec.count_updates(problem.num_samples)
    start = time.thread_time()
    twin = forecast_network(spec, problem, CLEAN)
    networks = [forecast_network(spec, problem, index) for index in range(seeds)]
    way, regime = forecast_way(spec, problem, build_chip(spec, problem))
    forecast = in_regime(judge_forecast(spec, problem, twin, networks), way, regime)
    found = forecast.judgement
    middle = time.thread_time()
    part = min(BESIDE, steps)
    train(problem, build_chip(spec, problem), part, run.seed, curve_points=2)
    end = time.thread_time()
    wide = spec.targets.model_copy(update={"confidence": 0.5 * (1.0 + INTERVAL)})
    bounds = judge_forecast(
        spec.model_copy(update={"targets": wide}), problem, twin, networks
    ).judgement.bounds
    return {
        "allowed": found.allowed,
        "kind": found.kind,
        "predicted": {
            "value": found.cost.value,
            "ci": (bounds.lower, bounds.upper),
            "verdict": found.verdict.value,
            "way": way,
            "regime": None if forecast.regime is None else forecast.regime.name,
        },
        "seconds": {
            "predict": middle - start,
            "train": (end - middle) * seeds * steps / part,
        },
    }


if __name__ == "__main__":
    run_main(main)
