"""Trends with a known answer."""

from __future__ import annotations

import math

import pytest

from experiments.support.held import together
from experiments.support.vgg.impacts import trend


def test_trends():
    depths = [11, 11, 13, 13, 16, 16, 19, 19]
    noise = [0.01, -0.01] * 4
    falling = trend(depths, [math.exp(-0.1 * d + e) for d, e in zip(depths, noise, strict=True)])
    assert falling.ends == pytest.approx(math.exp(-0.8))
    assert falling.ci[0] < -0.1 < falling.ci[1]
    assert falling.falls == "held"
    rising = trend(depths, [math.exp(0.1 * d + e) for d, e in zip(depths, noise, strict=True)])
    assert rising.falls == "not held"
    assert trend(depths, [1.0, 3.0, 2.0, 1.5, 1.0, 3.0, 2.0, 1.5]).falls == "inconclusive"
    assert trend([11, 19], [2.0, 1.0]).falls == "inconclusive"
    assert together(["held", "held"]) == "held"
    assert together(["held", "not held"]) == "partly"
    assert together(["inconclusive", "not held"]) == "not held"
    assert together(["inconclusive", "held"]) == "partly"
