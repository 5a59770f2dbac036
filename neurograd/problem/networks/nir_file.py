"""A network from a file of the Neuromorphic Intermediate Representation (NIR)."""

from __future__ import annotations

import graphlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from device_models.spiking.graph_network import GraphNetwork
from device_models.spiking.network import Readout
from neurograd.errors import ModelError
from neurograd.problem.networks.nir_nodes import NEURONS, Reading, module_of


@dataclass(frozen=True)
class NirNetwork:
    """A network and what its file says of it.

    Attributes:
        network: The network; inputs have shape ``(n, time_steps, *input_shape)``.
        input_shape: Shape of the input of one time step.
    """

    network: GraphNetwork
    input_shape: tuple[int, ...]


def nir_network(path: str | Path, reading: Reading, readout: Readout | None = None) -> NirNetwork:
    """Read a graph and build its network; weights and biases are those of the file.

    A loop goes through one node of neurons, whose output reaches the loop one step later.

    Args:
        path: The file, HDF5 as ``nir.write`` makes it. Nothing of it is code.
        reading: What the graph does not say.
        readout: ``spikes``: the number of the last neurons' spikes; ``membrane``: the mean over
            time of the last node's output, where the last neurons neither spike nor reset; None:
            ``spikes`` where the graph ends in neurons that spike, else ``membrane``.

    Raises:
        ModelError: If the file cannot be read, has a node that is not there, no single input and
            output, or loops that cannot be unrolled.
    """
    place = f"network.file {path}"
    graph = _flat(_read(path, place), place)
    first, last = _ends(graph, place)
    graph = graph.without(graph.end("Output", place))
    fires = hasattr(graph.nodes[last], "v_threshold")
    chosen: Readout = readout or ("spikes" if fires else "membrane")
    if chosen == "spikes" and not fires:
        raise ModelError(
            f"{place}: its last node, {last}, has no spikes to be counted; allowed: "
            "network.readout membrane"
        )
    if chosen == "membrane" and fires and graph.targets(last):
        raise ModelError(
            f"{place}: the spikes of its last node, {last}, go on to other nodes; allowed: "
            "network.readout spikes"
        )
    delayed = graph.delayed(place)
    names = _attributes(graph.order(delayed, place))
    modules = {
        attribute: module_of(
            graph.nodes[name],
            f"{place}: node {name}",
            reading,
            spikes=name != last or chosen == "spikes",
        )
        for name, attribute in names.items()
    }
    network = GraphNetwork(
        modules,
        {names[name]: [names[each] for each in graph.sources(name)] for name in names},
        output=names[last],
        delayed=[(names[source], names[target]) for source, target in delayed],
        readout=chosen,
    )
    return NirNetwork(network, _shape(graph.nodes[first], place))


def _read(path: str | Path, place: str) -> Any:
    try:
        import nir  # noqa: PLC0415  (optional)
    except ImportError:
        raise ModelError(
            "network.kind: nir needs nir; allowed after: pip install 'neurograd-chip[nir]'"
        ) from None
    if not Path(path).is_file():
        raise ModelError(f"{place}: there is no such file; allowed: a file of nir.write")
    try:
        return nir.read(path, type_check=False)
    except Exception as error:  # whatever nir and h5py raise for a file that is none
        text = " ".join(str(error).split())
        raise ModelError(
            f"{place}: cannot be read ({type(error).__name__}: {text}); allowed: a file of "
            "nir.write"
        ) from error


# -- the graph -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Graph:
    """Nodes by name and edges, without graphs inside graphs."""

    nodes: Mapping[str, Any]
    edges: Sequence[tuple[str, str]]

    def sources(self, name: str) -> list[str]:
        return sorted(source for source, target in self.edges if target == name)

    def targets(self, name: str) -> list[str]:
        return sorted(target for source, target in self.edges if source == name)

    def beyond(self, name: str) -> set[str]:
        """All nodes that a node's output reaches."""
        found: set[str] = set()
        todo = self.targets(name)
        while todo:
            each = todo.pop()
            if each not in found:
                found.add(each)
                todo += self.targets(each)
        return found

    def end(self, kind: str, place: str) -> str:
        """The name of the one ``Input`` or ``Output``."""
        names = [name for name, node in self.nodes.items() if type(node).__name__ == kind]
        if len(names) != 1:
            raise ModelError(f"{place}: has {len(names)} nodes of kind {kind}; allowed: one")
        return names[0]

    def without(self, name: str) -> _Graph:
        """The graph without a node and its edges."""
        nodes = {each: node for each, node in self.nodes.items() if each != name}
        return _Graph(nodes, [edge for edge in self.edges if name not in edge])

    def delayed(self, place: str) -> list[tuple[str, str]]:
        """Edges that carry what neurons gave in the step before: theirs into their own loops."""
        reach = {name: self.beyond(name) for name in self.nodes}
        neurons = [name for name in sorted(self.nodes) if _is_neuron(self.nodes[name])]
        found = []
        for name in neurons:
            loop = {each for each in reach[name] if name in reach[each]}
            others = [each for each in neurons if each in loop and each != name]
            if others:
                raise ModelError(
                    f"{place}: {name} and {others[0]} are in one loop, and the file does not say "
                    "which of them waits for the other; allowed: loops through one node of neurons"
                )
            found += [(name, target) for target in self.targets(name) if target in loop]
        return found

    def order(self, delayed: Sequence[tuple[str, str]], place: str) -> list[str]:
        """Each node behind its sources, those of the step before apart."""
        sorter = graphlib.TopologicalSorter({name: set[str]() for name in sorted(self.nodes)})
        for source, target in self.edges:
            if (source, target) not in delayed:
                sorter.add(target, source)
        try:
            return list(sorter.static_order())
        except graphlib.CycleError as error:
            loop = ", ".join(error.args[1][1:])
            raise ModelError(
                f"{place}: a loop has no neurons ({loop}), so that nothing in it takes a time "
                "step; allowed: loops through one node of neurons"
            ) from None


def _ends(graph: _Graph, place: str) -> tuple[str, str]:
    """The input, and the node whose output is the network's; each other node lies between them."""
    first, output = graph.end("Input", place), graph.end("Output", place)
    last = graph.sources(output)
    if len(last) != 1:
        raise ModelError(f"{place}: {len(last)} nodes lead to its Output; allowed: one")
    reached = graph.beyond(first)
    for name in sorted(graph.nodes):
        if name != first and name not in reached:
            raise ModelError(f"{place}: nothing leads to node {name}; allowed: ways from the Input")
        if name != output and output not in graph.beyond(name):
            raise ModelError(f"{place}: node {name} leads nowhere; allowed: ways to the Output")
    return first, last[0]


def _is_neuron(node: Any) -> bool:
    return type(node).__name__ in NEURONS


def _flat(graph: Any, place: str) -> _Graph:
    """A graph with the nodes of its inner graphs, named OUTER.INNER, in their places."""
    inner = {
        name: _flat(node, f"{place}: {name}")
        for name, node in graph.nodes.items()
        if type(node).__name__ == "NIRGraph"
    }
    nodes = {name: node for name, node in graph.nodes.items() if name not in inner}
    edges: list[tuple[str, str]] = []
    starts: dict[str, list[str]] = {}
    stops: dict[str, list[str]] = {}
    for outer, found in inner.items():
        first, last = (found.end(kind, f"{place}: {outer}") for kind in ("Input", "Output"))
        starts[outer] = [f"{outer}.{each}" for each in found.targets(first)]
        stops[outer] = [f"{outer}.{each}" for each in found.sources(last)]
        rest = found.without(first).without(last)
        nodes |= {f"{outer}.{each}": node for each, node in rest.nodes.items()}
        edges += [(f"{outer}.{source}", f"{outer}.{target}") for source, target in rest.edges]
    for source, target in dict.fromkeys(graph.edges):
        for each in (source, target):
            if each not in graph.nodes:
                raise ModelError(f"{place}: an edge names {each}, which is no node of the graph")
        edges += [
            (start, stop)
            for start in stops.get(source, [source])
            for stop in starts.get(target, [target])
        ]
    return _Graph(nodes, edges)


def _attributes(names: Sequence[str]) -> dict[str, str]:
    """Names under which the nodes can stand in a module list, without dots."""
    found: dict[str, str] = {}
    for name in names:
        attribute = re.sub(r"\W", "_", name) or "_"
        while hasattr(nn.ModuleDict, attribute) or attribute in found.values():
            attribute += "_"
        found[name] = attribute
    return found


def _shape(node: Any, place: str) -> tuple[int, ...]:
    """Shape of what an ``Input`` takes in one time step."""
    shape = node.input_type.get("input")
    if shape is None:
        raise ModelError(f"{place}: its Input has no shape; allowed: one with it")
    return tuple(int(each) for each in np.atleast_1d(shape))
