"""A point of a large network: the small form runs, and its claim can fail."""

from __future__ import annotations

from experiments import large_networks
from experiments.large_networks import claims, measured
from experiments.support.record import parse


def test_the_small_form_runs(tmp_path):
    run = parse("large_networks", "", ["--quick", "--out", str(tmp_path)])
    row = measured(run, large_networks._QUICK["cnn"])
    low, high = row["measured_ci"]
    assert low <= row["predicted"] <= high
    assert row["peak_bytes"] > 2**26
    assert claims({"cnn": row})[0].held == "held"
    too_much = {**row, "peak_bytes": 2 * large_networks.ALLOWED_BYTES}
    assert claims({"cnn": too_much})[0].held == "not held"
