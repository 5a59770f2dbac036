"""Backpropagation."""

from __future__ import annotations

from device_models import (
    Backprop,
)
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network


def test_backprop_is_the_gradient():
    problem = relu_network()
    w = problem.initial_weights
    assert Backprop().gradient(problem, w, generator_for(0)).equal(problem.gradient(w))
