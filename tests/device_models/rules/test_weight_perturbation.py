"""Weight perturbation."""

from __future__ import annotations

import torch
from torch import nn

from device_models.rules.weight_perturbation import WeightPerturbation
from neurograd.seeding import generator_for
from tests.neurograd.cases import regression


def _tiny():
    """Two parameters, so that N + 1 differs from N by half."""
    return regression([nn.Linear(1, 1)], 1, 1, samples=10)


def test_one_sided_perturbation_of_a_quadratic_loss_by_hand():
    """``½ε ξᵀHξ ξ`` adds to the two-sided estimate of the same noise."""
    problem = _tiny()
    w = problem.initial_weights
    xi = torch.randn(w.shape, generator=generator_for(3), dtype=w.dtype)
    two, one = (
        WeightPerturbation(0.5, two_sided=two_sided).gradient(problem, w, generator_for(3))
        for two_sided in (True, False)
    )
    torch.testing.assert_close(two, (problem.gradient(w) @ xi) * xi)
    torch.testing.assert_close(one - two, 0.25 * (xi @ problem.hvp(w, xi)) * xi)


def test_estimates_about_their_mean_are_those_of_a_quadratic_loss():
    """Two-sided ones to rounding, with the same perturbations: even orders cancel."""
    problem, rule = _tiny(), WeightPerturbation(0.5, samples=3)
    w = problem.initial_weights
    about = rule.estimates_about(problem.gradient(w), 2, generator_for(5))
    generator = generator_for(5)
    for each in about:
        torch.testing.assert_close(each, rule.gradient(problem, w, generator))
