"""The layers of a network by name, and where their weights lie in the flat vector.

A layer is a module that has trainable weights of its own: a matrix with its bias, a normalization
with its gains. It is called by the name that its module has in the network, with ``_`` for each
dot (``fc1``, ``encoder_fc1``), or where that ends in a number, as in a ``torch.nn.Sequential``, by
its place: ``layer1``, ``layer2`` and so on (``network`` where that is the name of another module
and the weights are the network's own). Every layer may be called by its place, by ``first`` or
``last``, and by the name of its module as PyTorch writes it.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from device_models.scaled_layers import output_scales
from neurograd.errors import ModelError
from neurograd.problem.flat_problem import Problem

_MOST_NAMES = 12
"""Names in one sentence."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a network.

    Attributes:
        name: Its name in the module, such as ``fc1.weight``.
        shape: Its shape.
        place: Where it lies in the flat vector.
        digital: Whether it is in no device of any chip: the learned factor of a layer's product.
    """

    name: str
    shape: tuple[int, ...]
    place: slice
    digital: bool = False


@dataclass(frozen=True)
class NamedLayer:
    """A module with trainable weights of its own.

    Attributes:
        name: What reports and specs call it.
        others: What it may be called beside that.
        parameters: Its weights, which lie side by side in the flat vector.
    """

    name: str
    others: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    @property
    def module(self) -> str:
        """Name of its module in the network; empty for the network itself."""
        return self.parameters[0].name.rpartition(".")[0]

    @property
    def place(self) -> slice:
        """Where its weights lie in the flat vector."""
        return slice(self.parameters[0].place.start, self.parameters[-1].place.stop)


def layers_of(problem: Problem) -> tuple[NamedLayer, ...]:
    """The layers of a problem's network, in the order of the flat vector, which they fill."""
    parameters = problem.parameters_of(problem.initial_weights)
    return named_layers(parameters, output_scales(problem.module))


def named_layers(
    parameters: Mapping[str, Tensor], digital: Collection[str] = ()
) -> tuple[NamedLayer, ...]:
    """The layers that have some parameters, in their order.

    Args:
        parameters: Trainable parameters of a network by name, in the order of the flat vector.
        digital: Names of those that are in no device.
    """
    owned: dict[str, list[Parameter]] = {}
    start = 0
    for name, tensor in parameters.items():
        place = slice(start, start + tensor.numel())
        found = Parameter(name, tuple(tensor.shape), place, name in digital)
        owned.setdefault(name.rpartition(".")[0], []).append(found)
        start = place.stop
    own = [module.replace(".", "_") for module in owned]
    names: list[str] = []
    for number, (module, name) in enumerate(zip(owned, own, strict=True), start=1):
        plain = name.isidentifier() and not module.rpartition(".")[2].isdecimal()
        names.append(name if plain and own.count(name) == 1 else _by_place(number, module, own))
    return tuple(
        NamedLayer(names[k], _others(k, tuple(owned), names), tuple(parameters))
        for k, parameters in enumerate(owned.values())
    )


def _by_place(number: int, module: str, own: Sequence[str]) -> str:
    """The name of a layer whose module has none to call it by.

    Args:
        number: Its place, from 1.
        module: Name of its module; empty for the network itself.
        own: Names of the modules of all layers, with ``_`` for each dot.
    """
    place = f"layer{number}"
    if place not in own:
        return place
    spare = ("network", *(f"network{k}" for k in range(1, len(own) + 1)))
    return module or next(name for name in spare if name not in own)


def _others(k: int, modules: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """What layer k may be called beside its name; a name belongs to the layer that bears it."""
    ends = [*(["first"] if k == 0 else []), *(["last"] if k == len(names) - 1 else [])]
    places = [f"layer{k + 1}", *ends]
    own = [modules[k], modules[k].replace(".", "_")] if modules[k] else []
    free = [name for name in own if name not in names]
    free += [name for name in places if name not in (*names, *modules)]
    return tuple(dict.fromkeys(free))


def layers_called(
    layers: Sequence[NamedLayer], names: Iterable[str], key: str
) -> dict[str, NamedLayer]:
    """The layer that each of some names stands for.

    Args:
        layers: Those of the network (``layers_of``).
        names: What a user calls some of them.
        key: The key that has the names, for errors.

    Raises:
        ModelError: If there is no layer of a name, or two names stand for one layer.
    """
    known = {name: each for each in layers for name in (each.name, *each.others)}
    found: dict[str, NamedLayer] = {}
    for name in names:
        layer = known.get(name)
        if layer is None:
            near = difflib.get_close_matches(name[:100], list(known), 1)
            hint = f"; did you mean '{near[0]}'?" if near else ";"
            raise ModelError(
                f"{key}: the network has no layer {name[:100]!r}{hint} allowed: {_allowed(layers)}"
            )
        twice = next((other for other, it in found.items() if it is layer), None)
        if twice is not None:
            raise ModelError(f"{key}: {twice} and {name} are one layer; allowed: each layer once")
        found[name] = layer
    return found


def _allowed(layers: Sequence[NamedLayer]) -> str:
    names = [layer.name for layer in layers]
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], "...", names[-1]]
    return f"{', '.join(names)}, or by place: layer1 to layer{len(layers)}, first, last"
