"""What a matrix of independent normal numbers adds to two products with it, without the matrix.

See ``noisy_products`` for the equations; Q and L are by rows, ``A = L Q``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.kernels.compiled import called, summed

LOST = 1e-8
"""Part of a row's norm that counts as nothing where it is all that is new in it."""


@summed
def _dot(one: Any, other: Any) -> Any:
    total = one.dtype.type(0.0)
    for k in range(one.size):
        total += one[k] * other[k]
    return total


@called
def _add(part: Any, one: Any, found: Any) -> None:
    for k in range(found.size):
        found[k] += part * one[k]


@called
def _orthonormal(rows: Any, biased: bool, basis: Any, triangle: Any) -> None:
    """Modified Gram and Schmidt; a row that those before it span has zeros for its own in Q."""
    for i in range(len(rows)):
        now = basis[i]
        for k in range(rows.shape[1]):
            now[k] = np.float64(rows[i, k])
        if biased:
            now[rows.shape[1]] = 1.0
        size = np.sqrt(_dot(now, now))
        for k in range(i):
            triangle[i, k] = _dot(basis[k], now)
            _add(-triangle[i, k], basis[k], now)
        left = np.sqrt(_dot(now, now))
        left = left if left > LOST * size else 0.0
        triangle[i, i] = left
        scale = 1.0 / left if left > 0.0 else 0.0
        for k in range(now.size):
            now[k] *= scale


def ahead(inputs: Any, biased: bool, std: float, normals: Any, basis: Any, products: Any) -> None:
    """Adds ``std·L G`` to the products of the forward pass.

    Args:
        inputs: A, shape ``(n, inputs)``.
        biased: Whether a column of ones follows its own.
        std: Standard deviation of a weight as read.
        normals: G, shape ``(n, outputs)``.
        basis: Filled with Q, of 64 bits, shape ``(n, inputs)``, or a column more for the ones.
        products: Shape ``(n, outputs)``.
    """
    triangle, real = np.empty((len(inputs), len(inputs))), inputs.dtype.type
    _orthonormal(inputs, biased, basis, triangle)
    for i in range(len(inputs)):
        for k in range(i + 1):
            _add(real(std * triangle[i, k]), normals[k], products[i])


def back(errors: Any, std: float, basis: Any, inside: Any, normals: Any, products: Any) -> None:
    """Adds ``std·(L_D H (1 − QᵀQ) + D Gᵀ Q)`` to the products of the backward pass.

    Args:
        errors: D, shape ``(n, outputs)``.
        std: As for ``ahead``.
        basis: Q of the forward pass.
        inside: G of the forward pass.
        normals: H, of as many columns as Q, shape ``(n, columns)``.
        products: Shape ``(n, inputs)``.
    """
    count, real = len(errors), errors.dtype.type
    lines, triangle = np.empty(errors.shape), np.empty((count, count))
    _orthonormal(errors, False, lines, triangle)
    beside = np.empty(basis.shape[1])
    for i in range(count):
        beside[:] = 0.0
        for k in range(i + 1):
            _add(triangle[i, k], normals[k], beside)
        for k in range(count):
            # Of what is beside Q nothing is left along it.
            part = np.float64(_dot(errors[i], inside[k])) - _dot(beside, basis[k])
            _add(part, basis[k], beside)
        for k in range(products.shape[1]):
            products[i, k] += real(std * beside[k])
