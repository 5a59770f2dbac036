"""Finds the modules of this folder and assembles what they bring."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import create_model

from neurograd import effects
from neurograd.effects.effect import Contribution, Effect, Keys
from neurograd.effects.knob import Knob
from neurograd.effects.layer_keys import layer_hints, layer_knobs
from neurograd.effects.rules.rule import Rule
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import SpecModel


@cache
def contributions() -> tuple[Contribution, ...]:
    """What the modules of this folder bring, in the order in which an update meets it.

    A module brings its ``EFFECT``, or as ``SHARED`` what several effects have in common.
    """
    found: list[Contribution] = []
    for entry in pkgutil.walk_packages(effects.__path__, f"{effects.__name__}."):
        module = importlib.import_module(entry.name)
        found += [vars(module)[name] for name in ("EFFECT", "SHARED") if name in vars(module)]
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TypeError(f"two modules of {effects.__name__} are called {', '.join(twice)}")
    return tuple(sorted(found, key=lambda each: (each.stage, each.order, each.name)))


def all_effects() -> tuple[Effect, ...]:
    """Every effect and learning rule, in the order in which an update meets them."""
    return tuple(each for each in contributions() if isinstance(each, Effect))


def rules() -> tuple[Rule, ...]:
    """Every learning rule."""
    return tuple(each for each in contributions() if isinstance(each, Rule))


def active_in(spec: SpecSections, samples: int) -> list[Effect]:
    """The effects that a spec switches on, in the order in which an update meets them.

    Args:
        spec: The validated spec; what it switches on in one of its layers counts.
        samples: Number of training samples.
    """
    views = spec.views().values()
    return [each for each in all_effects() if any(each.active(view, samples) for view in views)]


def hints_of(spec: SpecSections, samples: int) -> list[str]:
    """Sentences that a report has of the keys of a spec: what they do not mean, likely slips."""
    return list(layer_hints(contributions(), spec, samples))


def knobs_of(spec: SpecSections, samples: int, *, layers: bool = True) -> list[Knob]:
    """Every number of a spec that can be turned, in the order of a limits report.

    Args:
        spec: The validated spec.
        samples: Number of training samples, the largest batch.
        layers: Whether what acts on layers can act on the network.
    """
    ranked = sorted(contributions(), key=lambda each: each.knob_rank)
    able = [each for each in ranked if layers or not each.on_layers]
    return list(layer_knobs(able, spec, samples))


def section(place: str, *also: Keys) -> Any:
    """The model of a section of the spec, with the keys and checks that effects bring into it.

    Args:
        place: ``device``, ``quantization`` or ``learning_rule``.
        also: Keys that the section has beside them.

    Raises:
        TypeError: If two of them bring a key, or a check, of the same name.
    """
    brought = (keys for each in contributions() for keys in each.keys if keys.place == place)
    # Rules of one family bring the same keys.
    ordered = dict.fromkeys(
        keys.model for keys in sorted((*also, *brought), key=lambda keys: keys.order)
    )
    _refuse_same_names(place, ordered)
    # Fields and validators are collected from the last base to the first.
    name = f"{place.title().replace('_', '')}Keys"
    return create_model(name, __base__=tuple(reversed(ordered)))


def _refuse_same_names(place: str, models: Iterable[type[SpecModel]]) -> None:
    owners: dict[str, str] = {}
    for model in models:
        decorators = model.__pydantic_decorators__
        checks = {**decorators.model_validators, **decorators.field_validators}
        for name in (*model.model_fields, *checks):
            if name in owners:
                raise TypeError(
                    f"{owners[name]} and {model.__module__} both bring {name} into {place}"
                )
            owners[name] = model.__module__
