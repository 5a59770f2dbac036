"""Fits of measured files: how often their intervals hold the truth, and how wide they are.

Files are drawn from devices of every form that ``neurograd.fit`` tries (``support/fit_files.py``),
by a seed that is made from the commit that is judged, so that nothing was tuned on them; every
second device's pulses stop at the window's ends, as a chip's do. The fit is told neither. For each
form, over all numbers of all of its files: the coverage of the 95 % intervals with its exact 99 %
interval (Clopper and Pearson), and the median of their width over that of Cramér and Rao's bound,
where the form is known. Where another form was chosen than the one that was drawn, the numbers of
the same key are counted, a pulse number that was taken for given and is not counts as a miss (one
that was rightly taken for given is not counted), and ``chosen`` says how often it was.

``--files N`` draws N files of each form, and ``--commit HASH`` those of another commit than that of
the working tree. A thousand files in all take two processors about an hour.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from experiments.support.fit_files import CYCLES, draw_source
from experiments.support.held import together
from experiments.support.record import Claim, held_where, own_options, parse_beside, run_main
from experiments.verdicts import head
from neurograd.fit.device_fit import fit_device
from neurograd.fit.models.curves import CURVES
from neurograd.fit.models.profile import CONFIDENCE
from neurograd.judge.proportions import proportion_interval
from neurograd.pipeline.pool import Processes
from tests.neurograd.chip_specs import seed_of

FILES = 143
"""Files of each form: 1,001 in all."""
_QUICK_FORMS, _QUICK_CYCLES = ("soft bounds",), 1
WIDEST = 1.5
"""Median width over that of the bound that is aimed at."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    options = own_options()
    options.add_argument(
        "--files", type=int, default=FILES, help="files of each form (default: %(default)s)"
    )
    options.add_argument(
        "--commit", help="hash of the commit that draws them (default: the present one)"
    )
    mine, run = parse_beside(options, "fit_coverage", __doc__ or "", arguments)
    if mine.files < 1:
        options.error(f"--files: {mine.files} is out of range; allowed: 1 or more")
    commit = mine.commit or head()
    files, cycles = (1, _QUICK_CYCLES) if run.quick else (mine.files, CYCLES)
    names = _QUICK_FORMS if run.quick else tuple(curve.name for curve in CURVES)
    seed = (seed_of(commit), run.seed)
    items = {
        f"{place}-{number:03}": (name, (*seed, place, number), cycles)
        for number in range(files)
        for place, name in enumerate(names)
    }
    with Processes(os.cpu_count() or 1, main_module=True) as pool:
        rows = run.each(
            items,
            lambda item: pool.submit(one_file, *item).result(),
            depends_on={"commit": commit, "cycles": cycles},
            waiting=pool.capacity(),
        )
    kept = {name: kept_of(row) for name, row in rows.items()}
    forms = forms_of(kept, names)
    command = f"{run.command()} --commit {commit}" + f" --files {files}" * (mine.files != FILES)
    run.write(
        {
            "command": command,
            "commit": commit,
            "files": files,
            "cycles": cycles,
            "confidence": CONFIDENCE,
            "forms": forms,
            "kept": kept,
        },
        claims=claims(forms),
    )


def one_file(form: str, seed: Sequence[int], cycles: int = CYCLES) -> dict[str, Any]:
    """Draw a file, fit it, and hold every number against the truth.

    Args:
        form: Name of the curve.
        seed: Of the file; its end is the file's number, and pulses stop in odd ones.
        cycles: Runs of either direction.
    """
    rng = np.random.default_rng(seed)
    source = draw_source(form, rng, stops=seed[-1] % 2 == 1)
    fit = fit_device(source.file(rng, cycles))
    bounds = source.bounds(rng, cycles)
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
    return {
        "chosen": fit.curve,
        "stops": source.stops,
        "taken_to_stop": fit.fit is not None and fit.fit.model.stops,
        "rows": rows,
    }


def kept_of(file: dict[str, Any]) -> dict[str, Any]:
    """What the record keeps of a file; all else is drawn and fitted again by the same command.

    Args:
        file: Result of ``one_file``.
    """
    widths = {row["key"]: row["width"] for row in file["rows"]}
    return {
        "chosen": file["chosen"],
        "stops": file["stops"],
        "missed": [row["key"] for row in file["rows"] if not row["covered"]],
        "widths": {key: None if w is None else float(f"{w:.4g}") for key, w in widths.items()},
    }


def forms_of(kept: dict[str, dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Records of all forms.

    Args:
        kept: Files by the place of their form and their number.
        names: Of the forms.
    """
    return [
        form_record(name, [file for key, file in kept.items() if key.startswith(f"{place}-")])
        for place, name in enumerate(names)
    ]


def form_record(form: str, files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Coverage and width over all numbers of all files of a form.

    Args:
        form: The form that was drawn.
        files: Results of ``kept_of``.
    """
    rows = [row for file in files for row in _rows(file)]
    covered = sum(row.covered for row in rows)
    ends = proportion_interval(covered, len(rows), 0.99)
    width, width_ends = _median_width(rows), _median_interval(rows)
    by_key = {
        key: {**_counts(mine), "median_width": _median_width(mine)}
        for key in sorted({row.key for row in rows})
        for mine in [[row for row in rows if row.key == key]]
    }
    by_ends = {
        name: _counts([row for file in files if file["stops"] == stops for row in _rows(file)])
        for name, stops in (("go on", False), ("stop", True))
    }
    right = [row for file in files if file["chosen"] == form for row in _rows(file)]
    return {
        "form": form,
        **_counts(rows),
        "coverage_ci": list(ends),
        "median_width": width,
        "median_width_ci": list(width_ends),
        "coverage_held": held_where(ends, CONFIDENCE, 1.0),
        "width_held": held_where(width_ends, 0.0, WIDEST),
        "chosen": dict(Counter(file["chosen"] for file in files)),
        "where_chosen": _counts(right),
        "by_key": by_key,
        "by_ends": by_ends,
    }


def claims(forms: Sequence[dict[str, Any]]) -> tuple[Claim, ...]:
    """What the record claims of fits: intervals that hold, and are not much wider than they must.

    Args:
        forms: Results of ``form_record``.
    """
    files = sum(sum(form["chosen"].values()) for form in forms)
    setting = (
        f"{files} files drawn from {len(forms)} forms of devices by the commit that is judged, "
        "half of them with pulses that stop at the window's ends; the fit is told neither"
    )
    covered = "; ".join(
        f"{form['form']}: {form['covered']} of {form['numbers']} "
        f"({form['coverage_ci'][0]:.1%} to {form['coverage_ci'][1]:.1%} at 99 %)"
        for form in forms
    )
    widths = "; ".join(
        f"{form['form']}: " + ("none" if form["median_width"] is None else _width_in_words(form))
        for form in forms
    )
    return (
        Claim(
            claim="Of each form's numbers, pooled, the 95 % intervals of neurograd fit hold 95 %",
            source="neurograd fit",
            setting=setting,
            measured=covered,
            held=together([form["coverage_held"] for form in forms]),
        ),
        Claim(
            claim=f"Their median width is at most {WIDEST:g} times that of Cramér and Rao's bound",
            source="neurograd fit",
            setting=setting,
            measured=widths,
            held=together([form["width_held"] for form in forms]),
        ),
    )


def _width_in_words(form: dict[str, Any]) -> str:
    low, high = form["median_width_ci"]
    return f"{form['median_width']:.2f} ({low:.2f} to {high:.2f} at 99 %)"


class _Row(NamedTuple):
    """A number of a file.

    Attributes:
        key: Key of ``device``.
        width: Of its interval over that of the bound; None where the number has no bound.
        covered: Whether the interval holds the truth.
    """

    key: str
    width: float | None
    covered: bool


def _rows(file: dict[str, Any]) -> list[_Row]:
    return [_Row(key, width, key not in file["missed"]) for key, width in file["widths"].items()]


def _counts(rows: Sequence[_Row]) -> dict[str, int]:
    return {"numbers": len(rows), "covered": sum(row.covered for row in rows)}


def _median_width(rows: Sequence[_Row]) -> float | None:
    """None where no number has a bound: those of forms that were mistaken for another."""
    widths = [row.width for row in rows if row.width is not None]
    return float(np.median(widths)) if widths else None


def _median_interval(rows: Sequence[_Row]) -> tuple[float, float]:
    """Of the median width at 99 %, by the order of the widths; few of them leave it open."""
    widths = sorted(row.width for row in rows if row.width is not None)
    below = int(stats.binom.ppf(0.005, len(widths), 0.5)) - 1 if widths else -1
    if below < 0:
        return 0.0, math.inf
    return widths[below], widths[-1 - below]


if __name__ == "__main__":
    run_main(main)
