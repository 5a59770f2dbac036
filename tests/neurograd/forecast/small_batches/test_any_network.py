"""Paths in small batches whose samples are looked at one by one, of any network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from device_models import Backprop, Chip, Manhattan, Minibatch, ReadNoise
from neurograd.forecast.chip_end import forecast_passes, way_of
from neurograd.forecast.costs.updates import drawn_passes
from neurograd.forecast.small_batches.estimates.layer_estimates import LayerEstimates
from neurograd.forecast.small_batches.estimates.of_chip import update_estimates
from neurograd.forecast.small_batches.estimates.sample_estimates import SampleEstimates
from neurograd.forecast.small_batches.path import SmallBatchPath
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import validate_spec
from tests.neurograd.cases import relu_network

TASK = {"name": "digits", "train_samples": 60}
STEPS = 400


def _end(problem, chip, estimates):
    path = SmallBatchPath(problem, chip, estimates, 0, 0, None)
    done = 0
    while done < STEPS:
        done += path.advance(done, STEPS)
    return path.w


@pytest.mark.parametrize("order", ["shuffled", "fresh"])
@pytest.mark.parametrize("reads", [(), (ReadNoise(0.02),)])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_path_by_samples_is_that_by_layers(order, reads, batch):
    """Where layers tell products: with the same draws both end at the same weights."""
    problem = relu_network()
    rule = Minibatch(Backprop(), batch, order=order)
    chip = Chip(rule, 0.02, reads)
    of = [kind.of(problem, rule.rule, batch) for kind in (LayerEstimates, SampleEstimates)]
    layers, samples = (_end(problem, chip, estimates) for estimates in of)
    torch.testing.assert_close(samples, layers, rtol=1e-6, atol=1e-8)
    assert float((layers - problem.initial_weights).norm()) > 0.1


def _built(network, rule, device=None):
    spec = validate_spec(
        {"network": network, "task": TASK, "learning_rule": rule, "device": device or {}}
    )
    problem = build_problem(spec)
    return problem, build_chip(spec, problem)


CNN = {"architecture": "cnn", "channels": [2, 3]}
SPIKING = {"kind": "spiking", "hidden": [8], "time_steps": 5}
BEHIND = {"converters": {"adc_bits": 6, "output_range": 4.0}}


@pytest.mark.parametrize(
    ("network", "device"), [(CNN, None), (SPIKING, None), ({"hidden": [6]}, BEHIND)]
)
def test_long_trainings_of_any_network_are_followed_by_subsets(network, device):
    problem, chip = _built(network, {"batch_size": 4}, device)
    assert isinstance(update_estimates(problem, chip), SampleEstimates)
    assert way_of(problem, chip, 1_000_000) == "small_batches"
    steps = 100_000
    costs_less = forecast_passes(problem, chip, steps, "small_batches")
    assert costs_less < drawn_passes(problem, chip, steps)
    assert way_of(problem, chip, steps) == "small_batches"


def test_samples_of_surrogate_gradients_take_no_own_steps():
    """Which flow to second order their updates follow is not known: they are no gradients."""
    problem, chip = _built(SPIKING, {"batch_size": 4})
    estimates = update_estimates(problem, chip)
    w, some = problem.initial_weights, estimates.gathered(torch.arange(8))
    assert estimates.at(w, some, 5.0).mean.equal(estimates.at(w, some).mean)
    smooth, steps = _built(CNN, {"batch_size": 4})
    estimates = update_estimates(smooth, steps)
    w, some = smooth.initial_weights, estimates.gathered(torch.arange(8))
    assert not estimates.at(w, some, 5.0).mean.allclose(estimates.at(w, some).mean, rtol=1e-3)
    assert estimates.look > update_estimates(problem, chip).look


def test_what_is_followed_by_normal_noise_as_before():
    problem, chip = _built(CNN, {"batch_size": 4})
    noisy = {"converters": {"output_noise": 0.05}}
    assert update_estimates(*_built(CNN, {"batch_size": 4}, noisy)) is None
    signs = replace(chip, rule=Minibatch(Manhattan(), 4))
    assert update_estimates(problem, signs) is None
    truncated = {"name": "surrogate", "batch_size": 4, "truncation": 2}
    assert update_estimates(*_built(SPIKING, truncated)) is None
