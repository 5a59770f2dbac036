"""Trains a recurrent spiking network on the digits with snntorch and exports it to NIR.

    pip install 'neurograd-chip[nir]'
    python examples/module/export_graph.py examples/module/recurrent.nir

Beside it lies recurrent.nir as this made it; recurrent_graph.yaml checks a chip that goes on from
there. snntorch's export wants constants of the neurons' shape and dimensions without samples; the
reset at once is the one that a graph of NIR means.
"""

from __future__ import annotations

import sys

import nir
import snntorch as snn
import torch
from sklearn.datasets import load_digits
from snntorch.export_nir import export_to_nir
from torch import nn

TIME_STEPS = 8


def network() -> nn.Sequential:
    """64 inputs, 12 recurrent neurons, 10 output neurons."""
    options = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
    return nn.Sequential(
        nn.Linear(64, 12),
        snn.RLeaky(torch.full((12,), 0.9), linear_features=12, threshold=1.0, **options),
        nn.Linear(12, 10),
        snn.Leaky(torch.full((10,), 0.9), torch.ones(10), **options),
    )


def spikes(net: nn.Sequential, values: torch.Tensor) -> torch.Tensor:
    """Numbers of output spikes, shape (n, 10), for currents of shape (n, 64)."""
    for layer in net:
        if hasattr(layer, "reset_mem"):
            layer.reset_mem()
    return torch.stack([net(values) for _ in range(TIME_STEPS)]).sum(0)


def main() -> None:
    """Train for 150 steps of Adam, and write the graph to the path given."""
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images / 16.0).float(), torch.tensor(labels)
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for step in range(150):
        index = torch.randint(len(x), (256,))
        loss = nn.functional.cross_entropy(spikes(net, x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 25 == 24:
            print(f"step {step + 1}: loss {loss.item():.3f}")
    nir.write(sys.argv[1], export_to_nir(net, x[:1], ignore_dims=[0]))


if __name__ == "__main__":
    main()
