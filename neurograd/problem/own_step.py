"""Gradients of single samples where each has taken a step of its own, uphill.

Updates of size Δt by the gradients x_i of batches of B samples do not follow the flow of the mean
of x: to second order in Δt they follow that of

    x + (Δt/2)·(Dx)x,      on average over batches      x(w + (Δt/2)·x_B(w)),

x_B of the batch itself (Smith, Dherin, Barrett and De, On the Origin of Implicit Regularization in
Stochastic Gradient Descent, ICLR 2021, for gradients of whole batches). Of it, what a sample's own
gradient does to it, Δt/(2B)·x_i, keeps a training where single updates do not overshoot, and its
loss above that of the flow. A linear layer's own step is ``δ_i a_iᵀ``, so that the products with
moved matrices are those with the matrix and one product of vectors more:

    (W + s δ aᵀ)a' = W a' + s δ ⟨a, a'⟩,      (W + s δ aᵀ)ᵀδ' = Wᵀδ' + s a ⟨δ, δ'⟩.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from neurograd.problem.layer_stack import Factors, LayerStack


def factors_after_own_step(
    stack: LayerStack,
    w: Tensor,
    inputs: Tensor,
    targets: Tensor,
    scale: float,
    feedback: Mapping[int, Tensor],
) -> list[Factors]:
    """Inputs and errors of every layer, from the last one to the first, at each sample's weights.

    These are ``w + scale·x`` with the sample's own estimate x at ``w``.

    Args:
        stack: The network's layers.
        w: Weights, shape ``(N,)``, or those of K networks, shape ``(K, N)``.
        inputs: Inputs of n samples, shape ``(n, inputs)``, or of m samples of each network, shape
            ``(K, m, inputs)``, which come one network after the other in what is found.
        targets: Their targets, first dimension n or K·m.
        scale: Length of the own step.
        feedback: What errors go back through in place of a layer's matrix, by its place among the
            parameters; own steps do not move it.
    """
    before = stack.factors(w, inputs, targets, feedback=feedback)[::-1]
    if several := w.dim() == 2:
        before = [_by_network(each, len(w)) for each in before]
    parameters = stack.parameters(w)
    passed = [inputs]
    for layer, old in zip(stack.layers, before, strict=True):
        a, bias = passed[-1], layer.bias
        z = a @ parameters[layer.weight].mT
        along = torch.linalg.vecdot(old.inputs, a).add_(bias is not None).mul_(scale)
        z.addcmul_(old.errors, along.unsqueeze(-1))
        if bias is not None:
            z.add_(parameters[bias].unsqueeze(-2))
        passed.append(z if layer.activation is None else layer.activation.apply(z))
    error = stack.slope(passed[-1], targets)
    found: list[Factors] = []
    for layer, old in zip(reversed(stack.layers), reversed(before), strict=True):
        output = passed.pop()
        if layer.activation is not None:
            error = layer.activation.back(error, output)
        found.append(Factors(layer.weight, layer.bias, passed[-1], error))
        if len(passed) == 1:
            break
        if layer.weight in feedback:
            error = error @ feedback[layer.weight]
        else:
            along = torch.linalg.vecdot(old.errors, error).mul_(scale)
            error = error @ parameters[layer.weight]
            error.addcmul_(old.inputs, along.unsqueeze(-1))
    return [each.flattened() for each in found] if several else found


def _by_network(layer: Factors, count: int) -> Factors:
    """A layer of several networks with these first."""
    inputs, errors = (each.unflatten(0, (count, -1)) for each in (layer.inputs, layer.errors))
    return replace(layer, inputs=inputs, errors=errors)
