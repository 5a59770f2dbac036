"""Sentences of whole reports: no number without the interval that it has in the data."""

from __future__ import annotations

import copy

import pytest

from neurograd.pipeline.check import check, train_beside
from neurograd.spec import validate_spec
from tests.neurograd.quoted import QUOTED, parted, sentences
from tests.neurograd.small_report import small_report

SMALL = {
    "network": {"hidden": [6]},
    "task": {"name": "digits", "train_samples": 80, "test_samples": 60},
    "training": {"step_size": 0.5, "steps": 40, "seeds": 3, "max_seeds": 3},
    "measure": {"draws": 16, "loss_draws": 8, "points": 2},
}
SPECS = {
    "two effects, one of them the culprit": {
        **SMALL,
        "device": {"write": {"cycle_to_cycle": "30 %"}},
        "quantization": {"weight_bits": 8},
    },
    "one effect, which fails": {
        **SMALL,
        "device": {"conductance": {"weight_range": 2}, "write": {"cycle_to_cycle": "40 %"}},
        "targets": {"max_accuracy_drop": "1 %", "confidence": "90 %"},
    },
    "one effect, in a window that clips": {
        **SMALL,
        "device": {"conductance": {"weight_range": 0.03}, "read": {"noise": "0.1 %"}},
    },
    "an ideal chip": SMALL,
    "regression": {
        **SMALL,
        "device": {"preset": "epiram"},
        "task": {"name": "teacher_student", "inputs": 4, "outputs": 2, "train_samples": 40},
    },
    "a spiking network": {
        **SMALL,
        "device": {"write": {"cycle_to_cycle": "5 %"}, "read": {"noise": "1 %"}},
        "network": {"kind": "spiking", "hidden": [5], "time_steps": 4},
        "training": {"step_size": 0.2, "steps": 6, "seeds": 2, "max_seeds": 2},
        "measure": {**SMALL["measure"], "smoothing_draws": 40},
    },
}


@pytest.fixture(scope="module", params=SPECS)
def report(request):
    return check(validate_spec(SPECS[request.param])).report


def test_no_number_parts_from_its_interval(report):
    assert parted(report) == []
    assert any(QUOTED.search(sentence) for sentence in sentences(report))


def test_nor_in_the_report_of_a_training():
    report = train_beside(validate_spec(SPECS["one effect, which fails"])).report
    assert parted(report) == []
    assert report["cause"] == "cycle-to-cycle noise"


def test_a_number_alone_or_with_another_interval_is_found():
    """The walker itself, on sentences that are wrong."""
    report = small_report()
    cost = report["training"]["cost"]
    cost.update(value=0.0313, ci=[0.021, 0.0442], confidence=0.95)
    point = report["points"][0]["delta_loss"]
    point.update(measured=0.004567, measured_ci=[0.00411, 0.00497])
    for wrong in (
        "The accuracy drop is 3.1 %, allowed 2.0 %.",
        "The accuracy drop is 3.1 % (2.1 to 4.4 at 99 %).",
        "The accuracy drop is 3.1 % (2.1 to 4.5 at 95 %).",
        "Measured was 0.00457 there.",
        "Measured was 0.00457 (0.00411 to 0.00497 at 95 %).",
    ):
        assert parted({**copy.deepcopy(report), "reasons": [wrong]}), wrong
    for right in (
        "The accuracy drop is 3.1 % (2.1 to 4.4 at 95 %), allowed 2.0 %, in 13.1 % of cases.",
        "Measured was 0.00457 (0.00411 to 0.00497 at 99 %).",
    ):
        report["mitigation"]["advice"] = []
        assert parted({**copy.deepcopy(report), "reasons": [right]}) == []
