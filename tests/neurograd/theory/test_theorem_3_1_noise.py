"""Theorem 3.1 and its exact form against brute force on quadratics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograd import theory
from tests.neurograd.theory.quadratics import Quadratic, steps_sizes


def noise_arguments(q):
    curvature = q.gradient @ q.hessian @ q.gradient / q.norm**2
    return (q.step_size, q.total_variance, q.norm, curvature, np.trace(q.hessian), q.n)


@pytest.mark.parametrize("seed", range(60))
def test_noise_descent_is_exact_on_a_quadratic(seed):
    q = Quadratic(seed)
    change = q.expected_loss_after(-q.gradient, q.white) - q.loss(q.w)
    assert theory.noise_descent_margin(*noise_arguments(q)) == pytest.approx(change, rel=1e-9)
    assert theory.descends_in_noise(*noise_arguments(q)) is bool(change < 0)


def test_both_outcomes_occur_in_the_quadratics_above():
    outcomes = {theory.descends_in_noise(*noise_arguments(Quadratic(seed))) for seed in range(60)}
    assert outcomes == {True, False}


@pytest.mark.parametrize("seed", range(200))
def test_threshold_is_sufficient_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    gradient = rng.normal(size=n)
    norm, variance, dt = np.linalg.norm(gradient), rng.exponential(), rng.uniform(0.1, 2)
    threshold = theory.noise_curvature_threshold(dt, variance, norm)
    for low, high, expected in ((-1.0, 0.999, True), (1.001, 3.0, False)):
        eigenvalues = threshold * rng.uniform(low, high, size=n)
        kappa = eigenvalues @ gradient**2 / norm**2
        descends = theory.descends_in_noise(dt, variance, norm, kappa, eigenvalues.sum(), n)
        assert descends is expected


@pytest.mark.parametrize("n", [1, 3])
def test_threshold_is_tight_for_an_isotropic_hessian(n):
    threshold = theory.noise_curvature_threshold(0.3, 2.0, 1.5)
    for factor, expected in ((1 - 1e-9, True), (1 + 1e-9, False)):
        value = factor * threshold
        assert theory.descends_in_noise(0.3, 2.0, 1.5, value, n * value, n) is expected


def test_noise_threshold_at_its_edges():
    assert theory.noise_curvature_threshold(0.1, 0.0, 3.0) == 20.0
    assert theory.noise_curvature_threshold(0.1, 0.0, 0.0) == 20.0
    assert theory.noise_curvature_threshold(0.1, 1.0, 0.0) == 0.0
    assert theory.noise_curvature_threshold(0.1, 9.0, 3.0) == pytest.approx(10.0)
    assert theory.noise_curvature_threshold(0.1, 1.0, 1e-200) == 0.0  # no overflow error


@given(steps_sizes, st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-3, 1e3))
def test_noise_threshold_falls_with_variance_from_two_over_dt(dt, variance, more, norm):
    calm = theory.noise_curvature_threshold(dt, variance, norm)
    rough = theory.noise_curvature_threshold(dt, variance + more, norm)
    assert 0 <= rough <= calm <= 2 / dt


def test_kinks_decide_where_the_hessian_says_descent():
    arguments = (0.1, 1.0, 1.0, 1.0, 2.0, 4)
    smooth = theory.noise_descent_margin(*arguments)
    assert smooth < 0
    assert theory.noise_descent_margin(*arguments, -2 * smooth) == pytest.approx(-smooth)
    assert theory.descends_in_noise(*arguments, -0.9 * smooth)
    assert not theory.descends_in_noise(*arguments, -1.1 * smooth)
