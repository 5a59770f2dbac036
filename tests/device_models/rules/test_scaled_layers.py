"""Rules on networks whose layers have a learned factor: each knows its gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models import (
    DirectFeedbackAlignment,
    EquilibriumPropagation,
    FeedbackAlignment,
    LocalLoss,
    SignSymmetric,
    SpikingNetwork,
    draw_direct_feedback,
    draw_feedback,
    draw_readouts,
)
from device_models.rules.eprop import symmetric_feedback
from device_models.scaled_layers import scale_output
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification

FACTORS = (1.6, 0.7)


@pytest.fixture(scope="module")
def problem():
    """A tanh network of two layers, the first with factor 1.6, the last with 0.7."""
    return scaled(classification([nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)], (4,), 3))


def scaled(problem):
    def change(module):
        layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
        for layer, factor in zip(layers, FACTORS, strict=True):
            scale_output(layer)
            with torch.no_grad():
                layer.output_scale.fill_(factor)

    return problem.changed(change)


def parts(problem, rule):
    w = problem.initial_weights
    found = rule.gradient(problem, w, generator_for(0, "rule"))
    exact = problem.parameters_of(problem.gradient(w))
    return problem.parameters_of(found), exact


RULES = {
    "feedback_alignment": draw_feedback,
    "direct_feedback_alignment": draw_direct_feedback,
    "local_loss": draw_readouts,
    "sign_symmetric": lambda problem, w, generator: SignSymmetric(),
}


@pytest.mark.parametrize("draw", RULES.values(), ids=RULES)
def test_the_last_layer_learns_by_the_exact_gradient_and_the_others_learn(problem, draw):
    rule = draw(problem, problem.initial_weights, generator_for(0, "feedback"))
    found, exact = parts(problem, rule)
    for name in ("2.weight", "2.bias", "2.output_scale"):
        torch.testing.assert_close(found[name], exact[name])
    for name in ("0.weight", "0.bias", "0.output_scale"):
        assert bool((found[name] != 0).any())
        assert not torch.allclose(found[name], exact[name])


@pytest.mark.parametrize("rule", [FeedbackAlignment, DirectFeedbackAlignment, LocalLoss])
def test_feedback_of_the_network_itself_is_the_gradient(problem, rule):
    """Random feedback replaces the array; the direct one, and readouts, its factor as well."""
    parameters = problem.parameters_of(problem.initial_weights)
    weight = parameters["2.weight"]
    whole = FACTORS[1] * weight
    feedback = {"2.weight": weight if rule is FeedbackAlignment else whole}
    found, exact = parts(problem, rule(feedback))
    if rule is LocalLoss:
        # The readout lacks the bias, which is 0 here.
        parameters["2.bias"].zero_()
        found, exact = parts(problem, rule(feedback))
    for name, gradient in exact.items():
        torch.testing.assert_close(found[name], gradient)


def test_equilibria_know_the_factor(problem):
    rule = EquilibriumPropagation(nudging=1e-3, relaxation_steps=120, relaxation_rate=0.4)
    found, exact = parts(problem, rule)
    for name, gradient in exact.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6)


def test_symmetric_feedback_of_eprop_counts_the_factor():
    network = SpikingNetwork([3, 4, 2], readout="membrane")
    nn.init.normal_(network.layers[1].weight, generator=generator_for(1))
    inputs = torch.rand(5, 3, 3, generator=generator_for(2), dtype=torch.float64)
    plain = Problem(network, CrossEntropy(), inputs, torch.arange(5) % 2)
    found = symmetric_feedback(scaled(plain), scaled(plain).initial_weights)
    expected = symmetric_feedback(plain, plain.initial_weights)
    torch.testing.assert_close(found["layers.1.weight"], FACTORS[1] * expected["layers.1.weight"])
