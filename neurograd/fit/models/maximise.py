"""The largest likelihood: scipy's trust-region Newton method on derivatives by differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from neurograd.fit.models.trains import Array

LogLikelihood = Callable[[Array], Array]
"""Log likelihoods, shape ``(B,)``, of B settings of n parameters, shape ``(B, n)``."""

_DROP = 0.01
"""What a step of a difference may change the log likelihood by: far from rounding, and local."""

_WORST = 1e7
"""In place of a likelihood that is not a number."""


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is largest.

    Attributes:
        parameters: There, shape ``(n,)``.
        value: Log likelihood.
        information: Its second derivatives with the sign turned, shape ``(n, n)``.
        unit: Steps of differences that suit each parameter there, shape ``(n,)``.
    """

    parameters: Array
    value: float
    information: Array
    unit: Array


def maximise(
    likelihood: LogLikelihood,
    start: Array,
    free: Array | None = None,
    unit: Array | None = None,
) -> Maximum:
    """Climb from a start.

    Args:
        likelihood: What is to be made large.
        start: Parameters to begin with, shape ``(n,)``.
        free: Which parameters move, shape ``(n,)``; all where None. The information of the others
            is 0.
        unit: Steps of differences of each parameter, where they are known from a maximum nearby.
    """
    moving = np.flatnonzero(np.ones(len(start), bool) if free is None else free)

    def loss(shifts: Array) -> Array:
        points = np.tile(start, (len(shifts), 1))
        points[:, moving] += shifts
        with np.errstate(all="ignore"):
            values = -likelihood(points)
        return np.where(np.isfinite(values), values, _WORST)

    shift = np.zeros(len(moving))
    near = unit is not None
    steps = step_sizes(loss, shift) if unit is None else unit[moving]
    value = np.inf
    # The unit of a parameter is what a difference of its own needs, which is known near the top.
    for _ in range(1 if near else 4):
        found, curvature = _climb(loss, shift, steps)
        gained, shift, value = value - found.fun, found.x * steps, float(found.fun)
        if gained < 1e-3:
            break
        if not near:
            steps = step_sizes(loss, shift)
    information = np.zeros((len(start), len(start)))
    information[np.ix_(moving, moving)] = curvature / np.outer(steps, steps)
    best, units = start.copy(), np.ones(len(start))
    best[moving] += shift
    units[moving] = steps
    return Maximum(best, -value, information, units)


def _climb(loss: LogLikelihood, shift: Array, unit: Array) -> tuple[OptimizeResult, Array]:
    """One run of the optimizer in units in which the curvatures are alike; and the last Hessian."""
    seen: dict[bytes, tuple[float, Array, Array]] = {}

    def at(x: Array) -> tuple[float, Array, Array]:
        if (key := x.tobytes()) not in seen:
            seen[key] = differences(loss, x * unit, unit)
        return seen[key]

    found = minimize(
        lambda x: at(x)[0],
        shift / unit,
        jac=lambda x: at(x)[1],
        hess=lambda x: at(x)[2],
        method="trust-ncg",
        options={
            "initial_trust_radius": 30.0,
            "max_trust_radius": 1e4,
            "gtol": 2e-3,
            "maxiter": 60,
        },
    )
    return found, at(found.x)[2]


def step_sizes(loss: LogLikelihood, at: Array) -> Array:
    """Steps along every parameter that change the loss by about ``_DROP``, shape ``(n,)``."""
    count = len(at)
    tries = 10.0 ** np.arange(-6.0, -0.4, 0.5)
    eye = np.eye(count)
    points = at + (tries[:, None, None] * np.stack([eye, -eye])[:, None]).reshape(-1, count)
    middle = float(loss(at[None])[0])
    values = loss(points).reshape(2, len(tries), count)
    change = np.abs(values.mean(axis=0) - middle)
    enough = change >= _DROP
    first = np.where(enough.any(axis=0), enough.argmax(axis=0), len(tries) - 1)
    return tries[first]


def differences(loss: LogLikelihood, at: Array, unit: Array) -> tuple[float, Array, Array]:
    """Value, gradient and Hessian in units of ``unit``, of central differences in one pass."""
    return from_stencil(loss(at + stencil(len(at)) * unit))


def stencil(count: int) -> Array:
    """Points around 0 that central differences need, shape ``(1 + 2n + n(n − 1), n)``."""
    rows, columns = np.triu_indices(count, 1)
    eye = np.eye(count)
    pairs = eye[rows] + eye[columns]
    return np.concatenate([np.zeros((1, count)), eye, -eye, pairs, -pairs])


def from_stencil(values: Array) -> tuple[float, Array, Array]:
    """Value, gradient and Hessian of the values at the points of a stencil."""
    # 1 + n + n² of them.
    count = round((math.sqrt(4.0 * len(values) - 3.0) - 1.0) / 2.0)
    rows, columns = np.triu_indices(count, 1)
    middle, plus, minus = values[0], values[1 : count + 1], values[count + 1 : 2 * count + 1]
    both, neither = np.split(values[2 * count + 1 :], 2)
    hessian = np.diag(plus + minus - 2.0 * middle)
    single = plus + minus
    cross = 0.5 * (both + neither - single[rows] - single[columns] + 2.0 * middle)
    hessian[rows, columns] = hessian[columns, rows] = cross
    return float(middle), 0.5 * (plus - minus), hessian
