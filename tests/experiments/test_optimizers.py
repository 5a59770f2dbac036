"""Momentum and Adam: the small form runs."""

from __future__ import annotations

from experiments.optimizers import OPTIMIZERS, compared
from experiments.support.record import parse


def test_the_small_form_runs(tmp_path):
    run = parse("optimizers", "", ["--quick", "--out", str(tmp_path)])
    row = compared(run, OPTIMIZERS["adam"])
    assert all(point["agree"] for point in row["points"])
    assert len(row["trained"]) == len(row["forecast"]) == 3
    low, high = row["difference_ci"]
    assert low < high
    assert row["gradients"] < row["steps"]
