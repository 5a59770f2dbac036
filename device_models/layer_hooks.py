"""Sees and changes what goes into and comes out of a network's layers, call by call.

A layer is a call of ``functional.linear`` or of a convolution in one to three dimensions; a spiking
network calls one once per time step. Everything that acts on layers is a ``LayerHook`` that is open
around a forward pass (``with hook.applied():``): learning rules that cut the gradient between
layers, add to a layer's output or send its error back through other weights; converters around an
array's products; pulse trains, which need every layer's input and error. One call goes through a
hook's methods in this order:

1. ``before``: what the product gets in place of the layer's input;
2. ``product``: the product itself; its errors go back through what ``backward`` says;
3. ``after``: what the network goes on with in place of the product.

Several hooks may be open. The one opened last has the call first, and its product is a call of the
same functional, which comes to the hook opened before it, and so on outwards to the plain product:

    before (inner) → before (outer) → product → after (outer) → after (inner)

Rules open theirs around the whole pass, the arrays' periphery opens its own around every forward
pass, inside: a rule sees what an array gets and gives, and not what the network computes around it.
A rule that asks for the layers as the network has them opens its own inside that, by
``Problem.through``.
Other ``TorchFunctionMode`` contexts take part in the same order.

A call of an activation (``device_models.activation_calls``) goes through ``activation``, in the
same order of hooks. A network may also call functions for the hooks' sake only (``event``), such as
the membrane potential that a neuron carries from one time step into the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn import grad as conv_grad
from torch.overrides import TorchFunctionMode, wrap_torch_function

from device_models.activation_calls import ActivationCall, activation_call

P = ParamSpec("P")
R = TypeVar("R")

_EVENT = "layer_hook_event"

_CONVOLUTIONS: Mapping[Callable[..., Tensor], tuple[Callable[..., Tensor], ...]]
_CONVOLUTIONS = MappingProxyType(
    {
        functional.conv1d: (conv_grad.conv1d_input, conv_grad.conv1d_weight),
        functional.conv2d: (conv_grad.conv2d_input, conv_grad.conv2d_weight),
        functional.conv3d: (conv_grad.conv3d_input, conv_grad.conv3d_weight),
    }
)
"""Convolutions, each with its derivatives by the input and by the weight."""


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer as it comes to a hook.

    Attributes:
        function: ``functional.linear``, or a convolution in one to three dimensions.
        input: The input, before any change by this hook.
        weight: Matrix ``(outputs, inputs)``, or kernel ``(out, in/groups, *size)``.
        bias: Bias, or None.
        options: Stride, padding, dilation and groups of a convolution; empty for a linear layer.
    """

    function: Callable[..., Tensor]
    input: Tensor
    weight: Tensor
    bias: Tensor | None
    options: tuple[Any, ...]

    @property
    def is_convolution(self) -> bool:
        """Whether the layer is a convolution."""
        return self.function in _CONVOLUTIONS

    @property
    def vector_dims(self) -> tuple[int, ...]:
        """Dimensions of input and output that make one vector: a whole image in a convolution."""
        return tuple(range(1 - self.weight.ndim, 0)) if self.is_convolution else (-1,)

    def multiply(self, x: Tensor) -> Tensor:
        """The layer's output for the input ``x``; hooks opened before see this call."""
        return self.function(x, self.weight, self.bias, *self.options)

    def multiply_without_bias(self, x: Tensor) -> Tensor:
        """As ``multiply``, without adding the bias."""
        return self.function(x, self.weight, None, *self.options)

    def add_bias(self, product: Tensor) -> Tensor:
        """A product without bias plus the layer's bias, if it has one."""
        if self.bias is None:
            return product
        beside = (1,) * (self.weight.ndim - 2) if self.is_convolution else ()
        return product + self.bias.view(-1, *beside)


class LayerHook:
    """Acts on every call of a layer while it is open; as it is, it changes nothing.

    A hook may have further methods named like an ``event``, which stand in for that function.
    """

    @property
    def by_sample(self) -> bool:
        """Whether what becomes of a sample does not depend on how many a mean loss is over."""
        return True

    def applied(self) -> AbstractContextManager[object]:
        """A fresh context inside which calls of layers go through this hook."""
        return _Interception(self)

    def before(self, call: LayerCall, x: Tensor) -> Tensor:
        """What the product gets in place of the layer's input ``x``."""
        return x

    def product(self, call: LayerCall, x: Tensor) -> Tensor:
        """The layer's output for the input ``x``."""
        weight = self.backward(call)
        return call.multiply(x) if weight is None else multiply_with_feedback(call, x, weight)

    def backward(self, call: LayerCall) -> Tensor | None:
        """The weight that errors go back through; None for the layer's own."""
        return None

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """What the network goes on with in place of the layer's output ``y``."""
        return y

    def activation(self, call: ActivationCall) -> Any:
        """What the network goes on with in place of an activation's output."""
        return call.apply()


class _Interception(TorchFunctionMode):
    """The one place where calls of layers, and events, are caught and given to a hook."""

    def __init__(self, hook: LayerHook) -> None:
        super().__init__()
        self._hook = hook

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.linear:
            return self._layer(_linear_call(*args, **kwargs))
        if func in _CONVOLUTIONS:
            return self._layer(_convolution_call(func, *args, **kwargs))
        activation = activation_call(func, args, kwargs)
        if activation is not None:
            return self._hook.activation(activation)
        event_name = getattr(func, _EVENT, None)
        stand_in = None if event_name is None else getattr(self._hook, event_name, None)
        return func(*args, **kwargs) if stand_in is None else stand_in(*args, **kwargs)

    def _layer(self, call: LayerCall) -> Tensor:
        x = self._hook.before(call, call.input)
        return self._hook.after(call, self._hook.product(call, x))


def _linear_call(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> LayerCall:
    return LayerCall(functional.linear, input, weight, bias, ())


def _convolution_call(
    function: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> LayerCall:
    if isinstance(padding, str):
        input, padding = _padded(input, weight, padding, dilation)
    return LayerCall(function, input, weight, bias, (stride, padding, dilation, groups))


def _padded(
    input: Tensor, weight: Tensor, padding: str, dilation: Any
) -> tuple[Tensor, tuple[int, ...]]:
    """The input and the numbers of padding that is ``valid`` or ``same``.

    What ``same`` adds on one side more than on the other is in the input.
    """
    sizes = weight.shape[2:]
    if padding == "valid":
        return input, (0,) * len(sizes)
    apart = (dilation,) * len(sizes) if isinstance(dilation, int) else tuple(dilation)
    every = [d * (size - 1) for d, size in zip(apart, sizes, strict=True)]
    if any(each % 2 for each in every):
        ends = [end for each in reversed(every) for end in (0, each % 2)]
        input = functional.pad(input, ends)
    return input, tuple(each // 2 for each in every)


def event(
    function: Callable[Concatenate[Tensor, P], R],
) -> Callable[Concatenate[Tensor, P], R]:
    """A function of a tensor that open hooks may stand in for, by a method of the same name.

    The innermost hook that has such a method is asked; it may call the function itself, which goes
    to the next one.
    """

    def relevant(tensor: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> tuple[Tensor]:
        return (tensor,)

    wrapped: Callable[Concatenate[Tensor, P], R] = wrap_torch_function(relevant)(function)
    setattr(wrapped, _EVENT, function.__name__)
    return wrapped


@event
def begin_pass(inputs: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """The inputs of a forward pass, at an event where hooks learn which weight is which.

    Args:
        inputs: What the network is called with.
        parameters: The very tensors that it is run with, by name.
    """
    return inputs


# -- products whose errors go back through another weight ---------------------------------------


def multiply_with_feedback(call: LayerCall, x: Tensor, feedback: Tensor) -> Tensor:
    """The layer's output for the input ``x``; its error goes back through ``feedback``.

    The gradient of weight and bias is that of the plain product.

    Args:
        call: The layer.
        x: Its input.
        feedback: What the error is multiplied by in place of the weight, of the weight's shape.
    """
    arguments = (x, call.weight, call.bias, feedback, call.function, call.options)
    product: Tensor = _ProductWithFeedback.apply(*arguments)
    return product


class _ProductWithFeedback(torch.autograd.Function):
    """A layer's output whose error goes back through ``feedback`` in place of the weight."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        feedback: Tensor,
        function: Callable[..., Tensor],
        options: tuple[Any, ...],
    ) -> Tensor:
        ctx.save_for_backward(x, feedback)
        ctx.has_bias, ctx.options = bias is not None, options
        linear = function is functional.linear
        ctx.error_back = _through_matrix if linear else partial(_through_kernel, function)
        return function(x, weight, bias, *options)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        x_grad, weight_grad, bias_grad = ctx.error_back(
            *ctx.saved_tensors, *grad_outputs, ctx.options
        )
        return x_grad, weight_grad, bias_grad if ctx.has_bias else None, None, None, None


def _through_matrix(
    x: Tensor, feedback: Tensor, error: Tensor, options: tuple[Any, ...]
) -> tuple[Tensor, ...]:
    """Derivatives by the input, weight and bias of a linear layer."""
    flat_error, flat_x = error.reshape(-1, error.shape[-1]), x.reshape(-1, x.shape[-1])
    return error @ feedback, flat_error.T @ flat_x, flat_error.sum(0)


def _through_kernel(
    function: Callable[..., Tensor],
    x: Tensor,
    feedback: Tensor,
    error: Tensor,
    options: tuple[Any, ...],
) -> tuple[Tensor, ...]:
    """The same of a convolution."""
    input_gradient, weight_gradient = _CONVOLUTIONS[function]
    by_x = input_gradient(x.shape, feedback, error, *options)
    by_weight = weight_gradient(x, feedback.shape, error, *options)
    return by_x, by_weight, error.sum((0, *range(2, error.ndim)))


# -- recording ----------------------------------------------------------------------------------

Change = Callable[[int, Tensor], Tensor]
"""What becomes of the input or output of call k (0, 1, ... in forward order)."""


def kept(k: int, tensor: Tensor) -> Tensor:
    """The tensor itself."""
    return tensor


def detached(k: int, tensor: Tensor) -> Tensor:
    """The tensor without its graph, so that no gradient goes back through it."""
    return tensor.detach()


@dataclass(frozen=True, eq=False)
class RecordedCall:
    """One call of a layer with a trainable weight.

    Attributes:
        weight: Parameter name of the layer's weight.
        bias: Parameter name of its bias; None without a trainable one.
        inputs: The input as the network computed it, before any change.
        outputs: The output as the network goes on with a copy of it, after any change.
    """

    weight: str
    bias: str | None
    inputs: Tensor
    outputs: Tensor


class LayerRecorder(LayerHook):
    """Records every call of a network's trainable layers and changes their inputs and outputs.

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
        self._name_of = {id(tensor): name for name, tensor in parameters.items()}
        self._change_input, self._change_output = change_input, change_output
        self.calls: list[RecordedCall] = []

    def before(self, call: LayerCall, x: Tensor) -> Tensor:
        """The changed input of a trainable layer."""
        return self._change_input(len(self.calls), x) if id(call.weight) in self._name_of else x

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """The changed output of a trainable layer, which is recorded."""
        name = self._name_of.get(id(call.weight))
        if name is None:
            return y
        outputs = self._change_output(len(self.calls), y)
        bias = self._name_of.get(id(call.bias))
        self.calls.append(RecordedCall(name, bias, call.input, outputs))
        # Layers that work in place change what they get.
        return outputs.clone()


class CutRecorder(LayerRecorder):
    """A recorder that lets no gradient into the weights and biases of the layers.

    What a network's outputs still depend on is used elsewhere.
    """

    def product(self, call: LayerCall, x: Tensor) -> Tensor:
        """The output of a layer for the input ``x``, without a graph to its own parameters."""
        if id(call.weight) in self._name_of:
            bias = None if call.bias is None else call.bias.detach()
            call = replace(call, weight=call.weight.detach(), bias=bias)
        return super().product(call, x)
