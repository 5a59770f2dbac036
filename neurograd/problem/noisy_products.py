"""Products with a matrix of independent normal numbers, without the matrix.

A read adds to a layer's weights the matrix sM, M of independent standard normal numbers, which a
pass multiplies by few vectors only: by the inputs A in the forward pass, and by the errors D in the
backward pass. With orthonormal Q that spans the columns of A, and Q_D R_D = D,

    M A = G Qᵀ A,      Mᵀ D = Q Gᵀ D + (1 − Q Qᵀ) H R_D,

where G and H are of independent standard normal numbers: M Q is normal for any Q that does not
depend on M, and what is left of M beside Q is independent of it. So both products have exactly
their joint distribution, for as many numbers as there are in them, not in M.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoisyProducts:
    """One read's noise of one layer.

    Attributes:
        std: s.
        generator: Source of the noise.
        basis: Q, shape ``(inputs, r)``.
        inside: Gᵀ, shape ``(r, outputs)``.
        forward: What the noise adds to the products of the forward pass, shape ``(n, outputs)``.
    """

    std: float
    generator: torch.Generator
    basis: Tensor
    inside: Tensor
    forward: Tensor

    @classmethod
    def of(cls, std: float, generator: torch.Generator, inputs: Tensor, outputs: int) -> Self:
        """The noise of a read of a matrix with ``outputs`` rows.

        Args:
            std: Standard deviation of a weight as read.
            generator: Source of the noise.
            inputs: Aᵀ, shape ``(n, inputs)``.
            outputs: Rows of the matrix.
        """
        basis, triangle = torch.linalg.qr(inputs.t())
        inside = _normal(basis.shape[1], outputs, inputs, generator)
        return cls(std, generator, basis, inside, std * triangle.t().mm(inside))

    def backward(self, errors: Tensor) -> Tensor:
        """What the noise adds to the products of the backward pass, shape ``(n, inputs)``.

        Args:
            errors: Dᵀ, shape ``(n, outputs)``.
        """
        triangle = torch.linalg.qr(errors.t())[1]
        beside = triangle.t().mm(_normal(len(triangle), len(self.basis), errors, self.generator))
        along = errors.mm(self.inside.t()) - beside.mm(self.basis)
        return self.std * torch.addmm(beside, along, self.basis.t())


def _normal(rows: int, columns: int, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=like.dtype, device=like.device)
