"""Noise of sums, management of inputs and tiles, against numbers by hand and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn import functional

from device_models import Backprop, Chip, Converters, EquilibriumPropagation, Minibatch, PulseTrains
from neurograd.seeding import generator_for
from tests.neurograd.cases import regression

SAMPLES = 40


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _through(converters, x, weight, seed=0):
    with converters.drawn_from(generator_for(seed)).applied():
        return functional.linear(x, weight)


def test_sums_have_noise_and_the_gradient_has_its_variance():
    """Of a linear layer under a squared error of curvature c, ∂L/∂W = δᵀx/n, δ = c(y − t + σξ).

    The errors of a first layer go nowhere else: the variance of an element is (cσ)²·Σx²/n². Mean
    and total variance at 99 %.
    """
    sigma, draws = 0.3, 600
    problem = regression([nn.Linear(4, 3, bias=False)], 4, 3, samples=SAMPLES)
    chip = Chip(Backprop(), 0.1, passes=(Converters(output_noise=sigma),))
    w = problem.initial_weights
    assert not chip.deterministic_gradient
    assert not chip.knows_mean(problem)
    found = torch.stack([chip.estimate(problem, w, generator_for(k)) for k in range(draws)])
    clean = problem.gradient(w)
    mean = chip.expected_estimate(problem, w, generator_for(0))
    torch.testing.assert_close(mean, clean, rtol=1e-12, atol=1e-15)
    x, _ = problem.batch()
    slope = _loss_slope(problem, w)
    variance = (slope * sigma) ** 2 * x.square().sum(0) / SAMPLES**2
    expected = variance.repeat(3)
    z = (found.mean(0) - clean) / (expected / draws).sqrt()
    assert float(z.abs().max()) < stats.norm.isf(0.005 / len(w))
    squares = (found - clean).square().sum(1)
    gap = float(squares.mean()) - float(expected.sum())
    assert abs(gap) < stats.norm.isf(0.005) * float(squares.std()) / math.sqrt(draws)


def _loss_slope(problem, w):
    """∂²L/∂y² of one sample, which scales the noise of a sum."""
    outputs = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    targets = problem.batch(torch.tensor([0]))[1]
    loss = problem.sample_losses(outputs, targets).sum()
    (first,) = torch.autograd.grad(loss, outputs, create_graph=True)
    (second,) = torch.autograd.grad(first[0, 0], outputs)
    return float(second[0, 0])


def test_errors_have_noise_in_units_of_the_largest_of_their_vector():
    """The error that leaves is Wᵀe + σ·max|e|·ξ: its variance at 99 %."""
    weight = torch.randn(5, 7, dtype=torch.float64, generator=generator_for(0))
    error = _tensor(0.1, -0.4, 0.2, 0.0, 0.3)
    x = torch.zeros(400, 7, dtype=torch.float64, requires_grad=True)
    converters = Converters(output_noise=0.5).drawn_from(generator_for(1))
    with converters.applied():
        y = functional.linear(x, weight)
    (found,) = torch.autograd.grad(y, x, error.expand(400, 5))
    noise = (found - error @ weight) / (0.5 * 0.4)
    degrees = noise.numel()
    low, high = (stats.chi2.ppf(p, degrees) for p in (0.005, 0.995))
    assert low < float(noise.square().sum()) < high


def test_management_scales_the_noise_with_the_input():
    weight, noisy = torch.eye(3, dtype=torch.float64), {"output_noise": 0.1}
    x = _tensor(10.0, 5.0, 0.0)
    plain = _through(Converters(**noisy), x, weight) - x
    managed = _through(Converters(**noisy, noise_management="abs_max"), x, weight) - x
    torch.testing.assert_close(managed, 10.0 * plain)
    nothing = torch.zeros(3, dtype=torch.float64)
    still = _through(Converters(**noisy, noise_management="abs_max"), nothing, weight)
    torch.testing.assert_close(still, plain)


def test_management_of_bounds_halves_inputs_until_nothing_is_clipped():
    """Sums of 3.5, 12.5 and 0.5 over a range of 1: four and sixteen times smaller, and as it is.

    Two bits are the levels -1, 0 and 1 of the range, times what the input was divided by.
    """
    x = _tensor([3.5], [12.5], [0.5])
    weight = torch.ones(1, 1, dtype=torch.float64)
    clipped = _through(Converters(output_range=1.0), x, weight)
    torch.testing.assert_close(clipped, _tensor([1.0], [1.0], [0.5]))
    managed = Converters(output_range=1.0, bound_management="iterative")
    torch.testing.assert_close(_through(managed, x, weight), x)
    coarse = Converters(adc_bits=2, output_range=1.0, bound_management="iterative")
    found = _through(coarse, _tensor([3.5], [12.5], [0.4]), weight)
    torch.testing.assert_close(found, _tensor([4.0], [16.0], [0.0]))
    beyond = _through(managed, _tensor([5000.0]), weight)
    torch.testing.assert_close(beyond, _tensor([1024.0]))


def test_management_of_bounds_halves_inputs_that_a_fixed_range_clips_as_well():
    """Inputs are clipped at 1: those of 8 fit a range of 0.75 from a sixteenth on, not a half."""
    x, weight = _tensor([0.5], [2.0], [8.0]), torch.ones(1, 1, dtype=torch.float64)
    managed = Converters(input_range=1.0, output_range=0.75, bound_management="iterative")
    torch.testing.assert_close(_through(managed, x, weight), x)
    scaled = Converters(
        input_range=0.5,
        output_range=0.4,
        noise_management="abs_max",
        bound_management="iterative",
    )
    torch.testing.assert_close(_through(scaled, x, weight), x)
    beyond = _through(managed, _tensor([5000.0]), weight)
    torch.testing.assert_close(beyond, _tensor([768.0]))


def test_tiles_convert_their_partial_sums_one_by_one():
    """Two tiles of two inputs: sums of 1.4 and 0.4 over levels of 1 are 1 and 0, not round(1.8)."""
    weight = torch.ones(1, 4, dtype=torch.float64)
    x = _tensor([0.7, 0.7, 0.3, 0.1])
    whole = Converters(adc_bits=3, output_range=3.0)
    tiled = Converters(adc_bits=3, output_range=3.0, array_size=(8, 2))
    torch.testing.assert_close(_through(whole, x, weight), _tensor([2.0]))
    torch.testing.assert_close(_through(tiled, x, weight), _tensor([1.0]))


def test_tiles_of_outputs_convert_the_errors_one_by_one():
    """Matched ranges are those of a tile: errors of 1 and 0.1 stand in arrays of their own."""
    weight, error = torch.eye(2, dtype=torch.float64), _tensor([1.0, 0.1])
    x = torch.ones(1, 2, dtype=torch.float64, requires_grad=True)
    for size, expected in ((2, [1.0, 0.0]), (1, [1.0, 0.1])):
        with Converters(dac_bits=2, array_size=(size, 8)).applied():
            y = functional.linear(x, weight)
        (found,) = torch.autograd.grad(y, x, error)
        torch.testing.assert_close(found, _tensor(expected))


@pytest.mark.parametrize("size", [(2, 9), (1, 27), (100, 100)])
def test_ideal_tiles_of_a_convolution_change_nothing(size):
    layer = nn.Conv2d(4, 3, 3, dtype=torch.float64)
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64, generator=generator_for(0), requires_grad=True)
    plain = layer(x)
    with Converters(array_size=size).applied():
        tiled = layer(x)
    torch.testing.assert_close(tiled, plain)
    cotangent = torch.randn(plain.shape, dtype=torch.float64, generator=generator_for(1))
    leaves = (x, layer.weight, layer.bias)
    for one, other in zip(
        torch.autograd.grad(tiled, leaves, cotangent),
        torch.autograd.grad(plain, leaves, cotangent),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_noise_of_tiles_adds_up():
    """Three tiles have three sums, each with its noise: the variance is three times one's, 99 %."""
    x = torch.zeros(600, 6, dtype=torch.float64)
    weight = torch.zeros(1, 6, dtype=torch.float64)
    found = _through(Converters(output_noise=1.0, array_size=(4, 2)), x, weight)
    low, high = (stats.chi2.ppf(p, 600) for p in (0.005, 0.995))
    assert low < float(found.square().sum()) / 3.0 < high


def test_what_does_not_go_together_is_refused():
    for options, words in (
        ({"output_noise": -1.0}, "output_noise is -1; allowed: 0 or more"),
        ({"noise_management": "max"}, "allowed: none, abs_max"),
        ({"bound_management": "iterative"}, "needs an output_range"),
        ({"array_size": (0, 3)}, "allowed: 1 or more each"),
    ):
        with pytest.raises(ValueError, match=words):
            Converters(**options)
    managed = Converters(noise_management="abs_max")
    for rule, passes, words in (
        (EquilibriumPropagation(), Converters(array_size=(2, 2)), "what whole layers get and give"),
        (PulseTrains(0.01, 0.1), Converters(array_size=(2, 2)), "PulseTrains takes what whole"),
        (Minibatch(EquilibriumPropagation(), 2), managed, "EquilibriumPropagation takes the val"),
    ):
        with pytest.raises(ValueError, match=words):
            Chip(rule, 0.1, passes=(passes,))
    Chip(PulseTrains(0.01, 0.1), 0.1, passes=(managed,))
    kernel = nn.Conv2d(1, 1, 3, dtype=torch.float64)
    with (
        pytest.raises(ValueError, match="does not hold a channel of a kernel of 9"),
        Converters(array_size=(2, 8)).applied(),
    ):
        kernel(torch.zeros(1, 1, 4, 4, dtype=torch.float64))
