"""What a matrix of independent normal numbers adds to two products with it, without the matrix.

See ``neurograd.problem.noisy_products`` for the equations; vectors are rows here, ``A = L Q``. The
normal numbers of both passes are those of ``counter_numbers.normals_of_stream``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.kernels.compiled import called
from device_models.kernels.counter_numbers import READ_AHEAD, READ_BACK
from device_models.kernels.number_loops import BLOCK, block_of, normals_of
from device_models.kernels.stack.products import add_rows, dot, long_dot
from device_models.outer_products import LOST


@called
def fill(key: Any, stream: Any, count: Any, words: Any, found: Any) -> None:
    """Standard normal numbers of a stream: see ``counter_numbers.normals_of_stream``.

    Args:
        key: Of the read.
        stream: Number of a device.
        count: How many.
        words: Room for four rows of ``BLOCK`` words.
        found: Filled with the numbers, and up to 3 more.
    """
    quarter = -(-count // 4)
    one, two, three = words[BLOCK:], words[2 * BLOCK :], words[3 * BLOCK :]
    for begin in range(0, quarter, BLOCK):
        some = min(BLOCK, quarter - begin)
        for j in range(some):
            r0, r1, r2, r3 = block_of(stream, np.uint64(begin + j), key)
            words[j], one[j] = np.uint32(r0), np.uint32(r1)
            two[j], three[j] = np.uint32(r2), np.uint32(r3)
        normals_of(words, some, found[begin:], found[quarter + begin :])
        normals_of(two, some, found[2 * quarter + begin :], found[3 * quarter + begin :])


@called
def normals(key: Any, stream: Any, rows: Any, columns: Any, like: Any) -> Any:
    """The same as a matrix."""
    found, words = np.empty(rows * columns + 3, like.dtype), np.empty(4 * BLOCK, np.uint32)
    fill(key, stream, rows * columns, words, found)
    return found[: rows * columns].reshape(rows, columns)


@called
def copy(given: Any, found: Any) -> None:
    """Copies a matrix; an assignment's own code for shapes that differ takes seconds to compile."""
    for n in range(len(given)):
        for k in range(given.shape[1]):
            found[n, k] = given[n, k]


@called
def triangle_of(rows: Any, biased: Any) -> Any:
    """L with ``L Lᵀ = A Aᵀ``, in 64 bits, whose column is 0 where those before span a row.

    Args:
        rows: A, shape ``(n, width)``.
        biased: Whether a column of ones follows its own.
    """
    count = len(rows)
    found, more = np.zeros((count, count)), 1.0 if biased else 0.0
    for i in range(count):
        for k in range(i + 1):
            found[i, k] = long_dot(rows[i], rows[k]) + more
    for k in range(count):
        size = found[k, k]
        for j in range(k):
            found[k, k] -= found[k, j] * found[k, j]
        left = np.sqrt(found[k, k]) if found[k, k] > LOST * size else 0.0
        scale = 1.0 / left if left > 0.0 else 0.0
        found[k, k] = left
        for i in range(k + 1, count):
            for j in range(k):
                found[i, k] -= found[i, j] * found[k, j]
            found[i, k] *= scale
    return found


@called
def basis_of(rows: Any, biased: Any, triangle: Any) -> Any:
    """Q by Gram and Schmidt (modified); 0 where a row has nothing new.

    Args:
        rows: A, shape ``(n, width)``.
        biased: As for ``triangle_of``.
        triangle: L.

    Returns:
        In the type of A, shape ``(n, width)``, or a column wider for the ones.
    """
    count, width = rows.shape
    basis = np.empty((count, width + (1 if biased else 0)))
    for i in range(count):
        now = basis[i]
        for k in range(width):
            now[k] = np.float64(rows[i, k])
        if biased:
            now[width] = 1.0
        for k in range(i):
            part = -dot(basis[k], now)
            for j in range(now.size):
                now[j] += part * basis[k, j]
        left = np.sqrt(dot(now, now)) if triangle[i, i] > 0.0 else 0.0
        scale = 1.0 / left if left > 0.0 else 0.0
        for k in range(now.size):
            now[k] *= scale
    found = np.empty(basis.shape, rows.dtype)
    for i in range(count):
        for k in range(basis.shape[1]):
            found[i, k] = rows.dtype.type(basis[i, k])
    return found


@called
def add_ahead(inputs: Any, biased: Any, std: Any, key: Any, place: Any, products: Any) -> Any:
    """Adds ``std·L G`` to the products of a forward pass.

    Args:
        inputs: A, shape ``(n, width)``.
        biased: As for ``triangle_of``.
        std: Standard deviation of a weight as read.
        key: Of the read.
        place: Number of the layer's first weight, by which its streams are told apart.
        products: Shape ``(n, height)``.

    Returns:
        L, and G of shape ``(n, height)``.
    """
    count, height = products.shape
    triangle = triangle_of(inputs, biased)
    inside = normals(key, np.uint64(place) | np.uint64(READ_AHEAD), count, height, inputs)
    factors = np.empty((count, count), inputs.dtype)
    for i in range(count):
        for k in range(count):
            factors[i, k] = inputs.dtype.type(std * triangle[i, k])
    add_rows(factors, inside, products)
    return triangle, inside


@called
def add_back(
    errors: Any, inputs: Any, biased: Any, std: Any, key: Any, place: Any,
    triangle: Any, inside: Any, products: Any,
) -> None:  # fmt: skip
    """Adds ``std·(L_D H (1 − QᵀQ) + D Gᵀ Q)`` to the products of a backward pass.

    Args:
        errors: D, shape ``(n, height)``.
        inputs: As for ``add_ahead``.
        biased: As there.
        std: As there.
        key: As there.
        place: As there.
        triangle: L.
        inside: G, or with further columns.
        products: Shape ``(n, width)``.
    """
    count, real = len(errors), errors.dtype.type
    basis, own = basis_of(inputs, biased, triangle), triangle_of(errors, False)
    stream = np.uint64(place) | np.uint64(READ_BACK)
    beside = normals(key, stream, count, basis.shape[1], errors)
    along, factors = np.empty((count, count)), np.empty((2, count, count), errors.dtype)
    for i in range(count):
        for k in range(count):
            along[i, k] = np.float64(dot(beside[i], basis[k]))
    for i in range(count):
        for k in range(count):
            factors[0, i, k] = real(std * own[i, k])
            part = np.float64(dot(errors[i], inside[k]))
            for j in range(i + 1):
                part -= own[i, j] * along[j, k]
            factors[1, i, k] = real(std * part)
    add_rows(factors[0], beside, products)
    add_rows(factors[1], basis, products)
