"""Fits of measured files: how often their intervals hold the truth, and how wide they are.

Files are drawn from devices of every form that ``neurograd.fit`` tries (``support/fit_files.py``);
the fit is not told which. For each form, over all numbers of all of its files: the coverage of the
95 % intervals with its exact 99 % interval, and the median of their width over that of Cramér and
Rao's bound. Where another form was chosen than the one that was drawn, the numbers that both have
are counted, a pulse number that was taken for given and is not counts as a miss, and ``chosen``
says how often it was.

``--files N`` draws N files of each form. A thousand files in all take a processor about an hour.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from experiments.support.fit_files import CYCLES, draw_source
from experiments.support.record import parse, run_main
from neurograd.fit.device_fit import fit_device
from neurograd.fit.models.curves import CURVES
from neurograd.fit.models.model_fit import CONFIDENCE
from neurograd.judge.proportions import proportion_interval

FILES = 40
"""Files of each form."""
_QUICK_FILES = 2
WIDEST = 1.5
"""Median width over that of the bound that is aimed at."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--files", type=int, default=FILES)
    mine, rest = options.parse_known_args(given)
    run = parse("fit_coverage", __doc__ or "", rest)
    if mine.files < 1:
        options.error(f"--files: {mine.files} is out of range; allowed: 1 or more")
    files = _QUICK_FILES if run.quick else mine.files
    items = {
        f"{place}-{number}": (place, number)
        for place in range(len(CURVES))
        for number in range(files)
    }
    rows = run.each(items, partial(one_file, run.seed), depends_on={"cycles": CYCLES})
    forms = [
        form_record(curve.name, [rows[f"{place}-{number}"] for number in range(files)])
        for place, curve in enumerate(CURVES)
    ]
    for form in forms:
        print(
            f"{form['form']}: {form['covered']} of {form['numbers']} numbers covered "
            f"({form['coverage_ci'][0]:.3f} to {form['coverage_ci'][1]:.3f}), "
            f"width {form['median_width']:.2f} of the bound, chosen {form['chosen']}"
        )
    run.write({"files": files, "cycles": CYCLES, "confidence": CONFIDENCE, "forms": forms})


def one_file(seed: int, item: tuple[int, int]) -> dict[str, Any]:
    """Draw a file, fit it, and hold every number against the truth.

    Args:
        seed: Of the run.
        item: Place of the form and number of the file.
    """
    place, number = item
    rng = np.random.default_rng([seed, place, number])
    source = draw_source(CURVES[place].name, rng)
    fit = fit_device(source.file(rng))
    bounds = source.bounds(rng)
    quantile = 2.0 * float(stats.norm.ppf(0.5 + 0.5 * CONFIDENCE))
    rows = []
    for found in fit.numbers:
        truth = source.truth.get(found.key)
        if truth is None or (found.given and round(found.value) == round(truth)):
            continue
        bound = None if found.given else bounds.get(found.key)
        rows.append(
            {
                "key": found.key,
                "truth": truth,
                "value": found.value,
                "interval": [found.low, found.high],
                "covered": found.low <= truth <= found.high,
                "width": None if bound is None else (found.high - found.low) / (quantile * bound),
            }
        )
    return {"chosen": fit.curve, "rows": rows}


def form_record(form: str, files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Coverage and width over all numbers of all files of a form.

    Args:
        form: The form that was drawn.
        files: Results of ``one_file``.
    """
    rows = [row for each in files for row in each["rows"]]
    covered = sum(row["covered"] for row in rows)
    ends = proportion_interval(covered, len(rows), 0.99)
    widths = [row["width"] for row in rows if row["width"] is not None]
    width = float(np.median(widths))
    by_key = {
        key: {
            "numbers": len(mine),
            "covered": sum(row["covered"] for row in mine),
            "median_width": float(np.median([row["width"] or np.nan for row in mine])),
        }
        for key in sorted({row["key"] for row in rows})
        for mine in [[row for row in rows if row["key"] == key]]
    }
    return {
        "form": form,
        "numbers": len(rows),
        "covered": covered,
        "coverage_ci": list(ends),
        "median_width": width,
        "coverage_held": ends[1] >= CONFIDENCE,
        "width_held": width <= WIDEST,
        "chosen": dict(Counter(each["chosen"] for each in files)),
        "by_key": by_key,
    }


if __name__ == "__main__":
    run_main(main)
