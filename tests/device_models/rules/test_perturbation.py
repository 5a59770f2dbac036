"""What rules share that perturb weights or nodes, forward gradients among them."""

from __future__ import annotations

from statistics import NormalDist

import pytest
import torch
from torch import nn

from device_models.rules.forward_gradient import ForwardGradient
from device_models.rules.node_perturbation import NodePerturbation
from device_models.rules.weight_perturbation import WeightPerturbation
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, linear_regression, regression, smooth_network

DRAWS = 4000


def _z(tests=1):
    """Quantile of a two-sided test at 99 %, Bonferroni over ``tests``."""
    return NormalDist().inv_cdf(1 - 0.005 / tests)


def _draws(rule, problem, draws=DRAWS, index=None):
    w = problem.initial_weights
    return torch.stack(
        [rule.gradient(problem, w, generator_for(0, "draw", k), index) for k in range(draws)]
    )


def _assert_mean(draws, expected):
    error = draws.std(0) / len(draws) ** 0.5
    worst = ((draws.mean(0) - expected).abs() / error).max()
    assert float(worst) < _z(expected.numel())


def _assert_total_variance(draws, mean, closed_form):
    squares = (draws - mean).square().sum(1)
    error = squares.std() / len(squares) ** 0.5
    assert abs(float((squares.mean() - closed_form) / error)) < _z()
    # The test has to tell factors apart.
    assert float(error) < 0.06 * closed_form


def _tiny():
    """Two parameters, so that N + 1 differs from N by half."""
    return regression([nn.Linear(1, 1)], 1, 1, samples=10)


def _linear():
    """Quadratic in the pre-activations, with a layer without bias."""
    layers = [nn.Linear(3, 4), nn.Linear(4, 3, bias=False), nn.Linear(3, 2)]
    return regression(layers, 3, 2, samples=4)


CASES = {
    "weight, two parameters": (WeightPerturbation(0.5), _tiny),
    "weight, linear regression": (WeightPerturbation(0.5), linear_regression),
    "weight, two samples": (WeightPerturbation(0.5, samples=2), linear_regression),
    "weight, one-sided": (WeightPerturbation(1e-6, two_sided=False), linear_regression),
    "weight, tanh": (WeightPerturbation(1e-4), smooth_network),
    "node, linear regression": (NodePerturbation(0.5), lambda: linear_regression(samples=5)),
    "node, linear layers": (NodePerturbation(0.5), _linear),
    "node, two samples": (NodePerturbation(0.5, samples=2), _linear),
    "node, tanh": (NodePerturbation(1e-4), lambda: smooth_network(samples=5)),
    "forward, two parameters": (ForwardGradient(), _tiny),
    "forward, two samples": (ForwardGradient(2), smooth_network),
}


@pytest.mark.parametrize(("rule", "network"), CASES.values(), ids=CASES.keys())
def test_mean_is_the_gradient_and_variance_the_closed_form(rule, network):
    problem = network()
    w = problem.initial_weights
    # Noise of nodes spreads less: half as many draws tell factors apart as well.
    count = DRAWS // 2 if isinstance(rule, NodePerturbation) else DRAWS
    draws = _draws(rule, problem, count // rule.samples)
    exact = problem.gradient(w)
    _assert_mean(draws, exact)
    _assert_total_variance(draws, exact, rule.total_variance(problem, w))
    assert not rule.deterministic


@pytest.mark.parametrize("rule", [WeightPerturbation(), ForwardGradient()], ids=["weight", "fwd"])
def test_variance_grows_with_the_number_of_weights(rule):
    """Total variance over ‖g‖² of tanh networks 16 times as wide is N + 1 times as large."""
    ratios, errors, sizes = [], [], []
    for width in (4, 64):
        layers = [nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 3)]
        problem = classification(layers, (6,), 3, samples=30)
        exact = problem.gradient(problem.initial_weights)
        squares = (_draws(rule, problem, 2000) - exact).square().sum(1) / exact.square().sum()
        ratios.append(float(squares.mean()))
        errors.append(float(squares.std() / 2000**0.5) / ratios[-1])
        sizes.append(problem.num_parameters + 1)
    error = (errors[0] ** 2 + errors[1] ** 2) ** 0.5
    assert abs(ratios[1] / ratios[0] / (sizes[1] / sizes[0]) - 1) < _z() * error
    assert error < 0.06


def test_bad_arguments_are_refused():
    for make, message in (
        (lambda: WeightPerturbation(-1.0), "perturbation is -1; allowed: above 0"),
        (lambda: WeightPerturbation(samples=0), "samples is 0; allowed: 1 or more"),
        (lambda: NodePerturbation(0.0), "perturbation is 0; allowed: above 0"),
        (lambda: NodePerturbation(samples=-2), "samples is -2; allowed: 1 or more"),
        (lambda: ForwardGradient(0), "samples is 0; allowed: 1 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
