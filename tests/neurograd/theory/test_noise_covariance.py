"""The variance term for any covariance against brute force, and the anisotropy."""

import math

import numpy as np
import pytest

from neurograd import theory
from tests.neurograd.theory.quadratics import Quadratic


@pytest.mark.parametrize("seed", range(20))
def test_covariance_term_and_anisotropy(seed):
    q = Quadratic(seed)
    covariance = q.factor @ q.factor.T
    clean = q.loss(q.w - q.step_size * q.gradient)
    measured = q.expected_loss_after(-q.gradient, q.factor) - clean
    trace = np.trace(q.hessian @ covariance)
    total = np.trace(covariance)
    term = theory.covariance_variance_term(trace, q.step_size)
    assert term == pytest.approx(measured, rel=1e-9, abs=1e-10)
    white = theory.white_variance_term(total, np.trace(q.hessian), q.n, q.step_size)
    ratio = theory.anisotropy(trace, np.trace(q.hessian), total, q.n)
    assert ratio == pytest.approx(term / white, rel=1e-9)


def test_white_noise_has_anisotropy_one_and_sharp_noise_more():
    eigenvalues = np.array([5.0, 1.0, 0.5])
    per_parameter = 0.3
    trace = eigenvalues.sum()
    ratio = theory.anisotropy(per_parameter * trace, trace, 3 * per_parameter, 3)
    assert ratio == pytest.approx(1)
    assert theory.anisotropy(5.0, trace, 1.0, 3) == pytest.approx(15 / 6.5)


@pytest.mark.parametrize(("trace", "variance"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_anisotropy_is_nan_where_it_is_not_defined(trace, variance):
    assert math.isnan(theory.anisotropy(1.0, trace, variance, 3))
