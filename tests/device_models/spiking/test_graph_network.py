"""Graphs of layers and neurons: a chain is the network of layers, a loop is a recurrent one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models.rules.direct_feedback_alignment import DirectFeedbackAlignment
from device_models.rules.surrogate_bptt import SurrogateBptt
from device_models.spiking.euler_neuron import EulerNeuron
from device_models.spiking.graph_network import GraphNetwork
from device_models.spiking.network import SpikingNetwork
from neurograd.problem import Problem
from neurograd.seeding import generator_for

DECAY, THRESHOLD = 0.8, 0.4


def neurons(width, reset="zero", *, spikes=True):
    full = lambda value: torch.full((width,), value, dtype=torch.float64)  # noqa: E731
    return EulerNeuron(
        full(DECAY), full(1.0), full(0.0), threshold=full(THRESHOLD) if spikes else None,
        reset=reset,
    )  # fmt: skip


def linear(inputs, outputs, seed, bias=True):
    layer = nn.Linear(inputs, outputs, bias=bias, dtype=torch.float64)
    generator = generator_for(seed, "layer")
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(0.6 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return layer


def trains(samples=12, steps=6, inputs=5):
    generator = generator_for(1, "trains")
    return torch.bernoulli(torch.full((samples, steps, inputs), 0.5), generator=generator).double()


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("readout", ["spikes", "membrane"])
@pytest.mark.parametrize("truncation", [None, 2])
def test_a_chain_has_outputs_and_gradients_of_the_network_of_layers(reset, readout, truncation):
    layered = SpikingNetwork(
        [5, 4, 3], decay=DECAY, threshold=THRESHOLD, reset=reset, readout=readout
    )
    first, second = linear(5, 4, 0), linear(4, 3, 1)
    for layer, mine in zip(layered.layers, (first, second), strict=True):
        layer.load_state_dict(mine.state_dict())
    chain = GraphNetwork(
        {"a": first, "u": neurons(4, reset), "b": second,
         "v": neurons(3, reset, spikes=readout == "spikes")},
        {"a": [], "u": ["a"], "b": ["u"], "v": ["b"]},
        output="v", readout=readout,
    )  # fmt: skip
    x, y = trains(), torch.arange(12) % 3
    assert torch.allclose(chain(x), layered(x), rtol=0, atol=1e-14)
    assert float(layered(x).detach().abs().max()) > 0.1
    gradients = []
    for module in (chain, layered):
        problem = Problem(module, nn.CrossEntropyLoss(), x, y)
        assert problem.parts.spiking
        rule, generator = SurrogateBptt(truncation), torch.Generator()
        gradients.append(rule.gradient(problem, problem.initial_weights, generator))
    assert torch.allclose(*gradients, rtol=0, atol=1e-13)
    assert float(gradients[0].norm()) > 1e-3


@pytest.mark.parametrize("ending", ["spikes", "membrane", "layer"])
def test_direct_feedback_gets_the_errors_of_each_step(ending):
    """With B of the last weights it is the gradient: shares of steps are not those of the sum."""
    nodes = {"a": linear(5, 4, 0), "u": neurons(4), "b": linear(4, 3, 1)}
    sources = {"a": [], "u": ["a"], "b": ["u"]}
    if ending != "layer":
        nodes["v"], sources["v"] = neurons(3, spikes=ending == "spikes"), ["b"]
    readout = "spikes" if ending == "spikes" else "membrane"
    chain = GraphNetwork(nodes, sources, output=[*nodes][-1], readout=readout)
    p = Problem(chain, nn.CrossEntropyLoss(), trains(), torch.arange(12) % 3)
    w, name = p.initial_weights, "nodes.b.weight"
    rule = DirectFeedbackAlignment({name: p.parameters_of(w)[name]})
    found = rule.gradient(p, w, generator_for(0))
    torch.testing.assert_close(found, p.gradient(w), rtol=1e-10, atol=1e-14)


def test_a_loop_gets_the_spikes_of_the_step_before():
    enter, back, leave = linear(5, 4, 0), linear(4, 4, 2), linear(4, 3, 1)
    network = GraphNetwork(
        {"enter": enter, "back": back, "u": neurons(4), "leave": leave},
        {"enter": [], "back": ["u"], "u": ["enter", "back"], "leave": ["u"]},
        output="leave", delayed=[("u", "back")], readout="membrane",
    )  # fmt: skip
    x = trains()
    v = spikes = torch.zeros(12, 4, dtype=torch.float64)
    total = torch.zeros(12, 3, dtype=torch.float64)
    fed = 0.0
    for step in range(x.shape[1]):
        v = DECAY * (1 - spikes) * v + enter(x[:, step]) + back(spikes)
        fed += float(spikes.sum())
        spikes = (v > THRESHOLD).double()
        total = total + leave(spikes)
    assert fed > 0
    assert torch.allclose(network(x), total / x.shape[1], rtol=0, atol=1e-14)


def test_a_node_takes_the_sum_of_its_sources():
    left, right = linear(5, 3, 0), linear(5, 3, 1)
    network = GraphNetwork(
        {"l": left, "r": right, "v": neurons(3, spikes=False)},
        {"l": [], "r": [], "v": ["l", "r"]}, output="v", readout="membrane",
    )  # fmt: skip
    x = trains(steps=1)
    assert torch.allclose(network(x), left(x[:, 0]) + right(x[:, 0]))


def test_the_edges_are_in_the_words_of_the_network():
    """Finished work is told apart by them."""
    nodes = {"a": nn.Identity(), "u": neurons(5)}
    one = GraphNetwork(nodes, {"a": [], "u": ["a"]}, output="u")
    other = GraphNetwork(nodes, {"a": [], "u": ["a", "u"]}, output="u", delayed=[("u", "u")])
    assert repr(one) != repr(other)
