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
from device_models.kernels.counter_numbers import READ_AHEAD, READ_BACK, normals_of_stream
from device_models.kernels.dispatch import TYPES, plain, word_of
from device_models.kernels.stack.codes import LOST


@dataclass(frozen=True)
class NoisyProducts:
    """One read's noise of one layer.

    Attributes:
        std: s.
        key: Of the read, see ``draw_key``.
        place: Number of the layer's first weight, by which its numbers are told apart.
        inputs: Aᵀ, shape ``(n, inputs)``.
        biased: Whether the matrix has a column more, of biases, whose input is 1.
        inside: Gᵀ, shape ``(n, outputs)``.
    """

    std: float
    key: Tensor
    place: int
    inputs: Tensor
    biased: bool
    inside: Tensor

    @classmethod
    def forward(
        cls, std: float, key: Tensor, place: int, inputs: Tensor, products: Tensor, biased: bool
    ) -> Self:
        """The noise of a read, which is added to the products of the forward pass.

        Args:
            std: Standard deviation of a weight as read.
            key: Of the read, one for all layers.
            place: Number of the layer's first weight.
            inputs: Aᵀ, shape ``(n, inputs)``.
            products: What the layer makes of them without noise, shape ``(n, outputs)``; changed in
                place.
            biased: Whether the matrix has a column more, of biases, whose input is 1.
        """
        if _compiled(inputs, products):
            inside, inputs = torch.empty_like(products), inputs.contiguous()
            _run("ahead", inputs, biased, std, word_of(key), place, inside, products)
        else:
            triangle = _orthonormal(inputs, biased)[0].to(products.dtype)
            inside = _normals(key, place | READ_AHEAD, products.shape, products)
            products.addmm_(triangle, inside, alpha=std)
        return cls(std, key, place, inputs, biased, inside)

    def backward(self, errors: Tensor, products: Tensor) -> None:
        """Adds the noise of the same read to the products of the backward pass.

        Args:
            errors: Dᵀ, shape ``(n, outputs)``.
            products: Without noise, shape ``(n, inputs)``; changed in place.
        """
        if _compiled(errors, products):
            _run(
                "back", errors.contiguous(), self.inputs, self.biased, self.std,
                word_of(self.key), self.place, self.inside, products,
            )  # fmt: skip
            return
        basis = _orthonormal(self.inputs, self.biased)[1].to(errors.dtype)
        shape = torch.Size((len(errors), basis.shape[1]))
        normal = _normals(self.key, self.place | READ_BACK, shape, products)
        beside = _orthonormal(errors, False)[0].to(errors.dtype).mm(normal)
        along = errors.mm(self.inside.t()) - beside.mm(basis.t())
        products += self.std * torch.addmm(beside, along, basis)[:, : products.shape[1]]


def _compiled(vectors: Tensor, products: Tensor) -> bool:
    """Whether loops take the vectors of a pass; those of both passes are alike."""
    kind = vectors.dtype
    known = available() and kind in TYPES and products.is_contiguous()
    return known and plain(vectors, kind) and plain(products, kind)


def _run(name: str, *arguments: Any) -> None:
    from device_models.kernels.stack import passes  # noqa: PLC0415  (imports numba)

    given = tuple(each.numpy() if isinstance(each, Tensor) else each for each in arguments)
    loop_of(getattr(passes, name), arguments[0].dtype).ready_for(given)(*given)


def _normals(key: Tensor, stream: int, shape: torch.Size, like: Tensor) -> Tensor:
    return normals_of_stream(key, stream, shape.numel(), like).view(shape)


def _with_ones(rows: Tensor, biased: bool) -> Tensor:
    """A copy of rows in 64 bits, with a column of ones where there are biases."""
    rows = rows.to(torch.float64, copy=True)
    return torch.cat([rows, torch.ones_like(rows[:, :1])], 1) if biased else rows


def _orthonormal(rows: Tensor, biased: bool) -> tuple[Tensor, Tensor]:
    """L and Qᵀ of rows, in 64 bits; a row that those before it span has zeros for its own in Qᵀ.

    Gram and Schmidt, twice, which is as orthogonal as one row after the other.
    """
    basis = _with_ones(rows, biased)
    triangle = basis.new_zeros(len(rows), len(rows))
    for i in range(len(basis)):
        now, before = basis[i], basis[:i]
        size = now.norm()
        for _ in range(2):
            along = before.mv(now)
            triangle[i, :i] += along
            now -= before.t().mv(along)
        left = now.norm()
        triangle[i, i] = left if left > LOST * size else 0.0
        now /= left if left > LOST * size else torch.inf
    return triangle, basis
