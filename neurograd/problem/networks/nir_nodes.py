"""Nodes of the Neuromorphic Intermediate Representation as layers and neurons.

The equations of the nodes: Pedersen et al., Nature Communications 15, 8122 (2024).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from device_models.bare_layers import bare
from device_models.spiking.euler_neuron import EulerNeuron
from device_models.spiking.network import Reset
from device_models.spiking.surrogate_gradient import Surrogate
from neurograd.errors import ModelError


@dataclass(frozen=True)
class Reading:
    """What a graph does not say, or says in continuous time.

    Attributes:
        step_duration: Seconds of a time step.
        reset: What a spike does to the membrane potential: the graph's own v_reset (``zero``), or
            subtraction of the threshold.
        surrogate: The spike function with its surrogate derivative.
        dtype: Type of weights and constants.
    """

    step_duration: float
    reset: Reset
    surrogate: Surrogate
    dtype: torch.dtype

    def tensor(self, values: Any) -> Tensor:
        """Numbers of a node."""
        return torch.as_tensor(np.array(values, dtype=np.float64)).to(self.dtype)


def module_of(node: Any, place: str, reading: Reading, *, spikes: bool = True) -> nn.Module:
    """The layer or the neurons of a node.

    Args:
        node: The node, of ``nir``.
        place: What messages call it.
        reading: How it is read.
        spikes: Whether neurons with a threshold spike; else they integrate alone.

    Raises:
        ModelError: If there is no such node here, or its numbers are none that can be used.
    """
    kind = type(node).__name__
    if kind in _LAYERS:
        return _LAYERS[kind](node, place, reading)
    if kind not in NEURONS:
        known = ", ".join([*_LAYERS, *NEURONS])
        raise ModelError(f"{place} is of kind {kind}, which is not there; allowed: {known}")
    return _neuron(node, place, reading, spikes)


# -- layers ----------------------------------------------------------------------------------------


def _linear(node: Any, place: str, reading: Reading) -> nn.Module:
    weight = reading.tensor(node.weight)
    if weight.dim() != 2:
        raise ModelError(
            f"{place} has weights of shape {tuple(weight.shape)}; allowed: (outputs, inputs)"
        )
    bias = getattr(node, "bias", None)
    layer = bare(nn.Linear, *reversed(weight.shape), bias=bias is not None, dtype=reading.dtype)
    return _filled(layer, weight, bias, place, reading)


def _convolution(node: Any, place: str, reading: Reading) -> nn.Module:
    weight = reading.tensor(node.weight)
    outputs, inputs, *size = weight.shape
    layer = bare(
        nn.Conv1d if len(size) == 1 else nn.Conv2d,
        inputs * int(node.groups),
        outputs,
        kernel_size=tuple(size),
        stride=_whole(node.stride),
        padding=_whole(node.padding),
        dilation=_whole(node.dilation),
        groups=int(node.groups),
        dtype=reading.dtype,
    )
    return _filled(layer, weight, node.bias, place, reading)


def _filled(layer: nn.Module, weight: Tensor, bias: Any, place: str, reading: Reading) -> nn.Module:
    values = {"weight": weight}
    if bias is not None:
        values["bias"] = reading.tensor(bias)
        if values["bias"].shape != weight.shape[:1]:
            raise ModelError(
                f"{place} has biases of shape {tuple(values['bias'].shape)}; allowed: "
                f"({len(weight)},), one an output"
            )
    layer.load_state_dict(values)
    return layer


def _pool(node: Any, place: str, reading: Reading) -> nn.Module:
    # A sum is a mean over one.
    divisor = 1 if type(node).__name__ == "SumPool2d" else None
    size, stride, padding = (_whole(each) for each in (node.kernel_size, node.stride, node.padding))
    return nn.AvgPool2d(size, stride, padding, divisor_override=divisor)


def _flatten(node: Any, place: str, reading: Reading) -> nn.Module:
    """The graph's dimensions have no samples in front of them."""
    first, last = (int(each) for each in (node.start_dim, node.end_dim))
    return nn.Flatten(first + (first >= 0), last + (last >= 0))


def _identity(node: Any, place: str, reading: Reading) -> nn.Module:
    return nn.Identity()


def _whole(value: Any) -> Any:
    """An integer, several, or a word of torch's, from whatever a file holds."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, str):
        return value
    numbers = tuple(int(each) for each in np.atleast_1d(value))
    return numbers[0] if len(numbers) == 1 else numbers


_LAYERS: Mapping[str, Callable[[Any, str, Reading], nn.Module]] = MappingProxyType(
    {
        "Input": _identity,
        "Output": _identity,
        "Linear": _linear,
        "Affine": _linear,
        "Conv1d": _convolution,
        "Conv2d": _convolution,
        "SumPool2d": _pool,
        "AvgPool2d": _pool,
        "Flatten": _flatten,
    }
)

# -- neurons ---------------------------------------------------------------------------------------

NEURONS = ("LIF", "CubaLIF", "IF", "LI", "CubaLI", "I")
"""Nodes with a state."""


def _neuron(node: Any, place: str, reading: Reading, spikes: bool) -> nn.Module:
    step = reading.step_duration
    r = np.asarray(node.r, dtype=np.float64)
    tau = getattr(node, "tau_mem", getattr(node, "tau", None))
    if tau is None:  # a perfect integrator
        decay, gain, leak = np.ones_like(r), r * step, np.zeros_like(r)
    else:
        part = _parts_of_tau(tau, f"{place}: its membrane's time constant", step)
        decay, gain, leak = 1.0 - part, r * part, np.asarray(node.v_leak) * part
    synapse = None
    if hasattr(node, "tau_syn"):
        part = _parts_of_tau(node.tau_syn, f"{place}: its synapse's time constant", step)
        synapse = (reading.tensor(1.0 - part), reading.tensor(node.w_in * part))
    threshold = v_reset = None
    if hasattr(node, "v_threshold") and spikes:
        threshold, v_reset = reading.tensor(node.v_threshold), reading.tensor(node.v_reset)
        if not bool(v_reset.any()):
            v_reset = None
        elif reading.reset == "subtract":
            raise ModelError(
                f"{place} has a v_reset other than 0; allowed then: network.reset zero, which puts "
                "that in the potential's place"
            )
    return EulerNeuron(
        *(reading.tensor(each) for each in (decay, gain, leak)),
        threshold=threshold,
        v_reset=v_reset,
        synapse=synapse,
        reset=reading.reset,
        surrogate=reading.surrogate,
    )


def _parts_of_tau(tau: Any, what: str, step: float) -> Any:
    """A step over a time constant, elementwise."""
    tau = np.asarray(tau, dtype=np.float64)
    if not (tau >= step).all():
        raise ModelError(
            f"{what} is as short as {tau.min():g} s; allowed: at least network.step_duration, "
            f"{step:g} s"
        )
    return step / tau
