"""Forecasts of chips drawn at random, against twenty trained chips of each spec.

Of whole batches, batches of 64 and of 8 and single samples 35 specs each are drawn by a seed that
is made from the commit that is judged; ``experiments.drawn_tuning`` tunes on others. Devices,
rules, networks, step sizes and tasks (digits, real images, teacher and student) are drawn; half of
the batches are fresh or drawn with replacement, half of them shuffled. Each spec is predicted as
``neurograd.predict`` does, a twin, five chips and more where these are likely to decide, and twenty
others of its chips are trained, each beside a twin on its batches; costs are accuracy, or the lost
part of the decrease of the loss. Both are scored on the same test samples, whose share of the
predicted interval cancels between them: how often the interval without it holds is counted as well.
Devices with wires that are solved are drawn in batches of 64 and more only.

Seconds are those of one core in the same thread; of the trainings of the same number of chips and
clean twins (one of each chip in batches, one in all else) a part is timed.

``--commit HASH`` judges on the chips of another commit, ``--chips N`` takes the first N of each
size of batches, 20 or more for a record. A record that is there stays in the new one, under
``earlier``, with the claims as they were then: of another commit, or on other chips. One of fewer
chips that is gone on with, its rows as they were, is in the new one already.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from experiments.support.drawn_chips import (
    AWAY,
    chip_cost,
    cost_beside,
    first_drawn,
    first_that_learns,
    head,
)
from experiments.support.forecasts.drawn import JUDGING, REGIMES
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
from neurograd.judge.cost import judge_chips
from neurograd.judge.prediction_error import MODEL_ERROR
from neurograd.judge.verdict import mean_interval
from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
from neurograd.pipeline.check import CleanTraining
from neurograd.pipeline.forecasting import (
    allowed_by,
    baseline_of,
    forecast_chips,
    judge_forecast,
)
from neurograd.spec import Spec
from neurograd.training.loop import train
from tests.neurograd.chip_specs import Regime, seed_of

TRAINED = 20
"""Chips of a spec that are trained."""
BESIDE = 300
"""Updates of a training that are timed beside its forecast."""
SOLVED_BATCH = 64
"""Fewest samples of an update whose voltages are solved along the wires.

A count. Thousands of solved updates of single samples take a minute a training, and forty are made.
"""
_QUICK_TRAINED, _QUICK_STEPS = 2, 60
_QUICK_REGIMES = ("full", "1")
_QUICK_TASKS = ({"name": "digits", "train_samples": 150},)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    options = own_options()
    options.add_argument(
        "--commit", help="hash of the commit that draws them (default: the present one)"
    )
    options.add_argument("--chips", type=int, help="first chips of each size of batches")
    mine, run = parse_beside(options, "drawn_agreement", __doc__ or "", arguments)
    count = (1 if run.quick else JUDGING) if mine.chips is None else mine.chips
    commit = mine.commit or head()
    items = drawn_items(run, seed_of(commit), count, JUDGING)
    trained = _QUICK_TRAINED if run.quick else TRAINED
    depends_on = [commit, first_of(drawn_items(run, seed_of(commit), JUDGING, JUDGING))]
    rows = run.each(items, partial(one, run, trained=trained), depends_on=depends_on)
    result = summary(rows)
    part = "" if count == JUDGING else f", the first {count} of {JUDGING} a size of batches"
    setting = (
        f"{len(rows)} specs drawn by commit {commit[:8]}{part}; {trained} trained chips each; "
        f"intervals with {MODEL_ERROR:.0%} of the damage; drawn again: "
        f"{result['redrawn_refused']} that the spec refuses or whose wires are solved for small "
        f"batches, {result['redrawn_not_learned']} whose clean network does not learn, "
        f"{result['redrawn_failed']} whose forecast or training ended in an error"
    )
    flags = f" --commit {commit}" + ("" if count == JUDGING else f" --chips {count}")
    earlier = earlier_runs(run, run.command() + flags, rows)
    if earlier:
        setting += f"; earlier runs in the record: {len(earlier)}"
    record = {
        "command": run.command() + flags,
        "commit": commit,
        "model_error": MODEL_ERROR,
        "summary": result,
        "chips": rows,
        "earlier": earlier,
    }
    run.write(record, draw(rows), claims(result, setting))


def earlier_runs(run: Run, command: str, rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs that a record has, but for one of the same command, which is made anew.

    Nor one that has been gone on with: whose rows are all among these as they were.

    Args:
        run: The run, whose folder may have the record.
        command: Of the run.
        rows: Of the run, by the names of its specs.
    """
    path = run.out / f"{run.name}.json"
    if not path.exists():
        return []
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    before: list[dict[str, Any]] = kept.pop("earlier", [])
    runs = [*before, kept]
    others = [each for each in runs if each["command"] != command]
    # As they are read from a file.
    here: dict[str, Any] = json.loads(json.dumps(rows))
    return [each for each in others if not each["chips"].items() <= here.items()]


def drawn_items(
    run: Run, seed: int, count: int, most: int
) -> dict[str, tuple[Regime, tuple[int, ...]]]:
    """What is drawn for each spec, by its name: what is given of it and its seed.

    The first of each size of batches come first, so that a run that is cut short has as many of
    all.

    Args:
        run: The run.
        seed: Of all of them.
        count: Specs of each size of batches.
        most: How many there can be.

    Raises:
        NeurogradError: If there are fewer.
    """
    if not 1 <= count <= most:
        raise NeurogradError(f"--chips: {count}; allowed: 1 to {most}")
    return {
        f"{name}-{k:02}": (regime, (seed, run.seed, r, k))
        for k in range(count)
        for r, (name, regime) in enumerate(REGIMES.items())
        if not run.quick or name in _QUICK_REGIMES
    }


def first_of(items: Mapping[str, tuple[Regime, tuple[int, ...]]]) -> Any:
    """The first draw of each item, which rows of an interrupted run must have as well."""
    seeds = {name: seed for name, (_, seed) in items.items()}
    return first_drawn(seeds, {name: regime for name, (regime, _) in items.items()})


def one(run: Run, item: tuple[Regime, Sequence[int]], *, trained: int) -> dict[str, Any]:
    """The row of one item: the first spec that learns, predicted and trained.

    Args:
        run: The run.
        item: From ``drawn_items``.
        trained: Chips that are trained.
    """
    return _first(run, item, partial(_beside, run, trained))


def predicted_one(run: Run, item: tuple[Regime, Sequence[int]]) -> dict[str, Any]:
    """As ``one``, without the trained chips."""
    return _first(run, item, lambda spec, clean: predicted_beside(run, spec))


def _first(
    run: Run,
    item: tuple[Regime, Sequence[int]],
    compute: Callable[[Spec, CleanTraining], dict[str, Any]],
) -> dict[str, Any]:
    """The row of the first spec that learns; another is drawn where it would take hours."""
    regime, seed = item
    if run.quick:
        regime = replace(regime, steps=_QUICK_STEPS, tasks=_QUICK_TASKS)
    return first_that_learns(run, seed, compute, regime, _refuse_slow)


def _refuse_slow(spec: Spec) -> None:
    """Raise where voltages along the wires would be solved for small batches."""
    batch, device = spec.learning_rule.batch_size, spec.device
    if batch != "full" and batch < SOLVED_BATCH and device is not None and device.ir_drop:
        raise NeurogradError(
            "device.ir_drop: voltages along the wires are solved for each sample; not drawn in "
            f"batches of fewer than {SOLVED_BATCH}"
        )


def _beside(run: Run, trained: int, spec: Spec, clean: CleanTraining) -> dict[str, Any]:
    """One spec predicted and trained."""
    predicted = predicted_beside(run, spec)
    problem = build_problem(spec, run.device)
    costs = [chip_cost(spec, problem, clean.result, AWAY + k) for k in range(trained)]
    true = TrueCost.of(costs)
    verdict = trained_verdict(true, predicted["allowed"], spec.targets.confidence)
    return {**predicted, "trained": {**asdict(true), "verdict": verdict}}


def predicted_beside(run: Run, spec: Spec) -> dict[str, Any]:
    """The forecast of a spec, and its seconds beside those of training as many chips and twins.

    A training step costs the same all along, so its seconds are those of ``BESIDE`` steps.
    """
    problem = build_problem(spec, run.device)
    steps = spec.count_updates(problem.num_samples)
    start = time.thread_time()
    forecast, networks = forecast_chips(spec, problem)
    found = forecast.judgement
    middle = time.thread_time()
    part = min(BESIDE, steps)
    train(problem, build_chip(spec, problem), part, run.seed, curve_points=2)
    after = time.thread_time()
    train(problem, build_clean_chip(spec, problem), part, run.seed, curve_points=2)
    end = time.thread_time()
    wide = spec.targets.model_copy(update={"confidence": 0.5 * (1.0 + INTERVAL)})
    widely = spec.model_copy(update={"targets": wide})
    bounds = judge_forecast(widely, problem, networks[0], networks[1:]).judgement.bounds
    baseline, chips = baseline_of(problem), networks[1:]
    twins = forecast.twins
    chance = judge_chips(baseline, allowed_by(widely), twins, chips).bounds
    over_chips = mean_interval(
        [cost_beside(baseline, *pair) for pair in zip(twins, chips, strict=True)], INTERVAL
    )
    return {
        "allowed": found.allowed,
        "kind": found.kind,
        "predicted": {
            "value": found.cost.value,
            "ci": (bounds.lower, bounds.upper),
            "chance": (chance.lower, chance.upper),
            "over_chips": over_chips.ci,
            "error": 0.0 if forecast.drawn else MODEL_ERROR,
            "verdict": found.verdict.value,
            "chips": forecast.chips,
            "way": forecast.way,
            "regime": None if forecast.regime is None else forecast.regime.name,
        },
        "seconds": {
            "predict": middle - start,
            "train": (after - middle) * forecast.chips * steps / part,
            "train_twins": (end - after) * len({id(twin) for twin in twins}) * steps / part,
        },
    }


if __name__ == "__main__":
    run_main(main)
