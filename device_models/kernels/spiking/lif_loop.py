"""Leaky integrate-and-fire neurons through time, each time step in one pass over memory.

What ``device_models/spiking/lif_neurons.py`` says in a dozen tensor operations a step. Arrays lie
as ``(width, time_steps, n)``, and each neuron of each sample is computed for itself, so that
numbers do not depend on how samples are divided.
"""

from __future__ import annotations

from typing import Any

from device_models.kernels.compiled import fused

FAST_SIGMOID, ATAN = 0, 1
"""Surrogate derivatives that loops know."""


@fused
def potential(current: Any, before: Any, decay: Any, threshold: Any, to_zero: bool) -> Any:
    """A potential by the current and the potential a step earlier."""
    spiked = before > threshold
    if to_zero:
        return current if spiked else decay * before + current
    carried = decay * before + current
    return carried - threshold if spiked else carried


@fused
def derivative(u: Any, error: Any, one: Any, surrogate: int, sharpness: Any, factor: Any) -> Any:
    """``ψ(u)·error``; see ``surrogate_gradient.py`` for the formulas."""
    if surrogate == FAST_SIGMOID:
        root = abs(u) * sharpness + one
        return error / (root * root)
    inner = u * sharpness
    return error / (inner * inner + one) * factor


def spike(u: Any, bias: Any, spikes: Any, decay: Any, threshold: Any, to_zero: bool) -> None:
    """Turn currents into potentials, and fill in the spikes.

    Args:
        u: Currents without the bias; potentials afterwards. Shape ``(width, time_steps, n)``.
        bias: Current at every step, shape ``(width,)``.
        spikes: Filled with 0 and 1, same shape.
        decay: β, of the arrays' type.
        threshold: θ, likewise.
        to_zero: Whether a spike resets the potential to 0; else it takes θ off it.
    """
    none, one = u.dtype.type(0), u.dtype.type(1)
    width, steps, samples = u.shape
    for i in range(width):
        own = bias[i]
        for j in range(samples):
            now = u[i, 0, j] + own
            u[i, 0, j] = now
            spikes[i, 0, j] = one if now > threshold else none
        for t in range(1, steps):
            for j in range(samples):
                now = potential(u[i, t, j] + own, u[i, t - 1, j], decay, threshold, to_zero)
                u[i, t, j] = now
                spikes[i, t, j] = one if now > threshold else none


def weigh(
    u: Any,
    bias: Any,
    weighted: Any,
    shares: Any,
    decay: Any,
    threshold: Any,
    to_zero: bool,
) -> None:
    """Turn currents into potentials, and weigh the spikes of all time steps.

    Args:
        u: Currents without the bias; potentials afterwards. Shape ``(width, time_steps, n)``.
        bias: As for ``spike``.
        weighted: Filled with ``Σ_t k_t s_t``, shape ``(width, n)``.
        shares: k_t, shape ``(time_steps,)``.
        decay: β, of the arrays' type.
        threshold: θ, likewise.
        to_zero: As for ``spike``.
    """
    none = u.dtype.type(0)
    width, steps, samples = u.shape
    for i in range(width):
        own, share = bias[i], shares[0]
        for j in range(samples):
            now = u[i, 0, j] + own
            u[i, 0, j] = now
            weighted[i, j] = share if now > threshold else none
        for t in range(1, steps):
            share = shares[t]
            for j in range(samples):
                now = potential(u[i, t, j] + own, u[i, t - 1, j], decay, threshold, to_zero)
                u[i, t, j] = now
                weighted[i, j] += share if now > threshold else none


@fused
def from_later(found: Any, later: Any, u: Any, decay: Any, threshold: Any, to_zero: bool) -> Any:
    """A derivative with that of the step after it, which a spike cuts where it resets to 0."""
    if to_zero and u > threshold:
        return found
    return decay * later + found


def pull_back(
    u: Any,
    errors: Any,
    shares: Any,
    decay: Any,
    threshold: Any,
    to_zero: bool,
    surrogate: int,
    sharpness: Any,
    factor: Any,
) -> None:
    """Turn potentials into the derivatives by the currents.

    Args:
        u: Potentials; derivatives afterwards. Shape ``(width, time_steps, n)``.
        errors: Derivatives by the spikes, same shape; or ``(width, 1, n)``, the same at all steps
            but for the shares.
        shares: What errors of a step are multiplied by, shape ``(time_steps,)``.
        decay: β, of the arrays' type.
        threshold: θ, likewise.
        to_zero: As for ``spike``.
        surrogate: Which surrogate derivative.
        sharpness: What it multiplies u − θ by, likewise.
        factor: Its height, of ``ATAN``.
    """
    width, steps, samples = u.shape
    every, one = errors.shape[1] > 1, u.dtype.type(1)
    for i in range(width):
        for back in range(steps):
            t = steps - 1 - back
            row, share = t if every else 0, shares[t]
            for j in range(samples):
                now, error = u[i, t, j], errors[i, row, j] * share
                found = derivative(now - threshold, error, one, surrogate, sharpness, factor)
                if back:
                    later = u[i, t + 1, j]
                    found = from_later(found, later, now, decay, threshold, to_zero)
                u[i, t, j] = found
