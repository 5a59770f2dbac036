"""Hessian-vector products: ours, which keep the gradient's graph, against curvlinops' operator.

Run: python -m benchmarks.hessian_products
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from curvlinops import HessianLinearOperator
from torch import nn

from neurograd.problem import Problem, datasets, networks
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for

ROUNDS, PRODUCTS = 7, 10


def main() -> None:
    """Time both in turn and print the ratio of their medians."""
    data = datasets.digits()
    module = networks.mlp(64, (128, 128), 10, generator=generator_for(0, "network"))
    problem = Problem(module, CrossEntropy(), data.inputs, data.targets)
    w = problem.initial_weights
    v = torch.randn(w.shape, generator=generator_for(0, "v"), dtype=w.dtype)
    parameters = list(module.parameters())
    operator = HessianLinearOperator(
        module,
        nn.CrossEntropyLoss(),
        parameters,
        [(data.inputs, data.targets)],
        check_deterministic=False,
    )
    ours = problem.hessian_product(w)
    torch.testing.assert_close(ours(v), operator @ v, rtol=1e-9, atol=1e-12)
    times: dict[str, list[float]] = {"ours": [], "curvlinops": []}
    for _ in range(ROUNDS):
        times["ours"].append(_seconds(lambda: ours(v)))
        times["curvlinops"].append(_seconds(lambda: operator @ v))
    for name, values in times.items():
        print(f"{name:12s} {1e3 * median(values):8.2f} ms a product")
    print(f"ratio ours/curvlinops {median(times['ours']) / median(times['curvlinops']):.2f}")


def _seconds(work: Callable[[], torch.Tensor]) -> float:
    start = time.perf_counter()
    for _ in range(PRODUCTS):
        work()
    return (time.perf_counter() - start) / PRODUCTS


if __name__ == "__main__":
    main()
