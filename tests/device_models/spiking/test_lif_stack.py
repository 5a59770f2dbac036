"""Written-out passes of spiking networks against the same networks step by step."""

from __future__ import annotations

import copy

import pytest
import snntorch
import torch
from torch import nn

from device_models import DirectFeedbackAlignment, EProp, draw_eprop
from device_models.layer_hooks import LayerHook
from device_models.spiking import lif_neurons, lif_stack
from device_models.spiking.network import SpikingNetwork, _Fire
from device_models.spiking.surrogate_gradient import SURROGATES, Surrogate
from neurograd.problem import Problem
from neurograd.seeding import generator_for

SAMPLES, STEPS = 11, 6


def problem(
    widths=(5, 7, 6, 3), loss=None, *, dtype=torch.float64, chunk_size=4096, **options
) -> Problem:
    module = SpikingNetwork(widths, dtype=dtype, **options)
    generator = generator_for(0, "stack")
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(0.7 * torch.randn(p.shape, generator=generator, dtype=dtype) + 0.2)
    inputs = torch.bernoulli(torch.full((SAMPLES, STEPS, widths[0]), 0.4), generator=generator)
    targets = torch.arange(SAMPLES) % widths[-1]
    return Problem(
        module, loss or nn.CrossEntropyLoss(), inputs, targets, dtype=dtype, chunk_size=chunk_size
    )


def both(p: Problem, w: torch.Tensor):
    """Losses and gradient of the passes written out and step by step."""
    by_step = p.through(LayerHook().applied)
    assert p._written_out is not None
    assert by_step._written_out is None
    return (
        (p.per_sample_losses(w), by_step.per_sample_losses(w)),
        (p.gradient(w), by_step.gradient(w)),
    )


@pytest.mark.parametrize("readout", ["membrane", "spikes"])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("widths", [(5, 3), (5, 7, 3), (5, 7, 6, 3)])
def test_equal_to_steps(monkeypatch, widths, reset, readout):
    # Samples in three parts, of which the last is smaller.
    monkeypatch.setattr(lif_stack, "SAMPLES_AT_ONCE", 4)
    p = problem(
        widths,
        reset=reset,
        readout=readout,
        decay=0.8,
        surrogate=Surrogate("fast_sigmoid", {"slope": 3}),
    )
    losses, gradients = both(p, p.initial_weights)
    torch.testing.assert_close(*losses, rtol=0, atol=1e-12)
    assert float(gradients[1].norm()) > 0.1
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("name", SURROGATES)
def test_surrogates(monkeypatch, name, reset, loops):
    if not loops:
        monkeypatch.setattr(lif_neurons, "available", lambda: False)
    p = problem(readout="membrane", reset=reset, surrogate=Surrogate(name))
    losses, gradients = both(p, p.initial_weights)
    torch.testing.assert_close(*losses, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["fast_sigmoid", "atan"])
@pytest.mark.parametrize("to_zero", [True, False])
def test_loops_are_the_tensor_operations(monkeypatch, to_zero, name, dtype):
    neurons = lif_neurons.LifNeurons(0.8, 1.1, to_zero, Surrogate(name))
    currents = torch.randn(7, STEPS, SAMPLES, generator=generator_for(1, "loops"), dtype=dtype)
    every = torch.randn(currents.shape, generator=generator_for(2, "loops"), dtype=dtype)
    shares, bias = [0.3, 0.1, 0.7, 0.2, 0.9, 0.4], torch.linspace(-0.3, 0.3, 7, dtype=dtype)

    def found():
        u, v, spikes = currents.clone(), currents.clone(), torch.empty_like(currents)
        neurons.spike(u, bias, spikes)
        total = neurons.weigh(v, None, shares)
        last = neurons.pull_back(v.clone(), every[:, :1], shares)
        return u, spikes, v, total, last, neurons.pull_back(v, every, None)

    called = []
    run = lif_neurons._run
    monkeypatch.setattr(
        lif_neurons, "_run", lambda loop, *given: (called.append(loop), run(loop, *given))
    )
    by_loops = found()
    assert len(called) == 4
    monkeypatch.setattr(lif_neurons, "available", lambda: False)
    by_operations = found()
    assert len(called) == 4
    exact = 1e-12 if dtype == torch.float64 else 1e-5
    assert 0 < float(by_loops[1].mean()) < 0.5
    for one, other in zip(by_loops, by_operations, strict=True):
        torch.testing.assert_close(one, other, rtol=exact, atol=exact)


def test_without_biases_in_float32_and_in_chunks():
    p = problem(bias=False, dtype=torch.float32, chunk_size=4)
    losses, gradients = both(p, p.initial_weights)
    torch.testing.assert_close(*losses, rtol=0, atol=1e-5)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-5)
    part = torch.tensor([3, 0, 7, 8, 10])
    by_step = p.through(LayerHook().applied)
    w = p.initial_weights
    torch.testing.assert_close(p.gradient(w, part), by_step.gradient(w, part), rtol=0, atol=1e-5)


def _with_another_beta(module):
    state = module.state_dict()
    state["neurons.0.beta"] = torch.tensor(0.5)
    module.load_state_dict(state)


def _of_another_class(module):
    class Twice(snntorch.Leaky):
        def forward(self, current, before=None):
            return super().forward(2.0 * current, before)

    old = module.neurons[0]
    module.neurons[0] = Twice(beta=old.beta, threshold=old.threshold, spike_grad=old.spike_grad)


def _with_another_slope(module):
    module.neurons[0].spike_grad = _Fire(Surrogate("fast_sigmoid", {"slope": 3}))


def _with_another_threshold(module):
    module.neurons[1].threshold.fill_(0.7)


def _without_reset(module):
    old = module.neurons[0]
    module.neurons[0] = snntorch.Leaky(
        old.beta, old.threshold, spike_grad=old.spike_grad, reset_mechanism="none"
    )


@pytest.mark.parametrize(
    "change",
    [
        _with_another_beta,
        _of_another_class,
        _with_another_slope,
        _with_another_threshold,
        _without_reset,
    ],
)
def test_networks_of_other_neurons_go_step_by_step(change):
    p = problem(dtype=torch.float32)
    assert copy.deepcopy(p.module).written_out is not None
    assert SpikingNetwork((5, 3)).float().written_out is not None
    before = p.gradient(p.initial_weights)
    module = copy.deepcopy(p.module)
    change(module)
    assert module.written_out is None
    changed = Problem(module, p.loss_function, *p.data(), dtype=torch.float32)
    assert not changed.gradient(p.initial_weights).allclose(before)
    x = p.data()[0]
    with torch.no_grad():
        assert module(x).equal(module.run(x))


def test_only_networks_as_they_were_built():
    p = problem()
    p.module.layers[0].register_forward_hook(lambda layer, given, found: 0.5 * found)
    assert p._written_out is None
    hooked = p.per_sample_losses(p.initial_weights)
    assert not hooked.equal(problem().per_sample_losses(p.initial_weights))
    own = problem(loss=lambda outputs, targets: outputs.square().mean(1))
    assert own._written_out is None
    frozen = SpikingNetwork((5, 3))
    frozen.layers[0].bias.requires_grad_(False)
    data = torch.zeros(2, STEPS, 5), torch.zeros(2, dtype=torch.long)
    assert Problem(frozen, nn.CrossEntropyLoss(), *data)._written_out is None


@pytest.mark.parametrize("surrogate", [Surrogate("atan"), Surrogate("triangular")])
@pytest.mark.parametrize("readout", ["membrane", "spikes"])
@pytest.mark.parametrize("widths", [(5, 3), (5, 7, 3), (5, 7, 6, 3)])
def test_direct_feedback_is_that_of_graphs(monkeypatch, widths, readout, surrogate):
    monkeypatch.setattr(lif_stack, "SAMPLES_AT_ONCE", 4)
    p = problem(widths, readout=readout, decay=0.8, surrogate=surrogate, chunk_size=8)
    w, by_graph = p.initial_weights, p.through(LayerHook().applied)
    index = torch.tensor([4, 0, 4, 10, 7])
    rules = [EProp(), draw_eprop(p, w, generator_for(1))]
    for rule in (*rules, DirectFeedbackAlignment({})):
        for some in (None, index):
            found = rule.gradient(p, w, generator_for(0), some)
            wanted = rule.gradient(by_graph, w, generator_for(0), some)
            torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-13)
    assert p.fed_back(w, {}) is not None
    assert by_graph.fed_back(w, {}) is None
    assert len(widths) == 2 or not torch.allclose(
        rules[1].gradient(p, w, generator_for(0)), p.gradient(w)
    )
