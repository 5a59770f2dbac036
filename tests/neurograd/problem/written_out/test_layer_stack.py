"""Gradients of plain stacks against automatic differentiation of the same module."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from device_models.outer_products import sample_gradients
from neurograd.problem import Problem
from neurograd.problem.losses import ClassSquaredError, CrossEntropy, MeanSquaredError

SAMPLES = 11


def _draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _classes() -> torch.Tensor:
    return torch.arange(SAMPLES) % 3


def _module(*modules: nn.Module) -> nn.Sequential:
    network = nn.Sequential(*modules)
    for place, parameter in enumerate(network.parameters()):
        parameter.data = 0.6 * _draw(*parameter.shape, seed=place)
    return network


NETWORKS = {
    "one layer": ([nn.Linear(6, 3)], CrossEntropy(), _classes()),
    "relu": (
        [nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)],
        CrossEntropy(),
        _classes(),
    ),
    "tanh, values": (
        [nn.Linear(6, 5), nn.Tanh(), nn.Dropout(), nn.Linear(5, 2)],
        MeanSquaredError(),
        _draw(SAMPLES, 2, seed=5),
    ),
    "sigmoid outputs": (
        [nn.Sequential(nn.Linear(6, 5, bias=False), nn.Sigmoid()), nn.Linear(5, 3), nn.Sigmoid()],
        ClassSquaredError(),
        _classes(),
    ),
    "linear": (
        [nn.Linear(6, 5), nn.Linear(5, 3, bias=False)],
        CrossEntropy(),
        _classes(),
    ),
}


def _problem(name: str, dtype: torch.dtype = torch.float64, **options: int) -> Problem:
    modules, loss, targets = NETWORKS[name]
    inputs = _draw(SAMPLES, 6, seed=9)
    if isinstance(modules[0], nn.Flatten):
        inputs = inputs.reshape(SAMPLES, 2, 3)
    return Problem(_module(*modules), loss, inputs, targets, dtype=dtype, **options)


def _by_graph(problem: Problem, w: torch.Tensor, index: torch.Tensor | None) -> torch.Tensor:
    leaf = w.clone().requires_grad_()
    return torch.autograd.grad(problem.mean_loss(problem.parameters_of(leaf), index), leaf)[0]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("dtype", "rounding"), [(torch.float64, 1e-13), (torch.float32, 1e-5)], ids=["64", "32"]
)
def test_gradients_are_those_of_the_graph(name: str, dtype: torch.dtype, rounding: float) -> None:
    problem = _problem(name, dtype, chunk_size=4)
    assert problem.plain_stack is not None
    # Weights that begin in the middle of a longer vector.
    w = torch.cat([problem.initial_weights[:2], problem.initial_weights])[2:]
    for index in (None, torch.tensor([3]), torch.tensor([4, 0, 4, 10, 7])):
        torch.testing.assert_close(
            problem.gradient(w, index), _by_graph(problem, w, index), rtol=0, atol=rounding
        )


@pytest.mark.parametrize("name", NETWORKS)
def test_square_norms_are_those_of_every_samples_gradient(name: str) -> None:
    problem = _problem(name, chunk_size=4)
    w = problem.initial_weights
    wanted = [_by_graph(problem, w, torch.tensor([n])).square().sum() for n in range(SAMPLES)]
    torch.testing.assert_close(
        problem.per_sample_gradient_square_norms(w), torch.stack(wanted), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_samples_are_parts_of_the_batchs(name: str) -> None:
    problem = _problem(name, chunk_size=2)
    w, index = problem.initial_weights, torch.tensor([4, 0, 4, 10, 7])
    chunks = problem.sample_products(w, index)
    assert chunks is not None
    parts = (part for layers in chunks for part in sample_gradients(layers, w))
    for sample, part in zip(index, parts, strict=True):
        wanted = _by_graph(problem, w, sample.unsqueeze(0)) / len(index)
        torch.testing.assert_close(part, wanted, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
def test_several_networks_are_passed_as_each_alone(name: str) -> None:
    problem = _problem(name)
    stack = problem.plain_stack
    assert stack is not None
    w = torch.stack([scale * problem.initial_weights for scale in (1.0, -0.5, 0.3)])
    index = torch.tensor([4, 0, 3, 10, 7, 1])
    inputs, targets = problem.batch(index)
    each = inputs.flatten(1).unflatten(0, (3, 2))
    together = stack.factors(w, each, targets)
    for place, network in enumerate(w):
        own = slice(2 * place, 2 * place + 2)
        alone = stack.factors(network, inputs[own], targets[own])
        for found, wanted in zip(together, alone, strict=True):
            torch.testing.assert_close(found.inputs[own], wanted.inputs, rtol=0, atol=1e-14)
            torch.testing.assert_close(found.errors[own], wanted.errors, rtol=0, atol=1e-14)


def test_a_pass_that_something_meets_goes_through_the_module() -> None:
    """An open function mode, as hooks of layers are, or a context of the problem."""

    class Doubled(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            result = func(*args, **(kwargs or {}))
            return 2.0 * result if func is nn.functional.linear else result

    problem = _problem("relu")
    w = problem.initial_weights
    plain = problem.gradient(w)
    with Doubled():
        assert problem.plain_stack is None
        met = problem.gradient(w)
    assert not torch.allclose(met, plain)
    torch.testing.assert_close(problem.through(Doubled).gradient(w), met)
    assert problem.plain_stack is not None


class _Doubling(nn.ReLU):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2.0 * super().forward(input)


def _tied() -> nn.Sequential:
    layer = nn.Linear(6, 6)
    return _module(layer, nn.ReLU(), layer)


def _frozen() -> nn.Sequential:
    network = _module(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    network[0].weight.requires_grad_(False)
    return network


def _hooked() -> nn.Sequential:
    network = _module(nn.Linear(6, 3))
    network[0].register_forward_hook(lambda module, inputs, output: 3.0 * output)
    return network


OTHERS = {
    "another activation": lambda: _module(nn.Linear(6, 5), nn.SiLU(), nn.Linear(5, 3)),
    "a subclass": lambda: _module(nn.Linear(6, 5), _Doubling(), nn.Linear(5, 3)),
    "a layer twice": _tied,
    "a fixed weight": _frozen,
    "a hook": _hooked,
    "two activations": lambda: _module(nn.Linear(6, 3), nn.ReLU(), nn.Tanh()),
    "an activation of inputs": lambda: _module(nn.Tanh(), nn.Linear(6, 3)),
    "normalization": lambda: _module(nn.Linear(6, 3), nn.LayerNorm(3)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_keep_the_graph(name: str) -> None:
    problem = Problem(OTHERS[name](), CrossEntropy(), _draw(SAMPLES, 6, seed=9), _classes())
    assert problem.plain_stack is None
    w = problem.initial_weights
    assert problem.sample_products(w, torch.tensor([1, 2])) is None
    torch.testing.assert_close(problem.gradient(w), _by_graph(problem, w, None))


def test_targets_that_a_slope_is_not_of_keep_the_graph() -> None:
    """Chances of classes, classes left out (−100), a vector of outputs a position."""
    chances = _draw(SAMPLES, 3, seed=2).softmax(-1)
    left_out = _classes().clone()
    left_out[2] = -100
    inputs = _draw(SAMPLES, 6, seed=9)
    for targets in (chances, left_out):
        assert (
            Problem(_module(nn.Linear(6, 3)), CrossEntropy(), inputs, targets).plain_stack is None
        )
    by_position = _draw(SAMPLES, 2, 6, seed=9)
    values = _draw(SAMPLES, 2, 3, seed=4)
    problem = Problem(_module(nn.Linear(6, 3)), MeanSquaredError(), by_position, values)
    assert problem.plain_stack is None
    w = problem.initial_weights
    torch.testing.assert_close(problem.gradient(w), _by_graph(problem, w, None))
