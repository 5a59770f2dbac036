"""Rate networks as plain ``torch.nn.Sequential``, whose layers can be recognised; spiking ones.

Beside them, modules that a user's own file makes, and graphs of a file.
"""

from neurograd.problem.networks.convolutional import small_cnn
from neurograd.problem.networks.fully_connected import mlp
from neurograd.problem.networks.layers import (
    ACTIVATIONS,
    INITS,
    POOLS,
    check_sizes,
    drop_biases,
    initialized,
)
from neurograd.problem.networks.module_file import module_from_file
from neurograd.problem.networks.nir_file import NirNetwork, nir_network
from neurograd.problem.networks.nir_nodes import Reading
from neurograd.problem.networks.output_scales import check_output_scales, learn_output_scales
from neurograd.problem.networks.published import PUBLISHED, lenet5, resnet18, vgg
from neurograd.problem.networks.spiking import spiking_mlp
from neurograd.problem.networks.start_weights import start_from

__all__ = [
    "ACTIVATIONS",
    "INITS",
    "POOLS",
    "PUBLISHED",
    "NirNetwork",
    "Reading",
    "check_output_scales",
    "check_sizes",
    "drop_biases",
    "initialized",
    "learn_output_scales",
    "lenet5",
    "mlp",
    "module_from_file",
    "nir_network",
    "resnet18",
    "small_cnn",
    "spiking_mlp",
    "start_from",
    "vgg",
]
