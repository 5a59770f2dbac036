"""What a rule's backward pass gives the inputs of a layer as their error, sample by sample.

Rules differ in nothing else on linear layers: every one's gradient of a matrix is the product of
the errors of its outputs and its inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from device_models import (
    Backprop,
    DirectFeedbackAlignment,
    FeedbackAlignment,
    LocalLoss,
    SignSymmetric,
)
from device_models.protocols import BatchRule
from neurograd.problem import Problem
from neurograd.problem.written_out.layer_stack import LayerStack


@dataclass(frozen=True)
class Crossing:
    """Where errors go back through a layer.

    Attributes:
        weight: Which parameter the layer's matrix is.
        matrix: The matrix, shape ``(outputs, inputs)``, or ``(K, outputs, inputs)`` of K networks.
        errors: Errors of its outputs, shape ``(n, outputs)`` or ``(K, m, outputs)``.
        inputs: What it gets, likewise.
        last: Derivatives of the samples' losses in what the outputs' activation gets, likewise.
        targets: The samples' targets, first dimension n or K·m.
    """

    weight: int
    matrix: Tensor
    errors: Tensor
    inputs: Tensor
    last: Tensor
    targets: Tensor


class Backward(Protocol):
    """What errors become behind a layer."""

    def moves(self, weight: int) -> bool:
        """Whether they go through the layer's own matrix, which own steps move."""

    def errors(self, stack: LayerStack, at: Crossing) -> Tensor:
        """Errors of a layer's inputs, like these: memory of its own, that may be written into."""


@dataclass(frozen=True)
class ThroughMatrices:
    """Through each layer's matrix, or what stands in its place: ``δ_k B_k``.

    Attributes:
        feedback: What stands in place of a matrix, by its place among the parameters.
    """

    feedback: Mapping[int, Tensor]

    def moves(self, weight: int) -> bool:
        """See ``Backward``."""
        return weight not in self.feedback

    def errors(self, stack: LayerStack, at: Crossing) -> Tensor:
        """See ``Backward``."""
        return at.errors @ self.feedback.get(at.weight, at.matrix)


@dataclass(frozen=True)
class ThroughSigns:
    """Through ``sign(W)·mean|W|``, which own steps do not move."""

    def moves(self, weight: int) -> bool:
        """See ``Backward``."""
        return False

    def errors(self, stack: LayerStack, at: Crossing) -> Tensor:
        """See ``Backward``."""
        size = at.matrix.abs().mean((-2, -1), keepdim=True)
        return at.errors @ (at.matrix.sign() * size)


@dataclass(frozen=True)
class FromOutputs:
    """The output's error through a matrix of the layer's own: ``δ_K B_k``; 0 without one.

    Attributes:
        feedback: ``B_k`` by the place of the layer's matrix among the parameters.
    """

    feedback: Mapping[int, Tensor]

    def moves(self, weight: int) -> bool:
        """See ``Backward``."""
        return False

    def errors(self, stack: LayerStack, at: Crossing) -> Tensor:
        """See ``Backward``."""
        back = self.feedback.get(at.weight)
        return torch.zeros_like(at.inputs) if back is None else at.last @ back


@dataclass(frozen=True)
class FromReadouts:
    """The network's loss at a readout R of a layer's own inputs; 0 without one.

    Attributes:
        readouts: R by the place of the layer's matrix among the parameters.
    """

    readouts: Mapping[int, Tensor]

    def moves(self, weight: int) -> bool:
        """See ``Backward``."""
        return False

    def errors(self, stack: LayerStack, at: Crossing) -> Tensor:
        """See ``Backward``."""
        readout = self.readouts.get(at.weight)
        if readout is None:
            return torch.zeros_like(at.inputs)
        return stack.slope(at.inputs @ readout.T, at.targets) @ readout


def backward_of(problem: Problem, rule: BatchRule) -> Backward | None:
    """That of a rule; None for rules whose estimates are not made of errors and inputs alone.

    Args:
        problem: The network that is trained.
        rule: The rule.
    """
    names = list(problem.parameters_of(problem.initial_weights))

    def placed(matrices: Mapping[str, Tensor]) -> dict[int, Tensor]:
        return {names.index(name): matrix for name, matrix in matrices.items()}

    match rule:
        case Backprop():
            return ThroughMatrices({})
        case FeedbackAlignment():
            return ThroughMatrices(placed(rule.feedback))
        case SignSymmetric():
            return ThroughSigns()
        case DirectFeedbackAlignment():
            return FromOutputs(placed(rule.feedback))
        case LocalLoss():
            return FromReadouts(placed(rule.readouts))
    return None
