"""Points of trainings with momentum and Adam: moments and loss change against the clean update."""

from __future__ import annotations

import pytest
import torch

from device_models import Backprop, Chip, WhiteNoise
from device_models.updates.adam import Adam
from device_models.updates.momentum import Momentum
from device_models.updates.recipe import Recipe
from neurograd.measure.loss_change import predict_loss_change
from neurograd.measure.point import MeasurementBudget, measure_point
from neurograd.records.measured import OTHER_UPDATE, point_result
from neurograd.training.loop import train
from tests.neurograd.cases import smooth_network
from tests.neurograd.noisy_write import NoisyWrite

BUDGET = MeasurementBudget(draws=200, loss_draws=100, covariance_draws=32, seed=2)
STEPS = (2, 12)
RECIPES = {
    "momentum": (Recipe(Momentum(0.9), 0.01, 2.0), 0.05),
    "adam": (Recipe(Adam(), 0.01), 0.01),
}


@pytest.fixture(scope="module", params=RECIPES)
def case(request):
    """Problem, noisy chip, and the clean training of its recipe."""
    problem = smooth_network()
    recipe, step_size = RECIPES[request.param]
    clean = train(problem, Chip(Backprop(), step_size, recipe=recipe), 12, 0, snapshots=STEPS)
    rule = WhiteNoise(Backprop(), bias=0.02, total_variance=0.05)
    return problem, Chip(rule, step_size, recipe=recipe), clean


@pytest.fixture(scope="module")
def points(case):
    problem, chip, clean = case
    return [
        measure_point(problem, chip.at(clean.states[t]), clean.snapshots[t], t, k, BUDGET)
        for k, t in enumerate(STEPS)
    ]


def test_measured_and_predicted_loss_change_agree(points):
    """At 99 % for both points together, by the seed of the budget."""
    assert all(point.agrees(len(STEPS)) for point in points)
    # Not for want of precision: the noise alone is seen.
    assert all(point.predicted.variance.value > 3 * point.difference.error for point in points)


def test_a_prediction_by_the_gradient_alone_does_not_agree(case, points):
    """What the bias costs goes by the slope of the loss, not by the clean update."""
    problem, chip, clean = case
    w = clean.snapshots[STEPS[1]]
    point = points[1]
    wrong = predict_loss_change(
        problem.hessian_product(w), point.moments, chip.step_size, point.trace.value,
        point.covariance, point.kinks,
    )  # fmt: skip
    low, high = point.difference_ci
    assert not low <= point.measured.value - wrong.value - point.truncation <= high


def test_the_reference_is_the_clean_update_there(case, points):
    problem, chip, clean = case
    for t, point in zip(STEPS, points, strict=True):
        w, state = clean.snapshots[t], clean.states[t]
        gradient = problem.gradient(w)
        u, _ = chip.recipe.step(state, gradient, w)
        assert point.moments.gradient.equal(u)
        assert point.grad_norm == float(gradient.norm()) != point.reference_norm
        assert state.steps == t
        record = point_result(point, len(STEPS))
        assert record.reference_norm == float(u.norm())
        assert record.grad_norm == point.grad_norm
        assert record.descent.noise_threshold_holds is False
        assert record.descent.bias_threshold_holds is False
        assert OTHER_UPDATE in record.descent.thresholds_reason


def test_a_chip_without_effects_has_no_bias_with_any_recipe(case):
    problem, chip, clean = case
    clean_chip = Chip(Backprop(), chip.step_size, recipe=chip.recipe).at(clean.states[12])
    budget = MeasurementBudget(draws=4, loss_draws=2, covariance_draws=2, seed=0)
    point = measure_point(problem, clean_chip, clean.snapshots[12], 12, 0, budget)
    assert (point.b, point.moments.total_variance) == (0.0, 0.0)
    assert abs(point.moments.gain - 1.0) < 1e-12
    assert abs(point.predicted.total) <= 1e-15


def test_the_noise_of_a_write_does_not_pass_the_memory(case):
    problem, chip, clean = case
    w, state, std = clean.snapshots[2], clean.states[2], 1e-3
    noisy = Chip(Backprop(), chip.step_size, writes=(NoisyWrite(std),), recipe=chip.recipe)
    form = noisy.at(state).closed_form(problem, w)
    expected = torch.full_like(w, (std / chip.step_size) ** 2)
    torch.testing.assert_close(form.variance, expected, rtol=1e-12, atol=0)
    found = [
        noisy.sample_step(problem, w, state, torch.Generator().manual_seed(seed)) for seed in (0, 1)
    ]
    assert not found[0][0].equal(found[1][0])
    for one, other in zip(found[0][1].memory, found[1][1].memory, strict=True):
        assert one.equal(other)
