"""Networks of leaky integrate-and-fire neurons, unrolled over time, with snntorch's neurons."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from itertools import pairwise
from typing import Any, Literal, cast, get_args

import snntorch
import torch
from torch import Tensor, nn
from torch.overrides import has_torch_function
from torch.utils.weak import WeakIdKeyDictionary

from device_models.bare_layers import bare, is_hooked
from device_models.layer_hooks import event
from device_models.spiking.lif_stack import LifStack
from device_models.spiking.surrogate_gradient import Surrogate

Readout = Literal["spikes", "membrane"]
Reset = Literal["subtract", "zero"]


@event
def carry(potential: Tensor, step: int) -> Tensor:
    """The membrane potential that a neuron carries from one time step into the next.

    Does nothing by itself: an event at which rules cut the gradient through time (see
    ``surrogate_bptt.py``).

    Args:
        potential: Membrane potentials, shape ``(n, width)``.
        step: The time step that they are carried into, 1 or more.
    """
    return potential


@event
def drive(current: Tensor, step: int) -> Tensor:
    """What the outputs of a time step are made of, in front of the neurons that give them.

    Does nothing by itself: an event at which rules see what errors the outputs have step by step.

    Args:
        current: Currents into the output neurons, shape ``(n, outputs)``; outputs of a step
            themselves where no neurons give them.
        step: The time step.
    """
    return current


@event
def fire(potential: Tensor, surrogate: Surrogate) -> Tensor:
    """Spikes for the membrane potential above threshold, an event at which rules set a generator.

    Args:
        potential: Membrane potential minus threshold, any shape.
        surrogate: The spike function.
    """
    return surrogate(potential)


class _Fire:
    """The spike function in the form in which snntorch's neurons take it."""

    def __init__(self, surrogate: Surrogate) -> None:
        self.surrogate = surrogate

    def __call__(self, potential: Tensor) -> Tensor:
        return fire(potential, self.surrogate)


_LOOKED_AT: MutableMapping[Tensor, tuple[int, float, bool]] = WeakIdKeyDictionary()
"""Of buffers on a GPU their version, a number, and whether they were that number."""


def _is(value: Tensor, number: float) -> bool:
    """Whether a buffer is a number, compared in the buffer's type.

    A look at it waits for a GPU, and a pass would wait twice a layer: there it is looked at again
    when it has changed (but by ``.data``, which does not count as a change).
    """
    if value.is_cpu or value.is_inference():
        return bool((value == number).all())
    seen = _LOOKED_AT.get(value)
    if seen is None or seen[:2] != (value._version, number):
        seen = (value._version, number, bool((value == number).all()))
        _LOOKED_AT[value] = seen
    return seen[2]


class SpikingNetwork(nn.Module):
    """Fully connected layers of leaky integrate-and-fire neurons (snntorch's ``Leaky``).

    Membrane potentials follow ``u_t = decay·u_{t−1} + W x_t − reset``; a neuron spikes where u is
    above threshold and is reset in the next step. The synapses are ``torch.nn.Linear`` layers, so
    that everything which acts on these acts on them. Where nothing does and no graph is asked for,
    the passes are written out (``lif_stack.py``): the same numbers but for the order of rounding.

    Inputs have shape ``(n, time_steps, inputs)``: spike trains or currents. Outputs have shape
    ``(n, outputs)``: with readout ``spikes`` the number of output spikes; with ``membrane`` the
    mean over time of the potential of output neurons that neither spike nor reset.

    Args:
        widths: Inputs, hidden layers and outputs, two or more.
        surrogate: The spike function.
        decay: β, what is left of a membrane potential after one time step, 0 to 1.
        threshold: Potential above which a neuron spikes, above 0.
        reset: ``subtract`` the threshold after a spike, or to ``zero``.
        readout: ``spikes`` or ``membrane``.
        bias: Whether layers have a bias current.
        dtype: Type of weights, decay and threshold.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        surrogate: Surrogate | None = None,
        decay: float = 0.9,
        threshold: float = 1.0,
        reset: Reset = "subtract",
        readout: Readout = "spikes",
        bias: bool = True,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        _check(widths, decay, threshold, reset, readout)
        self.readout = readout
        self.threshold = threshold
        self.surrogate = surrogate or Surrogate()
        self.layers = nn.ModuleList(
            bare(nn.Linear, a, b, bias=bias, dtype=dtype) for a, b in pairwise(widths)
        )
        self._stack = LifStack(
            decay, threshold, reset == "zero", readout == "membrane", self.surrogate
        )
        spiking = len(self.layers) - (readout == "membrane")
        self._resets = [reset] * spiking + ["none"] * (len(self.layers) - spiking)
        self.neurons = nn.ModuleList(
            snntorch.Leaky(
                beta=torch.tensor(decay, dtype=dtype),
                threshold=torch.tensor(threshold, dtype=dtype),
                spike_grad=_Fire(self.surrogate),
                reset_mechanism=mechanism,
            )
            for mechanism in self._resets
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of shape ``(n, outputs)`` for inputs ``(n, time_steps, inputs)``."""
        passes = self.written_out
        if passes is None or torch.is_grad_enabled() or has_torch_function((inputs,)):
            return self.run(inputs)
        return passes.outputs(inputs, self.tensors)

    @property
    def written_out(self) -> LifStack | None:
        """The network's passes in few operations.

        None where a layer or a neuron is not as it was built, its constants among them.
        """
        plain = all(type(layer) is nn.Linear and not is_hooked(layer) for layer in self.layers)
        plain = plain and all(map(self._as_built, self.neurons, self._resets))
        return self._stack if plain else None

    def _as_built(self, neuron: Any, reset: str) -> bool:
        """Whether a neuron is the one that the written-out passes know."""
        if type(neuron) is not snntorch.Leaky or is_hooked(neuron):
            return False
        fires, known = neuron.spike_grad, self._stack
        return bool(
            isinstance(fires, _Fire)
            and fires.surrogate is known.surrogate
            and neuron.reset_mechanism == reset
            and _is(neuron.beta, known.decay)
            and _is(neuron.threshold, known.threshold)
        )

    @property
    def tensors(self) -> list[tuple[Tensor, Tensor | None]]:
        """Matrix and bias of each layer, in forward order."""
        layers = (cast(nn.Linear, layer) for layer in self.layers)
        return [(layer.weight, layer.bias) for layer in layers]

    def run(
        self, inputs: Tensor, record: Callable[[int, int, Tensor, Tensor], None] | None = None
    ) -> Tensor:
        """As ``forward``; ``record(layer, step, potential, spikes)`` sees every neuron's state."""
        time_steps = inputs.shape[1]
        # The first layer's currents do not depend on the network's state: one product for all.
        currents = self.layers[0](inputs)
        potentials: list[Any] = [None] * len(self.layers)
        total: Tensor | None = None
        try:
            for step in range(time_steps):
                signal = currents[:, step]
                for k, (layer, neuron) in enumerate(zip(self.layers, self.neurons, strict=True)):
                    current = signal if k == 0 else layer(signal)
                    if k == len(self.layers) - 1:
                        current = drive(current, step)
                    before = potentials[k]
                    before = torch.zeros_like(current) if before is None else carry(before, step)
                    signal, potentials[k] = neuron(current, before)
                    if record is not None:
                        record(k, step, potentials[k], signal)
                out = potentials[-1] if self.readout == "membrane" else signal
                total = out if total is None else total + out
        finally:
            # snntorch keeps the last state and its graph, which neither copies nor is needed.
            for neuron in self.neurons:
                neuron.mem = torch.zeros(0, dtype=inputs.dtype, device=inputs.device)
        assert total is not None
        return total / time_steps if self.readout == "membrane" else total


def _check(widths: Sequence[int], decay: float, threshold: float, reset: str, readout: str) -> None:
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths are {tuple(widths)}; allowed: two or more, each 1 or more")
    if not 0 <= decay <= 1:
        raise ValueError(f"decay is {decay:g}; allowed: 0 to 1")
    if not threshold > 0:
        raise ValueError(f"threshold is {threshold:g}; allowed: above 0")
    if reset not in get_args(Reset):
        raise ValueError(f"reset is {reset!r}; allowed: {', '.join(get_args(Reset))}")
    if readout not in get_args(Readout):
        raise ValueError(f"readout is {readout!r}; allowed: {', '.join(get_args(Readout))}")
