"""What a predicted cost may be off by, from chips that are drawn to tune on.

Specs are drawn as those that judge the forecast (``experiments.drawn_agreement``), by a seed that
stays, and predicted and trained in the same way, with eight trained chips each: how well their mean
is known is counted. Of the chips whose path was followed (whose updates were not all drawn), what
chance does not explain of the distance of both costs gives ``MODEL_ERROR``.

``--chips N`` takes the first N of each size of batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from experiments.drawn_agreement import drawn_items, one
from experiments.support.forecasts.drawn import TUNING, TUNING_SEED
from experiments.support.forecasts.drawn_claims import summary
from experiments.support.forecasts.tuned_error import tuned_error
from experiments.support.record import own_options, parse_beside, run_main

TRAINED = 8
"""Chips of a spec that are trained."""
_QUICK_TRAINED = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    options = own_options()
    options.add_argument("--chips", type=int)
    mine, run = parse_beside(options, "drawn_tuning", __doc__ or "", arguments)
    count = (1 if run.quick else TUNING) if mine.chips is None else mine.chips
    rows: dict[str, Any] = run.each(
        drawn_items(run, TUNING_SEED, count, TUNING),
        partial(one, run, trained=_QUICK_TRAINED if run.quick else TRAINED),
    )
    part = "" if count == TUNING else f" --chips {count}"
    record = {
        "command": run.command() + part,
        "model_error": tuned_error(list(rows.values())),
        "summary": summary(rows),
        "chips": rows,
    }
    run.write(record)


if __name__ == "__main__":
    run_main(main)
