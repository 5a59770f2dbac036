"""Momentum and Adam: the small form runs."""

from __future__ import annotations

import json

import pytest

from experiments.optimizers import OPTIMIZERS, claims, compared
from experiments.support.record import RESULTS, parse


def test_the_small_form_runs(tmp_path):
    run = parse("optimizers", "", ["--quick", "--out", str(tmp_path)])
    row = compared(run, OPTIMIZERS["adam"])
    assert all(point["agree"] for point in row["points"])
    assert len(row["trained"]) == len(row["forecast"]) == 3
    low, high = row["difference_ci"]
    assert low < high
    assert row["gradients"] < row["steps"], "batches of half of the samples are followed"


@pytest.mark.parametrize(
    ("ends", "word"),
    [((-0.004, 0.009), "held"), ((-0.02, 0.004), "inconclusive"), ((0.02, 0.03), "not held")],
)
def test_ends_are_judged_by_what_was_learned(ends, word):
    """Red where an interval that holds 0 is called held, however wide: 1 is learned here."""
    assert _claims(difference_ci=ends)[1] == word


@pytest.mark.parametrize(
    ("ends", "agree", "word"),
    [((-0.4, 0.9), True, "held"), ((-3.0, 9.0), True, "inconclusive"), ((8, 9), False, "not held")],
)
def test_steps_are_judged_by_the_predicted_change(ends, agree, word):
    point = {"predicted": -10.0, "difference_ci": ends, "agree": agree}
    assert _claims(points=[point])[0] == word


def _claims(**changes):
    row = {"start_loss": 1.5, "trained": [0.5, 0.5], "forecast": [0.5], "steps": 9, "gradients": 3}
    point = {"predicted": 1.0, "difference_ci": (-0.01, 0.01), "agree": True}
    told = {**row, "points": [point], "difference_ci": (0.0, 0.0), **changes}
    return [claim.held for claim in claims({"adam": told})]


def test_the_kept_record_says_what_its_numbers_say():
    record = json.loads((RESULTS / "optimizers.json").read_text(encoding="utf-8"))
    assert [vars(claim) for claim in claims(record["optimizers"])] == record["claims"]
