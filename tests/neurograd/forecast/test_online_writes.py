"""Writes of single samples' updates: the forecast's mean and noise against sampled writes.

The family of all comparisons of this file holds at a confidence of 99 % (Bonferroni). Every sample
of the training set is written equally often, so that the margin is that of the writes alone: 2 % of
the root mean square of an update along the direction that is looked at, 5 % of the total variance.
"""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import nn

from device_models import (
    Backprop,
    Chip,
    Converters,
    MemristorWrite,
    Minibatch,
    PulseTrains,
    ReadNoise,
    WhiteNoise,
    draw_crossbar,
    linear_response,
)
from neurograd.forecast import write_response
from neurograd.forecast.gradient_estimates import EstimateSpread, GradientEstimates
from neurograd.forecast.single_sample_updates import (
    mean_absolute_gradient,
    updates_one_sample_a_time,
)
from neurograd.forecast.write_response import WriteResponse
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, relu_network

STEP_SIZE = 0.05


def _convolution():
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)]
    return classification(layers, (1, 4, 4), 3)


NETWORKS = {"layers": relu_network, "convolution": _convolution}
ROUNDINGS = {"stochastic": 0.01, "nearest": 0.05, "truncate": 0.05}
"""Step size of each: small enough for a linear response, large enough for whole pulses."""

COMPARISONS = len(NETWORKS) * len(ROUNDINGS) * 4 + 4 + 3
"""Means along three directions and a variance each; three mean sizes."""

QUANTILE = float(stats.norm.isf(0.01 / (2 * COMPARISONS)))


def _write(problem, rounding, levels=60):
    curve = linear_response(1.0, levels)
    crossbar = draw_crossbar(problem.num_parameters, generator=generator_for(0, "crossbar"))
    return MemristorWrite(crossbar, curve, curve, (levels, levels), 0.002, rounding)


def _directions(problem, w):
    """Towards the middle of the windows, along the gradient, and at random."""
    random = torch.randn(w.shape, generator=generator_for(0, "direction"), dtype=w.dtype)
    return [v / v.norm() for v in (w.sign(), problem.gradient(w), random)]


def _single_gradients(problem, w):
    return torch.stack([problem.gradient(w, torch.tensor([i])) for i in range(problem.num_samples)])


def _written(chip, w, estimates, rounds):
    """Realized increments of each of some estimates, shape ``(rounds, len(estimates), N)``."""
    copies = w.repeat(rounds)
    written = [
        chip.write(copies, x.repeat(rounds), generator_for(0, "write", k)).view(rounds, -1)
        for k, x in enumerate(estimates)
    ]
    return chip.step_size * torch.stack(written, 1)


def _error(values):
    """Standard error of the mean of what was written, for the estimates as they are."""
    rounds, count = values.shape
    return float((values.var(0).sum() / rounds).sqrt()) / count


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("network", NETWORKS)
def test_single_samples_written_by_a_device(network, rounding, monkeypatch):
    problem = NETWORKS[network]()
    rule = Minibatch(Backprop(), 1)
    chip = Chip(rule, ROUNDINGS[rounding], (), (_write(problem, rounding),))
    w = chip.program(problem.initial_weights)
    single = _single_gradients(problem, w)
    mean = single.mean(0)
    size = mean_absolute_gradient(problem, w)
    assert (size is None) is (network == "convolution")
    spread = EstimateSpread(single - mean, (single - mean).square().mean(0), size=size)
    monkeypatch.setattr(write_response, "SINGLE_UPDATES", len(single))
    response = WriteResponse(chip)
    response.linearize(w, mean, spread)
    assert response._is_linear is (rounding == "stochastic")
    found, noise = response.mean(w, mean, spread), response.noise(w, mean, spread)

    draws = _written(chip, w, single, 240)
    for v in _directions(problem, w):
        along = draws @ v
        error = _error(along)
        rms = float(along.square().mean().sqrt())
        assert QUANTILE * error < 0.02 * rms
        # The linear response is held to its own tolerance beside the margin of the draws.
        assert abs(float(along.mean() - found @ v)) < QUANTILE * error + 0.005 * rms
    squares = (draws - draws.mean((0, 1))).square().sum(2)
    error = _error(squares)
    total = float(noise.own_variance.sum() + noise.deviations.square().mean(0).sum())
    assert QUANTILE * error < 0.05 * total
    assert abs(float(squares.mean()) - total) < QUANTILE * error + 0.01 * total


def test_pulse_trains_of_single_samples_written_by_a_device():
    """Trains that are cut at probability 1, in front of soft bounds and truncated pulses."""
    problem = relu_network()
    rule = Minibatch(PulseTrains(0.004, STEP_SIZE, 8), 1)
    chip = Chip(rule, STEP_SIZE, (), (_write(problem, "truncate", 500),))
    w = chip.program(problem.initial_weights)
    drawn = torch.stack([chip.estimate(problem, w, generator_for(0, "x", k)) for k in range(400)])
    found = chip.average_write(w, -STEP_SIZE * drawn)
    draws = _written(chip, w, drawn, 20)
    for v in _directions(problem, w):
        along = draws @ v
        error, rms = _error(along), float(along.square().mean().sqrt())
        assert QUANTILE * error < 0.02 * rms
        assert abs(float(along.mean() - found.mean @ v)) < QUANTILE * error
    squares = (draws - draws.mean((0, 1))).square().sum(2)
    own = (len(drawn) - 1) / len(drawn) * found.total_variance
    assert abs(float(squares.mean()) - own) < QUANTILE * _error(squares) + 0.003 * own
    parts = [chip.average_write(w, -STEP_SIZE * part) for part in drawn.split(40)]
    scatter = torch.stack([part.mean for part in parts]).var(0).sum()
    expected = torch.stack([part.mean_error.square() for part in parts]).mean(0).sum()
    assert float(scatter / expected) == pytest.approx(1.0, abs=0.5)


def test_the_mean_size_is_that_of_single_gradients():
    problem = relu_network()
    w = problem.initial_weights
    exact = _single_gradients(problem, w).abs().mean(0)
    found = mean_absolute_gradient(problem, w)
    torch.testing.assert_close(found, exact)
    # A normal distribution of the same variance is wider: half of the ReLUs are off.
    std = _single_gradients(problem, w).std(0)
    assert float(found.sum()) < 0.9 * float((2.0 / torch.pi) ** 0.5 * std.sum())


def test_converters_add_biases_outside_of_the_product():
    problem = relu_network()
    chip = Chip(Minibatch(Backprop(), 1), STEP_SIZE, passes=(Converters(dac_bits=4, adc_bits=5),))
    w = problem.initial_weights
    assert mean_absolute_gradient(chip.see(problem), w) is None
    estimates = GradientEstimates(problem, chip)
    estimates.refresh_statistics(w, generator_for(0))
    assert estimates.spread.size is None
    assert len(estimates.spread.deviations) == 48


def test_which_chips_update_one_sample_a_time():
    one = Minibatch(Backprop(), 1)
    assert updates_one_sample_a_time(Chip(one, 0.1))
    assert not updates_one_sample_a_time(Chip(Minibatch(Backprop(), 2), 0.1))
    assert not updates_one_sample_a_time(Chip(one, 0.1, (ReadNoise(0.1),)))
    assert not updates_one_sample_a_time(Chip(Minibatch(WhiteNoise(Backprop(), 0.0, 1.0), 1), 0.1))
    assert not updates_one_sample_a_time(Chip(Backprop(), 0.1))


def test_layers_that_are_called_twice_have_no_mean_size_in_one_product():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(torch.relu(self.layer(x)))

    problem = classification([Twice()], (4,), 4)
    assert mean_absolute_gradient(problem, problem.initial_weights) is None


@pytest.mark.parametrize("batch_size", [1, 5])
def test_the_forecast_knows_the_mean_size_of_batches(batch_size):
    """Sum over all weights, averaged over 40 refreshes: exact at batch 1, else by its sample."""
    problem = relu_network()
    w = problem.initial_weights
    estimates = GradientEstimates(problem, Chip(Minibatch(Backprop(), batch_size), STEP_SIZE))
    found = []
    for k in range(40):
        mean = estimates.refresh_statistics(w, generator_for(0, k))
        found.append(float(estimates.spread.mean_absolute(mean).sum()))
    rule = Minibatch(Backprop(), batch_size)
    draws = torch.tensor(
        [float(rule.gradient(problem, w, generator_for(1, k)).abs().sum()) for k in range(1500)]
    )
    margin = QUANTILE * float(draws.std()) / len(draws) ** 0.5
    scatter = torch.tensor(found)
    assert (float(scatter.std()) < 1e-9) is (batch_size == 1)
    # Neighbouring refreshes share two thirds of their sample.
    margin += QUANTILE * 3.0**0.5 * float(scatter.std()) / len(found) ** 0.5
    assert abs(float(scatter.mean() - draws.mean())) < margin
    assert margin < 0.1 * float(draws.mean())


def test_normal_estimates_have_the_mean_size_of_the_folded_normal_distribution():
    problem = relu_network()
    w = problem.initial_weights
    chip = Chip(WhiteNoise(Backprop(), 0.0, 2.0), STEP_SIZE)
    estimates = GradientEstimates(problem, chip)
    mean = estimates.refresh_statistics(w, generator_for(0))
    assert estimates.spread.normal
    draws = torch.stack([chip.estimate(problem, w, generator_for(1, k)) for k in range(1000)])
    sums = draws.abs().sum(1)
    found = float(estimates.spread.mean_absolute(mean).sum())
    assert abs(float(sums.mean()) - found) < QUANTILE * float(sums.std()) / len(sums) ** 0.5
