"""A spiking network small enough to enumerate, and what its measurements are held against."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from device_models.spiking.network import SpikingNetwork
from device_models.spiking.surrogate_gradient import Surrogate
from neurograd.measure.estimate import Estimate
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for

STD = 0.3


class OneStep(Problem):
    """A spiking network in one time step, whose losses are written out.

    They are the same numbers (a test holds them so) in a twentieth of the time: measurements that
    enumeration judges take thousands of them.
    """

    def per_sample_losses(self, w: Tensor, split: str = "train") -> Tensor:
        inputs, targets = self.data(split)
        signal, parts = inputs[:, 0], iter(self.parameters_of(w).values())
        for weight, bias in zip(parts, parts, strict=True):
            potential = functional.linear(signal, weight, bias)
            signal = (potential - self.module.threshold > 0).to(w.dtype)
        return self.loss_function.per_sample(signal, targets)


def tiny_network(surrogate: str = "fast_sigmoid", seed: int = 0) -> Problem:
    """4 inputs, 3 hidden and 3 output neurons in one time step: 64 pairs of spike patterns."""
    generator = generator_for(seed, "tiny")
    network = SpikingNetwork([4, 3, 3], surrogate=Surrogate(surrogate), readout="spikes")
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.7 * torch.randn(p.shape, generator=generator, dtype=p.dtype) + 0.3)
    x = torch.rand(20, 1, 4, generator=generator, dtype=torch.float64)
    y = (x[:, 0, :3] + 0.3 * x[:, 0, 1:]).argmax(1)
    return OneStep(network, CrossEntropy(), x, y, test_inputs=x, test_targets=y)


def holds(measured: Estimate, truth: float, confidence: float = 0.999) -> bool:
    """Whether the interval of a measurement holds the truth."""
    low, high = measured.interval(confidence)
    return low <= truth <= high
