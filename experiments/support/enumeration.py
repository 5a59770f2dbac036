"""Exact smoothed loss of spiking networks that are small enough to enumerate.

In one time step a layer's spikes, given its input x, are independent: neuron j spikes with
probability ``Φ((w_j·x + b_j − θ)/(s√(‖x‖² + 1)))`` when its synapses and its bias current carry
normal noise of standard deviation s. The smoothed loss is then a finite sum over spike patterns,
and its gradient exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn

from device_models.spiking.network import SpikingNetwork
from neurograd.problem import Problem

MAX_WIDTH = 10
"""Widest layer: its 1024 patterns are enumerated."""


class PatternProbabilities(nn.Module):
    """Probabilities of a spiking network's output patterns, with normal noise on its synapses.

    Inputs have shape ``(n, 1, inputs)``, outputs ``(n, 2^outputs)``: patterns as ``patterns``
    lists them. The parameters are the network's own, in their order.

    Args:
        network: Spike readout, biases, and layers of at most 10 neurons.
        std: s in weight units, above 0.

    Raises:
        ValueError: If the network can not be enumerated or s is not above 0.
    """

    def __init__(self, network: nn.Module, std: float) -> None:
        super().__init__()
        if not isinstance(network, SpikingNetwork) or network.readout != "spikes":
            raise ValueError("enumeration needs a SpikingNetwork with readout 'spikes'")
        layers = [layer for layer in network.layers if isinstance(layer, nn.Linear)]
        if any(layer.bias is None for layer in layers):
            raise ValueError("enumeration needs layers with biases")
        if max(layer.out_features for layer in layers) > MAX_WIDTH:
            raise ValueError(f"enumeration needs layers of at most {MAX_WIDTH} neurons")
        if not std > 0:
            raise ValueError(f"smoothing is {std:g}; allowed: above 0")
        self.layers: Sequence[nn.Linear] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.outputs = layers[-1].out_features
        self.threshold, self.std = network.threshold, std

    def forward(self, inputs: Tensor) -> Tensor:
        """Probability of every output pattern, shape ``(n, 2^outputs)``."""
        if inputs.shape[1] != 1:
            raise ValueError("enumeration needs inputs of one time step")
        signal = inputs[:, 0]
        chance: Tensor | None = None
        for layer in self.layers:
            spread = self.std * (signal.square().sum(1, keepdim=True) + 1.0).sqrt()
            fires = torch.special.ndtr((layer(signal) - self.threshold) / spread)
            signal = patterns(layer.out_features, inputs)
            # Probability of every pattern, given each input pattern: a product over neurons.
            on, off = fires.unsqueeze(1), 1 - fires.unsqueeze(1)
            given = (on * signal + off * (1 - signal)).prod(2)
            chance = given if chance is None else chance @ given
        assert chance is not None
        return chance


def smoothed_problem(problem: Problem, std: float) -> Problem:
    """The exact smoothed loss of a spiking network as a problem of its own, smooth in its weights.

    Loss, gradient and Hessian are those of ``L_s(w) = E_ξ L(w + sξ)``; weights and data are the
    same. Accuracy has no meaning there.

    Arguments and errors as for ``exact_smoothed_loss``.
    """
    module = PatternProbabilities(problem.module, std)
    inputs, targets = problem.batch()
    if inputs.shape[1] != 1:
        raise ValueError("enumeration needs inputs of one time step")
    rows = patterns(module.outputs, inputs)

    def expected(chance: Tensor, labels: Tensor) -> Tensor:
        losses = [problem.sample_losses(row.expand(len(labels), -1), labels) for row in rows]
        return (chance * torch.stack(losses, dim=1)).sum(1)

    return Problem(
        module,
        expected,
        inputs,
        targets,
        dtype=problem.dtype,
        device=problem.device,
        chunk_size=problem.chunk_size,
    )


def exact_smoothed_gradient(problem: Problem, w: Tensor, std: float) -> Tensor:
    """Gradient of the smoothed training loss at ``w``, shape ``(N,)``.

    Arguments and errors as for ``exact_smoothed_loss``.
    """
    with torch.enable_grad():
        leaf = w.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(exact_smoothed_loss(problem, leaf, std), leaf)
    return gradient


def exact_smoothed_loss(problem: Problem, w: Tensor, std: float) -> Tensor:
    """``E_ξ L(w + sξ)`` of the training loss, a differentiable scalar of ``w``.

    Args:
        problem: A problem whose module is a ``SpikingNetwork`` with spike readout, biases and
            layers of at most 10 neurons, on inputs of one time step.
        w: Weights, shape ``(N,)``.
        std: s in weight units, above 0.

    Raises:
        ValueError: If the network can not be enumerated.
    """
    smoothed = smoothed_problem(problem, std)
    return smoothed.mean_loss(smoothed.parameters_of(w))


def patterns(width: int, like: Tensor) -> Tensor:
    """All spike patterns of a layer, shape ``(2^width, width)``."""
    return torch.tensor(list(product((0.0, 1.0), repeat=width)), dtype=like.dtype)
