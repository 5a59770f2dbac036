"""Kinks by forward passes: exact where the network is linear between its kinks, any network."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from neurograd.errors import ModelError
from neurograd.measure.kinks import kinks_of_steps, passes, sampled_kinks
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network, smooth_network

IMAGES = torch.randn(7, 2, 6, 6, generator=generator_for(0, "images"), dtype=torch.float64)


class OneLayer(nn.Module):
    """One convolution, then a function without weights: linear in the weights between kinks."""

    def __init__(self, after):
        super().__init__()
        self.layer = nn.Conv2d(2, 3, 3, padding=1)
        self.after = after
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator_for(1, "weights")))

    def forward(self, x):
        return self.after(self.layer(x)).flatten(1)


AFTER = {
    "relu": functional.relu,
    "in place": lambda x: functional.relu(x, inplace=True),
    "method in place": lambda x: x.relu_(),
    "leaky": lambda x: functional.leaky_relu(x, 0.3),
    "hard tanh": functional.hardtanh,
    "relu6": functional.relu6,
    "pool": lambda x: functional.max_pool2d(x, 2),
    "overlapping pool": lambda x: functional.max_pool2d(x, 3, stride=2, padding=1),
    "pool of planes": lambda x: functional.max_pool2d(x.flatten(0, 1), 2).unflatten(0, (-1, 3)),
    "pool with indices": lambda x: nn.MaxPool2d(2, return_indices=True)(x)[0],
    "relu and pool": lambda x: functional.max_pool2d(functional.relu(x), 2),
    "pool and relu": lambda x: functional.relu(functional.max_pool2d(x, 2)),
    "two branches": lambda x: torch.cat([x.relu(), functional.hardtanh(x) * 2.0], 1),
}


def linear_problem(after, **options):
    """A loss that is linear in the network's outputs."""
    outputs = OneLayer(after).double()(IMAGES.clone())
    weights = torch.randn(outputs.shape[1], generator=generator_for(2, "loss"), dtype=torch.float64)
    return Problem(
        OneLayer(after), lambda y, t: y @ weights, IMAGES, torch.zeros(len(IMAGES)), **options
    )


@pytest.mark.parametrize("name", AFTER)
@pytest.mark.parametrize("size", [0.05, 1.0])
def test_the_loss_is_gradient_and_kinks(name, size):
    """L(w + d) − L(w) = ⟨g, d⟩ + kinks, exactly, however long the step."""
    problem = linear_problem(AFTER[name])
    w = problem.initial_weights
    step = size * torch.randn(len(w), generator=generator_for(3, "step"), dtype=torch.float64)
    change = problem.loss(w + step) - problem.loss(w)
    linear = float(problem.gradient(w) @ step)
    (found,), places = kinks_of_steps(problem, w, [step])
    assert found == pytest.approx(change - linear, rel=1e-9)
    assert abs(found) > 1e-6
    assert places.calls == (2 if " and " in name or name == "two branches" else 1)


def test_chunks_and_single_precision_change_nothing():
    problem = linear_problem(AFTER["relu and pool"])
    w = problem.initial_weights
    step = 0.3 * torch.randn(len(w), generator=generator_for(3, "step"), dtype=torch.float64)
    (whole, none), places = kinks_of_steps(problem, w, [step, 0 * step])
    assert none == 0.0
    parts = linear_problem(AFTER["relu and pool"], chunk_size=2)
    (found, _), seen = kinks_of_steps(parts, w, [step, 0 * step])
    assert found == pytest.approx(whole, rel=1e-12)
    assert seen == places
    weights = torch.randn(27, generator=generator_for(2, "loss"), dtype=torch.float64)
    single = Problem(
        OneLayer(AFTER["relu and pool"]),
        lambda y, t: y @ weights.to(y),
        IMAGES,
        torch.zeros(len(IMAGES)),
        dtype=torch.float32,
    )
    (found,), _ = kinks_of_steps(single, w.float(), [step.float()])
    assert found == pytest.approx(whole, rel=1e-4)


def test_a_small_step_of_a_small_float32_network_has_no_rounding_for_kinks():
    """A step that crosses nothing costs exactly nothing."""
    problem = relu_network(dtype=torch.float32)
    w = problem.initial_weights
    (found,), places = kinks_of_steps(problem, w, [torch.full_like(w, 1e-7)])
    assert found == 0.0
    assert places.units > 0


def test_a_smooth_network_has_none():
    problem = smooth_network()
    w = problem.initial_weights
    values, places = kinks_of_steps(problem, w, [w, -w])
    assert list(values) == [0.0, 0.0]
    assert (places.calls, places.units, places.at_kink) == (0, 0, 0)


def test_an_activation_of_the_inputs_alone_does_not_move():
    module = nn.Sequential(nn.ReLU(), nn.Linear(6, 4))
    x = torch.randn(5, 6, generator=generator_for(0, "x"), dtype=torch.float64)
    problem = Problem(module, nn.CrossEntropyLoss(), x, torch.zeros(5, dtype=torch.long))
    w = problem.initial_weights
    (found,), places = kinks_of_steps(problem, w, [w])
    assert found == 0.0
    assert (places.calls, places.units) == (1, 0)


@pytest.mark.parametrize("room", [0, 2**29])
def test_draws_are_the_same_however_many_at_once(monkeypatch, room):
    monkeypatch.setattr(passes, "STEPS_BYTES", room)
    problem = relu_network()
    w = problem.initial_weights

    def step(k):
        generator = generator_for(4, "step", k)
        return 0.2 * torch.randn(len(w), generator=generator, dtype=torch.float64)

    values = sampled_kinks(problem, w, step, 21)
    assert values.tolist() == kinks_of_steps(problem, w, [step(k) for k in range(21)])[0].tolist()


class Changing(nn.Module):
    """Calls an activation once more, or once less, where its weight is above 1."""

    def __init__(self, more):
        super().__init__()
        self.weight, self.more = nn.Parameter(torch.zeros(1)), more

    def forward(self, x):
        y = torch.relu(x * self.weight)
        return torch.relu(y) if bool(self.weight > 1) == self.more else y


@pytest.mark.parametrize("more", [True, False])
def test_a_network_whose_calls_depend_on_its_weights_is_refused(more):
    x = torch.ones(3, 1)
    problem = Problem(Changing(more), nn.MSELoss(), x, x)
    w = problem.initial_weights
    with pytest.raises(ModelError, match="in another number after a step"):
        kinks_of_steps(problem, w, [w + 2.0])
