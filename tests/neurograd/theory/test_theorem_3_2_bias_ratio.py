"""Theorem 3.2, as printed and as it holds, against random quadratics."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograd import theory
from tests.neurograd.theory.quadratics import loss_changes

MEETING = 2 * math.sqrt(3) - 2  # 1.464: the root of s² + 4s = 8, where the two bounds are equal


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
