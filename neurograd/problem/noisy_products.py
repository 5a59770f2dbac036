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
from typing import Any, Self

import torch
from torch import Tensor

from device_models.kernels.compiled import available, loop_of
from device_models.kernels.dispatch import TYPES, plain


@dataclass(frozen=True)
class NoisyProducts:
    """One read's noise of one layer.

    Attributes:
        std: s.
        generator: Source of the noise.
        basis: Qᵀ, shape ``(r, inputs)``, or ``(r, inputs + 1)`` of a layer with biases.
        inside: Gᵀ, shape ``(r, outputs)``.
    """

    std: float
    generator: torch.Generator
    basis: Tensor
    inside: Tensor

    @classmethod
    def forward(
        cls,
        std: float,
        generator: torch.Generator,
        inputs: Tensor,
        products: Tensor,
        *,
        biased: bool,
    ) -> Self:
        """The noise of a read, which is added to the products of the forward pass.

        Args:
            std: Standard deviation of a weight as read.
            generator: Source of the noise.
            inputs: Aᵀ, shape ``(n, inputs)``.
            products: What the layer makes of them without noise, shape ``(n, outputs)``; changed in
                place.
            biased: Whether the matrix has a column more, of biases, whose input is 1.
        """
        if _compiled(inputs, products):
            inside = _normal(len(inputs), products.shape[1], inputs, generator)
            basis = torch.empty(len(inputs), inputs.shape[1] + biased, dtype=torch.float64)
            _run("ahead", inputs, biased, std, inside, basis, products)
            return cls(std, generator, basis, inside)
        if biased:
            inputs = torch.cat([inputs, torch.ones_like(inputs[:, :1])], 1)
        columns, triangle = torch.linalg.qr(inputs.t())
        inside = _normal(len(triangle), products.shape[1], inputs, generator)
        products.addmm_(triangle.t(), inside, alpha=std)
        return cls(std, generator, columns.t(), inside)

    def backward(self, errors: Tensor, products: Tensor) -> None:
        """Adds the noise of the same read to the products of the backward pass.

        Args:
            errors: Dᵀ, shape ``(n, outputs)``.
            products: Without noise, shape ``(n, inputs)``; changed in place.
        """
        columns, inputs = self.basis.shape[1], products.shape[1]
        if _compiled(errors, products):
            normals = _normal(len(errors), columns, errors, self.generator)
            _run("back", errors, self.std, self.basis, self.inside, normals, products)
            return
        triangle = torch.linalg.qr(errors.t())[1]
        beside = triangle.t().mm(_normal(len(triangle), columns, errors, self.generator))
        along = errors.mm(self.inside.t()) - beside.mm(self.basis.t())
        products += self.std * torch.addmm(beside, along, self.basis)[:, :inputs]


def _compiled(vectors: Tensor, products: Tensor) -> bool:
    """Whether loops take the vectors of a pass; those of both passes are alike."""
    kind = vectors.dtype
    known = available() and kind in TYPES and products.is_contiguous()
    return known and plain(vectors, kind) and plain(products, kind)


def _run(name: str, *arguments: Any) -> None:
    from neurograd.problem import noisy_loop  # noqa: PLC0415  (imports numba)

    given = [each.contiguous().numpy() if isinstance(each, Tensor) else each for each in arguments]
    loop = loop_of(getattr(noisy_loop, name), arguments[0].dtype)
    loop.ready_for(tuple(given))(*given)


def _normal(rows: int, columns: int, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=like.dtype, device=like.device)
