"""Verdicts of chips drawn at random, against what many other chips of each spec cost.

The specs come from ``tests.neurograd.chip_specs``: devices, rules, batches and tasks drawn by a
seed that is made from the commit that is judged, so that nothing was tuned on them. Each is trained
and judged as ``neurograd train`` does, with the default numbers of chips and looks; targets are an
accuracy drop of 2 % (digits) and 5 % of the decrease of the loss (teacher and student), at 95 %.
Its true cost is the mean over other chips on the same network, data and test samples: at least
eight, thirty where these do not tell clearly whether it is more than a point from the limit. Specs
that are refused, and those whose clean network does not learn, are drawn again and counted.

``--commit HASH`` draws the chips of another commit than that of the working tree, and ``--chips N``
takes the first N of them; there is no choosing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from experiments.support.drawn_chips import AWAY, chip_cost, first_that_learns, head
from experiments.support.record import Run, own_options, parse_beside, run_main
from experiments.support.verdicts import TrueCost, claims, summary, wrong
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.check import CleanTraining, train_beside
from neurograd.pipeline.forecasting import allowed_by
from neurograd.records.report import CheckReport
from neurograd.spec import Spec
from tests.neurograd.chip_specs import draw_spec, seed_of

CHIPS = 40
"""Specs that are drawn."""
OTHERS = (8, 30)
"""Other chips of a true cost: at first, and where these do not tell its zone."""
CLEARLY = 4.0
"""Standard errors that tell it."""
_QUICK_CHIPS, _QUICK_OTHERS = 3, (2, 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    options = own_options()
    options.add_argument(
        "--commit", help="hash of the commit that draws them (default: the present one)"
    )
    options.add_argument(
        "--chips", type=int, default=CHIPS, help="first chips (default: %(default)s)"
    )
    mine, run = parse_beside(options, "verdicts", __doc__ or "", arguments)
    if not 1 <= mine.chips <= CHIPS:
        raise NeurogradError(f"--chips: {mine.chips}; allowed: 1 to {CHIPS}")
    commit = mine.commit or head()
    count = min(mine.chips, _QUICK_CHIPS) if run.quick else mine.chips
    seed = (seed_of(commit), run.seed)
    names = [f"chip-{k:02}" for k in range(CHIPS)]
    first = {name: draw_spec((*seed, k, 0)).sections for k, name in enumerate(names)}
    rows = run.each(
        {name: (*seed, k) for k, name in enumerate(names[:count])},
        partial(judged, run),
        depends_on=[commit, first],
    )
    result = summary(rows)
    drawn = "" if count == CHIPS else f" the first {count} of"
    setting = (
        f"{drawn} {CHIPS} specs drawn by commit {commit[:8]}: devices, rules, batches from the "
        "whole set to single samples, two tasks; limits 2 % of accuracy and 5 % of the decrease "
        "of the loss, at 95 %"
    ).strip()
    command = f"{run.command()} --commit {commit}" + f" --chips {count}" * (mine.chips != CHIPS)
    run.write(
        {"command": command, "commit": commit, "drawn": CHIPS, "summary": result, "chips": rows},
        claims=claims(result, setting),
    )


def judged(run: Run, seed: Sequence[int]) -> dict[str, Any]:
    """One drawn spec that exists and whose clean network learns: its verdict and its true cost.

    Args:
        run: The run.
        seed: What is drawn; the attempt's number comes after it.
    """

    def both(spec: Spec, clean: CleanTraining) -> dict[str, Any]:
        record = train_beside(spec, device=run.device, clean=clean).record
        return _row(record, true_cost(spec, clean, run))

    return first_that_learns(run, seed, both)


def _row(record: CheckReport, true: TrueCost) -> dict[str, Any]:
    """Verdict and true cost beside each other."""
    cost = record.training.cost
    return {
        "verdict": record.verdict.value,
        "kind": cost.kind,
        "allowed": cost.allowed,
        "cost": cost.value,
        "lower_bound": cost.lower_bound,
        "upper_bound": cost.upper_bound,
        "needed_chips": cost.needed_chips,
        "needed_test_samples": cost.needed_test_samples,
        "clean_accuracy": record.training.clean.test_accuracy,
        "looks": [
            {"chips": look.chips, "lower": look.lower_bound, "upper": look.upper_bound}
            for look in cost.looks
        ],
        "true": {
            "value": true.value,
            "error": true.error,
            "chips": true.chips,
            "off": true.zone(cost.allowed, 0.0) == "off",
            "zone": true.zone(cost.allowed),
        },
        "wrong": wrong(record.verdict, true, cost.allowed),
    }


def true_cost(spec: Spec, clean: CleanTraining, run: Run) -> TrueCost:
    """Mean cost of chips that are none of the verdict's, each against the twin on its batches."""
    problem = build_problem(spec, run.device)
    allowed = allowed_by(spec)
    few, many = _QUICK_OTHERS if run.quick else OTHERS
    limit = allowed.accuracy_drop if problem.is_classification else allowed.excess_loss
    costs: list[float] = []
    for count in (few, many):
        costs += [
            chip_cost(spec, problem, clean.result, AWAY + k) for k in range(len(costs), count)
        ]
        true = TrueCost.of(costs)
        if true.zone(limit, CLEARLY) != "unclear" or math.isinf(true.value):
            break
    return true


if __name__ == "__main__":
    run_main(main)
