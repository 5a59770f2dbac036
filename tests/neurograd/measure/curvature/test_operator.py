"""The Hessian as an operator against the dense Hessian."""

from __future__ import annotations

import torch

from neurograd.measure.curvature.operator import HessianOperator
from neurograd.seeding import generator_for
from tests.neurograd.cases import dense_hessian, smooth_network


def test_operator_multiplies_like_the_dense_hessian():
    problem = smooth_network()
    w = problem.initial_weights
    hessian = dense_hessian(problem, w)
    generator = generator_for(0, "vectors")
    vectors = torch.randn(problem.num_parameters, 3, dtype=torch.float64, generator=generator)
    operator = HessianOperator(problem, w)
    torch.testing.assert_close(operator @ vectors, hessian @ vectors, rtol=1e-10, atol=1e-12)
    assert operator.device == w.device
    assert operator.dtype == w.dtype
