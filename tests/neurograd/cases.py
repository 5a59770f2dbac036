"""Small problems that several tests share."""

from __future__ import annotations

import torch
from torch import nn

from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.seeding import generator_for


def _module(layers: list[nn.Module], seed: int) -> nn.Sequential:
    module = nn.Sequential(*layers).double()
    generator = generator_for(seed, "test-module")
    with torch.no_grad():
        for p in module.parameters():
            fan = p.shape[-1] if p.ndim > 1 else p.shape[0]
            p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype) / fan**0.5)
    return module


def regression(
    layers: list[nn.Module], inputs: int, outputs: int, samples: int = 150, seed: int = 0, **kwargs
) -> Problem:
    """A problem with random inputs and random targets under squared error."""
    generator = generator_for(seed, "test-data")
    x = torch.randn(samples, inputs, generator=generator, dtype=torch.float64)
    y = torch.randn(samples, outputs, generator=generator, dtype=torch.float64)
    module = _module(layers, seed)
    return Problem(
        module, MeanSquaredError(), x, y, test_inputs=x[:30], test_targets=y[:30], **kwargs
    )


def classification(
    layers: list[nn.Module],
    shape: tuple[int, ...],
    classes: int,
    samples: int = 120,
    seed: int = 0,
    **kwargs,
) -> Problem:
    """A problem with random inputs and labels from a random linear map under cross-entropy."""
    generator = generator_for(seed, "test-data")
    x = torch.randn(samples, *shape, generator=generator, dtype=torch.float64)
    size = x[0].numel()
    teacher = torch.randn(size, classes, generator=generator, dtype=torch.float64)
    y = (x.flatten(1) @ teacher).argmax(1)
    module = _module(layers, seed)
    return Problem(module, CrossEntropy(), x, y, test_inputs=x[:40], test_targets=y[:40], **kwargs)


def linear_regression(**kwargs) -> Problem:
    """One linear layer and squared error: the loss is exactly quadratic in the weights."""
    return regression([nn.Linear(20, 10)], 20, 10, **kwargs)


def smooth_network(**kwargs) -> Problem:
    """A tanh network under cross-entropy: a loss with all derivatives."""
    return classification([nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)], (6,), 3, **kwargs)


def relu_network(**kwargs) -> Problem:
    """A ReLU network under cross-entropy."""
    return classification([nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4)], (6,), 4, **kwargs)


def dense_hessian(problem: Problem, w: torch.Tensor) -> torch.Tensor:
    """The whole Hessian from automatic differentiation of the loss, shape ``(N, N)``."""

    def loss(flat: torch.Tensor) -> torch.Tensor:
        return problem.mean_loss(problem.parameters_of(flat))

    return torch.autograd.functional.hessian(loss, w)


class Gru(nn.Module):
    """A recurrent network: samples of 12 numbers are 3 steps of 4, and 3 outputs come last."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.r = nn.GRU(4, width, batch_first=True)
        self.o = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs of shape ``(n, 3)``."""
        out: torch.Tensor = self.o(self.r(x.view(-1, 3, 4))[0][:, -1])
        return out
