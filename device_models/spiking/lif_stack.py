"""The passes of stacked leaky integrate-and-fire layers written out: few products and no graph.

For currents ``I_t = W x_t + c`` of a layer, potentials u, spikes s and the surrogate derivative ψ

    u_t = β·u_{t−1} + I_t − θ·s_{t−1}   or   β·(1 − s_{t−1})·u_{t−1} + I_t,      s_t = [u_t > θ]
    ∂L/∂u_t = ψ(u_t − θ)·∂L/∂s_t + β_t·∂L/∂u_{t+1},      β_t = β   or   β·(1 − s_t)
    ∂L/∂W = Σ_t ∂L/∂u_t x_tᵀ,      ∂L/∂x_t = Wᵀ ∂L/∂u_t

(backpropagation through time with no gradient through resets; Neftci, Mostafa and Zenke, IEEE
Signal Processing Magazine 2019). One layer's currents of all time steps are one product. Neurons
that neither spike nor reset are linear: the mean of their potentials over T steps is

    W Σ_t k_t x_t + c·Σ_t k_t,      k_t = (1 + β + … + β^{T−1−t})/T  for t = 0 … T − 1,

one product in all. With direct feedback (e-prop) ``∂L/∂s_t`` is ``Bᵀδ_t``, of a matrix B of the
layer's own and the derivative δ_t by the currents of the output layer at the same step: ``k_t e``
of the error e of mean potentials, ``∂L/∂u_t`` of outputs that spike. Numbers are those of automatic
differentiation but for the order of rounding.

States lie as ``(width, time_steps, n)``, so that a time step of a neuron is contiguous in samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import torch
from torch import Tensor

from device_models.spiking.lif_neurons import LifNeurons, weighted
from device_models.spiking.surrogate_gradient import Surrogate

SAMPLES_AT_ONCE = 288
"""Samples whose states are computed together on a CPU, by timings: they stay in its cache."""

Layer = tuple[Tensor, Tensor | None]
"""A layer's matrix ``(outputs, inputs)`` and bias ``(outputs,)``, None without one."""


@dataclass(frozen=True)
class LifStack:
    """Fully connected layers of leaky integrate-and-fire neurons with the same constants.

    Attributes:
        decay: β, 0 to 1.
        threshold: θ, above 0.
        to_zero: Whether a spike resets the potential to 0; else it takes θ off it.
        membrane: Whether outputs are mean potentials of neurons that neither spike nor reset; else
            they are numbers of spikes.
        surrogate: The spike function; a stochastic one by its mean derivative.
    """

    decay: float
    threshold: float
    to_zero: bool
    membrane: bool
    surrogate: Surrogate

    def outputs(self, inputs: Tensor, layers: Sequence[Layer]) -> Tensor:
        """The network's outputs, shape ``(n, outputs)``, without a graph.

        Args:
            inputs: Shape ``(n, time_steps, inputs)``.
            layers: In forward order.
        """
        room = _Room(inputs)
        with torch.no_grad():
            found = [self._forward(x, layers, room).outputs.t() for _, x in _parts(inputs, room)]
            return torch.cat(found)

    def add_gradient(
        self,
        inputs: Tensor,
        layers: Sequence[Layer],
        slope: Callable[[Tensor, slice], Tensor],
        sums: Sequence[Layer],
        feedback: Sequence[Tensor | None] | None = None,
    ) -> None:
        """Add the surrogate gradient of a loss, or what direct feedback makes of it.

        Args:
            inputs: Shape ``(n, time_steps, inputs)``.
            layers: In forward order; or those of each sample, with samples first, ``(n, ...)``.
            slope: Derivatives of the loss by outputs ``(n, outputs)`` of the samples in a slice.
            sums: What the derivatives by the layers' tensors are added to, of their shapes; or
                what those of each sample are added to, with samples first, ``(n, ...)``.
            feedback: B of each layer, shape ``(outputs, inputs of the layer)``, which sends the
                output layer's errors to its inputs; None for none. The gradient when None.
        """
        room = _Room(inputs)
        with torch.no_grad():
            for part, x in _parts(inputs, room):
                own = _of_part(layers, part)
                states = self._forward(x, own, room)
                error = slope(states.outputs.t(), part).t()
                self._backward(states, own, error, _of_part(sums, part), room, feedback)

    def _forward(self, x: Tensor, layers: Sequence[Layer], room: _Room) -> _States:
        """What comes of inputs of shape ``(inputs, time_steps, n)``."""
        potentials, signals, spiking = list[Tensor](), [x], layers
        shares: Sequence[float] = (1.0,) * x.shape[1]
        if self.membrane:
            spiking, shares = layers[:-1], _shares(self.decay, x.shape[1])
        for k, (weight, bias) in enumerate(spiking):
            shape = (weight.shape[-2], *x.shape[1:])
            u = room.taken(f"potentials {k}", shape)
            _multiply(weight, signals[-1], out=u)
            potentials.append(u)
            shared = bias if weight.dim() == 2 else None
            if bias is not None and shared is None:
                u.add_(bias.t().unsqueeze(1))
            if k < len(spiking) - 1:
                signals.append(room.taken(f"spikes {k}", shape))
                self._neurons.spike(u, shared, signals[-1])
            else:
                weighed = self._neurons.weigh(u, shared, shares)
        if not spiking:
            weighed = weighted(x, shares)
        if not self.membrane:
            return _States(weighed, potentials, signals)
        weight, bias = layers[-1]
        outputs = weighed.new_empty(weight.shape[-2], x.shape[2])
        _product(weight, bias, weighed, out=outputs, share=sum(shares))
        return _States(outputs, potentials, signals, weighed)

    @property
    def _neurons(self) -> LifNeurons:
        # Not kept: what a network is known by would change with its first call.
        return LifNeurons(self.decay, self.threshold, self.to_zero, self.surrogate)

    def _backward(
        self,
        states: _States,
        layers: Sequence[Layer],
        error: Tensor,
        sums: Sequence[Layer],
        room: _Room,
        feedback: Sequence[Tensor | None] | None,
    ) -> None:
        """Add the derivatives by the layers' tensors, from those by outputs ``(outputs, n)``."""
        signals, error = states.signals, error.unsqueeze(1)
        last, shares = error, None
        if states.weighted is not None:
            shares = _shares(self.decay, signals[0].shape[1])
            _add_products(sums[-1], error, states.weighted.unsqueeze(1), sum(shares))
            error = _sent_back(error, last, layers, len(layers) - 1, room, feedback)
        for k in reversed(range(len(states.potentials))):
            error = self._neurons.pull_back(states.potentials[k], error, shares)
            _add_products(sums[k], error, signals[k])
            if k == len(layers) - 1:
                last = error
            if k:
                error = _sent_back(error, last, layers, k, room, feedback)
            if feedback is None:
                shares = None


def _sent_back(
    error: Tensor,
    last: Tensor,
    layers: Sequence[Layer],
    k: int,
    room: _Room,
    feedback: Sequence[Tensor | None] | None,
) -> Tensor:
    """Errors of the inputs of layer k, ``(inputs, time_steps, n)``, or 1 step for the same in all.

    Args:
        error: Those of its currents.
        last: Those of the output layer's currents, which direct feedback sends.
        layers: In forward order.
        k: The layer.
        room: Where they are put.
        feedback: As for ``LifStack.add_gradient``.
    """
    matrix, source = (layers[k][0], error) if feedback is None else (feedback[k], last)
    found = room.taken("errors", (layers[k][0].shape[-1], *source.shape[1:]))
    if matrix is None:
        return found.zero_()
    _multiply(matrix.mT, source, out=found)
    return found


@lru_cache
def _shares(decay: float, time_steps: int) -> tuple[float, ...]:
    """What a step's current counts in the mean potential: k_t."""
    powers = accumulate(decay**age for age in range(time_steps))
    return tuple(total / time_steps for total in powers)[::-1]


@dataclass(frozen=True)
class _States:
    """What a forward pass finds.

    Attributes:
        outputs: Shape ``(outputs, n)``.
        potentials: Those of each layer that spikes, shape ``(width, time_steps, n)``.
        signals: Inputs of each of these layers, likewise: those of the network, and spikes.
        weighted: ``Σ_t k_t x_t`` of the last layer's inputs, shape ``(inputs, n)``; None where the
            last layer spikes.
    """

    outputs: Tensor
    potentials: list[Tensor]
    signals: list[Tensor]
    weighted: Tensor | None = None


class _Room:
    """Memory that is taken once for all parts of a pass: fresh memory costs as much as the sums.

    Args:
        like: A tensor of the type and device of all.
    """

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._flat: dict[str, Tensor] = {}

    def taken(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """The memory of a name, as a tensor with whatever is in it."""
        size = math.prod(shape)
        if name not in self._flat or self._flat[name].numel() < size:
            self._flat[name] = self._like.new_empty(size)
        return self._flat[name][:size].view(shape)


def _parts(inputs: Tensor, room: _Room) -> Iterator[tuple[slice, Tensor]]:
    """Some samples at a time: which, and their inputs as ``(inputs, time_steps, n)``."""
    count = inputs.shape[0]
    size = SAMPLES_AT_ONCE if inputs.device.type == "cpu" else max(1, count)
    for first in range(0, count, size):
        part = slice(first, first + size)
        some = inputs[part].transpose(0, 1)
        yield part, room.taken("inputs", some.shape).copy_(some).permute(2, 0, 1)


def _product(
    weight: Tensor, bias: Tensor | None, columns: Tensor, *, out: Tensor, share: float = 1.0
) -> None:
    """``weight @ columns + share·bias``, of one network or of each sample's own."""
    if weight.dim() == 3:
        _multiply(weight, columns.unsqueeze(1), out=out.unsqueeze(1))
        if bias is not None:
            out.add_(bias.t(), alpha=share)
    elif bias is None:
        torch.mm(weight, columns, out=out)
    else:
        torch.addmm(bias.unsqueeze(1), weight, columns, beta=share, out=out)


def _multiply(weight: Tensor, signals: Tensor, *, out: Tensor) -> None:
    """A matrix, or one of each sample, times signals ``(inputs, time_steps, n)``."""
    if weight.dim() == 2:
        torch.mm(weight, signals.flatten(1), out=out.flatten(1))
    else:
        out.copy_(torch.bmm(weight, signals.permute(2, 0, 1)).permute(1, 2, 0))


def _of_part(tensors: Sequence[Layer], part: slice) -> Sequence[Layer]:
    """Tensors of one network, or those that samples in a slice have of their own."""
    if tensors[0][0].dim() == 2:
        return tensors
    return [(weight[part], None if bias is None else bias[part]) for weight, bias in tensors]


def _add_products(sums: Layer, errors: Tensor, signals: Tensor, share: float = 1.0) -> None:
    """Add a layer's derivatives: products of errors and inputs, and share times the errors' sum.

    Args:
        sums: Matrix ``(outputs, inputs)`` and bias, or those of each sample, ``(n, ...)``.
        errors: Shape ``(outputs, time_steps, n)``.
        signals: Shape ``(inputs, time_steps, n)``.
        share: What the bias counts.
    """
    weight, bias = sums
    if weight.dim() == 2:
        weight.addmm_(errors.flatten(1), signals.flatten(1).t())
        if bias is not None:
            bias.add_(errors.flatten(1).sum(1), alpha=share)
        return
    weight.add_(torch.bmm(errors.permute(2, 0, 1), signals.permute(2, 1, 0)))
    if bias is not None:
        bias.add_(errors.sum(1).t(), alpha=share)
