"""Factors behind the arrays multiply what converters give, and no bias."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models.passes.converters import Converters
from device_models.passes.output_factors import OutputFactors
from tests.neurograd.cases import classification, relu_network

NETWORKS = {
    "linear": relu_network,
    "convolution": lambda: classification(
        [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)], (1, 6, 6), 3, samples=12
    ),
}
FACTORS = {"0.weight": 3.0, "2.weight": 0.5, "3.weight": 0.5}


def _outputs(problem, w, *contexts):
    for context in contexts:
        problem = problem.through(context)
    x, _ = problem.data()
    return problem.outputs(problem.parameters_of(w), x)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_without_periphery_they_are_those_of_the_weights(network):
    problem = network()
    w = problem.initial_weights
    factors = {name: FACTORS[name] for name in problem.parameters_of(w) if name in FACTORS}
    scaled = {n: factors.get(n, 1.0) * p for n, p in problem.parameters_of(w).items()}
    torch.testing.assert_close(
        _outputs(problem, w, OutputFactors(factors).applied),
        _outputs(problem, problem.flatten(scaled)),
    )


def test_they_act_behind_the_converters_that_read_the_product():
    """What clips at 0.2 is 0.6 behind a factor of 3, and the bias comes on top of that."""
    problem = classification([nn.Linear(6, 4)], (6,), 4)
    w = problem.initial_weights
    clipping = Converters(output_range=0.2)
    bias = problem.parameters_of(w)["0.bias"]
    found = _outputs(problem, w, clipping.applied, OutputFactors({"0.weight": 3.0}).applied) - bias
    plain = _outputs(problem, w, clipping.applied) - bias
    torch.testing.assert_close(found, 3.0 * plain)
    assert float(found.abs().max()) == pytest.approx(0.6)
