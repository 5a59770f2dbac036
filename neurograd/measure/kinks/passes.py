"""Kinks of any network and any step, from forward passes before and after the step.

Every activation is a call that the one interception of layers sees (``device_models.layer_hooks``).
With z its input at w, z' its input at w + step, and g the loss's derivative by its output at w, it
adds ``g·[f(z') − f(z) − f'(z)(z' − z)]``; a max-pooling adds ``g·[max(z') − z'(place of the old
maximum)]``. The inputs z' are those of the moved network, not their tangents: to the order of the
theory (``neurograd.theory.kinks``) the two are the same for activations of single numbers, but a
pooling over units that a ReLU holds at 0 is a tie of all of them, which only the moved inputs
resolve. It needs no derivative along the step, so any network that runs can be measured.

Seen are ReLU, leaky ReLU, hard tanh (ReLU6) and max-pooling in two dimensions. Kinks of anything
else (absolute values, maxima written out, clamps) are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from device_models.activation_calls import ActivationCall
from device_models.kernels.cudnn_state import derivatives
from device_models.layer_hooks import LayerHook
from neurograd.errors import ModelError
from neurograd.measure.kinks.activations import crossed, kinks_of
from neurograd.problem import Problem
from neurograd.theory import Kink

STEPS_AT_ONCE = 16
"""Most steps that share a pass at w."""

STEPS_BYTES = 2**29
"""Memory for the vectors of N of steps that share a pass, two for each step."""


@dataclass(frozen=True)
class Places:
    """Where a network's kinks are met.

    Attributes:
        calls: Calls of activations with kinks in one pass; 0 for a smooth network.
        units: Pre-activations of all samples that the loss depends on.
        at_kink: How many of them are exactly at a kink, where the gradient is a choice of side.
    """

    calls: int
    units: int
    at_kink: int

    def plus(self, other: Places) -> Places:
        """Both chunks of one data set together."""
        return Places(self.calls, self.units + other.units, self.at_kink + other.at_kink)


@dataclass(frozen=True, eq=False)
class _Activation:
    """One call at w: its input, what the loss makes of its output, and the maximum's place."""

    kinks: tuple[Kink, ...]
    z: Tensor
    gradient: Tensor
    chosen: Tensor | None


class _Recorder(LayerHook):
    """Keeps inputs and outputs of all activations of a pass."""

    def __init__(self) -> None:
        self.calls: list[tuple[ActivationCall, Tensor, Tensor]] = []

    def activation(self, call: ActivationCall) -> Any:
        """The activation's output, which is recorded; the call may be in place."""
        z = call.input.detach().clone()
        output = call.apply()
        self.calls.append((call, z, output[0] if isinstance(output, tuple) else output))
        return output


class _Crossings(LayerHook):
    """Sums up what the activations of a moved pass have beyond their slopes at w."""

    def __init__(self, at: Sequence[_Activation]) -> None:
        self._at, self._next, self.total = at, 0, 0.0

    def activation(self, call: ActivationCall) -> Any:
        """The activation's output; its kinks are added up."""
        if self._next == len(self._at):
            raise _other_calls(len(self._at))
        before = self._at[self._next]
        self._next += 1
        # A call in place changes its input.
        beyond = None if before.chosen is not None else crossed(before.z, call.input, before.kinks)
        old = None if before.chosen is None else _taken(call.input, before.chosen)
        output = call.apply()
        if old is not None:
            beyond = (output[0] if isinstance(output, tuple) else output) - old
        assert beyond is not None
        self.total += float((before.gradient * beyond).sum(dtype=torch.float64))
        return output

    def check(self) -> None:
        """Raise ModelError if the pass made fewer calls than the one at w."""
        if self._next != len(self._at):
            raise _other_calls(len(self._at))


def _other_calls(count: int) -> ModelError:
    return ModelError(
        f"the network calls its {count} activations in another number after a step; allowed: "
        "networks whose calls do not depend on their weights"
    )


def _taken(x: Tensor, chosen: Tensor) -> Tensor:
    return x.flatten(-2).gather(-1, chosen.flatten(-2)).view(chosen.shape)


def kinks_of_steps(
    problem: Problem, w: Tensor, steps: Sequence[Tensor]
) -> tuple[np.ndarray, Places]:
    """Cost of the kinks that each step crosses, in units of the loss.

    Computed in the problem's own precision: a crossing is a sum of non-negative parts, so that
    float32 loses digits of the numbers themselves only.

    Args:
        problem: Network, loss and data.
        w: Weights before the steps, shape ``(N,)``.
        steps: Steps in weight units, each of shape ``(N,)``.

    Returns:
        One value a step, shape ``(len(steps),)``, and where the network's kinks are.

    Raises:
        ModelError: If the network calls other activations after a step than before.
    """
    values, places = np.zeros(len(steps)), Places(0, 0, 0)
    moved = [problem.parameters_of(w + step) for step in steps]
    for x, y in problem.chunks("train"):
        at, met = _activations(problem, w, x, y)
        places = places.plus(met) if places.calls else met
        for k, parameters in enumerate(moved if at else ()):
            crossings = _Crossings(at)
            with torch.no_grad(), crossings.applied():
                problem.outputs(parameters, x)
            crossings.check()
            values[k] += crossings.total
    return values, places


def sampled_kinks(
    problem: Problem, w: Tensor, sample_step: Callable[[int], Tensor], draws: int
) -> np.ndarray:
    """Kinks of random steps, a few at a time so that memory stays bounded; shape ``(draws,)``.

    Args:
        problem: Network, loss and data.
        w: Weights before the steps, shape ``(N,)``.
        sample_step: Step k in weight units, shape ``(N,)``.
        draws: Number of steps.
    """
    parts = []
    room = STEPS_BYTES // (2 * w.numel() * w.dtype.itemsize)
    count = max(1, min(STEPS_AT_ONCE, room))
    for start in range(0, draws, count):
        steps = [sample_step(k) for k in range(start, min(draws, start + count))]
        parts.append(kinks_of_steps(problem, w, steps)[0])
    return np.concatenate(parts)


def _activations(
    problem: Problem, w: Tensor, x: Tensor, y: Tensor
) -> tuple[list[_Activation], Places]:
    """All activations at w with the derivative of the mean loss by their outputs."""
    recorder = _Recorder()
    with torch.enable_grad(), recorder.applied():
        leaf = w.detach().clone().requires_grad_()
        outputs = problem.outputs(problem.parameters_of(leaf), x)
        loss = problem.sample_losses(outputs, y).sum() / problem.num_samples
    seen = [output for _, _, output in recorder.calls if output.requires_grad]
    found = iter(derivatives(loss, seen, allow_unused=True) if seen else ())
    activations, units, at_kink = [], 0, 0
    for call, z, output in recorder.calls:
        gradient = next(found) if output.requires_grad else None
        gradient = torch.zeros_like(output) if gradient is None else gradient
        kinks = kinks_of(call)
        chosen = _chosen(call, z) if call.kind == "max_pool2d" else None
        activations.append(_Activation(kinks, z, gradient.detach(), chosen))
        matters = gradient != 0
        units += int(matters.sum())
        at_kink += sum(int(((z == kink.place) & matters).sum()) for kink in kinks)
    return activations, Places(len(activations), units, at_kink)


def _chosen(call: ActivationCall, z: Tensor) -> Tensor:
    """Where in its map each maximum of a pooling is."""
    kernel, stride, padding, dilation, ceil_mode = call.options
    _, chosen = functional.max_pool2d_with_indices(z, kernel, stride, padding, dilation, ceil_mode)
    return chosen
