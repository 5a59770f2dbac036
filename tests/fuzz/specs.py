"""Specs in which any key has any value: hypothesis strategies that are made of the JSON Schema.

A spec begins as a small one that is right, some keys of which get other values. These are of two
kinds: *fitting* ones, made of the key's own schema with its bounds (so that many pass and meet each
other), and *hostile* ones, of any type and size, that no key was made for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from neurograd.spec import json_schema
from tests.neurograd.pipeline.test_every_key import ACTS, JUDGED, spec_of

SIZES = {
    "network.hidden": 6,
    "network.channels": 4,
    "network.time_steps": 4,
    "task.train_samples": 12,
    "task.test_samples": 12,
    "task.inputs": 6,
    "task.outputs": 6,
    "task.teacher_hidden": 6,
    "training.steps": 4,
    "training.epochs": 2,
    "training.seeds": 3,
    "training.max_seeds": 3,
    "learning_rule.samples": 3,
    "learning_rule.relaxation_steps": 4,
    "measure.draws": 8,
    "measure.loss_draws": 8,
    "measure.points": 3,
    "measure.smoothing_draws": 8,
}
"""Keys whose numbers are how much is to be computed, and what is let through to a whole run."""

TEXTS = [
    "", " ", "x", "nan", "inf", "-inf", "1e400", "-1e400 %", "5 %", "-5 %", "101 %", "1e-400", "0",
    "5 furlongs", "3 uS", "0 S", "0 ohm", "1e-300 ohm", "1 / 0", "1 h", "1e300 years", "0 s", "\0",
    "\n", "a\nb", "\u202e", "\ud800", "٣", "１", "½", "9" * 5000, "../../etc/passwd", "/dev/zero",
    "/dev/null", ".", "~", "*", "%s", "{0}", "{", "null", "true", "!!python/name:os.system", "<<",
    "a.b", "a[0]", "x" * 300, "é" * 100, "digits", "mnist_5k", "file", "module", "full",
]  # fmt: skip
NUMBERS = [
    0, -1, 1, 2, 7, 2**31, 2**63, 2**64, 10**30, -(10**30), 10**5000, 0.0, -0.0, 1.5, 1e-320,
    1e-300, 1e-12, 0.5, 1 - 1e-16, 1e12, 1e300, -1e300, math.inf, -math.inf, math.nan,
]  # fmt: skip
OTHERS = [
    None, True, False, [], {}, (), [None], [[]], [[[1]]], [1, 2], [1] * 200, {"": 1}, {"a": {}},
    {1: 2}, {None: 1}, {"typ": 1, "min": 0, "max": 2}, b"x", {1, 2}, 1j, Decimal("NaN"),
    Decimal(1), Fraction(1, 3), np.float32(0.5), np.nan, np.int64(3), np.zeros(3), object, range(3),
]  # fmt: skip


def nested(depth: int) -> Any:
    """Mappings and lists in each other."""
    made: Any = 1
    for level in range(depth):
        made = [made] if level % 2 else {"x": made}
    return made


HOSTILE = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.sampled_from([*OTHERS, nested(30), nested(2000)]),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=3)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
"""Values that no key was made for."""

ANY_LAYER = ("layer1", "layer2", "hidden1", "output", "nowhere", "", "default")


@cache
def definitions() -> dict[str, Any]:
    """The JSON Schema of a spec."""
    return json_schema()


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = definitions()["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _ways(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What a value may be, one of these."""
    schema = _resolved(schema)
    if "anyOf" not in schema:
        return [schema]
    return [way for each in schema["anyOf"] for way in _ways(each)]


def places(schema: dict[str, Any] | None = None, path: tuple[str, ...] = ()) -> Iterator[Any]:
    """Every key of a spec as a path, with its schema; those of a layer are not gone into."""
    for way in _ways(definitions() if schema is None else schema):
        for name, inner in way.get("properties", {}).items():
            yield (*path, name), inner
            if name != "layers":
                yield from places(inner, (*path, name))


@cache
def all_places() -> dict[tuple[str, ...], dict[str, Any]]:
    """The schema of every key by its path."""
    return dict(places())


def fitting(schema: dict[str, Any], depth: int = 3) -> st.SearchStrategy[Any]:
    """Values that the schema of a key lets through, mostly: at its bounds, too."""
    return st.one_of([_way(way, depth) for way in _ways(schema)])


def _way(way: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "const" in way or "enum" in way:
        return st.sampled_from(way.get("enum", [way.get("const")]))
    kind = way.get("type")
    if kind in ("integer", "number"):
        return st.sampled_from(_numbers(way))
    if kind in ("boolean", "null"):
        return st.booleans() if kind == "boolean" else st.none()
    if kind in ("array", "object"):
        return _list(way, depth) if kind == "array" else _object(way, depth)
    return st.sampled_from(["5 %", "0.5", "1e-3", "20 uS", "30 kohm", "1 h", "3 epochs", "relu"])


def _list(way: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    item = way.get("items") or {"type": "integer", "minimum": 1, "maximum": 6}
    return st.lists(fitting(item, depth - 1), max_size=3)


def _object(way: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    inner = way.get("properties")
    if depth <= 0:
        return st.just({})
    if inner is None:
        values = way.get("additionalProperties")
        values = values if isinstance(values, dict) else {"type": "number"}
        names = st.sampled_from(ANY_LAYER)
        return st.dictionaries(names, fitting(values, depth - 1), max_size=2)
    chosen = st.lists(st.sampled_from(sorted(inner)), unique=True, max_size=3)
    needed = way.get("required", [])
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(
            # In order: a set has another one in each process, and the draws follow it.
            {name: fitting(inner[name], depth - 1) for name in sorted({*names, *needed})}
        )
    )


def _numbers(way: dict[str, Any]) -> list[Any]:
    """Numbers at the bounds of a schema, beside them and between."""
    low = way.get("minimum", way.get("exclusiveMinimum", -3))
    high = way.get("maximum", way.get("exclusiveMaximum", low + 4))
    if way["type"] == "integer":
        return sorted({low, low + 1, low + 2, min(low + 5, high), high, low - 1, high + 1})
    part = (high - low) * 1e-9
    return [low, high, low + part, high - part, 0.5 * (low + high), low + 0.1 * (high - low)]


ACTING: dict[str, dict[str, Any]] = {
    key: spec_of(*settings.items(), (key, value))
    for key, (settings, value, _) in {**ACTS, **JUDGED}.items()
}
"""For every key a small spec that is right, in which it is there and acts."""


@st.composite
def specs(draw: Any) -> dict[str, Any]:
    """A small spec, some keys of which have any value."""
    data = dict(ACTING[draw(st.sampled_from(sorted(ACTING)))])
    for path in draw(st.lists(st.sampled_from(list(all_places())), min_size=1, max_size=3)):
        put(data, path, draw(st.one_of(fitting(all_places()[path]), HOSTILE)))
    return data


def put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Sets a key; sections above it are made, also in place of what is no section."""
    *above, last = path
    for name in above:
        here = data.get(name)
        data[name] = dict(here) if isinstance(here, dict) else {}  # the values may be shared
        data = data[name]
    data[last] = value
