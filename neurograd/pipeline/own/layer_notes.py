"""What a report says of a chip whose layers differ: which of them have what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograd import words
from neurograd.errors import NeurogradError
from neurograd.problem import Problem
from neurograd.problem.layer_names import layers_called, layers_of
from neurograd.spec import Device, Spec, spec_to_dict, validate_spec

_MOST_KEYS = 4
"""Keys in one sentence."""


def layer_notes(spec: Spec, problem: Problem) -> Iterator[str]:
    """Which layers have what and whether they differ, in one sentence; and where the biases are.

    Args:
        spec: The validated spec.
        problem: Its problem.
    """
    if spec.layers:
        views = spec.views()
        called = layers_called(layers_of(problem), spec.layers, "layers")
        own = {layer.name: name for name, layer in called.items()}
        found = [_words(spec, views, each.name, own) for each in layers_of(problem)]
        held = [_held(spec, views, own.get(each.name, "")) for each in layers_of(problem)]
        differ = "differ" if any(each != held[0] for each in held) else "do not differ"
        yield f"The layers {differ}: {'; '.join(found)}."
    if spec.network.biases == "digital":
        exact = sum(
            len(each.shape) < 2 and not each.digital
            for layer in layers_of(problem)
            for each in layer.parameters
        )
        if exact:
            are, they = ("are", "they are") if exact > 1 else ("is", "it is")
            yield (
                f"{words.counted(exact, 'parameter')} of one dimension (biases, gains and offsets "
                f"of normalization) {are} digital: {they} kept and updated exactly."
            )
        else:
            yield "network.biases changes no number of this spec: the network has none."


def _held(spec: Spec, views: Mapping[str, Spec], name: str) -> tuple[object, ...]:
    """What makes one layer differ from others; by which preset it has that makes no difference."""
    view = views[name]
    device = None if view.device is None else view.device.model_copy(update={"preset": None})
    return device, view.quantization, name in spec.output_scales


def _words(spec: Spec, views: Mapping[str, Spec], layer: str, own: Mapping[str, str]) -> str:
    """What one layer has."""
    name = own.get(layer, "")
    view = views[name]
    kind = "digital" if view.device is None else "analog"
    limits = view.quantization
    bits = None if limits is None else limits.weight_bits
    sized = "" if bits is None else f" with weights of {bits} bits"
    if not name:
        return f"{layer} is {kind}{sized}, as the whole chip"
    if name in spec.output_scales:
        sized += ", its product times a learned digital factor"
    shown = [key for key in _own_keys(spec, name) if "." in key]
    more = len(shown) - _MOST_KEYS
    shown = [*shown[:_MOST_KEYS], *([f"{more} more keys"] if more > 0 else [])]
    return f"{layer} is {kind}{sized}{f' (its own {words.listed(shown)})' if shown else ''}"


def without_key(spec: Spec) -> Iterator[tuple[str, Spec]]:
    """Each key that a layer has for itself, and the spec without it.

    A section that null has taken away is one key. One that the rest of the spec cannot be without
    is left out, and so is a preset, whose own keys may be those of another one, and what is part of
    the network.
    """
    for name in spec.layers:
        for key in _own_keys(spec, name):
            if key in ("device.preset", "output_scale"):
                continue
            keys = spec_to_dict(spec)
            _remove(keys["layers"][name], key.split("."))
            try:
                yield f"layers.{name}.{key}", validate_spec(keys, "notes").like(spec)
            except NeurogradError:
                continue


def _own_keys(spec: Spec, layer: str) -> Iterator[str]:
    """The keys that a layer has for itself, and the sections that it has at their defaults.

    Null for a section is read as all of its keys at their defaults, which nobody has named.
    """
    keys = spec.layers[layer].model_dump(mode="json")
    return _leaves(keys, {"device": Device().model_dump(mode="json")})


def _leaves(keys: Mapping[str, Any], defaults: Mapping[str, Any], place: str = "") -> Iterator[str]:
    for key, value in keys.items():
        default = defaults.get(key)
        taken_away = isinstance(value, Mapping) and len(value) > 1 and value == default
        if isinstance(value, Mapping) and value and not taken_away:
            below = default if isinstance(default, Mapping) else {}
            yield from _leaves(value, below, f"{place}{key}.")
        else:
            yield f"{place}{key}"


def _remove(keys: dict[str, Any], path: list[str]) -> None:
    for name in path[:-1]:
        keys = keys[name]
    del keys[path[-1]]
