"""Spiking networks, their surrogates, and backpropagation through time."""

from __future__ import annotations

import copy
import math

import pytest
import snntorch
import torch
from snntorch import surrogate as snn_surrogate

from device_models.rules.surrogate_bptt import SurrogateBptt
from device_models.spiking.network import SpikingNetwork
from device_models.spiking.surrogate_gradient import SURROGATES, Surrogate, surrogate_parameters
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for


def network(widths=(5, 6, 3), seed=0, **options) -> SpikingNetwork:
    module = SpikingNetwork(widths, **options)
    generator = generator_for(seed, "spiking")
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=generator, dtype=p.dtype) + 0.15)
    return module


def problem(time_steps=6, samples=12, **options) -> Problem:
    generator = generator_for(1, "spikes")
    x = torch.bernoulli(torch.full((samples, time_steps, 5), 0.5).double(), generator=generator)
    y = torch.arange(samples) % 3
    return Problem(network(**options), CrossEntropy(), x, y, test_inputs=x, test_targets=y)


# -- surrogates --------------------------------------------------------------------------------


def test_every_function_of_snntorch_has_its_name_here():
    public = {
        name
        for name in dir(snn_surrogate)
        if callable(getattr(snn_surrogate, name))
        and not isinstance(getattr(snn_surrogate, name), type)
    }
    assert set(SURROGATES) == public - {"custom_surrogate"}


@pytest.mark.parametrize("name", [n for n in SURROGATES if n not in ("LSO", "SSO")])
def test_derivative_is_snntorchs(name):
    """Forward and backward of snntorch's own function, in float32 as it computes."""
    x = torch.linspace(-2, 2, 81).double()
    leaf = x.float().requires_grad_()
    theirs = getattr(snn_surrogate, name)()(leaf)
    theirs.sum().backward()
    ours = Surrogate(name)
    assert ours(x).dtype == torch.float64
    assert ours(x).equal((x > 0).double())
    torch.testing.assert_close(ours.derivative(x).float(), leaf.grad, rtol=1e-4, atol=1e-6)


def test_leaky_spike_operator_by_its_formula():
    """snntorch's own LSO() calls another class and fails; the formula is in its class."""
    x = torch.tensor([-1.0, 1.0]).double()
    assert Surrogate("LSO", {"slope": 0.3}).derivative(x).tolist() == [pytest.approx(0.3), 1.0]


def test_stochastic_spike_operator_draws_from_the_given_generator():
    x = torch.full((20000,), -1.0).double().requires_grad_()
    state = torch.random.get_rng_state()
    surrogate = Surrogate("SSO", {"mean": 0.25, "variance": 0.2})
    (drawn,) = torch.autograd.grad(surrogate(x, generator_for(0)).sum(), x)
    assert torch.random.get_rng_state().equal(state)
    # Uniform on (−½, ½) + 0.25, times 0.2: mean at 99.9 %.
    assert float(drawn.mean()) == pytest.approx(0.05, abs=3.3 * 0.2 / math.sqrt(12 * 20000))
    assert float(drawn.min()) >= -0.05
    assert float(drawn.max()) <= 0.15
    assert surrogate.derivative(x).unique().tolist() == [pytest.approx(0.05)]
    assert surrogate.stochastic
    assert not Surrogate("atan").stochastic


def test_surrogate_names_and_parameters():
    assert surrogate_parameters("atan") == {"alpha": 2.0}
    with pytest.raises(ValueError, match="'fast_sigmoids' is unknown; did you mean 'fast_sigmoid'"):
        Surrogate("fast_sigmoids")
    with pytest.raises(ValueError, match="atan has no parameter 'slope'; allowed: alpha"):
        Surrogate("atan", {"slope": 1.0})


# -- neurons -----------------------------------------------------------------------------------


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


# -- backpropagation through time --------------------------------------------------------------


def manual_bptt(p: Problem, w, truncation=None):
    """Single layer: Σ_t e ψ_t Σ_{t'} β^{t−t'} x_t', from recorded potentials, by explicit loops."""
    module = p.module
    x, y = p.batch()
    potentials = []
    with torch.no_grad():
        for q, new in zip(module.parameters(), p.parameters_of(w).values(), strict=True):
            q.copy_(new)
        out = module.run(x, lambda k, t, u, s: potentials.append(u.clone()))
    error = (out.softmax(1) - torch.nn.functional.one_hot(y, 3)) / len(y)
    weight, bias = torch.zeros(3, 5).double(), torch.zeros(3).double()
    for t in range(x.shape[1]):
        factor = error * module.surrogate.derivative(potentials[t] - 1.0)
        start = 0 if truncation is None else (t // truncation) * truncation
        for s in range(start, t + 1):
            decay = 0.9 ** (t - s)
            weight += decay * factor.T @ x[:, s]
            bias += decay * factor.sum(0)
    return torch.cat([weight.reshape(-1), bias])


@pytest.mark.parametrize("truncation", [None, 1, 2])
def test_one_layer_against_explicit_sums(truncation):
    p = problem(widths=(5, 3), surrogate=Surrogate("atan"))
    w = p.initial_weights
    estimate = SurrogateBptt(truncation).gradient(p, w, generator_for(0))
    torch.testing.assert_close(estimate, manual_bptt(p, w, truncation), rtol=1e-9, atol=1e-12)


def test_truncation_changes_the_gradient_and_long_windows_do_not():
    p = problem(surrogate=Surrogate("atan"))
    w = p.initial_weights
    whole = SurrogateBptt().gradient(p, w, generator_for(0))
    assert whole.equal(p.gradient(w))
    assert SurrogateBptt(6).gradient(p, w, generator_for(0)).equal(whole)
    assert not torch.allclose(SurrogateBptt(2).gradient(p, w, generator_for(0)), whole)
    with pytest.raises(ValueError, match="truncation is 0"):
        SurrogateBptt(0)


def test_stochastic_surrogate_is_a_random_rule_with_the_means_gradient():
    """One layer: the gradient is linear in ψ, so its mean is the mean surrogate's; at 99 %."""
    p = problem(widths=(5, 3), surrogate=Surrogate("SSO", {"mean": 0.2, "variance": 0.6}))
    w = p.initial_weights
    rule = SurrogateBptt(stochastic=True)
    assert not rule.deterministic
    assert SurrogateBptt().deterministic
    draws = torch.stack([rule.gradient(p, w, generator_for(0, k)) for k in range(600)])
    assert rule.gradient(p, w, generator_for(0, 3)).equal(draws[3])
    error = draws.std(0) / math.sqrt(len(draws))
    assert bool(((draws.mean(0) - p.gradient(w)).abs() <= 3.7 * error + 1e-12).all())
    assert float(draws.var(0).sum()) > 0
