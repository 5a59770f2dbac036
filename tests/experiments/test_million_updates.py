"""Forecasts of a million updates: the small form, and claims that can fail."""

from __future__ import annotations

import json

from experiments import million_updates
from experiments.million_updates import PRESETS, claims, spec_of


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
    good = {"core_seconds": 1100.0, "cost": 0.09, "bursts": 0.005}
    assert [claim.held for claim in claims({"a": good})] == ["held"] * 3
    bad = {"core_seconds": 1300.0, "cost": 0.2, "bursts": 0.01}
    assert [claim.held for claim in claims({"a": bad})] == ["not held"] * 3
    assert spec_of("ecram-mo", quick=False).count_updates(4000) == 1_000_000
