"""What a matrix of independent normal numbers adds to two products with it, without the matrix.

See ``neurograd.problem.written_out.noisy_products`` for the equations; vectors are rows here,
``A = L Q``. The normal numbers of both passes are those of
``counter_numbers.normals_of_stream``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.kernels.compiled import called
from device_models.kernels.counter_numbers import READ_AGAIN, READ_AHEAD, READ_BACK
from device_models.kernels.number_loops import BLOCK, block_of, normals_of
from device_models.kernels.stack.codes import LOST
from device_models.kernels.stack.products import add_row, add_rows, dot


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
def orthonormal(rows: Any, biased: Any, basis: Any, triangle: Any) -> None:
    """Modified Gram and Schmidt; a row that those before it span has zeros for its own in Q.

    Args:
        rows: A, shape ``(n, width)``.
        biased: Whether a column of ones follows its own.
        basis: Filled with Q, of 64 bits, shape ``(n, width)``, or a column wider for the ones.
        triangle: Filled with L, of 64 bits, up to its diagonal, shape ``(n, n)``.
    """
    for i in range(len(rows)):
        now = basis[i]
        for k in range(rows.shape[1]):
            now[k] = np.float64(rows[i, k])
        if biased:
            now[rows.shape[1]] = 1.0
        size = np.sqrt(dot(now, now))
        for k in range(i):
            triangle[i, k] = dot(basis[k], now)
            add_row(now.size, -triangle[i, k], basis[k], now)
        left = np.sqrt(dot(now, now))
        left = left if left > LOST * size else 0.0
        triangle[i, i] = left
        scale = 1.0 / left if left > 0.0 else 0.0
        for k in range(now.size):
            now[k] *= scale


@called
def add_ahead(inputs: Any, biased: Any, std: Any, key: Any, place: Any, products: Any) -> Any:
    """Adds ``std·L G`` to the products of a forward pass.

    Args:
        inputs: A, shape ``(n, width)``.
        biased: As for ``orthonormal``.
        std: Standard deviation of a weight as read.
        key: Of the read.
        place: Number of the layer's first weight, by which its streams are told apart.
        products: Shape ``(n, height)``.

    Returns:
        G, shape ``(n, height)``.
    """
    count, height, more = len(inputs), products.shape[1], 1 if biased else 0
    basis, triangle = np.empty((count, inputs.shape[1] + more)), np.empty((count, count))
    orthonormal(inputs, biased, basis, triangle)
    inside = normals(key, np.uint64(place) | np.uint64(READ_AHEAD), count, height, inputs)
    factors = np.zeros((count, count), inputs.dtype)
    for i in range(count):
        for k in range(i + 1):
            factors[i, k] = inputs.dtype.type(std * triangle[i, k])
    add_rows(factors, inside, products)
    return inside


@called
def add_again(
    inputs: Any, before: Any, rows: Any, std: Any, key: Any, place: Any, inside: Any, products: Any
) -> None:
    """Adds the same to the products of inputs that an array without biases gets after others.

    Args:
        inputs: A with further rows, shape ``(n + m, width)``.
        before: How many came before, n.
        rows: Which of the products those of each further row are, shape ``(m,)``.
        std: As for ``add_ahead``.
        key: As for ``add_ahead``.
        place: As for ``add_ahead``.
        inside: G, whose further rows are filled, shape ``(n + m, height)``.
        products: Without noise in these rows.
    """
    count, height = len(inputs), products.shape[1]
    basis, triangle = np.empty(inputs.shape), np.empty((count, count))
    orthonormal(inputs, False, basis, triangle)
    further = np.uint64(place) | np.uint64(READ_AGAIN)
    drawn = normals(key, further, count - before, height, inputs)
    for i in range(before, count):
        for k in range(height):
            inside[i, k] = drawn[i - before, k]
        for j in range(i + 1):
            part = inputs.dtype.type(std * triangle[i, j])
            add_row(height, part, inside[j], products[rows[i - before]])


@called
def add_back(
    errors: Any, inputs: Any, biased: Any, std: Any, key: Any, place: Any,
    inside: Any, products: Any,
) -> None:  # fmt: skip
    """Adds ``std·(L_D H (1 − QᵀQ) + D Gᵀ Q)`` to the products of a backward pass.

    Args:
        errors: D, shape ``(n, height)``.
        inputs: As for ``add_ahead``.
        biased: As there.
        std: As there.
        key: As there.
        place: As there.
        inside: G, or with further columns.
        products: Shape ``(n, width)``.
    """
    count, width, real = len(errors), inputs.shape[1] + (1 if biased else 0), errors.dtype.type
    # More than errors where an array got some inputs after others.
    seen = len(inputs)
    lines, own = np.empty(errors.shape), np.zeros((count, count))
    orthonormal(errors, False, lines, own)
    exact, triangle = np.empty((seen, width)), np.empty((seen, seen))
    orthonormal(inputs, biased, exact, triangle)
    beside = normals(key, np.uint64(place) | np.uint64(READ_BACK), count, width, errors)
    basis, along = np.empty((seen, width), errors.dtype), np.empty((count, seen))
    of_beside, of_basis = (
        np.zeros((count, count), errors.dtype),
        np.empty((count, seen), errors.dtype),
    )
    for i in range(seen):
        for k in range(width):
            basis[i, k] = real(exact[i, k])
    for i in range(count):
        for k in range(seen):
            along[i, k] = np.float64(dot(beside[i], basis[k]))
    for i in range(count):
        for k in range(seen):
            # Of what is beside Q nothing is left along it.
            part = np.float64(dot(errors[i], inside[k]))
            for j in range(i + 1):
                part -= own[i, j] * along[j, k]
            of_basis[i, k] = real(std * part)
        for k in range(i + 1):
            of_beside[i, k] = real(std * own[i, k])
    add_rows(of_beside, beside, products)
    add_rows(of_basis, basis, products)
