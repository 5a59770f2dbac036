"""One word for several parts and for a tolerance: held is what is shown, not what is left over."""

from __future__ import annotations

import json

import pytest

from experiments.support.fig3.claims import make_claims
from experiments.support.held import held_near, together, word_of_test
from experiments.support.lemma_2_1.claims import spiking_claim
from experiments.support.lemma_2_1.networks import SPIKING
from experiments.support.multistep.claims import agrees
from experiments.support.multistep.claims import claims as multistep_claims
from experiments.support.record import RESULTS


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ((0.96, 1.04), "held"),
        ((1.01, 1.02), "held"),
        ((0.9, 1.01), "inconclusive"),
        ((0.5, 1.5), "inconclusive"),
        ((1.06, 1.2), "not held"),
        ((0.2, 0.94), "not held"),
    ],
)
def test_a_number_is_near_another_where_its_interval_is(ends, word):
    assert held_near(ends, 1.0, 0.05) == word


def test_a_test_never_shows_what_it_does_not_contradict():
    assert (word_of_test(True), word_of_test(False)) == ("inconclusive", "not held")


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (["held", "held"], "held"),
        (["held", "inconclusive"], "partly"),
        (["held", "not held"], "partly"),
        (["partly", "not held"], "partly"),
        (["inconclusive", "inconclusive"], "inconclusive"),
        (["inconclusive", "not held"], "not held"),
    ],
)
def test_several_parts(parts, word):
    assert together(parts) == word
    assert together(parts[::-1]) == word


def _kept(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def test_an_excess_is_the_predicted_one_where_its_interval_is_near_it():
    """Red where every interval that holds the prediction is called held, however wide."""
    row = {"predicted": 1.0, "measured": 1.0, "measured_ci": (0.95, 1.05)}
    assert agrees(row) == "held"
    assert agrees({**row, "measured_ci": (0.5, 1.5)}) == "inconclusive"
    assert agrees({**row, "measured_ci": (1.2, 1.5)}) == "not held"
    record = _kept("multistep")
    assert multistep_claims(record["quadratic"], record["networks"])[0].held == "held"
    for case in record["quadratic"].values():
        for each in case["rows"]:
            low, high = each["measured_ci"]
            each["measured_ci"] = (low - 0.5 * each["predicted"], high + 0.5 * each["predicted"])
    wide = multistep_claims(record["quadratic"], record["networks"])[0]
    assert wide.held in ("inconclusive", "partly")
    assert wide.held != "held"


def test_a_spiking_step_that_is_not_contradicted_is_not_shown():
    rows = _kept("lemma_2_1")["networks"][SPIKING]["rows"]
    assert spiking_claim(rows).held == "inconclusive"
    assert spiking_claim([{**row, "agree": False} for row in rows]).held == "not held"


def test_ratios_of_linear_students_are_judged_by_their_interval():
    """Red where only the share of intervals that miss the prediction is judged."""
    record = _kept("fig3")
    (found,) = (c for c in make_claims(record) if c.source == "Lemma 2.1 (Eq. 3)")
    assert found.held == "partly"  # linear held, ReLU not
    for row in record["trajectories"]:
        row["ratio"] *= 1.2
    (off,) = (c for c in make_claims(record) if c.source == "Lemma 2.1 (Eq. 3)")
    assert off.held == "not held"
