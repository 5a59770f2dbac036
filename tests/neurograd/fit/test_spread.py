"""Spread between devices from estimates with known errors: numbers only, no fits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from neurograd.fit.spread import Estimates, Interval, mean_over, spread_between

PROBLEMS = 300
CONFIDENCE = 0.95


def held(found: list[Interval], truth: float) -> tuple[int, int]:
    """Intervals that lie above a truth, and those that lie below it."""
    return sum(truth < each.low for each in found), sum(truth > each.high for each in found)


def expected(p: float) -> tuple[int, int]:
    """Counts of an event of probability p that 99.9 % of all draws lie within."""
    low, high = stats.binom.ppf((0.0005, 0.9995), PROBLEMS, p)
    return int(low), int(high)


def draw(devices: int, spread: float, rng: np.random.Generator) -> Estimates:
    """Estimates about a mean of 3; their errors, 0.3 to 1, are known and unequal."""
    errors = np.linspace(0.3, 1.0, devices)
    true = 3.0 + spread * rng.standard_normal(devices)
    return Estimates(true + errors * rng.standard_normal(devices), errors**2)


@pytest.mark.parametrize(("devices", "spread"), [(2, 0.7), (5, 0.7), (20, 0.4)])
def test_intervals_of_a_spread_hold_it(devices, spread):
    """2.5 % of 300 drawn problems miss on each side, by the exact 99.9 % range of such counts.

    The upper end may be higher where little could be seen, so fewer may lie below the truth.
    """
    rng = np.random.default_rng(devices)
    found = [spread_between([draw(devices, spread, rng)], CONFIDENCE) for _ in range(PROBLEMS)]
    too_high, too_low = held(found, spread)
    assert expected(0.025)[0] <= too_high <= expected(0.025)[1]
    assert too_low <= expected(0.025)[1]
    assert all(each.low <= each.value <= each.high for each in found)


def test_two_numbers_with_one_spread_share_it():
    """Each has a mean of its own: taken for one number, the distance of the means is a spread."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(PROBLEMS):
        pair = [draw(4, 0.8, rng) for _ in range(2)]
        shifted = Estimates(pair[1].values + 5.0, pair[1].variances)
        found.append(spread_between([pair[0], shifted], CONFIDENCE))
    too_high, too_low = held(found, 0.8)
    assert expected(0.025)[0] <= too_high <= expected(0.025)[1]
    assert too_low <= expected(0.025)[1]


def test_devices_alike_are_not_told_from_none():
    """Without a spread: the lower end is 0 in 97.5 % of the cases, the upper one never."""
    rng = np.random.default_rng(1)
    found = [spread_between([draw(3, 0.0, rng)], CONFIDENCE) for _ in range(PROBLEMS)]
    told = sum(each.low > 0.0 for each in found)
    assert expected(0.025)[0] <= told <= expected(0.025)[1]
    # Errors of 0.3 to 1: three devices do not rule a spread of that size out.
    assert min(each.high for each in found) > 1.0
    same = spread_between([Estimates(np.full(3, 2.0), np.full(3, 0.01))], CONFIDENCE)
    assert (same.value, same.low) == (0.0, 0.0)
    assert same.high > 0.2


def test_the_mean_is_as_uncertain_as_the_devices_differ():
    """Coverage of the mean; at least 95 % less what 99.9 % of draws allow (it is nearly exact)."""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(PROBLEMS):
        found = mean_over(draw(5, 0.7, rng), CONFIDENCE)
        covered += found.low <= 3.0 <= found.high
    assert covered >= expected(0.95)[0]
    exact = mean_over(Estimates(np.array([1.0, 2.0, 3.0]), np.zeros(3)), CONFIDENCE)
    # Student's interval of three numbers.
    assert exact.value == pytest.approx(2.0)
    assert exact.high - 2.0 == pytest.approx(stats.t.ppf(0.975, 2) / np.sqrt(3.0))


def test_one_device_has_no_spread():
    with pytest.raises(ValueError, match="two or more"):
        spread_between([Estimates(np.ones(1), np.ones(1))], CONFIDENCE)
