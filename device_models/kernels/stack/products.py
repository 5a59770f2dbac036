"""Products of few vectors with matrices, and of triangles with few vectors.

A processor takes several numbers of a row at a time; sums are taken over a tile of rows and
vectors, so that what is read is used several times.
"""

from __future__ import annotations

from typing import Any

from device_models.kernels.compiled import called, summed

_VECTORS = 5
"""Vectors of a tile; its rows are two."""


@summed
def dot(one: Any, other: Any) -> Any:
    """Sum of products, in the type of the vectors."""
    total = one.dtype.type(0.0)
    for k in range(one.size):
        total += one[k] * other[k]
    return total


@summed
def _tile(a: Any, b: Any, v0: Any, v1: Any, v2: Any, v3: Any, v4: Any) -> Any:
    """Products of two rows and five vectors."""
    a0 = a1 = a2 = a3 = a4 = b0 = b1 = b2 = b3 = b4 = a.dtype.type(0.0)
    for k in range(a.size):
        x, y = a[k], b[k]
        a0 += x * v0[k]
        a1 += x * v1[k]
        a2 += x * v2[k]
        a3 += x * v3[k]
        a4 += x * v4[k]
        b0 += y * v0[k]
        b1 += y * v1[k]
        b2 += y * v2[k]
        b3 += y * v3[k]
        b4 += y * v4[k]
    return a0, a1, a2, a3, a4, b0, b1, b2, b3, b4


@called
def by_rows(vectors: Any, rows: Any, products: Any) -> None:
    """Adds to ``products[n, o]`` the product of vector n and row o.

    Args:
        vectors: Shape ``(n, width)``.
        rows: Shape ``(height, width)``.
        products: Shape ``(n, height)``.
    """
    count, height = len(vectors), len(rows)
    tiles, pairs = count // _VECTORS * _VECTORS, height // 2 * 2
    for o in range(0, pairs, 2):
        for n in range(0, tiles, _VECTORS):
            found = _tile(
                rows[o], rows[o + 1],
                vectors[n], vectors[n + 1], vectors[n + 2], vectors[n + 3], vectors[n + 4],
            )  # fmt: skip
            for k in range(_VECTORS):
                products[n + k, o] += found[k]
                products[n + k, o + 1] += found[_VECTORS + k]
        for n in range(tiles, count):
            products[n, o] += dot(vectors[n], rows[o])
            products[n, o + 1] += dot(vectors[n], rows[o + 1])
    for o in range(pairs, height):
        for n in range(count):
            products[n, o] += dot(vectors[n], rows[o])


@called
def add_rows(factors: Any, rows: Any, found: Any) -> None:
    """Adds the products of a small matrix and rows.

    Args:
        factors: Shape ``(n, m)``.
        rows: Shape ``(m, width)``, or longer ones.
        found: Shape ``(n, width)``.
    """
    (count, many), zero, width = factors.shape, factors.dtype.type(0.0), found.shape[1]
    four = many // 4 * 4
    for m in range(0, four, 4):
        a, b, c, d = rows[m], rows[m + 1], rows[m + 2], rows[m + 3]
        for n in range(count):
            p, q, r, s = factors[n, m], factors[n, m + 1], factors[n, m + 2], factors[n, m + 3]
            if p == zero and q == zero and r == zero and s == zero:
                continue
            line = found[n]
            _add_four(width, p, q, r, s, a, b, c, d, line)
    for m in range(four, many):
        for n in range(count):
            if factors[n, m] != zero:
                add_row(width, factors[n, m], rows[m], found[n])


@summed
def _add_four(
    width: Any, p: Any, q: Any, r: Any, s: Any, a: Any, b: Any, c: Any, d: Any, line: Any
) -> None:
    for k in range(width):
        line[k] += p * a[k] + q * b[k] + r * c[k] + s * d[k]


@summed
def add_row(width: Any, part: Any, row: Any, line: Any) -> None:
    """Adds a multiple of a row to another."""
    for k in range(width):
        line[k] += part * row[k]
