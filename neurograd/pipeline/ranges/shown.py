"""Values of keys as sentences have them."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel

from neurograd import words
from neurograd.keys.fields import FieldType, Fraction, OneOrSection, Seconds, Siemens
from neurograd.keys.ranges import NumberRange
from neurograd.keys.skewed import PART
from neurograd.spec import Spec

DIGITS = 3
"""Significant digits of a value."""


def shown(key: str, value: float) -> str:
    """A value with its unit, such as '5 %'.

    Args:
        key: The dotted key of a number.
        value: In the unit in which a spec holds it.
    """
    kind = _field_type(key)
    if isinstance(kind, Fraction):
        return words.percent(value, significant=DIGITS)
    if isinstance(kind, Seconds):
        return words.duration(value)
    return f"{words.number(value)}{' S' if isinstance(kind, Siemens) else ''}"


def in_words(key: str, typical: float, known: NumberRange) -> str:
    """What is known of a number, such as '5 % (3 % to 8 %)'.

    Args:
        key: Its dotted key.
        typical: Its typical value.
        known: What is known of it.
    """
    if known.interval is not None:
        low, high = (shown(key, end) for end in known.interval)
        return f"{shown(key, typical)} ({low} to {high} at {100 * PART:g} %)"
    ends = f"({shown(key, known.min)} to {shown(key, known.max)})"
    std = "" if known.std is None else f"± {shown(key, known.std)} "
    return f"{shown(key, typical)} {std}{ends}"


def _field_type(key: str) -> FieldType | None:
    """How the value of a key is read, None where it is no field with a reading of its own."""
    section: type[BaseModel] = Spec
    kind: FieldType | None = None
    for name in key.split("."):
        field = section.model_fields.get(name)
        if field is None:
            return None
        found = [*field.metadata, *_metadata(field.annotation)]
        kind = next((each for each in found if isinstance(each, FieldType)), None)
        section = _section(field.annotation) or section
    return kind.one if isinstance(kind, OneOrSection) else kind


def _metadata(annotation: Any) -> list[Any]:
    """What Annotated says of a type, also in ``Annotated[...] | None``."""
    own = list(getattr(annotation, "__metadata__", ()))
    return own + [each for part in typing.get_args(annotation) for each in _metadata(part)]


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section(part) for part in typing.get_args(annotation))
    return next((each for each in found if each is not None), None)
