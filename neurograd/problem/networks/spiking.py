"""Networks of leaky integrate-and-fire neurons."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from device_models.spiking.network import Readout, Reset, SpikingNetwork
from device_models.spiking.surrogate_gradient import Surrogate
from neurograd.problem.networks.layers import initialize


def spiking_mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    surrogate: Surrogate,
    decay: float = 0.9,
    threshold: float = 1.0,
    reset: Reset = "subtract",
    readout: Readout = "membrane",
    init: str = "xavier",
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> SpikingNetwork:
    """Fully connected network of leaky integrate-and-fire neurons.

    Args:
        inputs: Number of inputs.
        hidden: Widths of the hidden layers; empty for a single layer.
        outputs: Number of outputs.
        surrogate: The spike function with its surrogate derivative.
        decay: What is left of a membrane potential after one time step.
        threshold: Potential above which a neuron spikes.
        reset: What a spike does to the potential.
        readout: ``membrane`` or ``spikes``.
        init: ``xavier`` or ``kaiming``, as for ``mlp``.
        generator: Source of the weights; no other random state is touched.
        dtype: Type of the weights.

    Raises:
        ValueError: If a number is out of range or a name unknown.
    """
    network = SpikingNetwork(
        [inputs, *hidden, outputs],
        surrogate=surrogate,
        decay=decay,
        threshold=threshold,
        reset=reset,
        readout=readout,
        dtype=dtype,
    )
    initialize(network.layers, init, generator)
    return network
