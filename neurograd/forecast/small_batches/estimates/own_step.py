"""Gradients of single samples where each has taken a step of its own, uphill.

Updates of size Δt by the gradients x_i of batches of B samples do not follow the flow of the mean
of x: to second order in Δt they follow that of

    x + (Δt/2)·(Dx)x,      on average over batches      x(w + (Δt/2)·x_B(w)),

x_B of the batch itself (Smith, Dherin, Barrett and De, On the Origin of Implicit Regularization in
Stochastic Gradient Descent, ICLR 2021, for gradients of whole batches). Here is the part of it that
a sample's own gradient has, Δt/(2B)·x_i, which keeps a training where single updates do not
overshoot. What the other samples of a batch add, (Δt/2)(1 − 1/B) of their mean, is left out, and x
is what is asked for, whatever a chip's write makes of it. A linear layer's own step is ``δ_i
a_iᵀ``, so that the products with moved matrices are those with the matrix and one product of
vectors more:

    (W + s δ aᵀ)a' = W a' + s δ ⟨a, a'⟩,      (W + s δ aᵀ)ᵀδ' = Wᵀδ' + s a ⟨δ, δ'⟩.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.forecast.small_batches.estimates.backward import Backward, Crossing
from neurograd.problem.written_out.layer_stack import Factors, LayerStack


def factors_after_own_step(
    stack: LayerStack,
    w: Tensor,
    inputs: Tensor,
    targets: Tensor,
    scale: float,
    backward: Backward,
) -> list[Factors]:
    """Inputs and errors of every layer, from the last one to the first, at each sample's weights.

    These are ``w + scale·x`` with the sample's own estimate x at ``w``.

    Args:
        stack: The network's layers.
        w: Weights, shape ``(N,)``, or those of K networks, shape ``(K, N)``.
        inputs: Inputs of n samples, shape ``(n, inputs)``, or of m samples of each network, shape
            ``(K, m, inputs)``, which come one network after the other in what is found.
        targets: Their targets, first dimension n or K·m.
        scale: Length of the own step; 0 for the samples' estimates at ``w``.
        backward: What errors become behind a layer.
    """
    parameters = stack.parameters(w)
    # Own steps change nothing of what comes into the first layer, so that its products, most of
    # those of wide inputs, are taken once.
    first = _products(stack, parameters, 0, inputs)
    kept = first.clone() if scale else first
    moved = _passes(stack, parameters, inputs, kept, targets, backward)
    if scale:
        own = _OwnStep(moved[::-1], scale)
        moved = _passes(stack, parameters, inputs, first, targets, backward, own)
    return moved if w.dim() == 1 else [each.flattened() for each in moved]


@dataclass(frozen=True)
class _OwnStep:
    """Steps of samples: inputs and errors of every layer, from the first on, and their length."""

    before: list[Factors]
    scale: float

    def forward(self, layer: int, products: Tensor, inputs: Tensor) -> None:
        """Move the products of a layer, which are changed."""
        old = self.before[layer]
        along = torch.linalg.vecdot(old.inputs, inputs).add_(old.bias is not None)
        products.addcmul_(old.errors, along.unsqueeze(-1), value=self.scale)

    def backward(self, layer: int, errors: Tensor, through: Tensor) -> None:
        """Move what a layer's errors are behind it, which is changed."""
        old = self.before[layer]
        along = torch.linalg.vecdot(old.errors, errors)
        through.addcmul_(old.inputs, along.unsqueeze(-1), value=self.scale)


def _products(stack: LayerStack, parameters: list[Tensor], layer: int, inputs: Tensor) -> Tensor:
    """What a layer makes of its inputs before its activation, of one network or several."""
    weight, bias = stack.layers[layer].weight, stack.layers[layer].bias
    found = inputs @ parameters[weight].mT
    return found if bias is None else found.add_(parameters[bias].unsqueeze(-2))


def _passes(
    stack: LayerStack,
    parameters: list[Tensor],
    inputs: Tensor,
    first: Tensor,
    targets: Tensor,
    backward: Backward,
    own: _OwnStep | None = None,
) -> list[Factors]:
    """Inputs and errors of every layer, from the last one to the first.

    Args:
        stack: The network's layers.
        parameters: Its parameters.
        inputs: Inputs of the samples.
        first: Products of the first layer at these parameters, which are changed.
        targets: Targets of the samples.
        backward: What errors become behind a layer.
        own: Steps of the samples; none when None.
    """
    passed = [inputs]
    for k, layer in enumerate(stack.layers):
        z = _products(stack, parameters, k, passed[-1]) if k else first
        if own is not None:
            own.forward(k, z, passed[-1])
        passed.append(z if layer.activation is None else layer.activation.apply(z))
    error, found = stack.slope(passed[-1], targets), list[Factors]()
    last = error
    for k, layer in reversed([*enumerate(stack.layers)]):
        output = passed.pop()
        if layer.activation is not None:
            error = layer.activation.back(error, output)
        if not found:
            last = error
        found.append(Factors(layer.weight, layer.bias, passed[-1], error))
        if k:
            at = Crossing(layer.weight, parameters[layer.weight], error, passed[-1], last, targets)
            through = backward.errors(stack, at)
            if own is not None and backward.moves(layer.weight):
                own.backward(k, error, through)
            error = through
    return found
