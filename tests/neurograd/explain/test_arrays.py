"""What converters clip and what cancels, in sentences of a report."""

from __future__ import annotations

import copy

import pytest

from neurograd.explain.arrays import clipped
from neurograd.pipeline.check import check
from neurograd.records.json_form import report_from_json
from neurograd.spec import validate_spec
from tests.neurograd.quoted import parted

SMALL = {
    "network": {"hidden": [4]},
    "task": {"name": "digits", "train_samples": 40, "test_samples": 20},
    "training": {"step_size": 0.2, "steps": 6, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 8, "loss_draws": 4, "points": 2},
}


def report_of(**sections):
    return check(validate_spec({**SMALL, **sections}), mitigation=False).report


@pytest.fixture(scope="module")
def clipping():
    device = {
        "converters": {"adc_bits": 8, "output_range": 0.5, "dac_bits": 5},
        "conductance": {"levels": 100},
    }
    return report_of(device=device, learning_rule={"batch_size": 5, "write_each": "sample"})


def test_clipped_sums_are_told_where_most_are(clipping):
    most = max(clipping["points"], key=lambda point: point["conversion"]["sums"]["clipped"])
    sums = most["conversion"]["sums"]
    assert 0 < sums["clipped"] < 1
    (sentence,) = [reason for reason in clipping["reasons"] if "clip" in reason[:40]]
    assert sentence.startswith(f"At step {most['step']} the converters clip ")
    assert "of the sums that leave the arrays: device.converters.output_range is 0.5" in sentence
    inputs = [point["conversion"]["inputs"] for point in clipping["points"]]
    # Matched to each vector: none to be told.
    assert all(each["clipped"] == 0 and each["range"] is None for each in inputs)


def test_few_clipped_sums_are_not_said_to_be_none(clipping):
    """Red as 'the converters clip 0.0 % of the sums'."""
    few = copy.deepcopy(clipping)
    for point in few["points"]:
        point["conversion"]["sums"]["clipped"] = 3e-4
    (sentence,) = clipped(report_from_json(few))
    assert "the converters clip 0.03 % of the sums" in sentence


def test_what_cancels_is_told_with_its_interval(clipping):
    ratios = [point["cancellation"]["ratio"] for point in clipping["points"]]
    assert min(ratios) > 1
    (sentence,) = [each for each in clipping["reasons"] if "writing every sample" in each]
    assert "times the pulses of writing the sum over the 5 samples of a batch" in sentence
    assert "at 99 %) times" in sentence
    assert not [line for line in parted(clipping) if "writing every sample" in line]


def test_both_errors_of_the_sums_are_in_the_record(clipping):
    sums = report_from_json(clipping).points[0].conversion.sums
    assert sums.clipping_error > sums.rounding_error > 0
    assert sums.largest > sums.range == 0.5


def test_a_chip_without_them_says_nothing():
    report = report_of(device={"write": {"cycle_to_cycle": "1 %"}})
    for point in report["points"]:
        assert point["conversion"] is None
        assert point["cancellation"] is None
    assert not any("converters clip" in each or "samples" in each for each in report["reasons"])
