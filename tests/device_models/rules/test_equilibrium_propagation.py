"""Equilibrium propagation: its bias as a function of the nudging and of the relaxation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models.rules.equilibrium_propagation import EquilibriumPropagation
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, linear_regression, regression


def _tanh():
    layers = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)]
    return classification(layers, (4,), 3, samples=8)


def _relative_bias(problem, steps=1200, rate=0.2, **options):
    w = problem.initial_weights
    rule = EquilibriumPropagation(relaxation_steps=steps, relaxation_rate=rate, **options)
    exact = problem.gradient(w)
    return float((rule.gradient(problem, w, generator_for(0)) - exact).norm() / exact.norm())


@pytest.mark.parametrize(("symmetric", "ratio"), [(False, 2.0), (True, 4.0)])
def test_bias_vanishes_with_the_nudging(symmetric, ratio):
    """Linearly one-sided, with the square when symmetric."""
    problem = _tanh()
    large, small = (_relative_bias(problem, nudging=b, symmetric=symmetric) for b in (0.1, 0.05))
    assert large / small == pytest.approx(ratio, rel=0.1)


def test_limit_is_backpropagation():
    assert _relative_bias(_tanh(), nudging=1e-3) < 1e-5
    assert 1e-5 < _relative_bias(_tanh(), nudging=1e-3, symmetric=False) < 1e-2


def test_limit_is_backpropagation_on_a_convolution_network():
    layers = [nn.Conv2d(1, 2, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)]
    problem = classification(layers, (1, 6, 6), 3, samples=5)
    assert _relative_bias(problem, nudging=1e-3) < 1e-4


@pytest.mark.parametrize("nudging", [0.5, 2.0])
def test_single_layer_of_squared_error_by_hand(nudging):
    """The output's state is ``x − k/(1 + k)·(x − y)`` with k = 2β/C: the gradient over 1 + k."""
    problem = linear_regression()
    w = problem.initial_weights
    k = 2 * nudging / 10
    exact = problem.gradient(w)
    for symmetric, expected in ((False, exact / (1 + k)), (True, exact / (1 - k**2))):
        rule = EquilibriumPropagation(nudging, 200, 0.5, symmetric)
        estimate = rule.gradient(problem, w, generator_for(0))
        torch.testing.assert_close(estimate, expected, rtol=1e-9, atol=1e-13)


def test_few_steps_leave_the_first_layers_behind():
    """One step moves only the output: last layer ``rate·g``, nothing before it."""
    problem = regression([nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)], 4, 3, samples=9)
    w = problem.initial_weights
    rule = EquilibriumPropagation(0.1, 1, 0.2)
    estimate = problem.parameters_of(rule.gradient(problem, w, generator_for(0)))
    exact = problem.parameters_of(problem.gradient(w))
    assert not estimate["0.weight"].any()
    torch.testing.assert_close(estimate["2.weight"], 0.2 * exact["2.weight"], rtol=1e-9, atol=0)
    biases = [_relative_bias(_tanh(), steps, nudging=1e-3) for steps in (10, 40, 160)]
    assert biases[0] > 2 * biases[1] > 4 * biases[2]


def test_a_layer_that_is_called_twice_is_refused():
    layer = nn.Linear(3, 3)
    with torch.no_grad():
        for p in layer.parameters():
            p.fill_(0.1)
    x = torch.ones(2, 3)
    problem = Problem(nn.Sequential(layer, nn.Tanh(), layer), MeanSquaredError(), x, x)
    with pytest.raises(ValueError, match=r"layer 0.weight is called 2 times; allowed: once"):
        EquilibriumPropagation().gradient(problem, problem.initial_weights, generator_for(0))


def test_divergence_is_refused():
    problem = _tanh()
    for rate in (1.5, 1e3):
        rule = EquilibriumPropagation(relaxation_rate=rate, relaxation_steps=200)
        with pytest.raises(ValueError, match="diverges at relaxation_rate"):
            rule.gradient(problem, problem.initial_weights, generator_for(0))


@pytest.mark.parametrize("nudging", [1e-5, 1e-6, 1e-7])
def test_rounding_of_an_energy_that_hardly_falls_is_no_divergence(nudging):
    """In single precision the energy of a small nudging falls by less than its last digits."""
    layers = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)]
    problem = classification(layers, (4,), 3, samples=8)
    x, y = problem.data()
    single = Problem(problem.module, problem.loss_function, x, y, dtype=torch.float32)
    estimate = EquilibriumPropagation(nudging, 50).gradient(
        single, single.initial_weights, generator_for(0)
    )
    assert bool(estimate.isfinite().all())


def test_bad_arguments_are_refused():
    for arguments, message in (
        ({"nudging": 0.0}, "nudging is 0; allowed: above 0"),
        ({"nudging": -1.0}, "nudging is -1; allowed: above 0"),
        ({"relaxation_steps": 0}, "relaxation_steps is 0; allowed: 1 or more"),
        ({"relaxation_rate": -0.1}, "relaxation_rate is -0.1; allowed: above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            EquilibriumPropagation(**arguments)
    assert EquilibriumPropagation().deterministic
