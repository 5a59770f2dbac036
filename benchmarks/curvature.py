"""Curvature: products, trace and largest eigenvalue against curvlinops and PyHessian.

Loss, gradients and Hessians are in float64: differences of losses are as small as 1e-6.
"""

from __future__ import annotations

import torch
from curvlinops import HessianLinearOperator
from torch import nn

from benchmarks.clock import in_turn
from benchmarks.rows import Row, timed
from neurograd.problem import Problem, datasets, networks
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for


def rows(quick: bool) -> list[Row]:
    """Rows of each network.

    Args:
        quick: Small networks and few repeats.
    """
    hidden = (16,) if quick else (128, 128)
    return [_products(digits_mlp(hidden), f"64-{'-'.join(map(str, hidden))}-10", quick)]


def digits_mlp(hidden: tuple[int, ...], activation: str = "relu") -> Problem:
    """A fully connected network on all digits, at its initial weights.

    Args:
        hidden: Widths of its hidden layers.
        activation: Between them.
    """
    data = datasets.digits()
    module = networks.mlp(
        64, hidden, 10, activation=activation, generator=generator_for(0, "network")
    )
    return Problem(module, CrossEntropy(), data.inputs, data.targets)


def their_operator(problem: Problem) -> HessianLinearOperator:
    """The Hessian by curvlinops of the same loss, at the initial weights."""
    return HessianLinearOperator(
        problem.module,
        nn.CrossEntropyLoss(),
        list(problem.module.parameters()),
        [problem.data()],
        check_deterministic=False,
    )


def _products(problem: Problem, name: str, quick: bool) -> Row:
    w = problem.initial_weights
    v = torch.randn(w.shape, generator=generator_for(0, "v"), dtype=w.dtype)
    ours, theirs = problem.hessian_product(w), their_operator(problem)
    torch.testing.assert_close(ours(v), theirs @ v, rtol=1e-9, atol=1e-12)
    works = {"ours": lambda: ours(v), "theirs": lambda: theirs @ v}
    times = in_turn(works, rounds=3 if quick else 9, least_seconds=0.02 if quick else 0.2)
    return timed(f"Hessian-vector product, {name}", times["ours"], times["theirs"], "curvlinops")
