"""A network as a graph of layers and neurons, unrolled over time."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from device_models.spiking.euler_neuron import EulerNeuron, NeuronState
from device_models.spiking.network import Readout, carry, drive


class GraphNetwork(nn.Module):
    """Layers and neurons by name, each of which takes the sum of what its sources give.

    Inputs have shape ``(n, time_steps, *shape)``. Outputs are those of one node over time:
    with readout ``spikes`` their sum, with ``membrane`` their mean.

    Args:
        nodes: Modules by name, in an order in which each stands behind its sources, but for those
            that it takes from the step before. Names are those of attributes of a module list.
        sources: Names of the nodes that each node takes from; a node without any takes the inputs.
        output: Name of the node whose output is the network's.
        delayed: Pairs (source, node) whose signal is that of the step before; the sources are
            neurons, which give nothing in the first step but potentials of 0 and no spikes.
        readout: ``spikes`` or ``membrane``.
    """

    def __init__(
        self,
        nodes: Mapping[str, nn.Module],
        sources: Mapping[str, Sequence[str]],
        *,
        output: str,
        delayed: Iterable[tuple[str, str]] = (),
        readout: Readout = "spikes",
    ) -> None:
        super().__init__()
        self.nodes = nn.ModuleDict(nodes)
        self.readout = readout
        self._sources = {name: tuple(sources[name]) for name in nodes}
        self._delayed = frozenset(delayed)
        self._order = tuple(nodes)
        self._output = output
        self._early = self._independent_of_time()

    def extra_repr(self) -> str:
        """The edges, which the nodes do not say."""
        ways = ", ".join(
            f"{name} <- {' + '.join(self._sources[name]) or 'inputs'}" for name in self._order
        )
        return f"{ways}; delayed: {sorted(self._delayed)}; {self.readout} of {self._output}"

    def _independent_of_time(self) -> frozenset[str]:
        """Nodes that no neuron stands before: one call for all steps does."""
        early: set[str] = set()
        for name in self._order:
            neuron = isinstance(self.nodes[name], EulerNeuron)
            if not neuron and early.issuperset(self._sources[name]):
                early.add(name)
        return frozenset(early)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of shape ``(n, outputs)`` for inputs ``(n, time_steps, *shape)``."""
        samples, time_steps = inputs.shape[:2]
        trains: dict[str, Tensor] = {}
        for name in self._order:
            if name in self._early:
                taken = self._sum([trains[each] for each in self._sources[name]], inputs)
                flat = self.nodes[name](taken.flatten(0, 1))
                trains[name] = flat.unflatten(0, (samples, time_steps))
        states: dict[str, NeuronState] = {}
        total: Tensor | None = None
        for step in range(time_steps):
            now = {name: train[:, step] for name, train in trains.items()}
            states = self._step(inputs[:, step], now, states, step)
            out = now[self._output]
            if self._output not in states:
                out = drive(out, step)
            total = out if total is None else total + out
        assert total is not None
        return total / time_steps if self.readout == "membrane" else total

    def _step(
        self, inputs: Tensor, now: dict[str, Tensor], before: Mapping[str, NeuronState], step: int
    ) -> dict[str, NeuronState]:
        """The states after a step; the outputs of all nodes go into ``now``."""
        states: dict[str, NeuronState] = {}
        for name in self._order:
            if name in self._early:
                continue
            node = self.nodes[name]
            taken = [
                self._earlier(source, before, len(inputs), step)
                if (source, name) in self._delayed
                else now[source]
                for source in self._sources[name]
            ]
            signal = self._sum(taken, inputs)
            if isinstance(node, EulerNeuron):
                signal = drive(signal, step) if name == self._output else signal
                states[name] = node(signal, before.get(name), step)
                now[name] = states[name].output
            else:
                now[name] = node(signal)
        return states

    def _earlier(
        self, source: str, before: Mapping[str, NeuronState], samples: int, step: int
    ) -> Tensor:
        if source in before:
            return carry(before[source].output, step)
        return cast(EulerNeuron, self.nodes[source]).at_rest(samples)

    @staticmethod
    def _sum(signals: Sequence[Tensor], inputs: Tensor) -> Tensor:
        return functools.reduce(torch.add, signals) if signals else inputs
