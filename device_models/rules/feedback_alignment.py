"""Feedback alignment: the backward pass goes through fixed random weights.

Source: Lillicrap, Cownden, Tweed and Akerman, Nat. Commun. 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from device_models.layer_hooks import LayerCall, LayerHook
from device_models.protocols import Problem
from device_models.rules.layerwise import (
    check_scale,
    count_samples,
    flat_gradient,
    hidden_calls,
    leaf_parameters,
)


class _FeedbackHook(LayerHook):
    """Sends errors back through the feedback of a layer's weight, where there is one."""

    def __init__(self, feedback_of: Mapping[int, Tensor]) -> None:
        self._feedback_of = feedback_of

    def backward(self, call: LayerCall) -> Tensor | None:
        return self._feedback_of.get(id(call.weight))


@dataclass(frozen=True)
class FeedbackAlignment:
    """Backpropagation through fixed random feedback; deterministic once the feedback is drawn.

    The last layer's update is the exact gradient; every earlier layer's differs from it by what
    the feedback differs from the forward weights. With feedback equal to the forward weights the
    bias is 0. Has no variance of its own.

    Attributes:
        feedback: Feedback tensor of each weight, by parameter name, same shape as the weight.
    """

    feedback: Mapping[str, Tensor]

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    @property
    def mean_over_samples(self) -> bool:
        """Always True."""
        return True

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        parameters = leaf_parameters(problem, w)
        feedback_of = {id(parameters[name]): b for name, b in self.feedback.items()}
        samples = count_samples(problem, index)
        estimate: Tensor | None = None
        for inputs, targets in problem.chunks("train", index):
            with torch.enable_grad():
                with _FeedbackHook(feedback_of).applied():
                    outputs = problem.outputs(parameters, inputs)
                loss = problem.sample_losses(outputs, targets).sum() / samples
                part = flat_gradient(problem, loss, parameters)
            estimate = part if estimate is None else estimate + part
        assert estimate is not None
        return estimate


def draw_feedback(
    problem: Problem, w: Tensor, generator: torch.Generator, scale: float = 1.0
) -> FeedbackAlignment:
    """Draw fixed feedback for every weight matrix and kernel that errors go back through.

    Those are of all layers but the first one that the network calls.

    Entries are uniform with the variance of Xavier initialization, ``2/(fan_in + fan_out)``,
    times ``scale²``, independent of the forward weights.

    Args:
        problem: The network that is trained.
        w: Any weights, for the shapes, shape ``(N,)``.
        generator: Source of the feedback.
        scale: Size of the feedback relative to Xavier initialization, above 0.

    Raises:
        ValueError: If the network has fewer than two layers with weights, or scale is not above 0.
    """
    check_scale(scale, "feedback")
    behind = {call.weight for call in hidden_calls(problem, w)[0]}
    if not behind:
        raise ValueError("feedback alignment needs a network of at least two layers with weights")
    feedback = {}
    for name, tensor in problem.parameters_of(w).items():
        if name not in behind:
            continue
        receptive = tensor[0, 0].numel()
        fan_sum = (tensor.shape[0] + tensor.shape[1]) * receptive
        bound = scale * (6.0 / fan_sum) ** 0.5
        draw = torch.rand(tensor.shape, generator=generator, dtype=w.dtype, device=w.device)
        feedback[name] = (2.0 * draw - 1.0) * bound
    return FeedbackAlignment(MappingProxyType(feedback))
