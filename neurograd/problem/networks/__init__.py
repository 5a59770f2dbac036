"""Rate networks as plain ``torch.nn.Sequential``, whose layers can be recognised; spiking ones."""

from neurograd.problem.networks.convolutional import small_cnn
from neurograd.problem.networks.fully_connected import mlp
from neurograd.problem.networks.layers import (
    ACTIVATIONS,
    INITS,
    POOLS,
    check_sizes,
    initialized,
    make,
)
from neurograd.problem.networks.spiking import spiking_mlp

__all__ = [
    "ACTIVATIONS",
    "INITS",
    "POOLS",
    "check_sizes",
    "initialized",
    "make",
    "mlp",
    "small_cnn",
    "spiking_mlp",
]
