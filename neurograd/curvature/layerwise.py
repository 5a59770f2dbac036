"""Exact Hessian diagonal of networks whose output is linear in each layer's own weights.

With ReLU, max-pooling and linear or convolution layers every second derivative of an output within
one layer's weights is 0, so the Hessian's diagonal is the generalized Gauss-Newton matrix's. That
one is a sum over the outputs c of squared backward passes: ``δ²ᵀ a²`` for a linear layer with
inputs a and errors δ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

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


def has_exact_diagonal(problem: Problem) -> bool:
    """Whether the Hessian's diagonal has the exact closed form of this module.

    True for a ``torch.nn.Sequential`` of linear, convolution, pooling and piecewise linear layers
    that share no weights, under cross-entropy or squared error on vector outputs.
    """
    if problem.loss_function.name not in ("cross_entropy", "mse"):
        return False
    if not isinstance(problem.module, nn.Sequential):
        return False
    layers = list(problem.module)
    if len({id(layer) for layer in layers}) < len(layers):
        return False
    return all(_is_known(layer) for layer in layers) and isinstance(layers[-1], nn.Linear)


def _is_known(layer: nn.Module) -> bool:
    if type(layer) is nn.Conv2d:
        zeros = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        return zeros and layer.groups == 1
    # Every parameter must be trained: a frozen weight is not part of w.
    return type(layer) is nn.Linear or type(layer) in _PIECEWISE_LINEAR


def exact_diagonal(problem: Problem, w: Tensor) -> Tensor:
    """Exact diagonal of the Hessian of the mean training loss at ``w``, shape ``(N,)``.

    At a kink of a piecewise linear activation this is the second derivative of the piece that the
    framework's gradient takes.

    Raises:
        ValueError: If the network has no exact diagonal (see ``has_exact_diagonal``).
    """
    if not has_exact_diagonal(problem):
        raise ValueError("this network has no exact Hessian diagonal; use hessian_trace")
    parameters = {
        name: tensor.detach().clone().requires_grad_()
        for name, tensor in problem.parameters_of(w).items()
    }
    diagonal = {name: torch.zeros_like(p) for name, p in parameters.items()}
    for x, _ in problem.chunks("train"):
        _add_chunk(problem, parameters, x, diagonal)
    return problem.flatten(diagonal) / problem.num_samples


def _add_chunk(
    problem: Problem, parameters: dict[str, Tensor], x: Tensor, diagonal: dict[str, Tensor]
) -> None:
    """Add the sum over one chunk's samples and all outputs of the squared backward passes."""
    layers = {
        name: layer
        for name, layer in problem.module.named_children()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    }
    with torch.enable_grad(), _recorded(layers) as records:
        outputs = problem.outputs(parameters, x)
    factors = problem.loss_function.hessian_factors(outputs.detach())
    assert factors is not None
    pre_activations = [records[name][1] for name in layers]
    for factor in factors:
        errors = torch.autograd.grad(outputs, pre_activations, factor, retain_graph=True)
        for (name, layer), error in zip(layers.items(), errors, strict=True):
            _add_layer(layer, name, records[name][0], error, diagonal)


def _add_layer(
    layer: nn.Module, name: str, inputs: Tensor, error: Tensor, diagonal: dict[str, Tensor]
) -> None:
    weight, bias = f"{name}.weight", f"{name}.bias"
    if isinstance(layer, nn.Conv2d):
        assert not isinstance(layer.padding, str)
        patches = functional.unfold(
            inputs,
            layer.weight.shape[2:],
            dilation=layer.dilation,
            padding=layer.padding,
            stride=layer.stride,
        )
        # One sample's gradient sums over positions before it is squared.
        per_sample = torch.einsum("nop,nip->noi", error.flatten(2), patches)
        if weight in diagonal:
            diagonal[weight] += per_sample.square().sum(0).view_as(diagonal[weight])
        if bias in diagonal:
            diagonal[bias] += error.flatten(2).sum(2).square().sum(0)
        return
    square = error.square()
    if weight in diagonal:
        diagonal[weight] += square.T @ inputs.square()
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
        ) -> None:
            records[name] = (args[0].detach(), output)

        handles.append(layer.register_forward_hook(hook))
    try:
        yield records
    finally:
        for handle in handles:
            handle.remove()
