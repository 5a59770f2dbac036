"""One small report that tests of sentences, tables and pages share, as JSON types."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from neurograd.pipeline.check import check
from neurograd.records.json_form import to_json_dict
from neurograd.records.report import CheckReport
from neurograd.spec import validate_spec

SPEC = {
    "name": "<script>alert(1)</script> & co",
    "device": {"preset": "epiram", "write": {"cycle_to_cycle": "50 %"}},
    "network": {"hidden": [6]},
    "task": {"name": "digits", "train_samples": 100, "test_samples": 60},
    "training": {"step_size": 0.5, "steps": 40, "seeds": 3, "max_seeds": 3},
    "measure": {"draws": 20, "loss_draws": 8, "points": 2},
}


@cache
def _checked() -> CheckReport:
    return check(validate_spec(SPEC)).record


def with_guide(report: dict[str, Any]) -> dict[str, Any]:
    """The report with a guide to two effects, whatever was predicted."""
    cost = {"value": 0.2, "ci": [0.1, 0.3], "verdict": "not tolerated"}
    little = {"value": 0.05, "ci": [0.01, 0.09], "verdict": "inconclusive"}
    effects = [
        {
            "effect": name,
            "label": label,
            "key": key,
            "without": little,
            "alone": cost,
            "saves": saves,
            "saves_ci": [saves - 0.05, saves + 0.05],
            "share": saves / 0.2,
        }
        for name, label, key, saves in (
            ("levels", "the finite number of levels", "device.conductance.levels", 0.15),
            ("read_noise", "read noise", "device.read.noise", 0.06),
        )
    ]
    guide = {**report["mitigation"], "whole": cost, "ideal": little, "effects": effects}
    return {**report, "mitigation": guide}


def small_report() -> dict[str, Any]:
    """A copy, which a test may change."""
    return copy.deepcopy(to_json_dict(_checked()))
