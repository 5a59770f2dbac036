"""Spiking networks: their dynamics by hand."""

from __future__ import annotations

import copy

import pytest
import snntorch
import torch

from device_models.spiking.network import SpikingNetwork
from neurograd.seeding import generator_for


def network(widths=(5, 6, 3), seed=0, **options) -> SpikingNetwork:
    module = SpikingNetwork(widths, **options)
    generator = generator_for(seed, "spiking")
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=generator, dtype=p.dtype) + 0.15)
    return module


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_dynamics_by_hand(reset):
    """u ← βu + I − reset, spikes above threshold, reset one step later."""
    module = SpikingNetwork([1, 1], decay=0.5, reset=reset)
    with torch.no_grad():
        module.layers[0].weight.fill_(1.0)
        module.layers[0].bias.zero_()
    currents = [0.8, 0.8, 0.9, 0.1, 1.2]
    u, spiked, expected = 0.0, False, []
    for current in currents:
        u = (0.0 if spiked else 0.5 * u) if reset == "zero" else 0.5 * u - 1.0 * spiked
        u += current
        spiked = u > 1.0
        expected.append((u, float(spiked)))
    seen = []
    out = module.run(
        torch.tensor(currents).double().view(1, -1, 1),
        lambda layer, step, potential, spikes: seen.append((float(potential), float(spikes))),
    )
    assert seen == [(pytest.approx(u), s) for u, s in expected]
    assert float(out) == sum(s for _, s in expected) == 2.0


def test_membrane_readout_neither_spikes_nor_resets():
    module = SpikingNetwork([1, 1], decay=0.5, readout="membrane")
    with torch.no_grad():
        module.layers[0].weight.fill_(1.0)
        module.layers[0].bias.zero_()
    out = module(torch.full((1, 3, 1), 2.0).double())
    assert float(out) == pytest.approx((2 + 3 + 3.5) / 3)


def test_state_is_not_kept():
    module = network()
    x = torch.ones(2, 4, 5).double()
    first = module(x)
    assert module(x).equal(first)
    copy.deepcopy(module)
    assert all(neuron.mem.numel() == 0 for neuron in module.neurons)
    assert all(isinstance(neuron, snntorch.Leaky) for neuron in module.neurons)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (5,)}, "widths are"),
        ({"decay": 1.1}, "decay is 1.1; allowed: 0 to 1"),
        ({"threshold": 0.0}, "threshold is 0"),
        ({"reset": "none"}, "reset is 'none'"),
        ({"readout": "sum"}, "readout is 'sum'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        network(**options)


def test_constants_that_change_are_seen_however_they_change():
    """And those of a copy, which is not asked what the other one was."""
    network = SpikingNetwork([3, 4, 2])
    x = torch.rand(5, 6, 3, dtype=torch.float64)
    with torch.no_grad():
        network(x)
        assert network.written_out is not None
        copied = copy.deepcopy(network)
        copied.neurons[0].beta.fill_(0.2)
        assert copied.written_out is None
        network.neurons[0].beta.data.fill_(0.2)
        assert network.written_out is None
        assert network(x).equal(network.run(x))
        assert network(x).equal(copied(x))
