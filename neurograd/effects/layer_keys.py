"""Numbers, remedies and sentences of a spec whose layers differ, by the keys that hold them.

A key of the whole chip acts on every layer that does not have it for itself; those that a layer has
for itself are ``layers.NAME.device...`` and ``layers.NAME.quantization...``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from neurograd.effects.effect import Contribution, Effect, Remedy
from neurograd.effects.knob import Knob, Settings
from neurograd.effects.sections import SpecSections

_OF_LAYERS = ("device", "quantization")
_KEY = re.compile(r"\b(device|quantization)\.(?=[a-z])")
_LAYER = re.compile(r"^layers\.[^.]+\.")


def chip_key(key: str) -> str:
    """The key of the whole chip that a layer's key stands in place of; others as they are."""
    return _LAYER.sub("", key)


def layer_knobs(
    contributions: Iterable[Contribution], spec: SpecSections, samples: int
) -> Iterator[Knob]:
    """The numbers of a spec that can be turned, those of the whole chip before a layer's own."""
    views = spec.views()
    for each in contributions:
        for name, view in views.items():
            for knob in each.knobs(view, samples):
                if not name:
                    yield knob
                elif spec.has_own(name, knob.key):
                    yield _of_layer(name, knob)


def layer_remedy(effect: Effect, spec: SpecSections, samples: int) -> Remedy:
    """What makes an effect smaller, in the whole chip and in each layer that has it by itself."""
    found: list[Remedy] = []
    for name, view in spec.views().items():
        if not effect.active(view, samples):
            continue
        remedy = effect.remedy(view)
        if not name or spec.has_own(name, remedy.key):
            found.append(_remedy_of(name, remedy))
    first = found[0] if found else effect.remedy(spec)
    return Remedy(first.key, ", and ".join(dict.fromkeys(each.words for each in found)))


def layer_hints(
    contributions: Iterable[Contribution], spec: SpecSections, samples: int
) -> Iterator[str]:
    """What a report has of the keys of a spec, each sentence once."""
    views = spec.views()
    for each in contributions:
        whole = list(each.hints(views[""], samples))
        yield from whole
        for name, view in views.items():
            own = [] if not name else each.hints(view, samples)
            yield from (_in_layer(name, words) for words in own if words not in whole)


def _of_layer(name: str, knob: Knob) -> Knob:
    return replace(
        knob,
        key=f"layers.{name}.{knob.key}",
        label=f"{knob.label} of {name}",
        settings=_settings_of(name, knob.settings),
    )


def _settings_of(name: str, settings: Settings) -> Settings:
    def of_layer(value: float) -> dict[str, Any]:
        return {
            f"layers.{name}.{key}" if key.partition(".")[0] in _OF_LAYERS else key: its
            for key, its in settings(value).items()
        }

    return of_layer


def _remedy_of(name: str, remedy: Remedy) -> Remedy:
    if not name or remedy.key.partition(".")[0] not in _OF_LAYERS:
        return remedy
    return Remedy(f"layers.{name}.{remedy.key}", _in_layer(name, remedy.words))


def _in_layer(name: str, words: str) -> str:
    """A sentence with the keys of a layer in place of the whole chip's."""
    return _KEY.sub(lambda found: f"layers.{name}.{found[0]}", words)
