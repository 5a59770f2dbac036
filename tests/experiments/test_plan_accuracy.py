"""Plans against work: the small form runs, and its claims can fail."""

from __future__ import annotations

import pytest

from experiments import plan_accuracy
from experiments.plan_accuracy import CASES, Case, claims, compared


@pytest.fixture(scope="module")
def row():
    """A small training, planned and done in this process."""
    case = Case("train", "tutorial.yaml", plan_accuracy._SMALL, quick=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_accuracy, "_alone", lambda function, *asked: function(*asked))
        return compared(case)


def test_what_was_done_is_what_was_planned(row):
    planned = {stage["label"]: stage["first"] for stage in row["stages"]}
    assert row["counts"] == {name: planned[name] for name in row["counts"]}
    assert set(row["counts"]) == {"training a clean network", "training a chip"}
    assert row["planned_seconds"] > 0
    assert row["measured_seconds"] > 0


def test_the_claims_are_of_the_worst_spec(row):
    right = {**row, "time_ratio": 1.1, "outside_the_range": 1.0, "memory_ratio": 0.9}
    assert [claim.held for claim in claims({"a": right})] == ["held"] * 3
    wrong = {**right, "time_ratio": 0.6, "outside_the_range": 1.7, "memory_ratio": 1.6}
    assert [claim.held for claim in claims({"a": right, "b": wrong})] == ["partly"] * 3


def test_there_are_ten_specs_of_all_commands():
    assert len(CASES) >= 10
    assert {case.command for case in CASES.values()} == {"check", "train", "limits", "predict"}
