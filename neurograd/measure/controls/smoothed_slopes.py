"""Slopes of activations as noise sees them: the derivative of the mean over the noise.

Noise moves a pre-activation z by about s, and a kink that is nearer than that has no one slope. The
best linear stand-in for ``f(z + sξ)``, ξ standard normal, has the slope of its mean over ξ, ``low +
Σ J·Φ((z − place)/s)`` over the kinks (Price, IRE Trans. Inf. Theory 1958). A control may have any
slope, the nearer the better: one s of each unit, from few draws, serves for all samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class _Squares:
    """Sum of squares of what steps move the inputs of one call of an activation by.

    Attributes:
        sums: Of each unit over steps and samples; of no shape where inputs are not one a sample.
        numbers: How many squares are in all sums together.
    """

    sums: Tensor
    numbers: int

    @staticmethod
    def of(move: Tensor, samples: int) -> _Squares:
        """Of one step and some samples."""
        by_sample = move.ndim > 0 and len(move) == samples
        squares = move.square()
        return _Squares(squares.sum(0) if by_sample else squares.sum(), move.numel())

    def plus(self, other: _Squares) -> _Squares:
        """Of both; of no shape unless both tell units."""
        alike = self.sums.shape == other.sums.shape
        one, two = (each if alike else each.sum() for each in (self.sums, other.sums))
        return _Squares(one + two, self.numbers + other.numbers)

    def width(self, steps: int) -> Tensor:
        """Root mean square of each unit, with the mean of all units as one more step."""
        means = self.sums * (self.sums.numel() / self.numbers)
        whole = means.mean().clamp_min(torch.finfo(means.dtype).tiny)
        return ((steps * means + whole) / (steps + 1)).sqrt()


class _Moved(LayerHook):
    """Squares what the inputs of activations have moved by, call by call; keeps no input."""

    def __init__(self, before: Sequence[Tensor], samples: int) -> None:
        self._before, self._samples = before, samples
        self.calls, self.squares = 0, list[_Squares]()

    def activation(self, call: ActivationCall) -> Any:
        """The activation's output; its input is compared with that of the same call before."""
        if self.calls < len(self._before):
            move = call.input.detach() - self._before[self.calls]
            self.squares.append(_Squares.of(move, self._samples))
        self.calls += 1
        return call.apply()


def widths_of(problem: Problem, w: Tensor, moved: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Root mean square of what steps move the inputs of each call of an activation by.

    That of a unit is over steps and samples, with the mean of all units as one more step: few steps
    say little of one unit. Inputs of ``problem.chunk_size`` samples at most are held at once, those
    before the step alone.

    Args:
        problem: Network, loss and data; all of its training samples are passed.
        w: Weights, shape ``(N,)``.
        moved: The same after some steps.

    Returns:
        For each call its units' numbers, above 0, of the shape of one sample's input; of no shape
        where inputs are not one a sample. Empty where there are no steps, or where the calls'
        number depends on weights.
    """
    chunks = [x for x, _ in problem.chunks("train")]
    # One chunk's are the same for all steps; more of them are not held together.
    kept = _inputs(problem, w, chunks[0]) if len(chunks) == 1 else None
    totals: list[_Squares] = []
    steps = 0
    for after in moved:
        for x in chunks:
            found = _moves(problem, after, x, _inputs(problem, w, x) if kept is None else kept)
            if found is None or (totals and len(found) != len(totals)):
                return ()
            pairs = zip(totals, found, strict=True) if totals else ()
            totals = [one.plus(other) for one, other in pairs] or found
        steps += 1
    return tuple(each.width(steps) for each in totals)


def _moves(
    problem: Problem, w: Tensor, x: Tensor, before: Sequence[Tensor]
) -> list[_Squares] | None:
    """Of one step; None where the calls are in another number than before it."""
    moved = _Moved(before, len(x))
    _pass(problem, w, x, moved)
    return moved.squares if moved.calls == len(before) else None


def _inputs(problem: Problem, w: Tensor, x: Tensor) -> list[Tensor]:
    inputs = _Inputs()
    _pass(problem, w, x, inputs)
    return inputs.calls


def _pass(problem: Problem, w: Tensor, x: Tensor, hook: LayerHook) -> None:
    with torch.no_grad(), hook.applied():
        problem.outputs(problem.parameters_of(w), x)
