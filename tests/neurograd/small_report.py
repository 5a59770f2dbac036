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
    "training": {"step_size": 0.5, "steps": 40, "seeds": 3},
    "measure": {"draws": 20, "loss_draws": 8, "points": 2},
}


@cache
def _checked() -> CheckReport:
    return check(validate_spec(SPEC)).record


def small_report() -> dict[str, Any]:
    """A copy, which a test may change."""
    return copy.deepcopy(to_json_dict(_checked()))
