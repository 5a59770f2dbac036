"""What every learning rule keeps: batches, convolution networks, contexts, random state."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from device_models import LearningRule
from device_models.rules.direct_feedback_alignment import draw_direct_feedback
from device_models.rules.equilibrium_propagation import EquilibriumPropagation
from device_models.rules.forward_gradient import ForwardGradient
from device_models.rules.local_loss import draw_readouts
from device_models.rules.manhattan import Manhattan
from device_models.rules.node_perturbation import NodePerturbation
from device_models.rules.sign_symmetric import SignSymmetric
from device_models.rules.weight_perturbation import WeightPerturbation
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.problem.networks import small_cnn
from neurograd.seeding import generator_for
from tests.neurograd.cases import smooth_network

RULES = {
    "direct_feedback_alignment": lambda p: draw_direct_feedback(
        p, p.initial_weights, generator_for(0)
    ),
    "local_loss": lambda p: draw_readouts(p, p.initial_weights, generator_for(0)),
    "sign_symmetric": lambda p: SignSymmetric(),
    "weight_perturbation": lambda p: WeightPerturbation(samples=3),
    "weight_perturbation, one-sided": lambda p: WeightPerturbation(two_sided=False),
    "node_perturbation": lambda p: NodePerturbation(samples=3),
    "forward_gradient": lambda p: ForwardGradient(3),
    "manhattan": lambda p: Manhattan(),
    "equilibrium_propagation": lambda p: EquilibriumPropagation(relaxation_steps=20),
}
every_rule = pytest.mark.parametrize("make", RULES.values(), ids=RULES.keys())


def _cnn(samples=20):
    network = small_cnn((1, 6, 6), (2, 3), 3, generator=generator_for(0))
    generator = generator_for(0, "cnn-data")
    x = torch.randn(samples, 1, 6, 6, generator=generator, dtype=torch.float64)
    return Problem(network, CrossEntropy(), x, torch.arange(samples) % 3)


@every_rule
@pytest.mark.parametrize("network", [smooth_network, _cnn])
def test_estimate_over_a_batch_is_that_of_a_problem_of_its_samples(network, make):
    """With the same generator the random rules agree exactly too, so in expectation."""
    problem = network()
    w = problem.initial_weights
    index = torch.tensor([3, 0, 17, 8])
    x, y = problem.data()
    part = Problem(problem.module, problem.loss_function, x[index], y[index])
    rule = make(problem)
    estimate = rule.gradient(problem, w, generator_for(1), index)
    torch.testing.assert_close(
        estimate, rule.gradient(part, w, generator_for(1)), rtol=1e-9, atol=1e-13
    )
    whole = rule.gradient(problem, w, generator_for(1))
    assert not torch.allclose(estimate, whole, rtol=1e-2, atol=1e-4)


@every_rule
def test_rules_run_on_a_convolution_network_and_touch_nothing(make):
    problem = _cnn()
    w = problem.initial_weights.clone().requires_grad_()
    state = torch.random.get_rng_state()
    rule = make(problem)
    with torch.no_grad():
        estimates = [rule.gradient(problem, w, generator_for(1, k)) for k in (0, 0, 1)]
    assert torch.equal(state, torch.random.get_rng_state())
    assert estimates[0].shape == (problem.num_parameters,)
    assert bool(torch.isfinite(estimates[0]).all())
    assert not estimates[0].requires_grad
    assert estimates[0].equal(estimates[1])
    assert estimates[0].equal(estimates[2]) == rule.deterministic
    assert isinstance(rule, LearningRule)
    assert torch.equal(w, problem.initial_weights)
    assert w.grad is None
    assert all(p.grad is None for p in problem.module.parameters())


class Halved(TorchFunctionMode):
    """A periphery that halves what comes out of every linear layer."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result / 2 if func is functional.linear else result


class Half(nn.Module):
    def forward(self, x):
        return x / 2


@every_rule
def test_rules_see_what_the_periphery_does(make):
    """A context around the passes acts as the same effect built into the network."""
    problem = smooth_network()
    first, activation, last = problem.module
    x, y = problem.data()
    built_in = Problem(nn.Sequential(first, Half(), activation, last, Half()), CrossEntropy(), x, y)
    w = problem.initial_weights
    through = make(problem).gradient(problem.through(Halved), w, generator_for(1))
    rule = make(problem)
    if hasattr(rule, "feedback") or hasattr(rule, "readouts"):
        matrices = {"3.weight": next(iter(vars(rule).values()))["2.weight"]}
        rule = type(rule)(matrices)
    if isinstance(rule, NodePerturbation):
        # It perturbs what comes out of the periphery: half of a perturbation of the layer itself.
        rule = replace(rule, perturbation=2.0 * rule.perturbation)
    expected = rule.gradient(built_in, w, generator_for(1))
    torch.testing.assert_close(through, expected, rtol=1e-9, atol=1e-13)
    plain = make(problem).gradient(problem, w, generator_for(1))
    assert not torch.allclose(through, plain, rtol=1e-2, atol=1e-4)
