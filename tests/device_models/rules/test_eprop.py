"""E-prop: exact on one layer, and against explicit eligibility traces on two."""

from __future__ import annotations

import pytest
import torch

from device_models import EProp, LearningRule, Surrogate, draw_eprop
from device_models.layer_hooks import LayerHook
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
    """Hidden layer: Σ_t L_j^t F(ψ_j x̄_i)^t with x̄ and F filtered by the decay, by explicit loops.

    L_j^t is Σ_k B_jk e_k/T of mean potentials, Σ_k B_jk ψ_k^t e_k of outputs that spike.
    """
    p = problem(surrogate=Surrogate("atan"), readout=readout)
    w, module = p.initial_weights, p.module
    rule = draw_eprop(p, w, generator_for(7))
    (feedback,) = rule.feedback.values()
    x, y = p.batch()
    hidden, last = [], []
    with torch.no_grad():
        out = module.run(x, lambda k, t, u, s: (last if k else hidden).append(u.clone()))
    error = (out.softmax(1) - torch.nn.functional.one_hot(y, 3)) / len(y)
    psi = module.surrogate.derivative
    trace = torch.zeros(len(y), 1, 6).double()
    filtered = torch.zeros(len(y), 6, 6).double()
    expected = torch.zeros(6, 6).double()
    for t, (u, v) in enumerate(zip(hidden, last, strict=True)):
        with_one = torch.cat([x[:, t], torch.ones(len(y), 1).double()], 1)
        trace = 0.9 * trace + with_one[:, None]
        filtered = 0.9 * filtered + psi(u - 1.0)[:, :, None] * trace
        sent = error * psi(v - 1.0) if readout == "spikes" else error / len(hidden)
        expected += ((sent @ feedback)[:, :, None] * filtered).sum(0)
    estimate = p.parameters_of(rule.gradient(p, w, generator_for(0)))
    torch.testing.assert_close(estimate["layers.0.weight"], expected[:, :5])
    torch.testing.assert_close(estimate["layers.0.bias"], expected[:, 5])
    exact = p.parameters_of(p.gradient(w))
    torch.testing.assert_close(estimate["layers.1.weight"], exact["layers.1.weight"])
    assert not torch.allclose(estimate["layers.0.weight"], exact["layers.0.weight"])


@pytest.mark.parametrize("time_steps", [6, 20])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("readout", ["spikes", "membrane"])
@pytest.mark.parametrize("by_graph", [False, True])
def test_symmetric_feedback_of_one_hidden_layer_is_the_gradient(
    by_graph, readout, reset, time_steps
):
    """At any number of steps, written out or by hooks."""
    p = problem(time_steps, surrogate=Surrogate("atan"), readout=readout, reset=reset)
    w, exact = p.initial_weights, p.gradient(p.initial_weights)
    p = p.through(LayerHook().applied) if by_graph else p
    found = EProp().gradient(p, w, generator_for(0))
    torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-14)
    assert bool((p.parameters_of(exact)["layers.0.weight"] != 0).any())


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
