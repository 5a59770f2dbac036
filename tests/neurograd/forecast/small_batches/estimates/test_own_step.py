"""Gradients of samples at weights of their own, against the gradients there one by one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models import (
    Backprop,
    FeedbackAlignment,
    Manhattan,
    SignSymmetric,
    draw_direct_feedback,
    draw_feedback,
    draw_readouts,
)
from neurograd.forecast.small_batches.estimates.backward import ThroughMatrices, backward_of
from neurograd.forecast.small_batches.estimates.own_step import factors_after_own_step
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, relu_network


def _networks():
    yield relu_network()
    for activation in (nn.Tanh, nn.Sigmoid):
        layers = [nn.Linear(5, 4, bias=False), activation(), nn.Linear(4, 4), activation()]
        yield classification([*layers, nn.Linear(4, 3)], (5,), 3)


PLAIN = ThroughMatrices({})


def _gradients(stack, factors):
    """Single samples' gradients, shape ``(n, N)``."""
    found = [torch.empty(0)] * len(stack.shapes)
    for each in factors:
        found[each.weight] = (each.errors.unsqueeze(2) * each.inputs.unsqueeze(1)).flatten(1)
        if each.bias is not None:
            found[each.bias] = each.errors
    return torch.cat(found, dim=1)


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("scale", [0.3, -0.3, 0.0])
def test_gradients_where_each_sample_has_moved(which, scale):
    problem = list(_networks())[which]
    stack, w = problem.plain_stack, problem.initial_weights
    index = torch.arange(12)
    inputs, targets = problem.batch(index)
    factors = factors_after_own_step(stack, w, inputs.flatten(1), targets, scale, PLAIN)
    moved = [w + scale * problem.gradient(w, index[k : k + 1]) for k in range(12)]
    exact = [problem.gradient(there, index[k : k + 1]) for k, there in enumerate(moved)]
    torch.testing.assert_close(_gradients(stack, factors), torch.stack(exact))


def test_updates_follow_the_flow_of_these_gradients_to_second_order():
    """Descent on one sample in twice as many updates of half the size: a quarter of the error.

    The flow of its gradient is followed to first order only, and that of other own steps as well.
    """
    problem = list(_networks())[1]
    stack, w, span = problem.plain_stack, problem.initial_weights, 0.8
    inputs, targets = problem.batch(torch.arange(1))

    def gradient(at, scale):
        return _gradients(stack, factors_after_own_step(stack, at, inputs, targets, scale, PLAIN))[
            0
        ]

    def trained(updates):
        at = w
        for _ in range(updates):
            at = at - span / updates * problem.gradient(at, torch.arange(1))
        return at

    def flow(scale, stages=200):
        at = w
        for _ in range(stages):
            half = at - 0.5 * span / stages * gradient(at, scale)
            at = at - span / stages * gradient(half, scale)
        return at

    def error(updates, part):
        return float((flow(part * span / updates) - trained(updates)).norm())

    assert error(8, 0.5) < 0.2 * error(8, 0.0)
    assert 3.5 < error(8, 0.5) / error(16, 0.5) < 4.6
    assert 1.8 < error(8, 0.0) / error(16, 0.0) < 2.2
    for other in (-0.5, 0.25, 1.0):
        assert 1.8 < error(8, other) / error(16, other) < 2.3


RULES = ["backprop", "matrices", "signs", "outputs", "readouts"]


def _rule(name, problem):
    """A rule, and what it is where own steps do not move what errors go back through."""
    w, generator = problem.initial_weights, generator_for(0, "feedback")
    match name:
        case "backprop":
            return Backprop(), None
        case "matrices":
            return draw_feedback(problem, w, generator), None
        case "signs":
            matrices = {n: p for n, p in problem.parameters_of(w).items() if p.ndim == 2}
            back = {n: m.sign() * m.abs().mean() for n, m in matrices.items()}
            return SignSymmetric(), FeedbackAlignment(back)
        case "outputs":
            return draw_direct_feedback(problem, w, generator), None
    return draw_readouts(problem, w, generator), None


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("name", RULES)
def test_gradients_of_several_networks(name, which):
    problem = list(_networks())[which]
    stack, w = problem.plain_stack, problem.initial_weights
    back = backward_of(problem, _rule(name, problem)[0])
    inputs, targets = problem.batch(torch.arange(8))
    both, split = torch.stack([w, 1.2 * w]), inputs.flatten(1).unflatten(0, (2, 4))
    for scale in (0.0, 0.3):
        factors = factors_after_own_step(stack, both, split, targets, scale, back)
        for k in range(2):
            some = slice(4 * k, 4 * k + 4)
            alone = factors_after_own_step(stack, both[k], split[k], targets[some], scale, back)
            torch.testing.assert_close(_gradients(stack, factors)[some], _gradients(stack, alone))


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("scale", [0.3, 0.0])
@pytest.mark.parametrize("name", RULES)
def test_estimates_of_every_rule_where_each_sample_has_moved(name, scale, which):
    problem = list(_networks())[which]
    stack, w = problem.plain_stack, problem.initial_weights
    rule, held = _rule(name, problem)
    index = torch.arange(8)
    inputs, targets = problem.batch(index)
    back = backward_of(problem, rule)
    factors = factors_after_own_step(stack, w, inputs.flatten(1), targets, scale, back)

    def estimate(at, k, rule=rule):
        return rule.gradient(problem, at, generator_for(1), index[k : k + 1])

    exact = [estimate(w + scale * estimate(w, k), k, held or rule) for k in range(8)]
    torch.testing.assert_close(_gradients(stack, factors), torch.stack(exact))
    if name != "backprop":
        plain = factors_after_own_step(stack, w, inputs.flatten(1), targets, scale, PLAIN)
        assert not torch.allclose(_gradients(stack, plain), torch.stack(exact), rtol=0.01)


def test_direct_feedback_starts_in_front_of_the_last_activation():
    """From the errors of the last layer's products, as the rule does."""
    layers = [nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3), nn.Sigmoid()]
    problem = classification(layers, (5,), 3)
    stack, w = problem.plain_stack, problem.initial_weights
    rule = draw_direct_feedback(problem, w, generator_for(0, "feedback"))
    index = torch.arange(8)
    inputs, targets = problem.batch(index)
    back = backward_of(problem, rule)
    factors = factors_after_own_step(stack, w, inputs.flatten(1), targets, 0.0, back)
    exact = [rule.gradient(problem, w, generator_for(1), index[k : k + 1]) for k in range(8)]
    torch.testing.assert_close(_gradients(stack, factors), torch.stack(exact))


def test_rules_whose_estimates_are_no_products_have_none():
    assert backward_of(relu_network(), Manhattan(0.01)) is None
