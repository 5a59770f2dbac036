"""Why a verdict is what it is, in sentences."""

from __future__ import annotations

import copy

import pytest

from neurograd.explain import reasons
from neurograd.records.json_form import report_from_json
from tests.neurograd.small_report import small_report


@pytest.fixture(scope="module")
def report():
    return small_report()


def explain(report, effects):
    return reasons.explain(report_from_json(report), effects)


def _changed(report, **training):
    changed = copy.deepcopy(report)
    changed["training"]["cost"].update(training)
    return changed


def test_the_deciding_sentence(report):
    failing = _changed(report, value=0.031, ci=[0.024, 0.038], allowed=0.02, clean_learned=True)
    failing["verdict"] = "not tolerated"
    sentence = explain(failing, ["cycle-to-cycle noise"])[0]
    assert sentence == (
        "Cycle-to-cycle noise costs 3.1 % accuracy (2.4 to 3.8 at 95 % confidence), allowed 2.0 %."
    )
    assert explain(failing, ["a", "b"])[0].startswith("The chip costs 3.1 %")
    failing["verdict"] = "inconclusive"
    assert "the interval holds the limit" in explain(failing, ["a", "b"])[0]
    lost = _changed(report, value=None, ci=[None, None], clean_learned=True)
    assert "diverge" in explain(lost, ["a", "b"])[0]


def test_why_there_is_no_verdict(report):
    changed = _changed(report, clean_learned=False)
    changed["training"]["chip"]["chips"] = 1
    text = " ".join(explain(changed, ["a"]))
    assert "nothing that a chip could lose" in text
    assert "Only one chip was trained" in text


def test_sentences_of_the_points(report):
    changed = _changed(report, clean_learned=True)
    changed["training"]["chip"]["diverged"] = 1
    changed["quick"] = True
    first, last = changed["points"]
    first["delta_loss"].update(predicted=0.001, measured=0.002, agree=False)
    first["delta_loss"].update(predicted_bias=0.0, predicted_variance=0.001, predicted_kinks=0.0)
    first["descent"]["exact_margin_ci"] = [0.1, 0.2]
    first["contributions"] = [
        {"effect": "levels", "label": "the levels", "predicted_without": 0.0002, "share": 0.8}
    ]
    last["delta_loss"].update(predicted=0.0001, agree=True)
    last["moments"].update(gain=0.0, total_variance=0.0)
    assert changed["mitigation"] is not None
    text = " ".join(explain(changed, ["a", "b"]))
    assert "In a single step at step 0, the levels is the largest part" in text
    changed["mitigation"] = None
    text = " ".join(explain(changed, ["a", "b"]))
    assert "1 of 2 chips diverged" in text
    assert "agree at 1 of 2 points; they differ most at step 0, by 100 %" in text
    assert "(0.001 predicted, 0.002 measured)" in text
    assert "raises the loss at step 0" in text
    assert "At step 10 no weight moves" in text
    assert "The levels is its largest part" in text
    assert "would fall by 80.0 %" in text
    assert "quick look" in text


def test_agreement_and_descent_everywhere(report):
    changed = copy.deepcopy(report)
    for point in changed["points"]:
        point["delta_loss"]["agree"] = True
        point["descent"]["exact_margin_ci"] = [-0.2, -0.1]
    text = " ".join(explain(changed, ["a"]))
    assert "agree at all 2 measured points" in text
    assert "lowers the loss at every measured point" in text
    changed["points"][0]["descent"]["exact_margin_ci"] = [-0.2, 0.1]
    assert "At step 0 it is not known" in " ".join(explain(changed, ["a"]))


def test_pre_activations_at_a_kink_are_told(report):
    """None are here; where some are, the sentence has the most of them."""
    assert "exactly at a kink" not in " ".join(explain(report, ["a"]))
    changed = copy.deepcopy(report)
    for point, count in zip(changed["points"], (3, 7), strict=True):
        point["delta_loss"]["kinks"]["at_kink"] = count
    units = changed["points"][1]["delta_loss"]["kinks"]["units"]
    sentence = f"At step 10, 7 of {units} pre-activations are exactly at a kink"
    assert sentence in " ".join(explain(changed, ["a"]))
