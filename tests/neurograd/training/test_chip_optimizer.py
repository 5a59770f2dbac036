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


def written(weights, parameters, levels=(20, 20), dtype=torch.float64):
    crossbar = draw_crossbar(weights, generator=generator_for(0), device_to_device=0.1, dtype=dtype)
    write = MemristorWrite(crossbar, levels=levels, cycle_to_cycle=0.05)
    return ChipOptimizer(parameters, [write], 0.5, seed=1)


def test_a_module_in_float32_takes_the_steps_of_writes_in_float64():
    """What build_chip gives is in float64, what torch makes in float32."""
    torch_made, same = nn.Linear(3, 2), nn.Linear(3, 2, dtype=torch.float64)
    same.load_state_dict(torch_made.state_dict())
    for module in (torch_made, same):
        steps(module, written(8, module.parameters()), 1)
    assert torch_made.weight.dtype == torch.float32
    torch.testing.assert_close(torch_made.weight, same.weight.float(), rtol=1e-6, atol=1e-6)
    module, optimizer = copy.deepcopy((torch_made, written(8, torch_made.parameters())))
    steps(module, optimizer, 2)
    assert bool(torch.isfinite(module.weight).all())


@pytest.mark.parametrize("weights", [5, 9])
def test_writes_of_another_number_of_weights_are_refused(weights):
    module = nn.Linear(3, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="writes: are not for these 8 weights of type") as told:
        written(weights, module.parameters())
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match=r"they give shape \(5,\)"):
        written(5, nn.Linear(1, 1, bias=False, dtype=torch.float64).parameters())


def test_the_state_of_another_optimizer_is_refused():
    module, optimizer = make()
    with pytest.raises(ValueError, match="no generator; allowed: a state of a ChipOptimizer"):
        optimizer.load_state_dict(torch.optim.SGD(module.parameters(), lr=0.1).state_dict())
