"""The tensors' form of κ against the theory's, and what a crossing leaves behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurograd import theory
from neurograd.measure.kinks.activations import above, crossed, expected_kinks

KINKS = [theory.leaky_relu_kinks(), theory.leaky_relu_kinks(0.2), theory.hard_tanh_kinks()]


@pytest.mark.parametrize("kinks", KINKS)
def test_tensors_and_arrays_agree(kinks):
    rng = np.random.default_rng(0)
    z, mu = rng.normal(size=500), rng.normal(size=500)
    z[:6] = [0.0, -1.0, 1.0, 0.0, -1.0, 1.0]
    s = np.where(rng.random(500) < 0.2, 0.0, 10.0 ** rng.uniform(-4, 1, 500))
    found = expected_kinks(*map(torch.from_numpy, (z, mu, s)), kinks)
    exact = theory.expected_kinks(z, mu, s, kinks)
    assert np.allclose(found.numpy(), exact, rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    ("kinks", "function"),
    [
        (theory.leaky_relu_kinks(), torch.relu),
        (theory.leaky_relu_kinks(0.2), lambda x: torch.nn.functional.leaky_relu(x, 0.2)),
        (theory.hard_tanh_kinks(), torch.nn.functional.hardtanh),
    ],
)
def test_a_crossing_is_what_the_slope_of_the_framework_misses(kinks, function):
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(400, generator=generator, dtype=torch.float64)
    z[:3] = torch.tensor([0.0, -1.0, 1.0])
    moved = z + torch.randn(400, generator=generator, dtype=torch.float64)
    leaf = z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(leaf).sum(), leaf)
    beyond = function(moved) - function(z) - slope * (moved - z)
    assert torch.allclose(crossed(z, moved, kinks), beyond, atol=1e-14)
    # The slope rises by the jump of every kink that lies below, and so it does at the kinks.
    lowest = float(function(torch.tensor(-5.0)) - function(torch.tensor(-6.0)))
    steps = sum(kink.jump * above(z, kink).double() for kink in kinks)
    assert torch.allclose(lowest + steps, slope, atol=1e-6)
    assert torch.equal(crossed(z, z, kinks), torch.zeros_like(z))
