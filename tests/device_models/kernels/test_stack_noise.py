"""The noise of a read in products of both passes, against a matrix of independent normal numbers.

With ``M`` such a matrix, an array gives ``M A`` for its first inputs, ``M A'`` for some that come
after others (bound management) and ``Mᵀ D`` for errors: all of them are jointly normal, and their
covariances are products of A, A' and D. At 99 % over all of them, with the same keys every time.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from device_models.kernels.compiled import loop_of
from device_models.kernels.stack.noise import add_again, add_ahead, add_back, copy
from neurograd.seeding import generator_for

WIDTH, HEIGHT, STD, DRAWS = 4, 3, 0.7, 20_000
INPUTS = {
    "others": [[0.5, -1.0, 0.0, 2.0], [1.0, 0.3, 0.4, -0.2]],
    "the same": [[1.0, -2.0, 0.5, 0.1], [1.0, -2.0, 0.5, 0.1]],
}
AGAIN = {
    "one that is new": ([[0.2, 0.9, -0.7, 0.4]], [1]),
    "halves, and one that is new": ([[0.25, -0.5, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]], [0, 1]),
    "none": (np.empty((0, WIDTH)), []),
}


def draws(keys, inputs, again, rows, errors, found, kept):
    """Products of a read of each key: first ones, those that came again, errors'."""
    first, more = len(inputs), len(again)
    seen = np.empty((first + more, inputs.shape[1]), inputs.dtype)
    inside = np.empty((first + more, errors.shape[1]), inputs.dtype)
    copy(inputs, seen)
    for i in range(more):
        for k in range(again.shape[1]):
            seen[first + i, k] = again[i, k]
    for draw in range(keys.size):
        products = np.zeros((first, errors.shape[1]), inputs.dtype)
        drawn = add_ahead(inputs, False, STD, keys[draw], 5, products)
        copy(drawn, inside)
        for i in range(first):
            for k in range(errors.shape[1]):
                kept[draw, i, k] = products[i, k]
        if more > 0:
            for i in range(more):
                for k in range(errors.shape[1]):
                    products[rows[i], k] = 0.0
            add_again(seen, first, rows, STD, keys[draw], 5, inside, products)
        below = np.zeros((len(errors), inputs.shape[1]), inputs.dtype)
        add_back(errors, seen, False, STD, keys[draw], 5, inside, below)
        for i in range(first):
            for k in range(errors.shape[1]):
                found[draw, i * errors.shape[1] + k] = products[i, k]
        for i in range(len(errors)):
            for k in range(inputs.shape[1]):
                found[draw, first * errors.shape[1] + i * inputs.shape[1] + k] = below[i, k]


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("inputs", INPUTS)
def test_products_are_those_with_one_matrix(inputs, again):
    first, (more, rows) = np.array(INPUTS[inputs]), AGAIN[again]
    more, rows = np.array(more, np.float64).reshape(-1, WIDTH), np.array(rows, np.int64)
    errors = np.array([[0.3, -1.0, 0.5], [1.0, 0.2, -0.4]])
    made = generator_for(3, inputs, again)
    keys = torch.randint(-(2**62), 2**62, (DRAWS,), generator=made).numpy().view(np.uint64)
    count = len(first) * HEIGHT + len(errors) * WIDTH
    found, kept = np.empty((DRAWS, count)), np.empty((DRAWS, len(first), HEIGHT))
    arguments = keys, first, more, rows, errors, found, kept
    loop_of(draws, torch.float64).ready_for(arguments)(*arguments)
    last = first.copy()
    last[rows] = more
    hold(found, last, errors)
    # What the first inputs gave is a part of the same: what comes again does not change it.
    before = np.concatenate([kept.reshape(DRAWS, -1), found[:, len(first) * HEIGHT :]], 1)
    hold(before, first, errors)
    both = np.concatenate([kept.reshape(DRAWS, -1), found[:, : len(first) * HEIGHT]], 1)
    every = np.concatenate([first, last])
    hold(both, every, errors[:0])


def hold(found, inputs, errors):
    """Means and covariances of ``M A`` and of ``Mᵀ D``, all entries of M having variance s²."""
    # Each product is a sum over M's entries with these factors.
    ahead = [np.outer(np.eye(HEIGHT)[k], a).ravel() for a in inputs for k in range(HEIGHT)]
    back = [np.outer(d, np.eye(WIDTH)[j]).ravel() for d in errors for j in range(WIDTH)]
    factors = np.array(ahead + back)
    expected = STD**2 * factors @ factors.T
    sampled = found.T @ found / DRAWS
    diagonal = np.diag(expected)
    error = np.sqrt((expected**2 + np.outer(diagonal, diagonal)) / DRAWS)
    bound = stats.norm.ppf(1.0 - 0.01 / (3 * 2 * error.size))
    assert np.abs((sampled - expected) / error).max() < bound
    assert np.abs(found.mean(0) / np.sqrt(diagonal / DRAWS)).max() < bound
