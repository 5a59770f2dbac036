"""The Hessian as a linear operator of the library curvlinops."""

from __future__ import annotations

import torch
from curvlinops._torch_base import PyTorchLinearOperator
from torch import Tensor

from neurograd.problem import Problem


class HessianOperator(PyTorchLinearOperator):  # type: ignore[misc]  # curvlinops has no types
    """Hessian of the mean training loss at ``w`` for curvlinops' estimators.

    The products are the problem's own, which keep the gradient's graph between calls; the
    benchmark ``benchmarks/curvature.py`` compares them with curvlinops' operator.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
    """

    SELF_ADJOINT = True

    def __init__(self, problem: Problem, w: Tensor) -> None:
        shape = [(problem.num_parameters,)]
        super().__init__(shape, shape)
        self._product = problem.hessian_product(w)
        self._like = w

    @property
    def device(self) -> torch.device:
        """Device of the vectors."""
        return self._like.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the vectors."""
        return self._like.dtype

    def _matmat(self, X: list[Tensor]) -> list[Tensor]:
        (columns,) = X
        return [torch.stack([self._product(v) for v in columns.T.contiguous()], dim=1)]
