"""Networks of one's own for own_network.yaml: each function gives a torch module.

Images of the data set come as (channels, height, width); here digits of 1 × 8 × 8.
"""

from __future__ import annotations

import snntorch
import torch
from snntorch import surrogate
from torch import nn


def batch_norm(width: int = 16, dropout: float = 0.2) -> nn.Module:
    """Fully connected, with batch normalization and dropout."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(width, 10),
    )


class RowByRow(nn.Module):
    """A gated recurrent unit that reads the rows of an image one after the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(8, width, batch_first=True)
        self.readout = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs of shape (n, 10) for images of shape (n, 1, 8, 8)."""
        states, _ = self.recurrent(x.squeeze(1))
        return self.readout(states[:, -1])


def gru(width: int = 12) -> nn.Module:
    """Recurrent."""
    return RowByRow(width)


class SpikingConvolution(nn.Module):
    """A convolution whose leaky neurons spike, and a readout of their mean."""

    def __init__(self, channels: int, time_steps: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, channels, 3, stride=2)
        self.neurons = snntorch.Leaky(beta=0.8, threshold=0.3, spike_grad=surrogate.fast_sigmoid())
        self.readout = nn.Linear(9 * channels, 10)
        self.time_steps = time_steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs of shape (n, 10) for images of shape (n, 1, 8, 8)."""
        current, potential = self.convolution(x), self.neurons.init_leaky()
        total = torch.zeros(len(x), 10, dtype=x.dtype, device=x.device)
        for _ in range(self.time_steps):
            spikes, potential = self.neurons(current, potential)
            total = total + self.readout(spikes.flatten(1))
        return total / self.time_steps


def spiking(channels: int = 4, time_steps: int = 5) -> nn.Module:
    """Convolutional and spiking."""
    return SpikingConvolution(channels, time_steps)
