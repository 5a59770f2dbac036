"""Slopes of activations as noise sees them: the derivative of the mean over the noise.

Noise moves a pre-activation z by about s, and a kink that is nearer than that has no one slope. The
best linear stand-in for ``f(z + sξ)``, ξ standard normal, has the slope of its mean over ξ, ``low +
Σ J·Φ((z − place)/s)`` over the kinks (Price, IRE Trans. Inf. Theory 1958). A control may have any
slope, the nearer the better: one s of each unit, from few draws, serves for all samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from device_models.activation_calls import ActivationCall
from device_models.layer_hooks import LayerHook
from neurograd.measure.kinks.activations import kinks_of
from neurograd.problem import Problem

_ROOT_HALF = math.sqrt(0.5)


class SmoothedSlopes(LayerHook):
    """Lets errors go back through activations with the slopes that noise of their inputs sees.

    Outputs are those of the network. Poolings, and calls without a width, keep their slopes.

    Args:
        widths: Standard deviations of the inputs of each call, in forward order (``widths_of``).
    """

    def __init__(self, widths: Sequence[Tensor]) -> None:
        self._widths, self._next = widths, 0

    def activation(self, call: ActivationCall) -> Any:
        """The activation's output, with the smoothed slope as its derivative."""
        self._next += 1
        if self._next > len(self._widths) or not kinks_of(call):
            return call.apply()
        slope = smoothed_slope(call, self._widths[self._next - 1])
        with torch.no_grad():  # it may be in place
            output = call.apply()
        z = call.input
        return output.detach() + slope * (z - z.detach())


def smoothed_slope(call: ActivationCall, width: Tensor) -> Tensor:
    """``low + Σ J·Φ((z − place)/s)``, of the shape of the input.

    Args:
        call: An activation with kinks.
        width: s, above 0, of one sample's shape or of none.
    """
    z = call.input.detach()
    slope = torch.full_like(z, call.options[0] if call.kind == "leaky_relu" else 0.0)
    for kink in kinks_of(call):
        slope += (0.5 * kink.jump) * torch.erfc((kink.place - z) * (_ROOT_HALF / width))
    return slope


class _Inputs(LayerHook):
    """Keeps the inputs of all activations of a pass."""

    def __init__(self) -> None:
        self.calls: list[Tensor] = []

    def activation(self, call: ActivationCall) -> Any:
        """The activation's output; its input is kept."""
        self.calls.append(call.input.detach().clone())
        return call.apply()


def widths_of(problem: Problem, w: Tensor, moved: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Root mean square of what steps move the inputs of each call of an activation by.

    That of a unit is over steps and samples, with the mean of all units as one more step: few steps
    say little of one unit.

    Args:
        problem: Network, loss and data; all of its training samples are passed, and in one piece.
        w: Weights, shape ``(N,)``.
        moved: The same after some steps.

    Returns:
        For each call its units' numbers, above 0, of the shape of one sample's input; of no shape
        where inputs are not one a sample. None where there are no steps, or where the calls'
        number depends on weights.
    """
    at = _inputs(problem, w)
    after = [_inputs(problem, each) for each in moved]
    if not after or any(len(each) != len(at) for each in after):
        return ()
    return tuple(
        _width(torch.stack([z - before for z in zs]), problem.num_samples)
        for before, *zs in zip(at, *after, strict=True)
    )


def _width(moves: Tensor, samples: int) -> Tensor:
    """Width of the units of a call, from moves of shape ``(steps, samples, ...)``."""
    squares = moves.square()
    whole = squares.mean().clamp_min(torch.finfo(moves.dtype).tiny)
    if moves.ndim < 2 or moves.shape[1] != samples:
        return whole.sqrt()
    steps = len(moves)
    return ((steps * squares.mean((0, 1)) + whole) / (steps + 1)).sqrt()


def _inputs(problem: Problem, w: Tensor) -> list[Tensor]:
    inputs = _Inputs()
    with torch.no_grad(), inputs.applied():
        problem.outputs(problem.parameters_of(w), problem.data()[0])
    return inputs.calls
