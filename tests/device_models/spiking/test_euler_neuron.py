"""Neurons in forward Euler steps: their potentials by hand."""

from __future__ import annotations

import pytest
import torch

from device_models.spiking.euler_neuron import EulerNeuron

CURRENTS = [0.8, 0.9, 1.4, 0.1, 1.2, 2.5]


def number(value):
    return torch.tensor([value], dtype=torch.float64)


def run(neuron, inputs):
    state, found = None, []
    for step, value in enumerate(inputs):
        state = neuron(number(value).view(1, 1), state, step)
        found.append((float(state.potential), float(state.output)))
    return found


@pytest.mark.parametrize("synapse", [None, (0.6, 0.5)])
@pytest.mark.parametrize(("reset", "v_reset"), [("zero", None), ("zero", 0.3), ("subtract", None)])
def test_potentials_and_spikes_by_hand(reset, v_reset, synapse):
    decay, gain, leak, threshold = 0.6, 0.8, 0.05, 1.0
    neuron = EulerNeuron(
        number(decay), number(gain), number(leak), threshold=number(threshold),
        v_reset=None if v_reset is None else number(v_reset),
        synapse=None if synapse is None else (number(synapse[0]), number(synapse[1])),
        reset=reset,
    )  # fmt: skip
    v, current, spiked, expected = 0.0, 0.0, False, []
    for x in CURRENTS:
        current = x if synapse is None else synapse[0] * current + synapse[1] * x
        if reset == "subtract":
            v = decay * v - threshold * spiked
        else:
            v = decay * ((v_reset or 0.0) if spiked else v)
        v += gain * current + leak
        spiked = v > threshold
        expected.append((pytest.approx(v), float(spiked)))
    assert run(neuron, CURRENTS) == expected
    assert 0 < sum(spike for _, spike in expected) < len(CURRENTS)


def test_neurons_without_a_threshold_give_their_potential():
    found = run(EulerNeuron(number(0.5), number(2.0), number(0.0)), CURRENTS)
    v = 0.0
    for x, (potential, output) in zip(CURRENTS, found, strict=True):
        v = 0.5 * v + 2.0 * x
        assert potential == output == pytest.approx(v)


def test_a_reset_passes_no_gradient():
    """The derivative of what a spike leaves of the potential is that of the surrogate alone."""
    neuron = EulerNeuron(number(0.5), number(1.0), number(0.0), threshold=number(1.0))
    x = torch.full((1, 1), 1.5, dtype=torch.float64, requires_grad=True)
    first = neuron(x, None, 0)
    second = neuron(torch.zeros_like(x), first, 1)
    (slope,) = torch.autograd.grad(second.potential.sum(), x)
    assert float(first.output.detach()) == 1.0
    assert float(slope) == 0.0  # reset to zero, whose own derivative would not be 0
