"""Claims about published trainings: each can be held, left open and contradicted."""

from __future__ import annotations

import pytest

from experiments.support.published import analog_sgd, neurosim
from experiments.support.published.claims import (
    accuracy_claims,
    cliff_claims,
    one_more,
    published_value,
    summary,
)

PUBLISHED = {"epiram": 87.62, "ag-asi": 73.62, "alox-hfo2": 17.64}
AROUND = (-1.0, -0.4, 0.1, 0.5, 0.8, 0.0)


def test_published_values_are_means_of_the_last_looks():
    for device, value in PUBLISHED.items():
        assert published_value(device) == pytest.approx(value)
    assert list(neurosim.PUBLISHED) == sorted(PUBLISHED, key=PUBLISHED.get, reverse=True)
    assert all(len(looks) == neurosim.LOOKS for looks in neurosim.PUBLISHED.values())


def test_one_more_draw_is_wider_than_the_mean():
    low, high = one_more([1.0, 3.0, 5.0])
    # t at 99 % with 2 degrees of freedom is 9.925; the spread 2 √(1 + 1/3).
    assert high == pytest.approx(3.0 + 9.925 * 2 * (4 / 3) ** 0.5, abs=1e-2)
    assert low == 0.0  # no accuracy is below 0
    assert one_more([50.0]) == (0.0, 100.0)
    assert one_more([96.0, 99.0, 100.0])[1] == 100.0


def _words(values, spread=1.0, variant="source"):
    rows = [
        {"device": d, "variant": variant, "run": k, "accuracy": values[d] + spread * off}
        for d in values
        for k, off in enumerate(AROUND)
    ]
    rows += [
        {"device": d, "variant": other, "run": 0, "accuracy": 50.0}
        for other in neurosim.VARIANTS
        if other != variant
        for d in values
    ]
    found = summary(rows)
    assert set(found) == set(neurosim.VARIANTS)
    return [claim.held for claim in accuracy_claims({variant: found[variant]})]


def test_runs_like_the_published_ones():
    """That a run is one more draw can only be contradicted; a distance can be shown."""
    assert _words(PUBLISHED) == ["held", "inconclusive", "held", "held"]


def test_runs_that_spread_too_far_show_nothing():
    assert _words(PUBLISHED, spread=15.0)[1:] == ["inconclusive"] * 3


def test_order_and_values_can_be_contradicted():
    turned = {"epiram": 60.0, "ag-asi": 87.0, "alox-hfo2": 40.0}
    words = _words(turned)
    assert words == ["partly", "not held", "not held", "not held"]
    worst_best = {"epiram": 20.0, "ag-asi": 50.0, "alox-hfo2": 90.0}
    assert _words(worst_best)[0] == "not held"
    one_off = {**PUBLISHED, "ag-asi": 50.0}
    assert _words(one_off) == ["held", "not held", "partly", "held"]


def test_one_run_of_each_decides_nothing():
    rows = [
        {"device": d, "variant": v, "run": 0, "accuracy": value}
        for d, value in PUBLISHED.items()
        for v in neurosim.VARIANTS
    ]
    words = [claim.held for claim in accuracy_claims(summary(rows))]
    assert words == ["inconclusive"] * 4 * len(neurosim.VARIANTS)


def _cliff(by_tau, early=(10.0, 90.0, 90.0)):
    forecasts = [{"tau": 0.7, "clean": True, "accuracy": 95.0}] + [
        {"tau": tau, "clean": False, "accuracy": value}
        for tau, values in by_tau.items()
        for value in values
    ]
    parts = [
        {"tau": tau, "converters": converters, "looks": [10.0, value]}
        for converters in (False, True)
        for tau, value in zip(analog_sgd.PUBLISHED, early, strict=True)
    ]
    return [claim.held for claim in cliff_claims(forecasts, parts)]


def test_a_cliff_is_lost_below_and_learned_above():
    assert _cliff({0.7: [10.2, 11.0], 0.78: [93.0, 92.5], 0.8: [94.0]}) == ["held"] * 3


def test_learning_below_the_cliff_contradicts_it():
    assert _cliff({0.7: [91.0], 0.78: [93.0], 0.8: [94.0]}, (91.0, 92.0, 93.0)) == ["partly"] * 3
    assert _cliff({0.7: [91.0], 0.78: [15.0], 0.8: [14.0]}, (91.0, 11.0, 9.0)) == ["not held"] * 3


def test_half_learned_is_neither():
    assert _cliff({0.7: [50.0], 0.78: [50.0], 0.8: [60.0]})[0] == "not held"
