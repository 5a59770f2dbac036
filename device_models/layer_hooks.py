"""Sees and changes what goes into and comes out of a network's layers, call by call.

Rules that learn layer by layer need to cut the gradient between layers, to know every layer's
input and output, or to add to its output. A layer is a call of ``functional.linear`` or
``functional.conv2d`` with a trainable weight; a spiking network calls one once per time step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from device_models.protocols import Problem

Change = Callable[[int, Tensor], Tensor]
"""What becomes of the input or output of call k (0, 1, ... in forward order)."""


def kept(k: int, tensor: Tensor) -> Tensor:
    """The tensor itself."""
    return tensor


def detached(k: int, tensor: Tensor) -> Tensor:
    """The tensor without its graph, so that no gradient goes back through it."""
    return tensor.detach()


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer.

    Attributes:
        weight: Parameter name of the layer's weight.
        bias: Parameter name of its bias; None without a trainable one.
        inputs: The input as the network computed it, before any change.
        outputs: The output as the network goes on with it, after any change.
    """

    weight: str
    bias: str | None
    inputs: Tensor
    outputs: Tensor


class LayerCalls(TorchFunctionMode):
    """Records every call of a network's layers and changes their inputs and outputs.

    Args:
        parameters: The very tensors that the network is run with, by name: layers are known by
            the identity of their weight.
        change_input: What a layer gets in place of its input.
        change_output: What the network goes on with in place of a layer's output.

    Attributes:
        calls: The calls so far, in forward order.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        change_input: Change = kept,
        change_output: Change = kept,
    ) -> None:
        super().__init__()
        self._name_of = {id(tensor): name for name, tensor in parameters.items()}
        self._change_input, self._change_output = change_input, change_output
        self.calls: list[LayerCall] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.linear or func is functional.conv2d:
            return self._layer(func, *args, **kwargs)
        return func(*args, **kwargs)

    def _layer(
        self,
        func: Callable[..., Any],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        name = self._name_of.get(id(weight))
        if name is None:
            return func(input, weight, bias, *args, **kwargs)
        k = len(self.calls)
        # The functional itself, so that contexts around this one see the product too.
        outputs = func(self._change_input(k, input), weight, bias, *args, **kwargs)
        outputs = self._change_output(k, outputs)
        self.calls.append(LayerCall(name, self._name_of.get(id(bias)), input, outputs))
        return outputs


def leaf_parameters(problem: Problem, w: Tensor) -> dict[str, Tensor]:
    """Named parameters at ``w`` of shape ``(N,)`` as tensors to differentiate by."""
    return {
        name: tensor.detach().clone().requires_grad_()
        for name, tensor in problem.parameters_of(w).items()
    }


def flat_gradient(problem: Problem, value: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Derivative of a scalar by the parameters, shape ``(N,)``; 0 for those it does not reach."""
    gradients = torch.autograd.grad(value, list(parameters.values()), materialize_grads=True)
    return problem.flatten(dict(zip(parameters, gradients, strict=True)))


def per_sample(tensor: Tensor, num_samples: int) -> Tensor:
    """A layer's input or output as one row a sample, shape ``(num_samples, D)``.

    Raises:
        ValueError: If the first dimension does not count the samples.
    """
    if tensor.shape[0] != num_samples:
        raise ValueError(
            f"a layer sees shape {tuple(tensor.shape)} for {num_samples} samples; "
            "allowed: samples in the first dimension"
        )
    return tensor.flatten(1)


def hidden_sizes(problem: Problem, w: Tensor) -> tuple[dict[str, int], int]:
    """Sizes of the hidden activations and of the output, per sample.

    Args:
        problem: The network.
        w: Any weights, shape ``(N,)``.

    Returns:
        Values per sample of the activation that enters each layer, by the name of the layer's
        weight, for layers whose input depends on weights (all but the first); and those of the
        output.

    Raises:
        ValueError: If one layer is called with inputs of different size.
    """
    parameters = leaf_parameters(problem, w)
    inputs, _ = problem.batch(torch.zeros(1, dtype=torch.long, device=w.device))
    layers = LayerCalls(parameters)
    with torch.enable_grad(), layers:
        outputs = problem.outputs(parameters, inputs)
    sizes: dict[str, int] = {}
    for call in layers.calls:
        if not call.inputs.requires_grad:
            continue
        size = per_sample(call.inputs, 1).shape[1]
        if sizes.setdefault(call.weight, size) != size:
            raise ValueError(
                f"layer {call.weight} gets {sizes[call.weight]} and {size} values a sample; "
                "allowed: the same in every call"
            )
    return sizes, outputs[0].numel()


def draw_projections(
    problem: Problem, w: Tensor, generator: torch.Generator, scale: float
) -> dict[str, Tensor]:
    """Fixed random matrices between the output and every hidden activation.

    Entries are uniform with the variance of Xavier initialization, ``scale²·2/(C + D)``.

    Args:
        problem: The network.
        w: Any weights, for the shapes, shape ``(N,)``.
        generator: Source of the entries.
        scale: Size relative to Xavier initialization.

    Returns:
        For every layer but the first, by its weight's name, a matrix of shape ``(C, D)``: C
        outputs, D values per sample of the activation that enters the layer.
    """
    sizes, outputs = hidden_sizes(problem, w)
    matrices = {}
    for name, size in sizes.items():
        bound = scale * (6.0 / (outputs + size)) ** 0.5
        draw = torch.rand(outputs, size, generator=generator, dtype=w.dtype, device=w.device)
        matrices[name] = (2.0 * draw - 1.0) * bound
    return matrices
