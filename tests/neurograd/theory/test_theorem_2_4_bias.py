"""Theorem 2.4 against Lemma 2.1."""

import pytest

from neurograd import theory
from tests.neurograd.theory.quadratics import Quadratic


@pytest.mark.parametrize("seed", range(20))
def test_theorem_2_4_is_the_bias_of_lemma_2_1(seed):
    q = Quadratic(seed)
    unit = q.gradient / q.norm
    big_q = q.beta @ q.hessian @ q.beta
    big_p = unit @ q.beta - q.step_size * unit @ q.hessian @ q.beta
    change = theory.bias_loss_change(q.b, big_q, big_p, q.norm, q.step_size)
    assert change == pytest.approx(q.lemma().bias, rel=1e-9, abs=1e-12)
    # Affine in the gradient's norm, with Q alone left at 0.
    rest = theory.bias_loss_change(q.b, big_q, big_p, 0.0, q.step_size)
    assert rest == pytest.approx(q.lemma().bias_quadratic)
    doubled = theory.bias_loss_change(q.b, big_q, big_p, 2 * q.norm, q.step_size)
    assert doubled - rest == pytest.approx(2 * (change - rest), rel=1e-9, abs=1e-12)
