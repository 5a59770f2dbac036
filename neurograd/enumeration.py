"""Exact smoothed loss of spiking networks that are small enough to enumerate.

In one time step a layer's spikes, given its input x, are independent: neuron j spikes with
probability ``Φ((w_j·x + b_j − θ)/(s√(‖x‖² + 1)))`` when its synapses and its bias current carry
normal noise of standard deviation s. The smoothed loss is then a finite sum over spike patterns,
and its gradient exact.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from device_models.spiking import SpikingNetwork
from neurograd.problem import Problem

MAX_WIDTH = 10
"""Widest layer: its 1024 patterns are enumerated."""


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
    network = problem.module
    inputs, targets = problem.batch()
    if not isinstance(network, SpikingNetwork) or network.readout != "spikes":
        raise ValueError("enumeration needs a SpikingNetwork with readout 'spikes'")
    widths = [len(p) for name, p in problem.parameters_of(w).items() if name.endswith("bias")]
    if inputs.shape[1] != 1 or max(widths) > MAX_WIDTH:
        raise ValueError(f"enumeration needs one time step and layers of at most {MAX_WIDTH}")
    parameters = problem.parameters_of(w)
    signal, chance = inputs[:, 0], None
    for k in range(len(network.layers)):
        weight, bias = parameters[f"layers.{k}.weight"], parameters[f"layers.{k}.bias"]
        spread = std * (signal.square().sum(1, keepdim=True) + 1.0).sqrt()
        fires = torch.special.ndtr((signal @ weight.T + bias - network.threshold) / spread)
        patterns = _patterns(weight.shape[0], w)
        # Probability of every pattern, given each input pattern: a product over neurons.
        given = (fires.unsqueeze(1) * patterns + (1 - fires.unsqueeze(1)) * (1 - patterns)).prod(2)
        chance = given if chance is None else chance @ given
        signal = patterns
    assert chance is not None
    losses = torch.stack(
        [problem.sample_losses(row.expand(len(targets), -1), targets) for row in signal], dim=1
    )
    expected: Tensor = (chance * losses).sum(1).mean()
    return expected


def _patterns(width: int, like: Tensor) -> Tensor:
    """All spike patterns of a layer, shape ``(2^width, width)``."""
    return torch.tensor(list(product((0.0, 1.0), repeat=width)), dtype=like.dtype)
