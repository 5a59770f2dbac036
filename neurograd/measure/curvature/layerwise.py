"""Exact Hessian diagonal, of fully connected networks or of layers without smooth activations.

Fully connected networks have theirs whatever their activations (``fully_connected``). Elsewhere the
output must be linear in each layer's own weights.
With ReLU, max-pooling and linear or convolution layers every second derivative of an output within
one layer's weights is 0, so the Hessian's diagonal is the generalized Gauss-Newton matrix's. That
one is a sum over the outputs c of squared backward passes: ``δ²ᵀ a²`` for a linear layer with
inputs a and errors δ; a layer that every position of a sample passes (a convolution, or a linear
layer on inputs of three or more dimensions) squares the sum over positions. A learned factor s
behind a layer's product z makes it ``s²·δ²ᵀ a²``, and its own element is the sum of ``(δᵀz)²`` over
samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from device_models.bare_layers import chain_of
from device_models.kernels.cudnn_state import derivatives
from device_models.scaled_layers import OUTPUT_SCALE, ScaledConv2d, ScaledLayer, ScaledLinear
from neurograd.measure.curvature.fully_connected import (
    fully_connected_diagonal,
    has_fully_connected_diagonal,
)
from neurograd.problem import Problem

_PIECEWISE_LINEAR: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.Hardtanh,
    nn.Identity,
    nn.Flatten,
    nn.Dropout,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
)

CHUNK_BYTES = 2**29
"""Memory for the activations and patches of the samples that are taken at once."""

LAYER_BYTES = 2**28
"""Memory for the gradients per sample of one convolution's weights."""


def has_exact_diagonal(problem: Problem) -> bool:
    """Whether the Hessian's diagonal has the exact closed form of this module.

    True for a ``torch.nn.Sequential`` of linear, convolution, pooling and piecewise linear layers
    without hooks that share no weights, under cross-entropy or squared error on vector outputs; and
    for fully connected layers with smooth activations, unless three or more very wide ones make the
    stochastic trace cheaper (``has_fully_connected_diagonal``).
    """
    return has_fully_connected_diagonal(problem) or _is_piecewise_linear(problem)


def _is_piecewise_linear(problem: Problem) -> bool:
    if problem.loss_function.name not in ("cross_entropy", "mse"):
        return False
    layers = [layer for _, layer in chain_of(problem.module)]
    if not layers or len(set(map(id, layers))) < len(layers):
        return False
    known = all(_is_known(layer) for layer in layers) and isinstance(layers[-1], nn.Linear)
    return known and _has_vector_outputs(problem)


@torch.no_grad()
def _has_vector_outputs(problem: Problem) -> bool:
    """Whether a sample's outputs are one vector, of which a loss has its Hessian's factors."""
    parameters = problem.parameters_of(problem.initial_weights)
    return problem.outputs(parameters, problem.data()[0][:1]).ndim == 2


def _is_known(layer: nn.Module) -> bool:
    if type(layer) in (nn.Conv2d, ScaledConv2d):
        assert isinstance(layer, nn.Conv2d)
        zeros = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        return zeros and layer.groups == 1
    # Every parameter must be trained: a frozen weight is not part of w.
    return type(layer) in (nn.Linear, ScaledLinear, *_PIECEWISE_LINEAR)


def exact_diagonal(problem: Problem, w: Tensor) -> Tensor:
    """Exact diagonal of the Hessian of the mean training loss at ``w``, shape ``(N,)``.

    At a kink of a piecewise linear activation this is the second derivative of the piece that the
    framework's gradient takes. The samples are taken a few at a time where the network is large,
    so that the memory beyond the weights stays near 1 GB.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.

    Raises:
        ValueError: If the network has no exact diagonal (see ``has_exact_diagonal``).
    """
    if not has_exact_diagonal(problem):
        raise ValueError("this network has no exact Hessian diagonal; use hessian_trace")
    if has_fully_connected_diagonal(problem):
        return fully_connected_diagonal(problem, w)
    parameters = {
        name: tensor.detach().clone().requires_grad_()
        for name, tensor in problem.parameters_of(w).items()
    }
    diagonal = {name: torch.zeros_like(p) for name, p in parameters.items()}
    samples = _samples_at_once(problem, parameters)
    for chunk, _ in problem.chunks("train"):
        for x in chunk.split(samples):
            _add_chunk(problem, parameters, x, diagonal)
    return problem.flatten(diagonal) / problem.num_samples


def _layers(problem: Problem) -> dict[str, nn.Linear | nn.Conv2d]:
    """The layers that have something to train: errors need not go back to any other."""
    return {
        name: layer
        for name, layer in problem.module.named_children()
        if isinstance(layer, nn.Linear | nn.Conv2d)
        and any(parameter.requires_grad for parameter in layer.parameters())
    }


def _samples_at_once(problem: Problem, parameters: dict[str, Tensor]) -> int:
    """Samples whose activations, errors and patches fit into the memory for a chunk."""
    layers = _layers(problem)
    with torch.no_grad(), _recorded(layers) as records:
        problem.outputs(parameters, problem.data()[0][:1])
    elements = 0
    for name, layer in layers.items():
        inputs, output = records[name]
        # A layer's output is kept by itself, by its activation, and as its error; its product, too.
        elements += inputs.numel() + (3 + isinstance(layer, ScaledLayer)) * output.numel()
        if isinstance(layer, nn.Conv2d):
            elements += layer.weight[0].numel() * output[0, 0].numel()
    return max(1, CHUNK_BYTES // (elements * problem.dtype.itemsize))


def _add_chunk(
    problem: Problem, parameters: dict[str, Tensor], x: Tensor, diagonal: dict[str, Tensor]
) -> None:
    """Add the sum over one chunk's samples and all outputs of the squared backward passes."""
    layers = _layers(problem)
    with torch.enable_grad(), _recorded(layers) as records:
        outputs = problem.outputs(parameters, x)
    factors = problem.loss_function.hessian_factors(outputs.detach())
    assert factors is not None
    pre_activations = [records[name][1] for name in layers]
    inputs = {name: records[name][0] for name in layers}
    products = _products(layers, parameters, inputs)
    for name in products:
        inputs[name] = inputs[name] * parameters[f"{name}.{OUTPUT_SCALE}"].detach()
    seen = {name: _seen(layer, inputs[name]) for name, layer in layers.items()}
    for factor in factors:
        with torch.enable_grad():
            weighted = (outputs * factor).sum()  # given as it is, autograd imports sympy
        errors = derivatives(weighted, pre_activations, retain_graph=True)
        for (name, layer), error in zip(layers.items(), errors, strict=True):
            _add_layer(layer, name, seen[name], error, diagonal)
            if name in products:
                by_sample = (error * products[name]).flatten(1).sum(1)
                diagonal[f"{name}.{OUTPUT_SCALE}"] += by_sample.square().sum()


@torch.no_grad()
def _products(
    layers: Mapping[str, nn.Module], parameters: Mapping[str, Tensor], inputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What stands before the learned factors of layers that have one."""
    return {
        name: layer.product(inputs[name], parameters.get(f"{name}.weight", layer.weight))
        for name, layer in layers.items()
        if isinstance(layer, ScaledLayer)
    }


def _seen(layer: nn.Linear | nn.Conv2d, inputs: Tensor) -> Tensor:
    """What meets a layer's weights at every position, shape ``(n, i, positions)``.

    Patches of a convolution, with i·k² for i; of a linear layer on vectors the squared inputs,
    shape ``(n, i)``.
    """
    if not isinstance(layer, nn.Conv2d):
        return inputs.square() if inputs.ndim == 2 else _positions_last(inputs)
    assert not isinstance(layer.padding, str)
    return functional.unfold(
        inputs,
        layer.weight.shape[2:],
        dilation=layer.dilation,
        padding=layer.padding,
        stride=layer.stride,
    )


def _positions_last(tensor: Tensor) -> Tensor:
    """Inputs or outputs of a linear layer, ``(n, ..., i)``, as ``(n, i, positions)``."""
    return tensor.flatten(1, -2).transpose(1, 2)


def _add_layer(
    layer: nn.Module, name: str, seen: Tensor, error: Tensor, diagonal: dict[str, Tensor]
) -> None:
    weight, bias = f"{name}.weight", f"{name}.bias"
    if seen.ndim == 3:
        by_position = error.flatten(2) if isinstance(layer, nn.Conv2d) else _positions_last(error)
        if weight in diagonal:
            target = diagonal[weight].flatten(1)
            samples = max(1, LAYER_BYTES // (target.numel() * target.dtype.itemsize))
            for errors, patches in zip(
                by_position.split(samples), seen.split(samples), strict=True
            ):
                # One sample's gradient sums over positions before it is squared.
                per_sample = torch.einsum("nop,nip->noi", errors, patches)
                target += per_sample.square_().sum(0)
        if bias in diagonal:
            diagonal[bias] += by_position.sum(2).square().sum(0)
        return
    square = error.square()
    if weight in diagonal:
        diagonal[weight] += square.T @ seen
    if bias in diagonal:
        diagonal[bias] += square.sum(0)


@contextmanager
def _recorded(layers: Mapping[str, nn.Module]) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """Record inputs and outputs of layers while the context is open."""
    records: dict[str, tuple[Tensor, Tensor]] = {}
    handles = []
    for name, layer in layers.items():

        def hook(
            module: nn.Module, args: tuple[Tensor, ...], output: Tensor, name: str = name
        ) -> Tensor:
            records[name] = (args[0].detach(), output)
            # Layers that work in place change what they get.
            return output.clone()

        handles.append(layer.register_forward_hook(hook))
    try:
        yield records
    finally:
        for handle in handles:
            handle.remove()
