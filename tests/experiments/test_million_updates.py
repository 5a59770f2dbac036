"""Forecasts of a million updates: the small form, and claims that can fail."""

from __future__ import annotations

import json

import pytest

from experiments import million_updates
from experiments.million_updates import PRESETS, claims, spec_of, summary
from experiments.support.record import RESULTS
from neurograd.output import plain


def test_small_form(tmp_path):
    million_updates.main(["--quick", "--out", str(tmp_path)])
    record = json.loads((tmp_path / "million_updates.json").read_text())
    assert len(record["networks"]) == 2 * len(PRESETS)
    for preset in PRESETS:
        rows = [row for row in record["networks"] if row["preset"] == preset]
        assert {row.get("way") for row in rows} == {None, "small_batches"}
        found = record["presets"][preset]
        assert found["core_seconds"] == sum(row["seconds"] for row in rows)
        assert found["bursts"] == 12 / 600
        assert found["cost"] > 0


def test_claims_can_fail():
    assert _held(1000.0, 0.08, 0.005) == ["held"] * 3
    assert _held(1400.0, 0.2, 0.01) == ["not held"] * 3


def test_intervals_that_reach_over_the_limit_are_inconclusive():
    """Red where the seconds of five chips are judged by their mean alone."""
    assert _held(1150.0, 0.095, 0.005) == ["inconclusive", "inconclusive", "held"]


def _held(seconds, cost, bursts):
    found = {"core_seconds": seconds, "cost": cost, "bursts": bursts}
    ends = {f"{key}_ci": (0.9 * found[key], 1.1 * found[key]) for key in ("core_seconds", "cost")}
    return [claim.held for claim in claims({"a": found | ends})]


def test_sums_of_networks_and_their_intervals_over_chips():
    twin = {"clean": True, "seconds": 50.0, "real_updates": 0}
    chips = [
        {"clean": False, "seconds": s, "training_seconds": 10 * s, "real_updates": 7}
        for s in (90.0, 100.0, 110.0, 105.0, 95.0)
    ]
    found = summary([twin, *chips], 1000)
    assert (found["core_seconds"], found["training_core_seconds"]) == (550.0, 5000.0)
    assert found["cost"] == pytest.approx(0.11)
    half = 5 * 4.6041 * 7.9057 / 5**0.5  # t at 99 % with 4 degrees of freedom
    assert found["core_seconds_ci"] == pytest.approx((550 - half, 550 + half), rel=1e-4)
    assert found["cost_ci"][0] < 0.11 < found["cost_ci"][1]


def test_the_kept_record_says_what_its_networks_say():
    record = json.loads((RESULTS / "million_updates.json").read_text(encoding="utf-8"))
    found = {
        preset: summary([row for row in record["networks"] if row["preset"] == preset], 1_000_000)
        for preset in PRESETS
    }
    assert plain(found) == record["presets"]
    assert [vars(claim) for claim in claims(found)] == record["claims"]


def test_the_setting():
    assert spec_of("ecram-mo", quick=False).count_updates(4000) == 1_000_000
