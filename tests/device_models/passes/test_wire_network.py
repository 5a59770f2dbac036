"""Currents of an array with resistive wires against a solution node by node."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.passes import wire_network
from device_models.passes.wire_network import exact_currents, losses
from neurograd.seeding import generator_for
from tests.device_models.passes.resistor_network import ResistorNetwork


def array(lines, inputs, seed=0):
    return torch.rand(lines, inputs, generator=generator_for(seed, "g"), dtype=torch.float64)


@pytest.mark.parametrize("wire_ratio", [1e-7, 1e-3, 0.1, 10.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (7, 4), (4, 7), (40, 12), (12, 40)])
def test_every_coefficient_of_the_network(shape, wire_ratio):
    g = array(*shape)
    network = ResistorNetwork(g.numpy(), wire_ratio)
    exact = exact_currents(g, wire_ratio).numpy()
    # Node by node, a segment of a large conductance leaves only 1e-16 of it for a current.
    np.testing.assert_allclose(exact, network.forward(), rtol=1e-10, atol=1e-15 / wire_ratio)
    np.testing.assert_allclose(exact, network.backward(), rtol=1e-10, atol=1e-15 / wire_ratio)


def test_one_device_between_two_segments():
    g = torch.tensor([[0.5]]).double()
    assert float(exact_currents(g, 0.25)) == pytest.approx(1 / (2 + 2 * 0.25), rel=1e-14)
    assert float(losses(g, 0.25)) == pytest.approx(0.5 * 2 * 0.25, rel=1e-14)


def test_devices_that_conduct_nothing_carry_nothing():
    g = array(6, 5)
    g[2], g[:, 3], g[0, 0] = 0.0, 0.0, 0.0
    currents = exact_currents(g, 0.05)
    assert bool((currents[2] == 0).all())
    assert bool((currents[:, 3] == 0).all())
    # A voltage at input 0 reaches line 0 all the same, through the other devices of both.
    assert float(currents[0, 0]) > 0
    assert exact_currents(torch.zeros_like(g), 0.05).equal(torch.zeros_like(g))


def test_lines_in_parts_are_the_same(monkeypatch):
    g = array(9, 4)
    whole = exact_currents(g, 0.01)
    monkeypatch.setattr(wire_network, "_MOST_ELEMENTS", 2 * 16)
    assert exact_currents(g, 0.01).equal(whole)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_currents_have_the_type_of_the_devices_and_their_place(shape):
    g = array(*shape).float()
    currents = exact_currents(g, 0.01)
    assert currents.dtype == torch.float32
    torch.testing.assert_close(currents, exact_currents(g.double(), 0.01).float())
    g[1, 1] = torch.nan
    assert bool(exact_currents(g, 0.01).isnan().any())


@given(
    st.integers(1, 24), st.integers(1, 24), st.floats(-7, -1), st.integers(0, 99), st.floats(0, 4)
)
@settings(max_examples=60, deadline=None)
def test_the_first_order_is_off_by_at_most_the_square_of_the_largest_loss(
    lines, inputs, exponent, seed, power
):
    """The bound on which the first order is taken: dense arrays and those of few devices."""
    g = array(lines, inputs, seed) ** (2.0**power)
    lost = losses(g, 10.0**exponent)
    first = g * (1 - lost)
    error = (first - exact_currents(g, 10.0**exponent)).abs().max()
    assert float(error) <= float(lost.max()) ** 2 * float(g.max()) + 1e-12
