"""Recurrent and convolutional spiking modules of snntorch through check and limits."""

from __future__ import annotations

import math

import pytest
import snntorch
import torch
from torch import nn

import neurograd
from neurograd.seeding import generator_for

CHIP = {
    "device": {"preset": "alox-hfo2"},
    "training": {"step_size": 0.3, "steps": 2, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 8, "loss_draws": 8, "points": 1, "smoothing_draws": 8},
}
STEPS = 3


class Recurrent(nn.Module):
    """A layer whose spikes come back, step after step of the same current."""

    def __init__(self, neuron):
        super().__init__()
        self.enter, self.neuron, self.leave = nn.Linear(16, 5), neuron, nn.Linear(5, 3)

    def forward(self, x):
        state, out = self.neuron.reset_mem(), 0.0
        current = self.enter(x.flatten(1))
        for _ in range(STEPS):
            spikes, *others = self.neuron(current, *state)
            state, out = (spikes, *others), out + self.leave(spikes)
        return out / STEPS


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.leave = nn.Conv2d(1, 2, 3), nn.Linear(8, 3)
        self.neuron = snntorch.Leaky(beta=0.9, threshold=0.4)

    def forward(self, x):
        potential, out = self.neuron.reset_mem(), 0.0
        for _ in range(STEPS):
            spikes, potential = self.neuron(self.convolution(x), potential)
            out = out + self.leave(spikes.flatten(1))
        return out / STEPS


NETWORKS = {
    "RLeaky": lambda: Recurrent(snntorch.RLeaky(beta=0.9, linear_features=5, threshold=0.4)),
    "RSynaptic": lambda: Recurrent(
        snntorch.RSynaptic(alpha=0.5, beta=0.9, linear_features=5, threshold=0.4)
    ),
    "convolutional": Convolutional,
}


def problem_of(name):
    generator = generator_for(0, "images")
    y = torch.arange(24) % 3
    x = torch.rand((24, 1, 4, 4), generator=generator) + 0.5 * y.view(-1, 1, 1, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        module = NETWORKS[name]()
    return neurograd.Problem(
        module, nn.CrossEntropyLoss(), x[:15], y[:15], test_inputs=x[15:], test_targets=y[15:]
    )


@pytest.mark.parametrize("name", ["RLeaky", "convolutional"])
def test_a_check(name):
    problem = problem_of(name)
    # What comes back matters: without it the outputs are others.
    w = problem.initial_weights
    parameters = problem.parameters_of(w)
    own = [key for key in parameters if key.startswith("neuron.")]
    x = problem.data("train")[0]
    if own:
        silent = {k: torch.zeros_like(p) if k in own else p for k, p in parameters.items()}
        assert not torch.allclose(problem.outputs(silent, x), problem.outputs(parameters, x))
        assert float(problem.parameters_of(problem.gradient(w))[own[0]].norm()) > 0
    found = neurograd.check(problem=problem, chip=CHIP).record
    (point,) = found.points
    assert point.smoothing is not None
    assert point.moments.total_variance > 0
    assert math.isfinite(point.delta_loss.measured)
    assert any("The network spikes (neuron)" in note for note in found.notes)
    # What comes back goes through a linear layer, which converters and rules meet.
    assert not any("outside of linear" in note for note in found.notes)


def test_limits_of_a_recurrent_one():
    found = neurograd.limits(problem=problem_of("RSynaptic"), chip=CHIP, quick=True, confirm=False)
    assert "device.write.cycle_to_cycle" in {each.key for each in found.record.numbers}
