"""The optimizer for a user's own module."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from torch import nn

from device_models import (
    Backprop,
    Chip,
    FixedPointGrid,
    MemristorWrite,
    UpdateRounding,
    draw_crossbar,
)
from neurograd.errors import ModelError
from neurograd.seeding import generator_for
from neurograd.training.chip_optimizer import ChipOptimizer
from neurograd.training.loop import train
from tests.neurograd.cases import smooth_network


def test_optimizer_takes_the_chips_steps():
    problem = smooth_network()
    write = UpdateRounding(FixedPointGrid(8, 4.0), "nearest")
    trained = train(problem, Chip(Backprop(), 0.4, writes=(write,)), 6, seed=0)
    module = copy.deepcopy(problem.module)
    optimizer = ChipOptimizer(module.parameters(), [write], 0.4, seed=0)
    x, y = problem.data()

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x), y)
        loss.backward()
        return float(loss)

    losses = [optimizer.step(closure) for _ in range(6)]
    flat = torch.cat([p.detach().reshape(-1) for p in module.parameters()])
    torch.testing.assert_close(flat, trained.weights, rtol=1e-12, atol=1e-14)
    assert losses[-1] < losses[0]


def make():
    """A layer at 0 and an optimizer that writes into it with noise."""
    module = nn.Linear(3, 2, dtype=torch.float64)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    crossbar = draw_crossbar(8, generator=generator_for(0))
    write = MemristorWrite(crossbar, levels=(20, 20), cycle_to_cycle=0.05)
    return module, ChipOptimizer(module.parameters(), [write], 0.5, seed=1)


def steps(module, optimizer, count):
    for _ in range(count):
        for p in module.parameters():
            p.grad = torch.ones_like(p)
        optimizer.step()


def test_optimizer_resumes_with_the_same_noise_and_refuses_nan():
    module, optimizer = make()
    steps(module, optimizer, 3)
    state, weights = optimizer.state_dict(), copy.deepcopy(module.state_dict())
    steps(module, optimizer, 3)
    other, resumed = make()
    other.load_state_dict(weights)
    resumed.load_state_dict(state)
    steps(other, resumed, 3)
    assert other.weight.equal(module.weight)
    module.weight.grad[0, 0] = math.nan
    with pytest.raises(ModelError, match="NaN"):
        optimizer.step()
    with pytest.raises(ValueError, match="step_size"):
        ChipOptimizer(module.parameters(), [], 0.0, seed=0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_a_copy_or_a_pickle_goes_on_with_the_same_noise(copied):
    module, optimizer = make()
    steps(module, optimizer, 2)
    before = module.weight.detach().clone()
    other, twin = copied((module, optimizer))
    steps(other, twin, 3)
    assert module.weight.equal(before), "the copy has parameters of its own"
    steps(module, optimizer, 3)
    assert other.weight.equal(module.weight)
    assert not other.weight.equal(before)


def test_a_chip_has_one_group_of_parameters():
    module, optimizer = make()
    with pytest.raises(ValueError, match="allowed: one, since"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(2))]})
    assert len(optimizer.param_groups) == 1
    with pytest.raises(ValueError, match="allowed: one, since"):
        ChipOptimizer([{"params": [p]} for p in module.parameters()], [], 0.1, seed=0)


def test_torchs_schedulers_change_the_step():
    module = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    optimizer = ChipOptimizer(module.parameters(), [], 0.5, seed=0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.1)
    weights = [module.weight.detach().clone()]
    for _ in range(4):
        steps(module, optimizer, 1)
        schedule.step()
        weights.append(module.weight.detach().clone())
    taken = torch.stack(weights).diff(dim=0)[:, 0, 0]
    expected = torch.tensor([-0.5, -0.5, -0.05, -0.05], dtype=torch.float64)
    torch.testing.assert_close(taken, expected)
