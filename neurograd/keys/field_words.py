"""What the field of a section holds: its own section, its long form, and its words."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from neurograd.keys.fields import FieldType, Shorthand


@dataclass(frozen=True)
class SectionOrNull:
    """Marks a mapping as some keys of a section, which are checked elsewhere; for its schema."""

    section: type[BaseModel]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        keys = handler(self.section.__pydantic_core_schema__)
        return {"anyOf": [keys, {"type": "null"}]}


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, also in `Section | None` and in Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (section_in(part) for part in typing.get_args(annotation))
    return next((section for section in found if section is not None), None)


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds, whole or some keys of it."""
    marked = (each.section for each in field.metadata if isinstance(each, SectionOrNull))
    return next(marked, None) or section_in(field.annotation)


def section_at(root: type[BaseModel], place: Sequence[int | str]) -> type[BaseModel]:
    """The section at a place below another one, or the last on the way there."""
    section = root
    for part in place:
        field = section.model_fields.get(str(part))
        if field is None:
            break
        section = section_of(field) or section
    return section


def words_at(root: type[BaseModel], place: Sequence[int | str]) -> str:
    """What is allowed at a place that holds no mapping, or no list, and has to."""
    field = section_at(root, place[:-1]).model_fields.get(str(place[-1])) if place else None
    section = section_at(root, place) if field is None else section_of(field)
    if section is None:
        return "a mapping" if field is None else allowed_words(field)
    one = f"a mapping with {', '.join(section.model_fields)}"
    if field is not None and typing.get_origin(field.annotation) is dict:
        return f"a mapping of names, each to {one}"
    return one


def long_form(
    root: type[BaseModel], data: Mapping[str, Any], path: Sequence[str]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """A section without shorthands on the way to a key, and the way to the number itself.

    Args:
        root: The section.
        data: Its keys as they are written; not changed.
        path: The names of the key, outermost first.

    Returns:
        The keys, and the path, which is longer by a name where the key is written as the one
        number of a section of its own.
    """
    name, *rest = path
    field, value = root.model_fields.get(name), data.get(name)
    if field is None:
        return data, tuple(path)
    if not isinstance(value, Mapping):
        value = _expanded(field, value)
        if not isinstance(value, Mapping) or (not rest and len(value) != 1):
            return data, tuple(path)
        rest = rest or [*value]
    section = section_in(field.annotation)
    if section is None or not rest:
        return data, tuple(path)
    inner, longer = long_form(section, value, rest)
    return {**data, name: inner}, (name, *longer)


def _expanded(field: FieldInfo, value: Any) -> Any:
    """The long form of a value where its field has a shorthand; as it is where it is none."""
    for each in field.metadata:
        if isinstance(each, Shorthand):
            try:
                return each.expand(value)
            except PydanticCustomError:  # what is wrong is said where it is validated
                return value
    return value


# -- Words -----------------------------------------------------------------------------------------


def allowed_words(field: FieldInfo) -> str:
    """What a field allows, in words."""
    words = list(dict.fromkeys(_words(field.annotation, field.metadata)))
    return " or ".join(words)


def _words(annotation: Any, metadata: Iterable[Any] = ()) -> Iterator[str]:
    readers = [each.allowed for each in metadata if isinstance(each, FieldType | Shorthand)]
    if any(readers):
        # Their words tell of null where that stands for something.
        yield from filter(None, readers)
        return
    kind = typing.get_origin(annotation)
    if kind is typing.Annotated:
        inner, *more = typing.get_args(annotation)
        yield from _words(inner, more)
    elif kind in (types.UnionType, typing.Union):
        parts = typing.get_args(annotation)
        said = [word for part in parts if part is not type(None) for word in _words(part)]
        yield from said
        if type(None) in parts and not any("null" in word for word in said):
            yield "null"
    elif kind is dict:
        yield "a mapping"
    elif kind is Literal:
        yield ", ".join(f"`{word}`" for word in typing.get_args(annotation))
    elif kind is tuple:
        yield "a list, each " + " or ".join(_words(typing.get_args(annotation)[0]))
    elif annotation is bool:
        yield "`true`, `false`"
    elif section_in(annotation) is not None:
        yield "a mapping"
