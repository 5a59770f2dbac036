"""The JSON Schema of a spec in which a number may have a range."""

from __future__ import annotations

from typing import Any

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
