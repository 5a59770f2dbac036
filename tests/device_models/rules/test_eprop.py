"""E-prop: exact on one layer, and against explicit eligibility traces on two."""

from __future__ import annotations

import pytest
import torch

from device_models import EProp, LearningRule, Surrogate, draw_eprop
from device_models.rules.eprop import symmetric_feedback
from neurograd.seeding import generator_for
from tests.device_models.rules.test_surrogate_bptt import problem


def test_one_layer_is_backpropagation_through_time():
    p = problem(widths=(5, 3), surrogate=Surrogate("atan"))
    w = p.initial_weights
    rule = draw_eprop(p, w, generator_for(0))
    torch.testing.assert_close(rule.gradient(p, w, generator_for(0)), p.gradient(w))
    assert rule.deterministic
    assert isinstance(rule, LearningRule)


@pytest.mark.parametrize("readout", ["spikes", "membrane"])
def test_two_layers_against_explicit_traces(readout):
    """Hidden layer: Σ_t L_j ψ_j^t x̄_i^t with x̄ filtered by the decay, by explicit loops."""
    p = problem(surrogate=Surrogate("atan"), readout=readout)
    w, module = p.initial_weights, p.module
    rule = draw_eprop(p, w, generator_for(7))
    (feedback,) = rule.feedback.values()
    x, y = p.batch()
    potentials = []
    with torch.no_grad():
        out = module.run(x, lambda k, t, u, s: potentials.append(u.clone()) if k == 0 else None)
    error = (out.softmax(1) - torch.nn.functional.one_hot(y, 3)) / len(y)
    signal = error @ feedback
    trace = torch.zeros(len(y), 5).double()
    ones = torch.zeros(len(y)).double()
    weight, bias = torch.zeros(6, 5).double(), torch.zeros(6).double()
    for t, u in enumerate(potentials):
        trace, ones = 0.9 * trace + x[:, t], 0.9 * ones + 1.0
        factor = signal * module.surrogate.derivative(u - 1.0)
        weight += factor.T @ trace
        bias += (factor * ones[:, None]).sum(0)
    estimate = p.parameters_of(rule.gradient(p, w, generator_for(0)))
    torch.testing.assert_close(estimate["layers.0.weight"], weight)
    torch.testing.assert_close(estimate["layers.0.bias"], bias)
    exact = p.parameters_of(p.gradient(w))
    torch.testing.assert_close(estimate["layers.1.weight"], exact["layers.1.weight"])
    assert not torch.allclose(estimate["layers.0.weight"], exact["layers.0.weight"])


def test_symmetric_feedback_is_the_product_of_the_weights():
    p = problem(widths=(5, 6, 4, 3))
    parameters = p.parameters_of(p.initial_weights)
    feedback = symmetric_feedback(p, p.initial_weights)
    last, middle = parameters["layers.2.weight"], parameters["layers.1.weight"]
    assert feedback["layers.2.weight"].equal(last)
    torch.testing.assert_close(feedback["layers.1.weight"], last @ middle)
    near, far = EProp(), draw_eprop(p, p.initial_weights, generator_for(0))
    w, generator = p.initial_weights, generator_for(0)
    exact = p.gradient(w)

    def cosine(rule):
        estimate = rule.gradient(p, w, generator)
        return float(estimate @ exact / (estimate.norm() * exact.norm()))

    assert cosine(near) > cosine(far)


def test_bad_scale():
    p = problem()
    with pytest.raises(ValueError, match="feedback scale is 0; allowed: above 0"):
        draw_eprop(p, p.initial_weights, generator_for(0), 0.0)
