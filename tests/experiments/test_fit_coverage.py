"""Coverage of fits: what is counted, the small form, and the kept record."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from experiments import fit_coverage
from experiments.fit_coverage import _Row, claims, form_record, forms_of, kept_of
from experiments.support.record import RESULTS
from neurograd.fit.models.curves import CURVES
from neurograd.output import plain

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _file(covered: list[bool], width: float | None = 1.0, stops: bool = False) -> dict:
    rows = [{"key": f"k{k}", "covered": each, "width": width} for k, each in enumerate(covered)]
    return kept_of({"chosen": "constant", "stops": stops, "rows": rows})


@pytest.mark.parametrize(
    ("hit", "missed", "held"),
    [
        (95, 5, "inconclusive"),
        (90, 10, "inconclusive"),
        (85, 15, "not held"),
        (80, 0, "inconclusive"),
        (200, 0, "held"),
    ],
)
def test_a_form_is_judged_by_its_exact_interval(hit, missed, held):
    """Of 100 numbers 90 leave 95 % inside the exact 99 % interval, 85 do not; 200 of 200 show it.

    Red where what is not contradicted is called held.
    """
    record = form_record("constant", [_file([True] * hit + [False] * missed)])
    assert (record["numbers"], record["covered"]) == (hit + missed, hit)
    assert record["coverage_held"] == held
    assert claims([record])[0].held == held


def test_widths_are_judged_by_their_median_and_ends_are_counted_apart():
    wide = form_record("constant", [_file([True, True], 1.6), _file([True], 1.0, stops=True)])
    assert wide["median_width"] == 1.6
    assert wide["width_held"] == "inconclusive"  # three widths leave their median open
    many = [form_record("constant", [_file([True] * 50, each)]) for each in (1.6, 1.4)]
    assert [form["width_held"] for form in many] == ["not held", "held"]
    assert [claims([form])[1].held for form in many] == ["not held", "held"]
    assert wide["by_ends"]["stop"] == {"numbers": 1, "covered": 1}
    # A number that was wrongly taken for given has no width.
    some = form_record("constant", [_file([False], None), _file([True])])
    assert (some["median_width"], some["median_width_ci"]) == (1.0, [0.0, math.inf])


def test_the_interval_of_a_median_covers_as_said():
    """4,000 draws of 60 widths: missed in 0.5 to 1 %, as ranks are whole numbers (99.9 %)."""
    generator = np.random.default_rng(3)
    missed = 0
    for drawn in generator.exponential(size=(4000, 60)):
        low, high = fit_coverage._median_interval([_Row("k", width, True) for width in drawn])
        missed += not low <= math.log(2.0) <= high
    assert 10 <= missed <= 61


def test_the_small_form(tmp_path):
    fit_coverage.main(["--quick", "--commit", COMMIT, "--out", str(tmp_path)])
    record = json.loads((tmp_path / "fit_coverage.json").read_text(encoding="utf-8"))
    assert record["command"] == (
        f"python -m experiments.fit_coverage --quick --seed 0 --commit {COMMIT}"
    )
    assert len(record["forms"]) == 1
    for form in record["forms"]:
        assert 3 <= form["numbers"] <= 9
        assert 0.5 < form["median_width"] < 5.0


def test_the_kept_record_says_what_its_files_say():
    record = json.loads((RESULTS / "fit_coverage.json").read_text(encoding="utf-8"))
    names = [curve.name for curve in CURVES]
    assert len(record["kept"]) == record["files"] * len(names) >= 1000
    assert f"--commit {record['commit']}" in record["command"]
    forms = forms_of(record["kept"], names)
    assert plain(forms) == record["forms"]
    kept = [(claim["measured"], claim["held"]) for claim in record["claims"]]
    assert [(claim.measured, claim.held) for claim in claims(forms)] == kept
