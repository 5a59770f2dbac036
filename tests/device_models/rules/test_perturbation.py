"""Rules that learn from random perturbations, held against their closed forms at 99 %.

The mean is tested in every coordinate (Bonferroni over N), the total variance by its distance from
the closed form in standard errors.
"""

from __future__ import annotations

from statistics import NormalDist

import pytest
import torch
from torch import nn

from device_models.rules.forward_gradient import ForwardGradient
from device_models.rules.node_perturbation import NodePerturbation
from device_models.rules.weight_perturbation import WeightPerturbation
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.problem.networks import mlp, small_cnn
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
    draws = _draws(rule, problem, DRAWS // rule.samples)
    exact = problem.gradient(w)
    _assert_mean(draws, exact)
    _assert_total_variance(draws, exact, rule.total_variance(problem, w))
    assert not rule.deterministic


def test_one_sided_perturbation_of_a_quadratic_loss_by_hand():
    """``½ε ξᵀHξ ξ`` adds to the two-sided estimate of the same noise."""
    problem = _tiny()
    w = problem.initial_weights
    xi = torch.randn(w.shape, generator=generator_for(3), dtype=w.dtype)
    two, one = (
        WeightPerturbation(0.5, two_sided=two_sided).gradient(problem, w, generator_for(3))
        for two_sided in (True, False)
    )
    torch.testing.assert_close(two, (problem.gradient(w) @ xi) * xi)
    torch.testing.assert_close(one - two, 0.25 * (xi @ problem.hvp(w, xi)) * xi)


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


def test_node_noise_has_less_variance_than_weight_noise_on_a_wide_network():
    """Widths instead of weights: the reason for the rule (Werfel et al. 2005)."""
    network = mlp(20, [60, 60], 3, activation="tanh", generator=generator_for(0))
    problem = _with_random_data(network, (20,), 3, 200)
    w = problem.initial_weights
    node = NodePerturbation().total_variance(problem, w)
    assert node < 0.2 * WeightPerturbation().total_variance(problem, w)


class Recurrent(nn.Module):
    """A linear layer that is called three times: quadratic in all its pre-activations."""

    def __init__(self):
        super().__init__()
        self.first, self.again, self.last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = self.first(x)
        for _ in range(3):
            h = self.again(h) + 0.5 * h
        return self.last(h)


def _with_random_data(network, shape, classes, samples, loss=None):
    generator = generator_for(0, "data")
    x = torch.randn(samples, *shape, generator=generator, dtype=torch.float64)
    if loss is not None:
        y = torch.randn(samples, classes, generator=generator, dtype=torch.float64)
        return Problem(network, loss, x, y)
    y = torch.randint(classes, (samples,), generator=generator)
    return Problem(network, CrossEntropy(), x, y)


def _recurrent():
    network = Recurrent()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=generator_for(0, p.numel())) / 2)
    return _with_random_data(network, (3,), 2, 4, MeanSquaredError())


def _cnn():
    network = small_cnn((1, 6, 6), (2, 2), 3, activation="tanh", generator=generator_for(0))
    return _with_random_data(network, (1, 6, 6), 3, 4)


def _in_time():
    """A linear layer over (samples, time steps, inputs)."""
    network = nn.Sequential(nn.Linear(3, 2), nn.Flatten(), nn.Linear(8, 2))
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=generator_for(0, p.numel())) / 2)
    return _with_random_data(network, (4, 3), 2, 4, MeanSquaredError())


@pytest.mark.parametrize("network", [_recurrent, _cnn, _in_time])
def test_node_perturbation_of_repeated_and_convolution_layers(network):
    problem = network()
    w = problem.initial_weights
    rule = NodePerturbation()
    _assert_mean(_draws(rule, problem, 2500), problem.gradient(w))
    with pytest.raises(ValueError, match="allowed: linear layers, each called once"):
        rule.total_variance(problem, w)


def test_parameters_outside_layers_are_left_alone():
    network = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=generator_for(0, p.numel())) / 2)
    problem = _with_random_data(network, (3,), 2, 4)
    w = problem.initial_weights
    estimate = problem.parameters_of(NodePerturbation().gradient(problem, w, generator_for(0)))
    assert not estimate["1.weight"].any()
    assert estimate["0.weight"].any()
    with pytest.raises(ValueError, match="parameters outside layers"):
        NodePerturbation().total_variance(problem, w)


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
