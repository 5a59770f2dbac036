"""Lemma 2.1 against brute force on quadratics."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograd import theory
from tests.neurograd.theory.quadratics import Quadratic, numbers, steps_sizes


@pytest.mark.parametrize("seed", range(40))
def test_lemma_is_exact_on_a_quadratic(seed):
    q = Quadratic(seed)
    clean = q.loss(q.w - q.step_size * q.gradient)
    biased = q.loss(q.w + q.step_size * (-q.gradient + q.b * q.beta))
    both = q.expected_loss_after(-q.gradient + q.b * q.beta, q.white)
    noisy = q.expected_loss_after(-q.gradient, q.white)
    change = q.lemma()
    assert change.bias == pytest.approx(biased - clean, rel=1e-9, abs=1e-11)
    assert change.variance == pytest.approx(noisy - clean, rel=1e-9, abs=1e-11)
    assert change.total == pytest.approx(both - clean, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("seed", range(10))
def test_lemma_terms_are_told_apart_by_their_order(seed):
    q = Quadratic(seed)
    one, two = q.lemma(b=1.0), q.lemma(b=2.0)
    assert two.bias_linear == pytest.approx(2 * one.bias_linear)
    assert two.bias_gradient == pytest.approx(2 * one.bias_gradient)
    assert two.bias_quadratic == pytest.approx(4 * one.bias_quadratic)
    assert one.bias_linear == pytest.approx(q.step_size * q.gradient @ q.beta)
    assert one.bias_gradient == pytest.approx(
        -(q.step_size**2) * q.gradient @ q.hessian @ q.beta, abs=1e-12
    )


@given(numbers, numbers, numbers, numbers, st.integers(1, 10**9), steps_sizes)
def test_no_bias_and_no_variance_is_exactly_zero(gb, bhb, ghb, trace, n, dt):
    change = theory.lemma_2_1(0.0, gb, bhb, ghb, 0.0, trace, n, dt)
    assert (change.bias, change.variance, change.total) == (0.0, 0.0, 0.0)


def test_loss_change_is_frozen_and_of_floats():
    change = theory.lemma_2_1(np.float32(1), 2, 3, 4, 5, 6, np.int64(7), np.float64(0.5))
    assert all(type(value) is float for value in dataclasses.astuple(change))
    with pytest.raises(dataclasses.FrozenInstanceError):
        change.variance = 0.0
