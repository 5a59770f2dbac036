"""What a predicted cost may be off by, from chips that are drawn to tune on.

Specs are drawn as those that judge the forecast (``experiments.drawn_agreement``), by a seed that
stays, and predicted and trained in the same way, with eight trained chips each: how well their mean
is known is counted. The seed changes whenever the method was changed by looking at these chips. Of
the chips whose path was followed (whose updates were not all drawn), what chance does not explain
of the distance of both costs gives ``MODEL_ERROR``.

``--chips N`` takes the first N of each size of batches. ``--predict-again`` predicts the chips of
the kept record anew, or the first N of them, with its trainings as they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from experiments.drawn_agreement import drawn_items, first_of, one, predicted_one
from experiments.support.forecasts.drawn import TUNING, TUNING_SEED
from experiments.support.forecasts.drawn_claims import summary
from experiments.support.forecasts.tuned_error import tuned_error
from experiments.support.record import Run, own_options, parse_beside, run_main
from neurograd.errors import NeurogradError

TRAINED = 8
"""Chips of a spec that are trained."""
_QUICK_TRAINED = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    options = own_options()
    options.add_argument("--chips", type=int, help="first chips of each size of batches")
    options.add_argument("--predict-again", action="store_true", help="predict the kept chips anew")
    mine, run = parse_beside(options, "drawn_tuning", __doc__ or "", arguments)
    count = (1 if run.quick else TUNING) if mine.chips is None else mine.chips
    items = drawn_items(run, TUNING_SEED, count, TUNING)
    first = first_of(drawn_items(run, TUNING_SEED, TUNING, TUNING))
    rows: dict[str, Any]
    if mine.predict_again:
        rows = _predicted_again(run, items, first)
    else:
        trained = _QUICK_TRAINED if run.quick else TRAINED
        rows = run.each(items, partial(one, run, trained=trained), depends_on=first)
    part = "" if count == TUNING else f" --chips {count}"
    part += " --predict-again" if mine.predict_again else ""
    record = {
        "command": run.command() + part,
        "model_error": tuned_error(list(rows.values())),
        "summary": summary(rows),
        "chips": rows,
    }
    run.write(record)
    shutil.rmtree(_apart(run).stages, ignore_errors=True)


def _apart(run: Run) -> Run:
    """The same run, apart from what an interrupted one of the whole experiment has kept."""
    return replace(run, name=f"{run.name}_predicted")


def _predicted_again(run: Run, items: Mapping[str, Any], first: Any) -> dict[str, Any]:
    """The kept rows of some chips, with new predictions.

    Args:
        run: The run, whose folder has the record.
        items: Of its chips.
        first: What rows of an interrupted run depend on.

    Raises:
        NeurogradError: If there is no record, or it has other chips.
    """
    path = run.out / f"{run.name}.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["chips"]
    except (OSError, ValueError, KeyError):
        raise NeurogradError(f"--predict-again: no record in {path}; allowed: its folder") from None
    missing = [name for name in items if name not in kept]
    if missing:
        raise NeurogradError(f"--predict-again: {missing[0]} is not in {path}")
    new = _apart(run).each(items, partial(predicted_one, run), depends_on=first)
    for name, row in new.items():
        if json.loads(json.dumps(row["sections"])) != kept[name]["sections"]:
            raise NeurogradError(f"--predict-again: {name} is another chip in {path}")
    return kept | {name: {**kept[name], **row} for name, row in new.items()}


if __name__ == "__main__":
    run_main(main)
