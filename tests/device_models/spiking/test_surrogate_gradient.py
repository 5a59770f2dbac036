"""Surrogate derivatives against snntorch and their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from snntorch import surrogate as snn_surrogate

from device_models.spiking.surrogate_gradient import SURROGATES, Surrogate, surrogate_parameters
from neurograd.seeding import generator_for


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
