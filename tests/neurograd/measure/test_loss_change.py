"""Lemma 2.1 predicted against the loss change that is measured."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from scipy import stats

from device_models import Backprop, Chip, WhiteNoise
from neurograd.measure.curvature import exact_diagonal, hessian_trace
from neurograd.measure.estimate import Estimate
from neurograd.measure.kinks import KinkTerm
from neurograd.measure.loss_change import (
    covariance_trace,
    difference_of,
    measure_loss_change,
    predict_loss_change,
)
from neurograd.measure.moments import measure_moments
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.theory import lemma_2_1
from tests.neurograd.cases import (
    dense_hessian,
    linear_regression,
    relu_network,
    smooth_network,
)

# (b, σ²f(N), Δt): the paper's b = 0.02 and σ² = 20 are among them.
GRID = list(itertools.product((0.02, 0.2), (0.1, 2.0, 20.0), (0.01, 0.05, 0.2)))
SETTINGS = [*GRID, (0.0, 20.0, 0.05), (0.5, 20.0, 0.1)]


def _gaussian_chip(problem, b, variance, step_size, seed=0):
    generator = generator_for(seed, "bias")
    direction = torch.randn(problem.num_parameters, generator=generator, dtype=torch.float64)
    beta = direction * math.sqrt(problem.num_parameters) / direction.norm()
    # Against descent: a bias along it could cancel the noise's cost, and no interval is narrow
    # against a prediction near 0.
    if float(problem.gradient(problem.initial_weights) @ beta) < 0:
        beta = -beta
    rule = WhiteNoise(Backprop(), bias=b * beta, total_variance=variance)
    return Chip(rule, step_size), beta


def test_grid_has_twenty_settings():
    assert len(SETTINGS) == 20


@pytest.mark.parametrize(("b", "variance", "step_size"), SETTINGS)
def test_quadratic_loss_prediction_and_measurement_agree(b, variance, step_size):
    """At 99 % confidence, with an interval narrower than 2 % of the prediction."""
    problem = linear_regression()
    w = problem.initial_weights
    chip, beta = _gaussian_chip(problem, b, variance, step_size)
    g = problem.gradient(w)
    sample = chip.sampler(problem, w)
    moments = measure_moments(sample, g, 10, seed=3)
    h_beta = problem.hvp(w, beta)
    predicted = lemma_2_1(
        b,
        float(g @ beta),
        float(beta @ h_beta),
        float(g @ h_beta),
        variance,
        hessian_trace(problem, w, seed=0).value,
        problem.num_parameters,
        step_size,
    ).total
    measured = measure_loss_change(
        problem, w, sample, step_size, moments, 1500, seed=3, exact_mean=-g + b * beta
    )
    low, high = measured.ci
    assert high - low < 0.02 * abs(predicted)
    assert low <= predicted <= high


@pytest.mark.parametrize("b", [0.02, 0.7])
def test_bias_without_noise_is_predicted_to_rounding(b):
    problem = linear_regression()
    w, step_size = problem.initial_weights, 0.1
    chip, _ = _gaussian_chip(problem, b, 0.0, step_size)
    moments = measure_moments(chip.sampler(problem, w), problem.gradient(w), 5, seed=0)
    predicted = predict_loss_change(
        problem.hessian_product(w), moments, step_size, 1.0, Estimate.exact(0.0)
    )
    measured = measure_loss_change(
        problem, w, chip.sampler(problem, w), step_size, moments, 3, seed=0
    )
    assert measured.value == pytest.approx(predicted.total, rel=1e-9)
    assert predicted.variance.value == 0.0


def test_without_bias_and_noise_the_change_is_exactly_zero():
    problem = linear_regression()
    w = problem.initial_weights
    chip = Chip(Backprop(), 0.1)
    moments = measure_moments(chip.sampler(problem, w), problem.gradient(w), 5, seed=0)
    measured = measure_loss_change(problem, w, chip.sampler(problem, w), 0.1, moments, 4, seed=0)
    predicted = predict_loss_change(
        problem.hessian_product(w), moments, 0.1, 1.0, Estimate.exact(0.0)
    )
    assert measured.value == 0.0
    assert measured.ci == (0.0, 0.0)
    assert predicted.total == 0.0
    assert predicted.ci == (0.0, 0.0)


def test_remainder_is_third_order():
    """With b and σ held fixed, halving Δt shrinks |measured − predicted| about eightfold.

    The same noise at every Δt, exact expectations over it: the rest of the Taylor series only.
    """
    problem = smooth_network()
    w = problem.initial_weights
    _, beta = _gaussian_chip(problem, 0.05, 0.4, 1.0, seed=1)
    g, bias = problem.gradient(w), 0.05 * beta
    generator = generator_for(5, "noise")
    noise = torch.randn(20, problem.num_parameters, generator=generator, dtype=torch.float64)
    noise = noise * math.sqrt(0.4 / problem.num_parameters)
    # Antithetic pairs have mean zero exactly; their covariance is the sample's.
    noise = torch.cat([noise, -noise])
    hessian = dense_hessian(problem, w)
    covariance = float(torch.einsum("ki,ij,kj->k", noise, hessian, noise).mean())

    def remainder(dt: float) -> float:
        clean = problem.per_sample_losses(w - dt * g)
        losses = [problem.per_sample_losses(w + dt * (-g + bias + e)) - clean for e in noise]
        measured = float(torch.stack(losses).mean())
        predicted = dt * float(g @ bias) - dt**2 * float(g @ hessian @ bias)
        predicted += 0.5 * dt**2 * (float(bias @ hessian @ bias) + covariance)
        return abs(measured - predicted)

    remainders = [remainder(0.4 / 2**k) for k in range(5)]
    ratios = [a / b for a, b in itertools.pairwise(remainders)]
    assert all(7.0 < ratio < 9.0 for ratio in ratios[1:]), ratios


def test_measured_remainder_is_third_order_through_the_package():
    """The same, through measure_moments, predict_loss_change and measure_loss_change."""
    problem = smooth_network()
    w = problem.initial_weights
    g = problem.gradient(w)

    def remainder(dt: float) -> float:
        chip, _ = _gaussian_chip(problem, 0.3, 0.0, dt, seed=1)
        sample = chip.sampler(problem, w)
        moments = measure_moments(sample, g, 4, seed=0)
        predicted = predict_loss_change(
            problem.hessian_product(w), moments, dt, 0.0, Estimate.exact(0.0)
        )
        measured = measure_loss_change(problem, w, sample, dt, moments, 2, seed=0)
        return abs(measured.value - predicted.total)

    remainders = [remainder(0.05 / 2**k) for k in range(4)]
    ratios = [a / b for a, b in itertools.pairwise(remainders)]
    assert all(7.0 < ratio < 9.0 for ratio in ratios), ratios


def test_noise_and_bias_on_a_smooth_network_agree_at_a_small_step():
    """At 99 % confidence, moments from samples as in a check; Δt small enough for second order."""
    problem = smooth_network()
    w, dt = problem.initial_weights, 0.02
    chip, _ = _gaussian_chip(problem, 0.1, 0.5, dt)
    sample = chip.sampler(problem, w)
    moments = measure_moments(sample, problem.gradient(w), 2000, seed=1)
    covariance = covariance_trace(problem, w, moments, sample, diagonal=None, draws=2000, seed=1)
    predicted = predict_loss_change(
        problem.hessian_product(w), moments, dt, hessian_trace(problem, w, 0).value, covariance
    )
    measured = measure_loss_change(problem, w, sample, dt, moments, 2000, seed=1)
    low, high = difference_of(predicted, measured).ci
    assert low <= 0 <= high
    assert high - low < 0.3 * abs(predicted.variance.value)


def test_control_variate_needs_far_fewer_losses_than_plain_averaging():
    problem = linear_regression()
    w, dt = problem.initial_weights, 1e-3
    chip, _ = _gaussian_chip(problem, 0.0, 1.0, dt)
    sample = chip.sampler(problem, w)
    moments = measure_moments(sample, problem.gradient(w), 100, seed=1)
    measured = measure_loss_change(problem, w, sample, dt, moments, 200, seed=1)
    noisy = (w + dt * sample(generator_for(9, k)) for k in range(200))
    plain = Estimate.mean_of([problem.loss(each) for each in noisy])
    assert (plain.error / measured.residual_error) ** 2 > 850


def test_covariance_trace_by_diagonal_and_by_products_agree_with_the_dense_one():
    """Within 99 % intervals of both estimates; Σ is diagonal and far from white."""
    problem = linear_regression()
    w = problem.initial_weights
    std = torch.linspace(0.01, 1.0, problem.num_parameters, dtype=torch.float64) ** 2
    g = problem.gradient(w)

    def sample(generator):
        noise = torch.randn(g.shape, generator=generator, dtype=torch.float64)
        return -g + 0.3 + std * noise

    exact = float(torch.diagonal(dense_hessian(problem, w)) @ std.square())
    moments = measure_moments(sample, g, 50, seed=2)
    for diagonal, samples in ((exact_diagonal(problem, w), None), (None, None), (None, 10)):
        trace = covariance_trace(
            problem, w, moments, sample, diagonal=diagonal, draws=300, seed=4, samples=samples
        )
        assert abs(trace.value - exact) < 2.6 * trace.error
        assert trace.error < 0.05 * exact


def test_predicted_terms_match_the_lemma_for_an_exactly_known_update():
    problem = smooth_network()
    w, dt, b = problem.initial_weights, 0.1, 0.05
    chip, beta = _gaussian_chip(problem, b, 0.0, dt)
    moments = measure_moments(chip.sampler(problem, w), problem.gradient(w), 4, seed=0)
    hessian = dense_hessian(problem, w)
    g = moments.gradient
    none = Estimate.exact(0.0)
    trace = float(hessian.trace())
    predicted = predict_loss_change(problem.hessian_product(w), moments, dt, trace, none)
    lemma = lemma_2_1(
        b,
        float(g @ beta),
        float(beta @ hessian @ beta),
        float(g @ hessian @ beta),
        0.0,
        trace,
        problem.num_parameters,
        dt,
    )
    assert predicted.bias == pytest.approx(lemma.bias, rel=1e-10)
    clean = -dt * float(g @ g) + 0.5 * dt**2 * float(g @ hessian @ g)
    assert dt * predicted.exact_margin == pytest.approx(clean + lemma.total, rel=1e-10)
    assert predicted.gradient_curvature == pytest.approx(
        float(g @ hessian @ g) / float(g @ g), rel=1e-10
    )


def test_a_prediction_is_the_sum_of_its_terms_with_the_error_of_each():
    """By hand from 60 draws in 20 groups and a trace with an error of its own; kinks cost 0.03."""
    problem = smooth_network()
    w, dt = problem.initial_weights, 0.4
    chip, _ = _gaussian_chip(problem, 0.05, 2.0, dt)
    g, hessian = problem.gradient(w), dense_hessian(problem, w)
    moments = measure_moments(chip.sampler(problem, w), g, 60, seed=0)
    trace = Estimate(0.7, 0.05, 9.0)
    kinks = KinkTerm.none()
    kinks = replace(kinks, value=0.03, error=0.01, degrees=7.0, chip=Estimate(0.05, 0.01, 7.0))
    found = predict_loss_change(problem.hessian_product(w), moments, dt, 5.0, trace, kinks=kinks)

    mean, bias = moments.mean, moments.mean + g
    assert found.variance.value == pytest.approx(0.5 * dt**2 * 0.7)
    of_bias = float(bias @ hessian @ bias) - 0.7 / 60
    assert found.bias == pytest.approx(
        dt * float(g @ bias) - dt**2 * float(g @ hessian @ bias) + 0.5 * dt**2 * of_bias
    )
    assert found.value == pytest.approx(found.bias + found.variance.value + 0.03)
    # The change of the whole step per Δt: ⟨g, m⟩ + ½Δt(mᵀHm + Tr(HΣ)), and its kinks.
    curvature = float(mean @ hessian @ mean) - 0.7 / 60 + 0.7
    margin = float(g @ mean) + 0.5 * dt * curvature + 0.05 / dt
    assert found.exact_margin == pytest.approx(margin)

    slope = dt * (g + dt * hessian @ mean)
    along = float((moments.group_deviations @ slope).square().sum()) / (20 * 19)
    parts = [(along, 19.0), ((0.5 * dt**2 * 0.05) ** 2, 9.0), (0.01**2, 7.0)]
    square = sum(part for part, _ in parts)
    welch = square**2 / sum(part**2 / degrees for part, degrees in parts)
    assert along > 0.05 * square
    assert found.error**2 == pytest.approx(square)
    assert found.degrees == pytest.approx(welch)
    half = float(stats.t.ppf(0.995, welch)) * square**0.5 / dt
    assert found.exact_margin_ci == pytest.approx((margin - half, margin + half))


def test_noise_of_the_mean_does_not_inflate_the_predicted_bias():
    """With few draws the mean is noisy: its quadratic term is taken out (99 % over 40 seeds)."""
    problem = linear_regression()
    w, dt = problem.initial_weights, 0.5
    chip, _ = _gaussian_chip(problem, 0.0, 20.0, dt)
    g = problem.gradient(w)
    sample = chip.sampler(problem, w)
    trace = hessian_trace(problem, w, 0).value
    exact = Estimate.exact(20.0 / problem.num_parameters * trace)
    product = problem.hessian_product(w)
    quadratic = []
    for seed in range(40):
        moments = measure_moments(sample, g, 4, seed=seed)
        predicted = predict_loss_change(product, moments, dt, trace, exact)
        bias = moments.bias
        linear = dt * float(g @ bias) - dt**2 * float(g @ product(bias))
        quadratic.append(predicted.bias - linear)
    values = torch.tensor(quadratic)
    error = float(values.std()) / math.sqrt(len(values))
    assert abs(float(values.mean())) < 2.71 * error  # t with 39 degrees of freedom


def test_too_few_draws_are_refused():
    problem = linear_regression()
    w = problem.initial_weights
    chip = Chip(Backprop(), 0.1)
    moments = measure_moments(chip.sampler(problem, w), problem.gradient(w), 2, seed=0)
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        measure_loss_change(problem, w, chip.sampler(problem, w), 0.1, moments, 1, seed=0)
    with pytest.raises(ValueError, match="draws is 1; allowed: 2 or more"):
        covariance_trace(
            problem, w, moments, chip.sampler(problem, w), diagonal=None, draws=1, seed=0
        )


@pytest.mark.parametrize("samples", [1, 7])
def test_parts_of_the_training_set_give_the_same_change_for_fewer_evaluations(samples):
    """Each within its 99 % interval of the exact change of a quadratic loss, seed fixed."""
    problem = linear_regression()
    w, variance, step_size = problem.initial_weights, 20.0, 0.2
    chip, _ = _gaussian_chip(problem, 0.0, variance, step_size)
    g = problem.gradient(w)
    sample = chip.sampler(problem, w)
    moments = measure_moments(sample, g, 10, seed=3)
    trace = hessian_trace(problem, w, seed=0).value
    exact = 0.5 * step_size**2 * variance * trace / problem.num_parameters
    whole, parts = (
        measure_loss_change(
            problem, w, sample, step_size, moments, 600, seed=3, exact_mean=-g, samples=each
        )
        for each in (None, samples)
    )
    for change in (whole, parts):
        assert change.ci[0] <= exact <= change.ci[1]
        assert change.ci[1] - change.ci[0] < 0.2 * exact
    number = math.ceil(problem.num_samples / samples)
    # The error of as many evaluations of the whole loss, squared: that of one draw a part.
    gain = (whole.residual_error / parts.residual_error) ** 2 * number
    assert gain > 3


def test_a_known_mean_needs_no_gradient_of_the_whole_set(monkeypatch):
    """Controls pass forward and back over each part; a gradient beside them tells nothing new."""
    problem = relu_network()
    w = problem.initial_weights
    chip, _ = _gaussian_chip(problem, 0.0, 4.0, 0.5)
    g = problem.gradient(w)
    moments = measure_moments(chip.sampler(problem, w), g, 10, seed=3)
    asked = []
    plain = Problem.gradient
    monkeypatch.setattr(Problem, "gradient", lambda *given: asked.append(1) or plain(*given))
    for mean, number in ((-g, 0), (None, 1)):
        asked.clear()
        measure_loss_change(
            problem, w, lambda _: -g, 0.5, moments, 8, 3, exact_mean=mean, independent=True
        )
        assert len(asked) == number


def test_parts_are_no_smaller_than_two_draws_each_and_all_samples_are_one_part():
    problem = linear_regression()
    w = problem.initial_weights
    chip, _ = _gaussian_chip(problem, 0.0, 2.0, 0.1)
    sample, g = chip.sampler(problem, w), problem.gradient(w)
    moments = measure_moments(sample, g, 5, seed=0)

    def change(draws, samples):
        return measure_loss_change(problem, w, sample, 0.1, moments, draws, 0, samples=samples)

    assert change(3, 1) == change(3, None)
    assert change(8, 10**6) == change(8, None)
    assert math.isfinite(change(4, 1).error)
    assert change(4, 1) != change(4, None)
    with pytest.raises(ValueError, match="samples is 0; allowed: 1 or more"):
        change(4, 0)


@pytest.fixture(scope="module")
def noisy_relu():
    """A ReLU network, a chip, its moments, and a plain average of the loss change."""
    problem = relu_network()
    w, dt = problem.initial_weights, 0.5
    chip, _ = _gaussian_chip(problem, 0.0, 4.0, dt)
    sample = chip.sampler(problem, w)
    moments = measure_moments(sample, problem.gradient(w), 200, seed=2)
    clean = problem.per_sample_losses(w - dt * moments.gradient)
    noisy = (w + dt * sample(generator_for(9, k)) for k in range(1000))
    plain = [float((problem.per_sample_losses(each) - clean).mean()) for each in noisy]
    return problem, sample, dt, moments, Estimate.mean_of(plain)


@pytest.mark.parametrize("known", [True, False])
def test_independent_noise_is_followed_layer_by_layer_for_less_spread(noisy_relu, known):
    """On a ReLU network, beside a plain average of other draws; at 99 %, seeds fixed.

    The mean is known, or measured with an error that the interval has in it.
    """
    problem, sample, dt, moments, plain = noisy_relu
    mean = -moments.gradient if known else None
    linear, layers = (
        measure_loss_change(
            problem,
            problem.initial_weights,
            sample,
            dt,
            moments,
            160,
            3,
            exact_mean=mean,
            samples=6,
            independent=each,
        )
        for each in (False, True)
    )
    for found in (linear, layers):
        low, high = found.minus(plain).ci
        assert low <= 0 <= high
    assert layers.residual_error < 0.9 * linear.residual_error
    assert (layers.error > 1.1 * layers.residual_error) == (not known)


def test_a_prediction_with_the_same_moments_has_their_error_along_the_gradient_only(noisy_relu):
    """What the control's direction has beside the gradient adds to the error of the difference."""
    problem, sample, dt, moments, _ = noisy_relu
    told, measured = (
        measure_loss_change(
            problem, problem.initial_weights, sample, dt, moments, 40, 3, exact_mean=mean
        )
        for mean in (moments.mean, None)
    )
    assert measured.value == pytest.approx(told.value, rel=1e-12)
    beside = math.sqrt(measured.residual_error**2 - told.residual_error**2)
    along = math.sqrt(measured.error**2 - told.error**2)
    assert 0.01 * along < beside < 0.5 * along

    # What the moments add has 19 degrees of freedom, and the draws 39.
    assert told.residual_degrees == pytest.approx(39)
    welch = measured.residual_error**4 / (told.residual_error**4 / 39 + beside**4 / 19)
    assert measured.residual_degrees == pytest.approx(welch)


def test_a_difference_has_the_degrees_of_few_draws(noisy_relu):
    """Three draws of one part, or four of two parts, say little of their spread."""
    problem, sample, dt, moments, _ = noisy_relu
    w = problem.initial_weights
    product, none = problem.hessian_product(w), Estimate.exact(0.0)
    predicted = predict_loss_change(product, moments, dt, 0.0, none)

    def change(draws, samples=None):
        return measure_loss_change(
            problem, w, sample, dt, moments, draws, 3, exact_mean=moments.mean, samples=samples
        )

    assert difference_of(predicted, change(3)).degrees == pytest.approx(2.0)
    parts = change(4, samples=60)
    assert parts.samples == 60
    difference = difference_of(predicted, parts)
    assert 1.0 <= difference.degrees <= 2.0
    assert difference.degrees == pytest.approx(parts.residual_degrees)
