"""Which parts of a network or its loss may have kinks that are not seen.

Kinks are seen of the calls of ``device_models.activation_calls``. A module of torch's is known to
have no others by its type; what a module of one's own writes out, a hook, or a loss of one's own,
is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from device_models.bare_layers import is_hooked
from device_models.scaled_layers import ScaledLayer
from neurograd.problem import Problem
from neurograd.problem.networks.published import ResidualBlock

_SEEN: frozenset[type[nn.Module]] = frozenset(
    {nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardtanh, nn.MaxPool2d}
)

_SMOOTH_ACTIVATIONS: frozenset[type[nn.Module]] = frozenset(
    {
        *(nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.GELU, nn.SiLU, nn.Mish),
        *(nn.CELU, nn.Softsign, nn.Tanhshrink, nn.Softmax, nn.LogSoftmax, nn.Softmin),
    }
)

_SMOOTH_LAYERS: frozenset[type[nn.Module]] = frozenset(
    {
        *(nn.Sequential, nn.Identity, nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout2d),
        *(nn.Linear, nn.Bilinear, nn.Embedding, nn.Conv1d, nn.Conv2d, nn.Conv3d),
        *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, ResidualBlock),
        *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm),
        *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
        *(nn.LSTM, nn.GRU, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
        *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    }
)

_KNOWN = _SEEN | _SMOOTH_ACTIVATIONS | _SMOOTH_LAYERS

_SMOOTH_LOSSES = ("cross_entropy", "mse", "class_mse")


def unknown_kinks(problem: Problem) -> tuple[str, ...]:
    """What of a problem may have kinks that are not seen, by its type's name; empty for nothing.

    Args:
        problem: Network and loss.
    """
    return tuple(dict.fromkeys(_unknown(problem)))


def _unknown(problem: Problem) -> Iterator[str]:
    for module in problem.module.modules():
        if not _is_known(module):
            yield type(module).__name__
        elif is_hooked(module):
            yield f"a hook of {type(module).__name__}"
    if problem.loss_function.name not in _SMOOTH_LOSSES:
        yield "the loss"


def _is_known(module: nn.Module) -> bool:
    if type(module) is nn.ELU:
        return module.alpha == 1.0  # the slope of another jumps at 0
    return type(module) in _KNOWN or isinstance(module, ScaledLayer)
