"""Many steps in closed form against the recursion, and its limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograd import theory
from tests.neurograd.theory.quadratics import numbers, steps_sizes

DT = 0.1


# Δtλ: flat, tiny, ordinary, deadbeat, alternating, marginal, growing either way.
PRODUCTS = np.concatenate(
    [
        [0.0, 1e-18, -1e-18, 1e-12, 1e-7, -1e-7, 1e-3, 0.02, 0.5, 0.999999, 1.0, 1.000001, 1.3],
        [1.7, 1.999, 2 - 1e-9, 2.0, 2 + 1e-9, 2.001, -1e-3, -0.02],
    ]
)


def iterate(lam, dt, steps, s, bias, start):
    m, v = np.array(start, dtype=float), np.zeros_like(lam)
    for _ in range(steps):
        m = (1 - dt * lam) * m + dt * bias
        v = (1 - dt * lam) ** 2 * v + dt**2 * s
    return m, v


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 1000])
@pytest.mark.parametrize(("bias", "start"), [(0.0, 0.0), (0.3, 0.0), (0.0, -2.0), (0.3, -2.0)])
def test_many_steps_against_the_recursion(steps, bias, start):
    lam = PRODUCTS / DT
    bias, start = np.full_like(lam, bias), np.full_like(lam, start)
    weights = np.arange(1.0, lam.size + 1)
    mean, variance = iterate(lam, DT, steps, 0.7, bias, start)
    found = theory.many_steps(lam, DT, steps, 0.7, bias, start, weights)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(
        found.contributions, 0.5 * lam * (mean**2 + variance), rtol=1e-9, atol=1e-14
    )
    assert found.excess_loss == pytest.approx(
        np.sum(weights * 0.5 * lam * (mean**2 + variance)), rel=1e-9, abs=1e-13
    )


def test_no_step_leaves_the_loss_of_the_start():
    """½λm₀² of every direction, one of exactly 1 among them."""
    found = theory.many_steps([2.0, 6.0, 0.5], 0.1, 0, 0.7, initial=[1.0, 0.5, 4.0])
    assert found.contributions.tolist() == [1.0, 0.75, 4.0]
    assert found.excess_loss == 5.75


@settings(max_examples=200)
@given(
    st.floats(-0.5, 2.5),
    st.integers(0, 60),
    st.floats(0, 10),
    st.floats(-10, 10),
    st.floats(-10, 10),
)
def test_many_steps_against_the_recursion_anywhere(x, steps, s, bias, start):
    lam = np.array([x / DT])
    mean, variance = iterate(lam, DT, steps, s, bias, [start])
    found = theory.many_steps(lam, DT, steps, s, bias, start)
    scale = abs(1 - x) ** steps if abs(1 - x) > 1 else 1.0
    np.testing.assert_allclose(found.mean, mean, rtol=1e-9, atol=1e-11 * scale)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-9, atol=1e-200)


def test_decay_and_slow_relaxation_keep_their_relative_accuracy():
    decayed = theory.many_steps([0.5 / DT], DT, 1000, 0.0, initial=3.0)
    np.testing.assert_allclose(decayed.mean, 3.0 * 0.5**1000, rtol=1e-10)
    # One relaxation time of 10¹³ steps, where (1 − x)^T = 1/e to 13 digits.
    slow = theory.many_steps([1e-13 / DT], DT, 10**13, 0.7, 0.3)
    np.testing.assert_allclose(slow.mean, DT * 0.3 * (1 - math.exp(-1)) / 1e-13, rtol=1e-10)
    half = (1 - math.exp(-2)) / 2e-13
    np.testing.assert_allclose(slow.variance, DT**2 * 0.7 * half, rtol=1e-10)


def test_flat_direction_costs_nothing_even_where_it_overflows():
    found = theory.many_steps([0.0], DT, 10**6, 0.5, 1e300)
    assert (found.mean[0], found.excess_loss) == (pytest.approx(1e305), 0.0)


def test_flat_direction_is_a_random_walk():
    found = theory.many_steps([0.0], 0.5, 10**6, 3.0, [0.25], [1.0])
    assert found.mean[0] == 1.0 + 10**6 * 0.5 * 0.25
    assert found.variance[0] == 10**6 * 0.25 * 3.0
    assert found.excess_loss == 0.0


@pytest.mark.parametrize("tiny", [1e-12, -1e-12, 1e-300, -1e-300, 5e-324])
def test_tiny_eigenvalues_agree_with_the_flat_limit(tiny):
    found = theory.many_steps([tiny], 0.5, 1000, 3.0, [0.25], [1.0])
    flat = theory.many_steps([0.0], 0.5, 1000, 3.0, [0.25], [1.0])
    np.testing.assert_allclose(found.mean, flat.mean, rtol=1e-8)
    np.testing.assert_allclose(found.variance, flat.variance, rtol=1e-8)
    assert found.excess_loss == pytest.approx(0.5 * tiny * float(flat.mean[0] ** 2 + 750.0))


def test_a_million_steps_reach_the_limit():
    lam = np.array([1e-4, 0.02, 0.5, 1.0, 1.3, 1.7, 1.99]) / DT
    bias, start = np.linspace(-1, 1, lam.size), np.linspace(3, 5, lam.size)
    late = theory.many_steps(lam, DT, 10**6, 0.7, bias, start)
    limit = theory.many_steps(lam, DT, math.inf, 0.7, bias, start)
    np.testing.assert_allclose(late.mean, limit.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(late.variance, limit.variance, rtol=1e-9)
    np.testing.assert_allclose(late.contributions, limit.contributions, rtol=1e-9)
    assert late.excess_loss == pytest.approx(limit.excess_loss)
    assert limit.excess_loss == theory.loss_floor(lam, DT, 0.7, bias)


@given(st.floats(1e-3, 1.999), st.floats(0, 10), st.floats(-10, 10))
def test_limit_is_the_fixed_point_of_the_recursion(x, s, bias):
    lam = np.array([x / DT])
    end = theory.many_steps(lam, DT, math.inf, s, bias, 4.0)
    np.testing.assert_allclose((1 - x) * end.mean + DT * bias, end.mean, rtol=1e-9, atol=1e-12)
    again = (1 - x) ** 2 * end.variance + DT**2 * s
    np.testing.assert_allclose(again, end.variance, rtol=1e-9)
    loss = 0.5 * lam * (end.mean**2 + end.variance)
    np.testing.assert_allclose(end.contributions, loss, rtol=1e-9)


def test_floor_of_a_gently_curved_direction():
    assert theory.loss_floor([1e-9], 0.1, 4.0) == pytest.approx(0.1 * 4.0 / 4)
    assert theory.loss_floor([2.0], 0.1, 0.0, [3.0]) == pytest.approx(9 / 4)
    assert theory.loss_floor([2.0, 2.0], 0.1, 0.0, [3.0, 0.0], [5.0, 7.0]) == pytest.approx(45 / 4)


@pytest.mark.parametrize("lam", [20.0, 25.0, -1.0, -1e-9])
def test_no_floor_where_nothing_settles(lam):
    assert theory.loss_floor([1.0, lam], DT, 0.5) == math.inf
    assert theory.loss_floor([1.0, lam], DT, 0.0, [0.0, 0.2]) == math.inf
    assert theory.loss_floor([1.0, lam], DT, 0.5, weights=[1.0, 0.0]) < math.inf
    assert theory.loss_floor([1.0, lam], DT, 0.0) == 0.0
    end = theory.many_steps([lam], DT, math.inf, 0.5)
    assert (end.mean[0], end.variance[0]) == (0.0, math.inf)


def test_flat_direction_has_no_stationary_variance_and_no_loss():
    end = theory.many_steps([0.0, 0.0], DT, math.inf, [0.5, 0.0], [-1.0, 0.0], [2.0, 3.0])
    assert end.mean.tolist() == [-math.inf, 3.0]
    assert end.variance.tolist() == [math.inf, 0.0]
    assert end.excess_loss == 0.0


def test_unstable_fixed_point_without_noise_stays():
    for steps in (5, 10**6, math.inf):
        end = theory.many_steps([-4.0, 40.0], 0.5, steps, 0.0, [8.0, 0.0], [-2.0, 0.0])
        assert end.mean.tolist() == [-2.0, 0.0]
        assert end.excess_loss == -8.0


def test_growth_overflows_to_infinity_without_nan():
    with np.errstate(all="raise"):  # nothing leaks out of the closed form
        falling = theory.many_steps([-1.0], DT, 10**6, 1.0, [1.0], [-3.0])
        rising = theory.many_steps([30.0], DT, 10**6, 1.0, [1.0], [-3.0])
        both = theory.many_steps([-1.0, 30.0, 0.0], DT, 10**6, 1.0, weights=[1, 1, 0])
        ignored = theory.many_steps([-1.0, 1.0], DT, 10**6, 0.0, initial=[1, 0], weights=[0, 1])
    assert falling.excess_loss == -math.inf
    assert falling.mean[0] == -math.inf
    assert rising.excess_loss == math.inf
    assert both.excess_loss == math.inf
    assert ignored.excess_loss == 0.0
    assert not np.isnan(np.concatenate([both.mean, both.variance, both.contributions])).any()


@given(st.lists(numbers, min_size=1, max_size=5), steps_sizes, st.integers(0, 10**6))
def test_nothing_driving_gives_exactly_zero(lam, dt, steps):
    for count in (steps, math.inf):
        found = theory.many_steps(lam, dt, count, 0.0)
        assert found.excess_loss == 0.0
        assert not found.mean.any()
        assert not found.variance.any()


@given(
    st.lists(st.floats(0, 30), min_size=1, max_size=5),
    st.integers(0, 10**6),
    st.floats(0, 1e3),
    st.floats(0, 1e3),
)
def test_excess_grows_with_the_noise_and_with_time(lam, steps, s, more):
    quiet = theory.many_steps(lam, DT, steps, s).excess_loss
    assert 0 <= quiet <= theory.many_steps(lam, DT, steps, s + more).excess_loss
    later = theory.many_steps(lam, DT, steps + 1, s).excess_loss
    assert quiet <= later * (1 + 1e-9)


@given(
    st.lists(st.floats(-30, 30), min_size=1, max_size=4),
    st.one_of(st.integers(0, 10**6), st.just(math.inf)),
    st.floats(0, 1e3),
    numbers,
    numbers,
)
def test_nothing_is_ever_nan(lam, steps, s, bias, start):
    found = theory.many_steps(lam, DT, steps, s, bias, start)
    for values in (found.mean, found.variance, found.contributions, found.excess_loss):
        assert not np.isnan(values).any()


def test_weights_are_multiplicities_and_noise_may_differ_by_direction():
    repeated = theory.many_steps([1.0, 1.0, 1.0, 5.0], DT, 50, [0.2, 0.2, 0.2, 0.9], 0.1, 1.0)
    weighted = theory.many_steps([1.0, 5.0], DT, 50, [0.2, 0.9], 0.1, 1.0, [3, 1])
    assert weighted.excess_loss == pytest.approx(repeated.excess_loss)
    alone = theory.many_steps([5.0], DT, 50, 0.9, 0.1, 1.0)
    assert weighted.contributions[1] == alone.contributions[0]


def test_one_step_from_the_minimum_is_lemma_2_1():
    lam = np.array([3.0, 1.0, -0.5, 0.0])
    bias = np.array([0.1, -0.2, 0.4, 0.3])
    b = np.linalg.norm(bias) / 2
    beta = bias / b
    lemma = theory.lemma_2_1(b, 0.0, lam @ beta**2, 0.0, 0.8, lam.sum(), 4, DT)
    one = theory.many_steps(lam, DT, 1, 0.8 / 4, bias)
    assert one.excess_loss == pytest.approx(lemma.total)
