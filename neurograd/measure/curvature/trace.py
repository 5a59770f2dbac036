"""Trace of the Hessian: exact where the network allows it, else Hutch++ with a standard error."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.measure.curvature.layerwise import exact_diagonal, has_exact_diagonal
from neurograd.measure.estimate import Estimate
from neurograd.problem import Problem
from neurograd.seeding import generator_for

_GLOBAL_GENERATOR = threading.Lock()

REPEATS = 6
PRODUCTS = 30


@dataclass(frozen=True)
class HessianTrace(Estimate):
    """Tr H, in units of the Hessian.

    Attributes:
        method: How it was found: ``exact``, ``hutch++`` or ``smoothed``.
    """

    method: str

    @staticmethod
    def by(method: str, found: Estimate) -> HessianTrace:
        """An estimate of the trace with the name of its method.

        Args:
            method: How it was found.
            found: The estimate.
        """
        return HessianTrace(found.value, found.error, found.degrees, method)


def hessian_trace(
    problem: Problem,
    w: Tensor,
    seed: int,
    *,
    products: int = PRODUCTS,
    repeats: int = REPEATS,
) -> HessianTrace:
    """Trace of the Hessian of the mean training loss at ``w``.

    Exact from the layerwise diagonal where that applies; else the mean of independent Hutch++
    estimates (Meyer et al., SOSA 2021, by the library curvlinops), whose spread gives the error.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        seed: Seed of the probes.
        products: Hessian-vector products of one estimate.
        repeats: Independent estimates, 2 or more.

    Returns:
        The trace, in units of the Hessian, with how it was found.

    Raises:
        ValueError: If fewer than two estimates are asked for where it is not exact.
    """
    if has_exact_diagonal(problem):
        return HessianTrace.by("exact", Estimate.exact(float(exact_diagonal(problem, w).sum())))
    return stochastic_trace(problem, w, seed, products=products, repeats=repeats)


def stochastic_trace(
    problem: Problem, w: Tensor, seed: int, *, products: int = PRODUCTS, repeats: int = REPEATS
) -> HessianTrace:
    """Hutch++ estimate of the trace; exact where the products suffice for it.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        seed: Seed of the probes.
        products: Hessian-vector products of one estimate.
        repeats: Independent estimates, 2 or more.

    Raises:
        ValueError: If there are fewer than two estimates.

    Source:
        Meyer, Musco, Musco and Woodruff, SOSA 2021.
    """
    if repeats < 2:
        raise ValueError(f"repeats is {repeats}; allowed: 2 or more")
    # Three products a probe; a trace this small is found exactly from the unit vectors.
    products = 3 * max(1, products // 3)
    if products >= problem.num_parameters:
        return _dense_trace(problem, w)
    from curvlinops import hutchpp_trace  # noqa: PLC0415  (slow to import, seldom needed)

    from neurograd.measure.curvature.operator import HessianOperator  # noqa: PLC0415

    operator = HessianOperator(problem, w)
    values = []
    for k in range(repeats):
        probe_seed = generator_for(seed, "trace", k).initial_seed()
        # The library draws from the global generator: lend it one and put the state back.
        with (
            _GLOBAL_GENERATOR,
            torch.random.fork_rng(devices=[w.device] if w.is_cuda else []),
        ):
            torch.manual_seed(probe_seed)
            values.append(float(hutchpp_trace(operator, products)))
    return HessianTrace.by("hutch++", Estimate.mean_of(values))


def _dense_trace(problem: Problem, w: Tensor) -> HessianTrace:
    product = problem.hessian_product(w)
    eye = torch.eye(problem.num_parameters, dtype=w.dtype, device=w.device)
    total = sum(float(product(row) @ row) for row in eye)
    return HessianTrace.by("exact", Estimate.exact(total))
