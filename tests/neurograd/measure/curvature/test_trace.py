"""The trace: exact where it can be, else within its error of the dense Hessian's."""

from __future__ import annotations

import curvlinops
import pytest
import torch
from torch import nn

from neurograd.measure.curvature import hessian_trace
from neurograd.measure.curvature.trace import stochastic_trace
from tests.neurograd.cases import dense_hessian, regression, smooth_network


def test_stochastic_trace_holds_the_exact_one():
    """Within 5 standard errors (t with 5 degrees of freedom: 99.6 %) and to a few percent."""
    problem = regression([nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 6)], 12, 6)
    w = problem.initial_weights
    exact = float(dense_hessian(problem, w).trace())
    estimate = stochastic_trace(problem, w, seed=0)
    assert estimate.method == "hutch++"
    assert 0 < estimate.error < 0.1 * exact
    assert abs(estimate.value - exact) < 5 * estimate.error
    again = stochastic_trace(problem, w, seed=0)
    assert again == estimate
    assert stochastic_trace(problem, w, seed=1) != estimate


def test_stochastic_trace_leaves_the_global_generator_alone():
    problem = smooth_network()
    before = torch.random.get_rng_state()
    stochastic_trace(problem, problem.initial_weights, seed=0, products=9, repeats=2)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("asked", "taken"), [(1, 3), (3, 3), (5, 3), (6, 6), (20, 18)])
def test_whole_probes_of_three_products_are_taken(asked, taken, monkeypatch):
    """As many as fit into the products that were asked for, one at least."""
    problem, counts = regression([nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)], 4, 2), []

    def counted(operator, products):
        counts.append(products)
        return torch.tensor(1.0)

    monkeypatch.setattr(curvlinops, "hutchpp_trace", counted)
    stochastic_trace(problem, problem.initial_weights, 0, products=asked, repeats=4)
    assert counts == [taken] * 4


def test_small_networks_have_an_exact_trace_whatever_they_are():
    problem = smooth_network()
    w = problem.initial_weights
    estimate = hessian_trace(problem, w, seed=0, products=300)
    assert estimate.method == "exact"
    assert estimate.value == pytest.approx(float(dense_hessian(problem, w).trace()), rel=1e-10)
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        stochastic_trace(problem, w, seed=0, repeats=1)
