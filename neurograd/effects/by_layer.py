"""A chip whose layers differ: each is assembled like a chip of its own weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurograd.effects.sections import SpecSections

if TYPE_CHECKING:
    from device_models import PassPath, ReadPath, WritePath
    from neurograd.effects.assembly import Assembly
    from neurograd.problem import Problem
    from neurograd.problem.part import ProblemPart


@dataclass(frozen=True)
class ChipPart:
    """Weights that are stored, read and written alike.

    Attributes:
        name: Of the layer that they belong to.
        spec: The spec as the layer has it; None for parameters that are digital and exact.
        weights: The weights.
    """

    name: str
    spec: SpecSections | None
    weights: ProblemPart


def chip_parts(spec: SpecSections, problem: Problem) -> list[ChipPart]:
    """The parts of a chip, which have all of its weights; none where all are alike.

    Args:
        spec: The validated spec.
        problem: The spec's problem.

    Raises:
        ModelError: If the network has no layer of a name, or two names stand for one.
    """
    from neurograd.problem.layer_names import layers_called, layers_of  # noqa: PLC0415  (torch)
    from neurograd.problem.part import ProblemPart  # noqa: PLC0415  (needs torch)

    digital = spec.network.biases == "digital"
    views = dict(spec.views())
    others = views.pop("")
    layers = layers_of(problem)
    called = layers_called(layers, views, "layers")
    if not views and not digital and not any(p.digital for each in layers for p in each.parameters):
        return []
    own = {layer.name: views[name] for name, layer in called.items()}
    found = []
    for layer in layers:
        view = own.get(layer.name, others)
        exact = [p for p in layer.parameters if p.digital or (digital and len(p.shape) < 2)]
        stored = [each for each in layer.parameters if each not in exact]
        for kept, parameters in ((view, stored), (None, exact)):
            if parameters:
                found.append(ChipPart(layer.name, kept, ProblemPart(problem, tuple(parameters))))
    return found


def read_paths(parts: Sequence[tuple[ChipPart, Assembly | None]]) -> tuple[ReadPath, ...]:
    """What all parts do to reads, as one effect; none where every read is exact."""
    from device_models.read.by_layer import LayerReads, PartReads  # noqa: PLC0415  (needs torch)

    found = tuple(
        PartReads(part.weights.places, () if own is None else own.all_reads) for part, own in parts
    )
    return (LayerReads(found),) if any(part.reads for part in found) else ()


def write_paths(parts: Sequence[tuple[ChipPart, Assembly | None]]) -> tuple[WritePath, ...]:
    """What all parts do to writes, and beside them once an update."""
    from device_models.write.by_layer import (  # noqa: PLC0415  (needs torch)
        LayerWrites,
        LayerWritesOnce,
        PartWrites,
    )

    def of(effects: Callable[[Assembly], Iterable[WritePath]]) -> tuple[PartWrites, ...]:
        return tuple(
            PartWrites(part.weights.places, () if own is None else tuple(effects(own)))
            for part, own in parts
        )

    each, once = of(lambda own: own.own_writes), of(lambda own: own.later_writes)
    found: list[WritePath] = []
    if any(part.writes for part in each):
        found.append(LayerWrites(each))
    if any(part.writes for part in once):
        found.append(LayerWritesOnce(once))
    return tuple(found)


def pass_paths(parts: Sequence[tuple[ChipPart, Assembly | None]]) -> tuple[PassPath, ...]:
    """What the periphery of all parts does; layers with the same share it."""
    from device_models.passes.by_layer import LayerPasses  # noqa: PLC0415  (needs torch)

    found: list[tuple[Any, set[str]]] = []
    for part, own in parts:
        names = {each.name for each in part.weights.parameters}
        for inner in [] if own is None else own.passes:
            alike = next((weights for other, weights in found if other == inner), None)
            if alike is None:
                found.append((inner, set(names)))
            else:
                alike |= names
    return tuple(LayerPasses(inner, frozenset(names)) for inner, names in found)
