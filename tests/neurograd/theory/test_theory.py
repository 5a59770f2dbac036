"""Theory against brute force: quadratics, on which second-order theory is exact."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neurograd import theory

MEETING = 2 * math.sqrt(3) - 2  # 1.464: the root of s² + 4s = 8, where the two bounds are equal


class Quadratic:
    """L(w) = ½wᵀHw + cᵀw at a random point, with a random update."""

    def __init__(self, seed, n=None, step_size=None):
        rng = np.random.default_rng(seed)
        self.n = n or int(rng.integers(1, 9))
        a = rng.normal(size=(self.n, self.n))
        self.hessian = (a + a.T) / 2 + rng.normal() * np.eye(self.n)
        self.linear = rng.normal(size=self.n)
        self.w = rng.normal(size=self.n)
        self.gradient = self.hessian @ self.w + self.linear
        beta = rng.normal(size=self.n)
        self.beta = beta * math.sqrt(self.n) / np.linalg.norm(beta)
        self.b = float(rng.exponential())
        self.step_size = step_size or float(rng.uniform(0.01, 2))
        self.total_variance = float(rng.exponential())
        self.factor = rng.normal(size=(self.n, self.n))  # of a noise covariance that is not white
        self.norm = float(np.linalg.norm(self.gradient))

    def loss(self, w):
        return 0.5 * w @ self.hessian @ w + self.linear @ w

    def expected_loss_after(self, mean_update, factor):
        """Mean loss over a cubature with the covariance factor·factorᵀ, exact for a quadratic."""
        columns = math.sqrt(self.n) * factor.T
        points = [mean_update + sign * c for c in columns for sign in (1, -1)]
        return np.mean([self.loss(self.w + self.step_size * u) for u in points])

    @property
    def white(self):
        return math.sqrt(self.total_variance / self.n) * np.eye(self.n)

    def lemma(self, b=None, total_variance=None):
        g, h, beta = self.gradient, self.hessian, self.beta
        return theory.lemma_2_1(
            b=self.b if b is None else b,
            grad_beta=g @ beta,
            beta_hessian_beta=beta @ h @ beta,
            grad_hessian_beta=g @ h @ beta,
            total_variance=self.total_variance if total_variance is None else total_variance,
            hessian_trace=np.trace(h),
            num_parameters=self.n,
            step_size=self.step_size,
        )


# --- one step -------------------------------------------------------------------------------------


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


numbers = st.floats(-1e6, 1e6)
steps_sizes = st.floats(1e-6, 1e3)


@given(numbers, numbers, numbers, numbers, st.integers(1, 10**9), steps_sizes)
def test_no_bias_and_no_variance_is_exactly_zero(gb, bhb, ghb, trace, n, dt):
    change = theory.lemma_2_1(0.0, gb, bhb, ghb, 0.0, trace, n, dt)
    assert (change.bias, change.variance, change.total) == (0.0, 0.0, 0.0)


def test_loss_change_is_frozen_and_of_floats():
    change = theory.lemma_2_1(np.float32(1), 2, 3, 4, 5, 6, np.int64(7), np.float64(0.5))
    assert all(type(value) is float for value in dataclasses.astuple(change))
    with pytest.raises(dataclasses.FrozenInstanceError):
        change.variance = 0.0


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


def test_variance_impact_per_parameter_scales_the_white_term():
    assert theory.variance_impact_per_parameter(12.0, 8) == 1.5
    term = theory.white_variance_term(0.7, 12.0, 8, 0.3)
    assert term == pytest.approx(0.5 * 0.7 * 0.3**2 * 1.5)


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


# --- Theorem 3.1 ----------------------------------------------------------------------------------


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


# --- Theorem 3.2 ----------------------------------------------------------------------------------


def loss_changes(eigenvalues, gradient, bias, dt):
    """Noiseless L(w+Δt·d) − L(w) for rows of quadratics in their eigenbases."""
    d = bias - gradient
    return dt * np.sum(gradient * d, axis=-1) + 0.5 * dt**2 * np.sum(eigenvalues * d * d, axis=-1)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def random_quadratics(rng, s, n, count, dt=0.1):
    """Spectra of largest eigenvalue s/Δt and gradients, some along the sharpest direction."""
    top = s / dt
    eigenvalues = top * rng.uniform(-1.5, 1, size=(count, n)) ** rng.choice([1, 3])
    eigenvalues[:, 0] = top
    gradient = rng.normal(size=(count, n)) * rng.choice([1.0, 1e-3], size=(count, n))
    gradient[:, 0] = rng.normal(size=count)
    return eigenvalues, gradient * np.exp(rng.normal(size=(count, 1)))


@pytest.mark.parametrize("s", [0.01, 0.3, 0.7, 0.99, 1.0, 1.01, 1.2, 1.5, 1.8, 1.99])
@pytest.mark.parametrize("n", [1, 2, 10])
def test_below_the_safe_threshold_the_loss_never_rises(s, n):
    rng = np.random.default_rng([int(100 * s), n])
    dt = 0.1
    eigenvalues, gradient = random_quadratics(rng, s, n, 1000, dt)
    ratio = theory.bias_ratio_threshold(s / dt, dt, form="safe") * (1 - 1e-9)
    directions = [unit(rng.normal(size=gradient.shape)), unit(gradient), -unit(gradient)]
    directions.append(unit(-gradient + 0.1 * rng.normal(size=gradient.shape)))
    for direction in directions:
        bias = ratio * np.linalg.norm(gradient, axis=1, keepdims=True) * direction
        assert (loss_changes(eigenvalues, gradient, bias, dt) < 0).all()


@pytest.mark.parametrize("s", [0.01, 0.3, 0.7, 0.99, 1.0, 1.01, 1.2, 1.5, 1.8, 1.99])
def test_just_above_the_safe_threshold_the_worst_case_rises(s):
    dt, gradient = 0.1, np.array([2.0, 0.0])
    eigenvalues = np.array([s / dt, -1.0])
    worst = 1 if s <= 1 else -1  # against the descent, or overshooting it
    ratio = theory.bias_ratio_threshold(s / dt, dt)
    above = loss_changes(eigenvalues, gradient, worst * ratio * (1 + 1e-6) * gradient, dt)
    below = loss_changes(eigenvalues, gradient, worst * ratio * (1 - 1e-6) * gradient, dt)
    assert above > 0 > below


@pytest.mark.parametrize("s", [2.0, 2.5, 100.0])
def test_from_two_on_even_the_clean_step_may_not_descend(s):
    assert theory.bias_ratio_threshold(s, 1.0, form="safe") == 0.0
    gradient = np.array([1.0])
    assert loss_changes(np.array([s]), gradient, np.zeros(1), 1.0) >= 0


def test_safe_threshold_values():
    assert theory.bias_ratio_threshold(0.0, 0.1) == 1.0
    assert theory.bias_ratio_threshold(-50.0, 0.1) == 1.0
    assert theory.bias_ratio_threshold(10.0, 0.1) == 1.0
    assert theory.bias_ratio_threshold(16.0, 0.1) == pytest.approx(0.25)


@pytest.mark.parametrize("s", [1.465, 1.466, 1.5, 1.7, 1.9])
def test_published_bound_is_violated_above_1_464(s):
    gradient = np.array([1.0])
    ratio = theory.bias_ratio_threshold(s, 1.0, form="published")
    assert ratio > theory.bias_ratio_threshold(s, 1.0, form="safe")
    assert loss_changes(np.array([s]), gradient, -ratio * gradient, 1.0) > 0


def test_the_two_bounds_meet_at_1_464():
    published = theory.bias_ratio_threshold(MEETING, 1.0, form="published")
    assert published == pytest.approx(theory.bias_ratio_threshold(MEETING, 1.0), rel=1e-12)


@given(st.floats(0, MEETING - 1e-9))
def test_published_bound_is_stricter_than_needed_below(s):
    published = theory.bias_ratio_threshold(s, 1.0, form="published")
    assert published <= theory.bias_ratio_threshold(s, 1.0, form="safe")


def test_published_bound_at_one():
    published = theory.bias_ratio_threshold(4.0, 0.25, form="published")
    assert published == pytest.approx(2 / (2 + math.sqrt(6)))
    assert published == pytest.approx(0.45, abs=0.005)
    assert theory.bias_ratio_threshold(4.0, 0.25, form="safe") == 1.0


@given(st.floats(0, 1e4), st.floats(1e-6, 1e2), st.floats(1, 2))
@pytest.mark.parametrize("form", theory.FORMS)
def test_bias_thresholds_fall_with_curvature_and_depend_on_the_product(form, lam, dt, factor):
    here = theory.bias_ratio_threshold(lam, dt, form=form)
    assert 0 <= theory.bias_ratio_threshold(lam * factor, dt, form=form) <= here <= 1
    swapped = theory.bias_ratio_threshold(dt, lam, form=form)
    assert swapped == here


@given(st.floats(0, 3), st.floats(0, 1e-6))
@pytest.mark.parametrize("form", theory.FORMS)
def test_bias_thresholds_are_continuous(form, s, nudge):
    here = theory.bias_ratio_threshold(s, 1.0, form=form)
    there = theory.bias_ratio_threshold(s + nudge, 1.0, form=form)
    assert abs(here - there) <= 3 * nudge + 1e-15


def test_published_approximation_agrees_to_first_order():
    for s in (1e-2, 1e-3, 1e-4):
        exact = theory.bias_ratio_threshold(s, 1.0, form="published")
        approximate = theory.published_bias_ratio_approximation(10 * s, 0.1)
        assert 0 < exact - approximate < s**2
    assert theory.published_bias_ratio_approximation(2.0, 1.0) == 0.25


def test_bias_ratio_is_of_norms():
    bias, gradient = np.array([3.0, 4.0, 0.0, 0.0]), 2.0
    b = np.linalg.norm(bias) / math.sqrt(4)
    assert theory.bias_ratio(b, 4, gradient) == pytest.approx(5 / 2)


def test_counterexample_holds_the_published_bound_and_rises():
    example = theory.counterexample_3_2()
    lam, g, p = (np.array(v) for v in (example.hessian_eigenvalues, example.gradient, example.bias))
    dt = example.step_size
    psi = np.sqrt(np.sum(lam**2))
    assert psi * dt > MEETING
    assert example.bias_ratio == pytest.approx(np.linalg.norm(p) / np.linalg.norm(g))
    assert example.published_threshold == theory.bias_ratio_threshold(psi, dt, form="published")
    assert example.safe_threshold == pytest.approx(2 / (lam.max() * dt) - 1)
    assert example.safe_threshold < example.bias_ratio <= example.published_threshold
    assert example.loss_change == pytest.approx(loss_changes(lam, g, p, dt))
    assert example.loss_change > 0


def test_counterexample_computes_its_loss_change():
    example = dataclasses.replace(
        theory.counterexample_3_2(), gradient=(1.0, -2.0), bias=(0.5, 0.25), step_size=0.02
    )
    expected = loss_changes(np.array([18.0, 1.0]), np.array([1, -2]), np.array([0.5, 0.25]), 0.02)
    assert example.loss_change == pytest.approx(expected)
    assert example.bias_ratio == pytest.approx(math.hypot(0.5, 0.25) / math.sqrt(5))


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


# --- many steps -----------------------------------------------------------------------------------

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


# --- scaling --------------------------------------------------------------------------------------


def test_scaling_exponent_of_a_power_law():
    counts = np.array([100, 1000, 5000, 20000])
    found = theory.scaling_exponent(counts, 7 * counts**1.5)
    assert found.alpha == pytest.approx(1.5, rel=1e-12)
    assert found.ci == pytest.approx((1.5, 1.5), rel=1e-9)


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_scaling_interval_is_that_of_linear_regression(confidence):
    rng = np.random.default_rng(5)
    counts = np.array([10, 50, 200, 1000, 9000])
    variances = counts**0.5 * np.exp(rng.normal(size=5))
    line = stats.linregress(np.log(counts), np.log(variances))
    half = stats.t.ppf(0.5 + confidence / 2, 3) * line.stderr
    found = theory.scaling_exponent(counts, variances, confidence=confidence)
    assert found.alpha == pytest.approx(line.slope)
    assert found.ci == pytest.approx((line.slope - half, line.slope + half))
    assert found.confidence == confidence


def test_scaling_confidence_is_99_percent_unless_told():
    found = theory.scaling_exponent([1, 2, 3], [1.0, 2.0, 2.0])
    assert found == theory.scaling_exponent([1, 2, 3], [1.0, 2.0, 2.0], confidence=0.99)


def test_scaling_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    counts = np.array([10, 30, 100, 300, 1000])
    hits = 0
    for _ in range(500):
        noisy = counts**0.8 * np.exp(0.3 * rng.normal(size=5))
        low, high = theory.scaling_exponent(counts, noisy, confidence=0.9).ci
        hits += low <= 0.8 <= high
    assert 425 <= hits <= 475  # 450 ± 3.7 standard deviations


# --- errors ---------------------------------------------------------------------------------------

GOOD = {
    theory.lemma_2_1: {
        "b": 1.0,
        "grad_beta": 1.0,
        "beta_hessian_beta": 1.0,
        "grad_hessian_beta": 1.0,
        "total_variance": 1.0,
        "hessian_trace": 1.0,
        "num_parameters": 2,
        "step_size": 0.1,
    },
    theory.white_variance_term: {
        "total_variance": 1.0,
        "hessian_trace": 1.0,
        "num_parameters": 2,
        "step_size": 0.1,
    },
    theory.covariance_variance_term: {"trace_hessian_covariance": 1.0, "step_size": 0.1},
    theory.anisotropy: {
        "trace_hessian_covariance": 1.0,
        "hessian_trace": 1.0,
        "total_variance": 1.0,
        "num_parameters": 2,
    },
    theory.variance_impact_per_parameter: {"hessian_trace": 1.0, "num_parameters": 2},
    theory.bias_loss_change: {"b": 1.0, "q": 1.0, "p": 1.0, "grad_norm": 1.0, "step_size": 0.1},
    theory.noise_curvature_threshold: {"step_size": 0.1, "total_variance": 1.0, "grad_norm": 1.0},
    theory.noise_descent_margin: {
        "step_size": 0.1,
        "total_variance": 1.0,
        "grad_norm": 1.0,
        "gradient_curvature": 1.0,
        "hessian_trace": 1.0,
        "num_parameters": 2,
    },
    theory.exact_margin: {
        "grad_direction": 1.0,
        "direction_curvature": 1.0,
        "trace_hessian_covariance": 1.0,
        "step_size": 0.1,
    },
    theory.bias_ratio: {"b": 1.0, "num_parameters": 2, "grad_norm": 1.0},
    theory.bias_ratio_threshold: {"curvature": 1.0, "step_size": 0.1},
    theory.published_bias_ratio_approximation: {"curvature": 1.0, "step_size": 0.1},
    theory.many_steps: {
        "eigenvalues": [1.0, 2.0],
        "step_size": 0.1,
        "steps": 3,
        "variance_per_parameter": 1.0,
        "bias_components": [1.0, 1.0],
        "initial": [1.0, 1.0],
        "weights": [1.0, 1.0],
    },
    theory.loss_floor: {
        "eigenvalues": [1.0, 2.0],
        "step_size": 0.1,
        "variance_per_parameter": 1.0,
        "bias_components": [1.0, 1.0],
        "weights": [1.0, 1.0],
    },
    theory.scaling_exponent: {
        "num_parameters": [1, 2, 3],
        "total_variances": [1.0, 2.0, 3.0],
        "confidence": 0.9,
    },
}
theory_descends = {theory.descends_in_noise: GOOD[theory.noise_descent_margin]}
ALL = {**GOOD, **theory_descends}


def refuses(function, arguments, name):
    with pytest.raises(ValueError, match=rf"^{name}\b") as caught:
        function(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
def test_good_arguments_are_accepted_and_what_is_not_finite_is_refused(function):
    function(**ALL[function])
    for name, bad in itertools.product(ALL[function], (math.nan, -math.inf, "many", None)):
        if bad is None and name in ("bias_components", "initial", "weights"):
            continue
        refuses(function, {**ALL[function], name: bad}, name)
        if isinstance(ALL[function][name], list):
            refuses(function, {**ALL[function], name: [1.0, bad]}, name)
        elif name != "steps":
            refuses(function, {**ALL[function], name: math.inf}, name)


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
def test_ranges_are_refused_by_name(function):
    never_negative = {"total_variance", "step_size", "grad_norm", "steps", "weights"}
    never_negative |= {"variance_per_parameter", "num_parameters", "total_variances", "confidence"}
    for name in never_negative & ALL[function].keys():
        good = ALL[function][name]
        bad = [-1e-9, *good[1:]] if isinstance(good, list) else -1
        refuses(function, {**ALL[function], name: bad}, name)
    if isinstance(ALL[function].get("num_parameters"), int):
        for bad in (0, 1.5):
            refuses(function, {**ALL[function], "num_parameters": bad}, "num_parameters")


@pytest.mark.parametrize(
    "function",
    [
        theory.noise_curvature_threshold,
        theory.noise_descent_margin,
        theory.descends_in_noise,
        theory.many_steps,
        theory.loss_floor,
    ],
)
def test_a_step_size_of_zero_is_refused_where_it_decides(function):
    refuses(function, {**ALL[function], "step_size": 0.0}, "step_size")


def test_particular_errors():
    refuses(theory.bias_ratio, {"b": 1.0, "num_parameters": 2, "grad_norm": 0.0}, "grad_norm")
    refuses(theory.bias_ratio, {"b": -1.0, "num_parameters": 2, "grad_norm": 1.0}, "b")
    negative = {"curvature": -1.0, "step_size": 0.1}
    refuses(theory.bias_ratio_threshold, {**negative, "form": "published"}, "curvature")
    refuses(theory.published_bias_ratio_approximation, negative, "curvature")
    with pytest.raises(ValueError, match="'safe', 'published', got 'exact'"):
        theory.bias_ratio_threshold(1.0, 0.1, form="exact")
    many = ALL[theory.many_steps]
    refuses(theory.many_steps, {**many, "steps": 1.5}, "steps")
    refuses(theory.many_steps, {**many, "eigenvalues": []}, "eigenvalues")
    refuses(theory.many_steps, {**many, "eigenvalues": [[1.0, 2.0]]}, "eigenvalues")
    refuses(theory.many_steps, {**many, "eigenvalues": [1e308, 1], "step_size": 99}, "eigenvalues")
    for name in ("bias_components", "initial", "weights", "variance_per_parameter"):
        refuses(theory.many_steps, {**many, name: [1.0, 1.0, 1.0]}, name)
    refuses(theory.scaling_exponent, {**ALL[theory.scaling_exponent], "confidence": 1}, "confid.*")
    two = {"num_parameters": [1, 2], "total_variances": [1.0, 2.0]}
    refuses(theory.scaling_exponent, two, "num_parameters")
    same = {"num_parameters": [5, 5, 5], "total_variances": [1.0, 2.0, 3.0]}
    refuses(theory.scaling_exponent, same, "num_parameters")
    zero = {"num_parameters": [1, 2, 3], "total_variances": [1.0, 0.0, 3.0]}
    refuses(theory.scaling_exponent, zero, "total_variances")
    short = {"num_parameters": [1, 2, 3], "total_variances": [1.0, 3.0]}
    refuses(theory.scaling_exponent, short, "total_variances")
