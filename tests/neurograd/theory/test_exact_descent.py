"""The exact margin against brute force on quadratics."""

import numpy as np
import pytest

from neurograd import theory
from tests.neurograd.theory.quadratics import Quadratic


@pytest.mark.parametrize("seed", range(20))
def test_exact_margin_is_the_loss_change_per_step_size(seed):
    q = Quadratic(seed)
    d = -q.gradient + q.b * q.beta
    change = q.expected_loss_after(d, q.factor) - q.loss(q.w)
    trace = np.trace(q.hessian @ q.factor @ q.factor.T)
    margin = theory.exact_margin(q.gradient @ d, d @ q.hessian @ d, trace, q.step_size)
    assert margin * q.step_size == pytest.approx(change, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("seed", range(10))
def test_exact_margin_is_the_clean_change_plus_lemma_2_1(seed):
    q = Quadratic(seed)
    d, g, dt = -q.gradient + q.b * q.beta, q.gradient, q.step_size
    trace = q.total_variance / q.n * np.trace(q.hessian)
    margin = theory.exact_margin(g @ d, d @ q.hessian @ d, trace, dt)
    clean = -dt * g @ g + 0.5 * dt**2 * g @ q.hessian @ g
    assert margin * dt == pytest.approx(clean + q.lemma().total, rel=1e-9, abs=1e-11)


def test_kinks_are_part_of_the_margin():
    """A loss change of 0.03 in a step of 0.1 is 0.3 in the margin; without one nothing changes."""
    smooth = theory.exact_margin(-1.0, 2.0, 3.0, 0.1)
    assert theory.exact_margin(-1.0, 2.0, 3.0, 0.1, 0.03) == pytest.approx(smooth + 0.3)
    assert theory.exact_margin(-1.0, 2.0, 3.0, 0.1, 0.0) == smooth
