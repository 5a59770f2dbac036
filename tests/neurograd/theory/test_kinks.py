"""The mean of a rectifier beyond its linear continuation, against quadrature and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from neurograd import theory

PLACES = [-2.0, -0.3, -1e-3, 0.0, 1e-3, 0.4, 3.0]
SHIFTS = [-1.0, -0.2, 0.0, 0.3, 2.0]


def mean_of(function, center, s):
    """E[function(center + sξ)], split at the kinks that the tests use."""
    points = sorted((p - center) / s for p in (-1.0, 0.0, 1.0))
    inside = [p for p in points if abs(p) < 12]
    value, _ = integrate.quad(
        lambda x: function(center + s * x) * stats.norm.pdf(x),
        -12,
        12,
        points=inside or None,
        epsabs=1e-14,
        limit=200,
    )
    return value


@pytest.mark.parametrize("z", PLACES)
@pytest.mark.parametrize("mu", SHIFTS)
@pytest.mark.parametrize("s", [0.05, 0.7, 4.0])
def test_it_is_the_mean_less_the_linear_part(z, mu, s):
    exact = mean_of(lambda x: max(x, 0.0), z + mu, s) - max(z, 0.0) - (z > 0) * mu
    assert float(theory.expected_kink(z, mu, s)) == pytest.approx(exact, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("z", PLACES)
def test_without_a_shift_it_is_the_printed_formula(z):
    s = 0.6
    printed = s * stats.norm.pdf(z / s) - abs(z) * stats.norm.cdf(-abs(z) / s)
    assert float(theory.expected_kink(z, 0.0, s)) == pytest.approx(printed, rel=1e-9)


@pytest.mark.parametrize("z", PLACES)
@pytest.mark.parametrize("mu", SHIFTS)
def test_without_noise_it_is_what_lies_beyond_the_kink(z, mu):
    beyond = abs(z + mu) if (z > 0) != (z + mu > 0) else 0.0
    assert float(theory.expected_kink(z, mu, 0.0)) == beyond
    assert float(theory.expected_kink(z, mu, 1e-9)) == pytest.approx(beyond, abs=1e-9)


@pytest.mark.parametrize("t", [6.0, 12.0, 30.0, 37.0])
def test_far_from_the_kink_it_keeps_its_digits(t):
    """φ(t)·(1/t² − 3/t⁴ + 15/t⁶ − 105/t⁸ ...), the series of the tail."""
    terms = [1.0, -3.0, 15.0, -105.0, 945.0, -10395.0]
    series = stats.norm.pdf(t) * sum(c / t ** (2 * k + 2) for k, c in enumerate(terms))
    found = float(theory.expected_kink(-2.0 * t, 0.0, 2.0))
    assert found == pytest.approx(2.0 * series, rel=135135 / t**12 + 1e-10)
    assert float(theory.expected_kink(-1e300, 0.0, 1e-300)) == 0.0


@pytest.mark.parametrize("mu", SHIFTS)
def test_over_all_places_only_second_moments_count(mu):
    z = np.linspace(-30, 30, 600_001)
    total = integrate.trapezoid(theory.expected_kink(z, mu, 1.3), z)
    # At z = 0 the value jumps by |μ|, which the rule blurs over one of its steps of 1e-4.
    assert total == pytest.approx(0.5 * (mu**2 + 1.3**2), abs=1e-6 + 1e-4 * abs(mu))


@pytest.mark.parametrize("z", [-1.7, -1.0, -0.2, 0.0, 0.9, 1.0, 1.5])
@pytest.mark.parametrize("mu", SHIFTS)
def test_a_leaky_relu_and_a_hard_tanh(z, mu):
    s = 0.5
    leaky = mean_of(lambda x: max(x, 0.1 * x), z + mu, s)
    leaky -= max(z, 0.1 * z) + (1.0 if z > 0 else 0.1) * mu
    kinks = theory.leaky_relu_kinks(0.1)
    assert float(theory.expected_kinks(z, mu, s, kinks)) == pytest.approx(leaky, abs=1e-10)
    hard = mean_of(lambda x: min(1.0, max(-1.0, x)), z + mu, s)
    hard -= min(1.0, max(-1.0, z)) + (mu if -1 < z < 1 else 0.0)
    found = float(theory.expected_kinks(z, mu, s, theory.hard_tanh_kinks()))
    assert found == pytest.approx(hard, abs=1e-10)
    assert float(theory.expected_kinks(z, mu, s, ())) == 0.0


def test_jumps_and_places():
    assert theory.leaky_relu_kinks() == (theory.Kink(0.0, 1.0),)
    assert theory.leaky_relu_kinks(1.0) == ()
    assert [k.jump for k in theory.hard_tanh_kinks(0.0, 6.0)] == [1.0, -1.0]
    assert [k.place for k in theory.hard_tanh_kinks(0.0, 6.0)] == [0.0, 6.0]


def test_shapes_broadcast_and_ranges_are_refused():
    z, mu, s = np.zeros((4, 1)), np.zeros(3), np.ones((2, 1, 1))
    assert theory.expected_kink(z, mu, s).shape == (2, 4, 3)
    assert theory.expected_kinks(z, mu, s, theory.leaky_relu_kinks()).shape == (2, 4, 3)
    with pytest.raises(ValueError, match=r"^s must be zero or greater"):
        theory.expected_kink(0.0, 0.0, [1.0, -1e-9])
    with pytest.raises(ValueError, match=r"^high must be above low"):
        theory.hard_tanh_kinks(1.0, 1.0)
    with pytest.raises(ValueError, match=r"^mu must be finite"):
        theory.expected_kink(0.0, math.inf, 1.0)
    with pytest.raises(ValueError, match=r"^jump must be"):
        theory.Kink(0.0, math.nan)
