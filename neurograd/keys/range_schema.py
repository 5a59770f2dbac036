"""The JSON Schema of a spec in which a number may have a range."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel

from neurograd.keys.fields import Json
from neurograd.keys.range_forms import ENDS, PLUS_MINUS, SECTIONS

_NAME = "UncertainNumber"
_FORMS: Json = {
    "description": "A number that is not known exactly: smallest, typical and largest value, or a "
    "typical value ± one standard deviation.",
    "anyOf": [
        {
            "type": "object",
            "properties": {end: {"type": ["number", "string"]} for end in ENDS},
            "required": [*ENDS],
            "additionalProperties": False,
        },
        {"type": "string", "pattern": rf"^\s*{PLUS_MINUS}\s*$"},
    ],
}


Bounds = tuple[float | None, float | None]
"""Smallest and largest number that a key takes, None where there is none."""


def bounds_in(spec: type[BaseModel], key: str) -> Bounds:
    """The bounds of a key's number, in its own unit; those that it does not reach are none.

    Args:
        spec: What the key is of.
        key: Its dotted key.
    """
    schema = _schema_of(spec)
    fields = [schema]
    for name in key.split("."):
        ways = [way for field in fields for way in _ways(schema, field)]
        fields = [way["properties"][name] for way in ways if name in way.get("properties", ())]
    ways = [way for field in fields for way in _ways(schema, field)]
    numbers = [way for way in ways if way.get("type") in ("number", "integer")]
    low, high = ([n[end] for n in numbers if end in n] for end in ("minimum", "maximum"))
    return min(low, default=None), max(high, default=None)


@cache
def _schema_of(spec: type[BaseModel]) -> Json:
    return spec.model_json_schema(mode="validation")


def _ways(schema: Json, field: Json) -> list[Json]:
    """All that a field may be, with what it refers to in place."""
    if "$ref" in field:
        return _ways(schema, schema["$defs"][field["$ref"].rpartition("/")[2]])
    if "anyOf" in field:
        return [way for each in field["anyOf"] for way in _ways(schema, each)]
    return [field]


def with_range_forms(schema: Json) -> Json:
    """The JSON Schema of a spec in which numbers of ``SECTIONS`` may have ranges."""
    parts: Json = {**schema["$defs"]}
    waiting = [name for section in SECTIONS for name in _referred(schema["properties"][section])]
    seen = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        fields = parts[name].get("properties", {})
        waiting += [each for field in fields.values() for each in _referred(field)]
        ranged = {key: _with_range(f) if _takes_number(f) else f for key, f in fields.items()}
        parts[name] = {**parts[name], "properties": ranged} if fields else parts[name]
    return {**schema, "$defs": {**parts, _NAME: _FORMS}}


def _referred(field: Any) -> list[str]:
    """The parts that a field of a schema refers to."""
    if isinstance(field, list):
        return [name for each in field for name in _referred(each)]
    if not isinstance(field, dict):
        return []
    own = [field["$ref"].rpartition("/")[2]] if "$ref" in field else []
    return own + _referred(field.get("anyOf", []))


def _takes_number(field: Json) -> bool:
    kinds = field.get("type") in ("number", "integer")
    return kinds or any(_takes_number(each) for each in field.get("anyOf", ()))


def _with_range(field: Json) -> Json:
    ways = field.get("anyOf")
    kind = {key: value for key, value in field.items() if key not in ("description", "default")}
    said = {key: value for key, value in field.items() if key in ("description", "default")}
    return {**said, "anyOf": [*([kind] if ways is None else ways), {"$ref": f"#/$defs/{_NAME}"}]}
