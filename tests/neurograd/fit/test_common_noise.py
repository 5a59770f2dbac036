"""Noises in common: what a curve's numbers leave of the likelihood, from near and far."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from neurograd.fit.common_noise import _integrated

TALL, BEST = 20.0, 5.0


def _fit(unit):
    """A device's fit as far as it is looked at: a number of the curve, and the noise of reading."""
    top = SimpleNamespace(unit=np.array([unit, 1.0]))
    return SimpleNamespace(model=SimpleNamespace(names=("low", "read")), top=top)


def _bell(points):
    """Round at its top; far away it falls in a straight line, and has next to no curvature."""
    off = np.abs(points[:, 0] - BEST)  # log cosh, which would overflow
    return -TALL * (off + np.log1p(np.exp(-2.0 * off)) - math.log(2.0)) - points[:, 1]


@pytest.mark.parametrize("unit", [0.1, 0.5])
def test_the_integral_does_not_depend_on_where_the_curve_begins(unit):
    """Against a sum; Laplace's approximation is off by 1/(4·TALL) here, and less."""
    noise = np.array([0.3, 0.3, 0.3, 0.7, 0.3])
    points = np.stack([[BEST, BEST - 1.0, 0.0, -4.0, 2.0 * BEST], noise], axis=1)
    found = _integrated(_bell, _fit(unit), points)
    places = np.linspace(-5.0, 15.0, 20_001)
    values = np.exp(_bell(np.stack([places, 0.0 * places], axis=1)))
    exact = math.log(float(values.sum()) * (places[1] - places[0]) / math.sqrt(2.0 * math.pi))
    assert found == pytest.approx(exact - noise, abs=0.05)


def test_what_no_step_has_shown_is_not_promised():
    """Where each way is down the value itself stays, whatever a difference says of its slope."""

    def spike(points):
        return -50.0 * np.abs(points[:, 0]) - 49.9 * points[:, 0]

    (found,) = _integrated(spike, _fit(1e-3), np.zeros((1, 2)))
    flattest = math.log(1e-3) - 0.5 * math.log(3e-3)
    assert found <= flattest + 0.5
