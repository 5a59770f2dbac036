"""Extreme eigenvalues, Frobenius norm and spectral density of the Hessian.

The outlying eigenvalues are found one by one with Lanczos' method (ARPACK through scipy) and taken
out; the bulk that is left is measured by stochastic Lanczos quadrature (Ubaru, Chen and Saad,
SIAM J. Matrix Anal. 2017), whose probes are then small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from neurograd.measure.estimate import Estimate
from neurograd.problem import Problem
from neurograd.seeding import generator_for


@dataclass(frozen=True)
class Effort:
    """How much work a spectrum is worth.

    Attributes:
        outliers: Largest eigenvalues that are found one by one.
        probes: Random vectors for the bulk, 2 or more.
        steps: Lanczos steps a probe.
        lowest: Whether λ_N is found on its own; else it is the lowest node of the bulk, which is
            a little above it.
    """

    outliers: int = 10
    probes: int = 3
    steps: int = 20
    lowest: bool = True


FULL = Effort()
QUICK = Effort(outliers=4, probes=2, steps=12, lowest=False)

_DENSE_LIMIT = 200
_EDGE_TOLERANCE = 1e-3
_LOWER_EDGE_TOLERANCE = 0.1


@dataclass(frozen=True)
class Spectrum:
    """The Hessian's spectrum as nodes and weights.

    Attributes:
        eigenvalues: Nodes, shape ``(k,)``, ascending.
        weights: How many eigenvalues each node stands for, shape ``(k,)``; they sum to N.
        lambda_max: Largest eigenvalue λ_1.
        lambda_min: Smallest eigenvalue λ_N.
        frobenius: Frobenius norm ψ.
        products: Number of Hessian-vector products that it took.
    """

    eigenvalues: np.ndarray
    weights: np.ndarray
    lambda_max: float
    lambda_min: float
    frobenius: Estimate
    products: int


class _Counted:
    """A Hessian-vector product on numpy vectors that counts its calls."""

    def __init__(self, problem: Problem, w: Tensor) -> None:
        self._product = problem.hessian_product(w)
        self._like = w
        self.calls = 0

    def torch(self, v: Tensor) -> Tensor:
        self.calls += 1
        return self._product(v)

    def __call__(self, v: np.ndarray) -> np.ndarray:
        vector = torch.from_numpy(np.ascontiguousarray(v).reshape(-1)).to(self._like)
        return self.torch(vector).cpu().numpy().astype(np.float64)


def measure_spectrum(
    problem: Problem,
    w: Tensor,
    seed: int,
    effort: Effort = FULL,
) -> Spectrum:
    """Measure the Hessian's spectrum at ``w``.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        seed: Seed of the starting vectors and probes.
        effort: How much work it is worth.

    Returns:
        Nodes with weights, extreme eigenvalues and Frobenius norm, in units of the Hessian; exact
        for at most 200 weights.

    Raises:
        ValueError: If there are fewer than two probes.

    Source:
        Ubaru, Chen and Saad, SIAM J. Matrix Anal. 2017 (stochastic Lanczos quadrature).
    """
    probes = effort.probes
    if probes < 2:
        raise ValueError(f"probes is {probes}; allowed: 2 or more")
    product = _Counted(problem, w)
    size = problem.num_parameters
    if size <= _DENSE_LIMIT:
        return _dense(product, size)
    start = _normal(generator_for(seed, "spectrum", "start"), size)
    if not product(start).any():
        none = Estimate.exact(0.0)
        return Spectrum(np.zeros(1), np.full(1, float(size)), 0.0, 0.0, none, product.calls)
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    values, vectors = _top(operator, min(effort.outliers, size // 4), start)
    basis = torch.from_numpy(vectors).to(w)

    runs = []
    for k in range(probes):
        probe = _normal(generator_for(seed, "spectrum", k), size)
        runs.append(
            _bulk_quadrature(product.torch, torch.from_numpy(probe).to(w), basis, effort.steps)
        )
    nodes = np.concatenate([values, *(n for n, _ in runs)])
    bulk = size - len(values)
    weights = np.concatenate([np.ones(len(values)), *(q * bulk / probes for _, q in runs)])
    order = np.argsort(nodes)

    lowest = _lowest(operator, start) if effort.lowest else float("inf")
    squares = np.array([bulk * float(q @ n**2) for n, q in runs])
    frobenius = float(np.sqrt((values**2).sum() + squares.mean()))
    error = float(squares.std(ddof=1)) / probes**0.5 / (2 * frobenius) if frobenius > 0 else 0.0
    return Spectrum(
        eigenvalues=nodes[order],
        weights=weights[order],
        lambda_max=float(values.max()),
        lambda_min=min(lowest, float(nodes.min())),
        frobenius=Estimate(frobenius, error, probes - 1.0),
        products=product.calls,
    )


def _normal(generator: torch.Generator, size: int) -> np.ndarray:
    draw: np.ndarray = torch.randn(size, generator=generator, dtype=torch.float64).numpy()
    return draw


def _dense(product: _Counted, size: int) -> Spectrum:
    matrix = np.stack([product(row) for row in np.eye(size)])
    values = np.linalg.eigvalsh(0.5 * (matrix + matrix.T))
    return Spectrum(
        eigenvalues=values,
        weights=np.ones(size),
        lambda_max=float(values[-1]),
        lambda_min=float(values[0]),
        frobenius=Estimate.exact(float(np.linalg.norm(values))),
        products=product.calls,
    )


def _top(operator: LinearOperator, count: int, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest eigenvalues and their vectors; as many as converge."""
    values: np.ndarray
    vectors: np.ndarray
    try:
        values, vectors = eigsh(operator, k=count, which="LA", tol=_EDGE_TOLERANCE, v0=start)
    except ArpackNoConvergence as failure:
        values, vectors = failure.eigenvalues.real, failure.eigenvectors.real
        if len(values) == 0:
            values, vectors = eigsh(operator, k=1, which="LA", tol=0.1, v0=start)
    return np.asarray(values, dtype=float), np.asarray(vectors, dtype=float)


def _lowest(operator: LinearOperator, start: np.ndarray) -> float:
    """Smallest eigenvalue; near a minimum it lies in a dense edge, so loosely converged."""
    try:
        values = eigsh(
            operator,
            k=1,
            which="SA",
            tol=_LOWER_EDGE_TOLERANCE,
            v0=start,
            maxiter=12,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence as failure:
        values = failure.eigenvalues.real
    return float(values.min()) if len(values) else float("inf")


def _bulk_quadrature(
    product: Callable[[Tensor], Tensor], probe: Tensor, basis: Tensor, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (sum 1) of one Lanczos run orthogonal to ``basis``, shape ``(N, k)``."""
    v = probe - basis @ (basis.T @ probe)
    kept = torch.empty(steps, len(v), dtype=v.dtype, device=v.device)
    torch.div(v, v.norm(), out=kept[0])
    alpha: list[float] = []
    beta: list[float] = []
    for _ in range(steps):
        # Of ``kept`` no second copy is made: in large networks it is most of the memory.
        krylov = kept[: len(alpha) + 1]
        u = product(krylov[-1])
        alpha.append(float(u @ krylov[-1]))
        # Full reorthogonalization, twice: without it Lanczos finds its eigenvalues again.
        for _ in range(2):
            u = u - basis @ (basis.T @ u)
            u = u - krylov.T @ (krylov @ u)
        norm = float(u.norm())
        if norm < 1e-12 * max(1e-300, *map(abs, alpha)) or len(alpha) == steps:
            break
        beta.append(norm)
        torch.div(u, norm, out=kept[len(alpha)])
    size = len(alpha)
    tridiagonal = np.diag(alpha) + np.diag(beta[: size - 1], 1) + np.diag(beta[: size - 1], -1)
    nodes, vectors = np.linalg.eigh(tridiagonal)
    return nodes, vectors[0] ** 2
