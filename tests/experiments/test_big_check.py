"""A check as a whole: its specs are valid, and each of its claims can fail."""

from __future__ import annotations

import pytest

from experiments import big_check
from experiments.big_check import SPEC, checked, claims
from experiments.support.record import parse
from neurograd.errors import NeurogradError
from neurograd.spec import validate_spec


def test_claims_can_fail():
    row = {
        "weights": 1, "seconds": 500.0, "peak_bytes": 10**9,
        "core_seconds": {"chip_training": 100.0, "measurement": 90.0, "forecast": 100.0},
    }  # fmt: skip
    assert [claim.held for claim in claims(row)] == ["held", "held"]
    assert claims({**row, "peak_bytes": 3 * 10**9})[0].held == "partly"
    slow = {**row["core_seconds"], "measurement": 101.0}
    assert claims({**row, "core_seconds": slow})[1].held == "partly"


def test_specs_are_valid_and_a_check_that_fails_is_an_error(tmp_path):
    for spec in (SPEC, {**SPEC, **big_check._SMALL}):
        assert validate_spec(dict(spec)).training.seeds in (2, 5)
    run = parse("big_check", "", ["--quick", "--out", str(tmp_path)])
    with pytest.raises(NeurogradError, match=r"the check ended with code 2: .*nothing_such"):
        checked(run, {**SPEC, "nothing_such": 1})
