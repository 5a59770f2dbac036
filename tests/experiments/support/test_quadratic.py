"""Linear networks with a chosen Hessian, and exact loss changes."""

from __future__ import annotations

import pytest
import torch

from experiments.support.quadratic import directions, linear_network, loss_changes
from neurograd import theory
from neurograd.seeding import generator_for
from tests.neurograd.cases import dense_hessian

EIGENVALUES = torch.tensor([50.0, 20.0, 3.0, 0.0], dtype=torch.float64)


def test_the_network_has_the_eigenvalues_that_it_was_asked_for():
    problem, _ = linear_network(EIGENVALUES, 3, generator_for(0, "network"))
    found = torch.linalg.eigvalsh(dense_hessian(problem, problem.initial_weights))
    expected = EIGENVALUES.repeat(3).sort().values
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-9)


def test_loss_changes_are_those_of_the_network():
    """The quadratic form against differences of the network's losses."""
    problem, basis = linear_network(EIGENVALUES, 3, generator_for(1, "network"))
    w, dt = problem.initial_weights, 0.03
    updates = directions((5, 12), generator_for(1, "updates"))
    changes = [problem.loss(w + dt * u) - problem.loss(w) for u in updates]
    measured = torch.tensor(changes, dtype=torch.float64)

    def coordinates(v: torch.Tensor) -> torch.Tensor:
        return (v.view(-1, 3, 4) @ basis).flatten(1)

    gradient = coordinates(problem.gradient(w))
    found = loss_changes(EIGENVALUES.repeat(3), gradient, coordinates(updates), dt)
    assert torch.allclose(found, measured, rtol=1e-9)


def test_loss_changes_of_many_quadratics_at_once_are_the_exact_margin():
    generator = generator_for(2, "many")
    lam = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    g, u = (torch.randn(6, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    dt = torch.linspace(0.1, 0.6, 6, dtype=torch.float64)
    found = loss_changes(lam, g, u, dt)
    for k in range(6):
        curvature = float(u[k] @ (lam[k] * u[k]))
        margin = theory.exact_margin(float(g[k] @ u[k]), curvature, 0.0, float(dt[k]))
        assert float(found[k]) == pytest.approx(float(dt[k]) * margin, rel=1e-12)


def test_directions_are_unit_vectors_without_a_preferred_axis():
    """Mean squares of 4000 draws are 1/N within 4 standard errors."""
    found = directions((4000, 5), generator_for(3, "directions"))
    assert torch.allclose(found.norm(dim=1), torch.ones(4000, dtype=torch.float64))
    error = found.square().std(0) / 4000**0.5
    assert bool(((found.square().mean(0) - 0.2).abs() < 4 * error).all())


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="allowed: a vector of numbers from 0"):
        linear_network(-EIGENVALUES, 1, generator_for(0))
    with pytest.raises(ValueError, match="and 1 or more"):
        linear_network(EIGENVALUES, 0, generator_for(0))
