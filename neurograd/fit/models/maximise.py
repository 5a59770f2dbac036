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

_FLATTEST = 3e-3
"""Least curvature, in units of a difference: where it is less the quadratic form says nothing."""

_CLOSE = 5e-5
"""Gain of log likelihood that ends a climb from nearby."""

_AGAIN, _HIGHER = 3, 0.1
"""Most climbs by gradients alone, and the log likelihood that one gains that is not the last."""

_MANY = 12
"""Most parameters whose Hessian is made from the start on."""

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
) -> Maximum:
    """Climb from a start.

    Args:
        likelihood: What is to be made large.
        start: Parameters to begin with, shape ``(n,)``.
        free: Which parameters move, shape ``(n,)``; all where None. The information of the others
            is 0.
    """
    moving = np.flatnonzero(np.ones(len(start), bool) if free is None else free)
    if len(moving) > _MANY:
        start = _by_gradients(likelihood, start, free)
    loss = _loss(likelihood, start, np.eye(len(start))[moving])
    shift = np.zeros(len(moving))
    steps = step_sizes(loss, shift)
    value = np.inf
    # The unit of a parameter is what a difference of its own needs, which is known near the top.
    for _ in range(4):
        found, curvature = _climb(loss, shift, steps)
        gained, shift, value = value - found.fun, found.x * steps, float(found.fun)
        if gained < 1e-3:
            break
        steps = step_sizes(loss, shift)
    information = np.zeros((len(start), len(start)))
    information[np.ix_(moving, moving)] = curvature / np.outer(steps, steps)
    best, units = start.copy(), np.ones(len(start))
    best[moving] += shift
    units[moving] = steps
    return Maximum(best, -value, information, units)


def maximise_nearby(
    likelihood: LogLikelihood, start: Array, near: Maximum, free: Array | None = None
) -> tuple[Array, float]:
    """Climb from a start beside the maximum of a likelihood that is much the same.

    Its curvatures are taken to begin with, and gradients alone are made (the L-BFGS-B method),
    which takes far fewer points than ``maximise``.

    Args:
        likelihood: What is to be made large.
        start: Parameters to begin with, shape ``(n,)``.
        near: The maximum nearby.
        free: Which parameters move, shape ``(n,)``; all where None.

    Returns:
        Parameters, shape ``(n,)``, and log likelihood.
    """
    moving = np.flatnonzero(np.ones(len(start), bool) if free is None else free)
    unit = near.unit[moving]
    curvature = near.information[np.ix_(moving, moving)] * np.outer(unit, unit)
    sizes, ways = np.linalg.eigh(curvature)
    # Along these axes, that far, the likelihood falls by 1/2; along flat ones it does so later.
    axes = (ways / np.sqrt(np.maximum(np.abs(sizes), _FLATTEST))).T * unit
    loss = _loss(likelihood, start, np.eye(len(start))[moving])
    points = np.concatenate([np.zeros((1, len(moving))), np.diag(unit), -np.diag(unit)])

    def at(x: Array) -> tuple[float, Array]:
        middle, plus, minus = np.split(loss(x @ axes + points), [1, 1 + len(moving)])
        return float(middle[0]) + near.value, axes @ ((plus - minus) / (2.0 * unit))

    found = minimize(
        at,
        np.zeros(len(moving)),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 3e-3, "ftol": _CLOSE, "maxcor": 20, "maxls": 8, "maxiter": 60},
    )
    best = start.copy()
    best[moving] += found.x @ axes
    return best, near.value - float(found.fun)


def _by_gradients(likelihood: LogLikelihood, start: Array, free: Array | None) -> Array:
    """Where gradients alone lead: a Hessian takes as many points as the square of parameters."""
    for _ in range(_AGAIN):
        units = step_sizes(_loss(likelihood, start, np.eye(len(start))), np.zeros(len(start)))
        curvature = np.diag(2.0 * _DROP / units**2)
        rough = Maximum(start, float(likelihood(start[None])[0]), curvature, units)
        start, value = maximise_nearby(likelihood, start, rough, free)
        if value < rough.value + _HIGHER:
            break
    return start


def _loss(likelihood: LogLikelihood, start: Array, axes: Array) -> LogLikelihood:
    """The likelihood with its sign turned, of shifts along axes, shape ``(m, n)``."""

    def loss(shifts: Array) -> Array:
        with np.errstate(all="ignore"):
            values = -likelihood(start + shifts @ axes)
        return np.where(np.isfinite(values), values, _WORST)

    return loss


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
    tries = 10.0 ** np.arange(-6.0, -0.9, 0.5)
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
