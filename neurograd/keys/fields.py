"""Field types of a spec: each reads one value, and says in one line what it allows."""

from __future__ import annotations

import difflib
import numbers
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from neurograd.keys.units import (
    CONDUCTANCE_ALLOWED,
    DURATION_ALLOWED,
    FRACTION_ALLOWED,
    MAX_TEXT,
    NUMBER_PATTERN,
    UNIT_PATTERN,
    parse_conductance,
    parse_duration,
    parse_fraction,
    parse_number,
    show,
)

Json = dict[str, Any]

_DIGITS = re.compile("[0-9]+")

SPEC_ERROR = "spec"
"""Type of the errors raised here; their text is final and `ctx['key']` is below their place."""


def spec_problem(problem: str, key: str = "") -> PydanticCustomError:
    """Makes the error that a validator raises.

    Args:
        problem: What is wrong and what is allowed, one line.
        key: The key below the place where the validator sits.

    Returns:
        An error that pydantic collects with its place.
    """
    return PydanticCustomError(SPEC_ERROR, "{problem}", {"problem": problem, "key": key})


class FieldType:
    """A field type with its own reading, messages and JSON Schema; goes into `Annotated`."""

    def read(self, value: Any) -> Any:
        """Reads one value or raises `spec_problem`."""
        raise NotImplementedError

    def json(self) -> Json:
        """The JSON Schema of what is accepted."""
        raise NotImplementedError

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return self.json()


@dataclass(frozen=True)
class Whole(FieldType):
    """An integer from `low` to `high`; `word` is a word allowed instead, `also` tells of others."""

    low: int
    high: int
    word: str | None = None
    also: str = ""

    def read(self, value: Any) -> int | str:
        """Reads an integer, 1e6 and '1e6' included, but no boolean."""
        if self.word is not None and value == self.word:
            return self.word
        number = _integer(value)
        if number is None:
            raise spec_problem(f"{show(value)} is not an integer; allowed: {self.allowed}")
        if not self.low <= number <= self.high:
            raise spec_problem(f"{show(value)} is out of range; allowed: {self.allowed}")
        return number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        word = f"'{self.word}' or " if self.word is not None else ""
        return f"{word}an integer from {self.low} to {self.high}{self.also}"

    def json(self) -> Json:
        """An integer, its text, or the word."""
        number: Json = {"type": "integer", "minimum": self.low, "maximum": self.high}
        words = [{"const": self.word}] if self.word is not None else []
        return {"anyOf": [*words, number, TEXT_NUMBER]}


LARGEST = 1e15
"""Largest range of weights, inputs or products: its square is a number of float32 as well."""


@dataclass(frozen=True)
class Number(FieldType):
    """A finite number from `low` to `high`; with `above` the low end itself is not allowed."""

    low: float
    high: float | None = None
    above: bool = False

    def read(self, value: Any) -> float:
        """Reads a number or its text, but no boolean."""
        number = parse_number(value)
        if number is None:
            raise spec_problem(f"{show(value)} is not a finite number; allowed: {self.allowed}")
        low = number <= self.low if self.above else number < self.low
        if low or (self.high is not None and number > self.high):
            raise spec_problem(f"{show(value)} is out of range; allowed: {self.allowed}")
        return number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        if self.high is not None and self.above:
            return f"a number above {self.low:g} and up to {self.high:g}"
        if self.high is not None:
            return f"a number from {self.low:g} to {self.high:g}"
        return f"a number {'above' if self.above else 'of at least'} {self.low:g}"

    def json(self) -> Json:
        """A number or its text."""
        number: Json = {
            "type": "number",
            "exclusiveMinimum" if self.above else "minimum": self.low,
        }
        if self.high is not None:
            number["maximum"] = self.high
        return {"anyOf": [number, TEXT_NUMBER]}


@dataclass(frozen=True)
class Fraction(FieldType):
    """A fraction, '5 %' or 0.05; `above` and `below` are ends that are themselves not allowed."""

    above: float | None = None
    below: float | None = None

    def read(self, value: Any) -> float:
        """Reads a percentage or a number from 0 to 1."""
        number: float = _with_unit(parse_fraction, value)
        low = self.above is not None and number <= self.above
        if low or (self.below is not None and number >= self.below):
            raise spec_problem(f"{show(value)} is out of range; allowed: {self.allowed}")
        return number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        if self.above is None and self.below is None:
            return FRACTION_ALLOWED
        return (
            f"a percentage above {self.above or 0:.0%} and below {self.below or 1:.0%}, "
            "such as '95 %'"
        )

    def json(self) -> Json:
        """A number from 0 to 1 or a percentage."""
        number: Json = {"type": "number", "minimum": 0, "maximum": 1}
        if self.above is not None:
            number["exclusiveMinimum"] = self.above
        if self.below is not None:
            number["exclusiveMaximum"] = self.below
        text = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*(%|percent)?\s*$"}
        return {"anyOf": [number, text]}


@dataclass(frozen=True)
class Siemens(FieldType):
    """A conductance, or a resistance as its inverse."""

    def read(self, value: Any) -> float:
        """Reads '59 uS', '16.9 kΩ' or a bare number of siemens."""
        siemens: float = _with_unit(parse_conductance, value)
        return siemens

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return CONDUCTANCE_ALLOWED

    def json(self) -> Json:
        """A number of siemens or text with a unit."""
        text = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*({UNIT_PATTERN})?\s*$"}
        return {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, text]}


@dataclass(frozen=True)
class Seconds(FieldType):
    """A length of time."""

    def read(self, value: Any) -> float:
        """Reads '1 h', '20 s' or a bare number of seconds."""
        seconds: float = _with_unit(parse_duration, value)
        return seconds

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return DURATION_ALLOWED

    def json(self) -> Json:
        """A number of seconds or text with a unit."""
        text = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*({UNIT_PATTERN})?\s*$"}
        return {"anyOf": [{"type": "number", "minimum": 0}, text]}


@dataclass(frozen=True)
class Line(FieldType):
    """One line of printable text."""

    longest: int

    def read(self, value: Any) -> str:
        """Reads text."""
        if not isinstance(value, str):
            raise spec_problem(f"{show(value)} is not text; allowed: text (put it in quotes)")
        if not 1 <= len(value) <= self.longest or not value.isprintable() or not value.strip():
            raise spec_problem(f"{show(value)} is not {self.allowed}")
        return value

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"one line of 1 to {self.longest} printable characters"

    def json(self) -> Json:
        """A string with a longest length."""
        return {"type": "string", "minLength": 1, "maxLength": self.longest}


@dataclass(frozen=True)
class Shorthand:
    """Lets a section be written shorter.

    Attributes:
        expand: Turns the short form into the long one.
        short: The JSON Schema of the short form.
        allowed: All that is allowed, in words; empty where the short form is null alone.
    """

    expand: Callable[[Any], Any]
    short: tuple[tuple[str, Any], ...]
    allowed: str = ""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return {"anyOf": [handler(schema), dict(self.short)]}


@dataclass(frozen=True)
class OneOrSection(FieldType):
    """One value, which stays one, or a section in its place; for `Annotated[float | Section, ...]`.

    Attributes:
        one: How the one value is read.
        section: The section that a mapping is read as.
        form: The section as it is written, in words.
    """

    one: FieldType
    section: type[BaseModel]
    form: str

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"{self.one.allowed}, or {self.form}"

    def _read(self, value: Any, section: Callable[[Any], Any]) -> Any:
        if isinstance(value, Mapping | BaseModel):
            return section(value)
        if not isinstance(value, str | numbers.Real):
            raise spec_problem(f"{show(value)} is not allowed; allowed: {self.allowed}")
        return self.one.read(value)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._read,
            handler.generate_schema(self.section),
            serialization=core_schema.simple_ser_schema("any"),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return {"anyOf": [handler(schema), self.one.json()]}


TEXT_NUMBER: Json = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*$"}
"""The JSON Schema of a number's text."""


def _integer(value: Any) -> int | None:
    """The integer that a number or its text stands for exactly, or None."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and len(value) <= MAX_TEXT and _DIGITS.fullmatch(value.strip()):
        return int(value)
    number = parse_number(value)
    return int(number) if number is not None and number.is_integer() else None


def _with_unit(parse: Callable[[Any], float], value: Any) -> float:
    try:
        return parse(value)
    except ValueError as error:
        raise spec_problem(str(error)) from None


def _empty_section(value: Any) -> Any:
    """An empty section, such as 'targets:' alone, has only defaults."""
    return {} if value is None else value


EMPTY = Shorthand(_empty_section, (("type", "null"),))
SEED = Whole(0, 2**63 - 1)
BITS = Whole(1, 32, also=", or null for full precision")
WIDTH = Whole(1, 65536)
MAX_LAYERS = 64


class SpecModel(BaseModel):
    """Base of every section: frozen, and with no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def given(data: Any, key: str) -> bool:
    """Whether a section, as the user wrote it, has a key that is not null."""
    return isinstance(data, Mapping) and data.get(key) is not None


def fill(data: Any, defaults: Mapping[str, Any]) -> Any:
    """Fills in the keys of a section that apply and were left out or null."""
    if not isinstance(data, Mapping):
        return data
    return {**data, **{key: value for key, value in defaults.items() if not given(data, key)}}


def refuse(section: SpecModel, keys: tuple[str, ...], reason: str) -> None:
    """Refuses keys that do not apply."""
    for key in keys:
        if getattr(section, key) is not None:
            raise spec_problem(f"{reason}; remove the key or set it to null", key)


def nearest(word: str, allowed: list[str]) -> str:
    """Suggests the allowed word nearest to a wrong one.

    Args:
        word: What the user wrote.
        allowed: The words to choose from.

    Returns:
        "; did you mean 'x'?", or ";" when none is near.
    """
    near = difflib.get_close_matches(word[:MAX_TEXT].lower(), allowed, 1)
    return f"; did you mean '{near[0]}'?" if near else ";"
