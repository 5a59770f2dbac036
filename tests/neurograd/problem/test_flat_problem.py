"""Network, loss and data as one flat vector of weights."""

from __future__ import annotations

import copy
import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from device_models import Backprop, Chip
from neurograd.errors import ModelError
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from neurograd.training.loop import train
from tests.neurograd.cases import dense_hessian, relu_network, smooth_network


def test_gradient_is_torchs_own():
    problem = relu_network()
    w = problem.initial_weights
    module = copy.deepcopy(problem.module)
    x, y = problem.data()
    nn.functional.cross_entropy(module(x), y).backward()
    expected = torch.cat([p.grad.reshape(-1) for p in module.parameters()])
    torch.testing.assert_close(problem.gradient(w), expected, rtol=1e-12, atol=1e-15)
    index = torch.tensor([3, 5, 8])
    part = Problem(problem.module, CrossEntropy(), x[index], y[index])
    torch.testing.assert_close(problem.gradient(w, index), part.gradient(w))


def test_hessian_product_is_the_dense_one():
    problem = smooth_network()
    w = problem.initial_weights
    v = torch.randn(w.shape, generator=generator_for(0), dtype=w.dtype)
    torch.testing.assert_close(problem.hvp(w, v), dense_hessian(problem, w) @ v)


@pytest.mark.parametrize("chunk_size", [1, 7, 119])
def test_chunks_change_nothing(chunk_size):
    whole, parts = smooth_network(), smooth_network(chunk_size=chunk_size)
    w = whole.initial_weights
    v = torch.randn(w.shape, generator=generator_for(0), dtype=w.dtype)
    torch.testing.assert_close(whole.gradient(w), parts.gradient(w), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(whole.hvp(w, v), parts.hvp(w, v), rtol=1e-11, atol=1e-14)
    assert whole.loss(w) == pytest.approx(parts.loss(w), rel=1e-13)
    assert whole.accuracy(w) == parts.accuracy(w)


def test_per_sample_gradient_norms_are_a_loops():
    problem = smooth_network()
    w = problem.initial_weights
    loop = [float(problem.gradient(w, torch.tensor([k])).square().sum()) for k in range(20)]
    norms = problem.per_sample_gradient_square_norms(w)
    np.testing.assert_allclose(norms[:20], loop, rtol=1e-10)
    assert len(norms) == problem.num_samples


def test_the_users_module_is_left_alone_and_frozen_weights_stay_out():
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    module[0].weight.requires_grad_(False)
    state = copy.deepcopy(module.state_dict())
    problem = Problem(module, nn.CrossEntropyLoss(), torch.randn(6, 3), torch.tensor([0, 1] * 3))
    assert problem.num_parameters == 4 + 8 + 2
    problem.gradient(problem.initial_weights)
    assert module.training
    assert module[0].weight.dtype == torch.float32
    assert all(
        torch.equal(a, b) for a, b in zip(state.values(), module.state_dict().values(), strict=True)
    )
    w = problem.initial_weights
    assert problem.flatten(problem.parameters_of(w)).equal(w)
    assert problem.loss(w) == problem.loss(w)  # dropout is off


def test_replicas_compute_side_by_side():
    problem = relu_network()
    weights = [problem.initial_weights + 0.1 * k for k in range(8)]
    serial = [problem.gradient(w) for w in weights]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda w: problem.replica().gradient(w), weights))
    assert all(torch.equal(a, b) for a, b in zip(serial, threaded, strict=True))
    assert problem.replica().data()[0] is problem.data()[0]


def test_threads_may_share_a_problem():
    """A chip that is built or judged on one thread must not see the weights of another."""
    problem = relu_network()

    # Hands over to the other threads in the middle of a call.
    problem.module[0].register_forward_hook(lambda *call: time.sleep(1e-3))
    generator = generator_for(1)
    normal = torch.randn(8, problem.num_parameters, generator=generator, dtype=torch.float64)
    weights = list(problem.initial_weights + normal)
    serial = [problem.gradient(w) for w in weights]
    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(problem.gradient, weights))
        copies = list(pool.map(lambda w: problem.replica().gradient(w), weights))
    assert all(torch.equal(a, b) for a, b in zip(serial, threaded, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(serial, copies, strict=True))


def test_not_a_number_is_said_in_one_line():
    problem = relu_network()
    w = problem.initial_weights.clone()
    problem.check_finite(w)
    w[0] = math.nan
    with pytest.raises(ModelError, match="training samples; allowed"):
        problem.check_finite(w)
    kink = Problem(
        nn.Linear(2, 1),
        lambda out, y: out.squeeze(1).sub(out.squeeze(1)).abs().sqrt() + y,
        torch.randn(4, 2),
        torch.zeros(4),
    )
    with pytest.raises(ModelError, match="gradient"):
        kink.check_finite(kink.initial_weights)


@pytest.mark.parametrize("start", [math.nan, math.inf])
def test_start_weights_of_a_module_that_are_no_numbers_are_told_of_its_losses(start):
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    nn.init.constant_(module[2].weight, start)
    problem = Problem(module, nn.MSELoss(), torch.randn(4, 2), torch.zeros(4, 2))
    with pytest.raises(ModelError, match="loss is not a finite number for 4 of 4"):
        problem.check_finite(problem.initial_weights)


def test_bad_problems_are_refused():
    x, y = torch.randn(4, 2), torch.zeros(4, 1)
    with pytest.raises(ValueError, match="as many"):
        Problem(nn.Linear(2, 1), nn.MSELoss(), x, y[:3])
    with pytest.raises(ValueError, match="both or neither"):
        Problem(nn.Linear(2, 1), nn.MSELoss(), x, y, test_inputs=x)
    with pytest.raises(ValueError, match="chunk_size"):
        Problem(nn.Linear(2, 1), nn.MSELoss(), x, y, chunk_size=0)
    with pytest.raises(ModelError, match=r"module is of type NoneType; allowed: a torch\.nn\.Mod"):
        Problem(None, nn.MSELoss(), x, y)
    with pytest.raises(ModelError, match="no trainable weights"):
        Problem(nn.ReLU(), nn.MSELoss(), x, y)


def test_squared_error_never_broadcasts_over_the_samples():
    """Targets (n,) under outputs (n, 1) would make n x n differences."""
    x = torch.randn(5, 2)
    problem = Problem(nn.Linear(2, 1), nn.MSELoss(), x, x.sum(1))
    w, said = problem.initial_weights, r"outputs of shape \(5, 1\) for targets of shape \(5,\)"
    with pytest.raises(ModelError, match=said):
        problem.loss(w)
    with pytest.raises(ModelError, match=said):
        problem.gradient(w)
    with pytest.raises(ModelError, match=said):
        train(problem, Chip(Backprop(), 0.1), 3, 0)
    with pytest.raises(ModelError, match=said):
        problem.check_network()
