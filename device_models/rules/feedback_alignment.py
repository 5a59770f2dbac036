"""Feedback alignment: the backward pass goes through fixed random weights.

Source: Lillicrap, Cownden, Tweed and Akerman, Nat. Commun. 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn import grad as conv_grad
from torch.overrides import TorchFunctionMode

from device_models.protocols import Problem


class _LinearWithFeedback(torch.autograd.Function):
    """``x Wᵀ + bias`` whose error goes back through ``feedback`` in place of W."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, feedback: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, feedback)
        ctx.has_bias = bias is not None
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        (grad,) = grad_outputs
        x, feedback = ctx.saved_tensors
        flat_grad, flat_x = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
        bias_grad = flat_grad.sum(0) if ctx.has_bias else None
        return grad @ feedback, flat_grad.T @ flat_x, bias_grad, None


class _ConvWithFeedback(torch.autograd.Function):
    """2-d convolution whose error goes back through ``feedback`` in place of the kernel."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        feedback: Tensor,
        options: tuple[Any, ...],
    ) -> Tensor:
        ctx.save_for_backward(x, feedback)
        ctx.has_bias, ctx.options = bias is not None, options
        return functional.conv2d(x, weight, bias, *options)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        (grad,) = grad_outputs
        x, feedback = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.options
        arguments = (stride, padding, dilation, groups)
        x_grad = conv_grad.conv2d_input(x.shape, feedback, grad, *arguments)
        weight_grad = conv_grad.conv2d_weight(x, feedback.shape, grad, *arguments)
        bias_grad = grad.sum((0, 2, 3)) if ctx.has_bias else None
        return x_grad, weight_grad, bias_grad, None, None


class _FeedbackMode(TorchFunctionMode):
    """Replaces linear and convolution layers whose weight has a feedback tensor."""

    def __init__(self, feedback_of: Mapping[int, Tensor]) -> None:
        super().__init__()
        self._feedback_of = feedback_of

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.linear:
            return self._linear(*args, **kwargs)
        if func is functional.conv2d:
            return self._conv2d(*args, **kwargs)
        return func(*args, **kwargs)

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
        feedback = self._feedback_of.get(id(weight))
        if feedback is None:
            return functional.linear(input, weight, bias)
        return _LinearWithFeedback.apply(input, weight, bias, feedback)

    def _conv2d(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        feedback = self._feedback_of.get(id(weight))
        if feedback is None:
            return functional.conv2d(input, weight, bias, stride, padding, dilation, groups)
        options = (stride, padding, dilation, groups)
        return _ConvWithFeedback.apply(input, weight, bias, feedback, options)


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

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        with torch.enable_grad():
            parameters = {
                name: tensor.detach().clone().requires_grad_()
                for name, tensor in problem.parameters_of(w).items()
            }
            feedback_of = {id(parameters[name]): b for name, b in self.feedback.items()}
            with _FeedbackMode(feedback_of):
                loss = problem.mean_loss(parameters, index)
            gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        named = {
            name: torch.zeros_like(p) if g is None else g
            for (name, p), g in zip(parameters.items(), gradients, strict=True)
        }
        return problem.flatten(named)


def draw_feedback(
    problem: Problem, w: Tensor, generator: torch.Generator, scale: float = 1.0
) -> FeedbackAlignment:
    """Draw fixed feedback for every weight matrix and kernel but the first layer's.

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
    if not scale > 0:
        raise ValueError(f"feedback scale is {scale:g}; allowed: above 0")
    matrices = {n: p for n, p in problem.parameters_of(w).items() if p.ndim in (2, 4)}
    if len(matrices) < 2:
        raise ValueError("feedback alignment needs a network of at least two layers with weights")
    feedback = {}
    for name, tensor in list(matrices.items())[1:]:
        receptive = tensor[0, 0].numel()
        fan_sum = (tensor.shape[0] + tensor.shape[1]) * receptive
        bound = scale * (6.0 / fan_sum) ** 0.5
        draw = torch.rand(tensor.shape, generator=generator, dtype=w.dtype, device=w.device)
        feedback[name] = (2.0 * draw - 1.0) * bound
    return FeedbackAlignment(MappingProxyType(feedback))
