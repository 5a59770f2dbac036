"""Networks that tests of several rules share."""

from __future__ import annotations

import torch
from torch import nn

from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, regression


def deep(**kwargs):
    """Five, six and three units, tanh and ReLU."""
    layers = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)]
    return regression(layers, 4, 3, samples=20, **kwargs)


def cnn():
    """One convolution with average pooling, and a linear layer."""
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(18, 3)]
    return classification(layers, (1, 8, 8), 3, samples=12)


class Repeated(nn.Module):
    """One layer that is called at each of three steps, as in a recurrent network."""

    def __init__(self):
        super().__init__()
        generator = generator_for(0, "repeated")
        self.first, self.again, self.last = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 2)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator) / 2)

    def forward(self, x):
        h = torch.tanh(self.first(x))
        for _ in range(3):
            h = torch.tanh(self.again(h))
        return self.last(h)


def repeated():
    """A network that calls one layer three times."""
    generator = generator_for(0, "repeated-data")
    x = torch.randn(15, 4, generator=generator, dtype=torch.float64)
    y = torch.randn(15, 2, generator=generator, dtype=torch.float64)
    return Problem(Repeated(), MeanSquaredError(), x, y)


def named(problem, rule):
    """An estimate of a rule at the initial weights, by the parameters' names."""
    w = problem.initial_weights
    return problem.parameters_of(rule.gradient(problem, w, generator_for(1)))
