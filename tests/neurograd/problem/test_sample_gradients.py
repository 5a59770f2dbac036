"""Gradients of single samples are those of batches of one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models import Converters
from neurograd.pipeline.build import build_problem
from neurograd.problem import Problem
from neurograd.problem.sample_gradients import sample_gradients
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec

NETWORKS = {
    "convolutional": {"architecture": "cnn", "channels": [2, 3]},
    "fully connected": {"hidden": [6]},
    "membrane": {"kind": "spiking", "hidden": [8, 6], "time_steps": 5},
    "spikes, reset to zero": {
        "kind": "spiking",
        "hidden": [8],
        "time_steps": 5,
        "readout": "spikes",
        "reset": "zero",
    },
}


def _problem(name):
    task = {"name": "digits", "train_samples": 30}
    return build_problem(validate_spec({"network": NETWORKS[name], "task": task}))


def _one_by_one(problem, weights):
    return torch.stack([problem.gradient(w, torch.tensor([k])) for k, w in enumerate(weights)])


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_are_the_gradients_of_single_samples(name):
    problem = _problem(name)
    w = problem.initial_weights
    rows = problem.sample_gradients(w, *problem.batch())
    expected = _one_by_one(problem, w.expand(problem.num_samples, -1))
    torch.testing.assert_close(rows, expected, rtol=1e-10, atol=1e-13)
    assert float(rows.std(0).sum()) > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_each_sample_may_have_weights_of_its_own(name):
    problem = _problem(name)
    w = problem.initial_weights
    noise = torch.randn(problem.num_samples, len(w), generator=generator_for(0), dtype=w.dtype)
    own = w + 0.1 * noise
    rows = problem.sample_gradients(own, *problem.batch())
    torch.testing.assert_close(rows, _one_by_one(problem, own), rtol=1e-10, atol=1e-13)


def test_some_samples_are_taken_at_a_time(monkeypatch):
    problem = _problem("convolutional")
    w, data = problem.initial_weights, problem.batch()
    whole = sample_gradients(problem, w, *data)
    monkeypatch.setattr("neurograd.problem.sample_gradients.MOST_TOGETHER", 7 * len(w))
    torch.testing.assert_close(sample_gradients(problem, w, *data), whole, rtol=1e-12, atol=1e-14)


def test_recurrent_layers_know_the_norms_of_samples_all_the_same():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.out = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            return self.out(self.cell(x)[0][:, -1])

    x = torch.randn(6, 5, 3, generator=generator_for(1))
    problem = Problem(Last(), nn.CrossEntropyLoss(), x, torch.arange(6) % 2)
    w = problem.initial_weights
    norms = problem.per_sample_gradient_square_norms(w)
    rows = _one_by_one(problem, w.expand(6, -1))
    torch.testing.assert_close(norms, rows.square().sum(1), rtol=1e-10, atol=0)


@pytest.mark.parametrize("name", ["convolutional", "fully connected"])
@pytest.mark.parametrize(
    "converters",
    [
        Converters(dac_bits=4, adc_bits=6, input_range=1.0),
        Converters(3, output_range=0.5, noise_management="abs_max", bound_management="iterative"),
    ],
)
def test_rows_behind_converters_are_those_of_single_samples(name, converters):
    problem = _problem(name).through(converters.applied)
    w = problem.initial_weights
    assert problem.has_sample_gradients
    rows = problem.sample_gradients(w, *problem.batch())
    expected = _one_by_one(problem, w.expand(problem.num_samples, -1))
    torch.testing.assert_close(rows, expected, rtol=1e-9, atol=1e-12)
