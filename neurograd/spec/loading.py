"""Loads a spec, translates every mistake into one line, and gives the spec's JSON forms."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from neurograd.effects.fitted_device import with_fitted_device
from neurograd.errors import FitWarning, SpecError
from neurograd.keys.field_words import long_form, section_at, words_at
from neurograd.keys.fields import SPEC_ERROR, nearest
from neurograd.keys.range_forms import Written, taken
from neurograd.keys.range_schema import bounds_in, with_range_forms
from neurograd.keys.ranges import (
    Ranges,
    ranges_of,
    read_range,
    value_at,
    without_numbers,
    written_again,
)
from neurograd.keys.units import MAX_TEXT, show
from neurograd.spec import versions
from neurograd.spec.device_schema import LAYER_ERROR
from neurograd.spec.schema import Spec
from neurograd.spec.yaml_loading import load_yaml, parse_value

_OVERRIDE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_PLAIN_KEY = re.compile(r"[\w-]+")
_MAX_KEY = 200

MEASURED = "device.measured"
PATHS = (
    MEASURED,
    "network.file",
    "network.weights",
    "task.folder",
    "task.train",
    "task.test",
)
"""Keys that name files, relative to the spec."""


def load_spec(
    path: str | os.PathLike[str], overrides: Iterable[str] = (), *, allow_code: bool = False
) -> Spec:
    """Loads a YAML spec; a preset's keys lie under the user's.

    Args:
        path: The file; errors repeat it as given.
        overrides: 'dotted.key=value' strings that replace keys of the file, later ones last.
        allow_code: Whether the Python file that the spec names may be run.

    Returns:
        The validated spec, with every default filled in.

    Raises:
        SpecError: When a key or an override is wrong, or the file cannot be read.

    Relative paths (``PATHS``) of the file are relative to its folder; those of overrides are
    relative to the working folder, in which they are written.
    """
    data = _beside(load_yaml(path), Path(os.fspath(path)).parent)
    return validate_spec(data, os.fspath(path), overrides).beside(allow_code=allow_code)


def _beside(data: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """The keys with the files that they name beside the spec."""
    found = data
    layers = data.get("layers")
    if isinstance(layers, Mapping):
        there = {name: _beside(own, folder) for name, own in layers.items() if _is_mapping(own)}
        found = {**data, "layers": {**layers, **there}}
    for key in PATHS:
        section, _, name = key.partition(".")
        given = found.get(section)
        if isinstance(given, Mapping) and name in given:
            value = given[name]
            many = isinstance(value, list)
            placed = [_placed(each, folder) for each in (value if many else [value])]
            found = {**found, section: {**given, name: placed if many else placed[0]}}
    return found


def input_files(path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> tuple[Path, ...]:
    """The files that a spec is read from: its own, and those that it names.

    Args:
        path: The file of the spec, which `load_spec` reads without an error.
        overrides: As `load_spec` takes them.

    Raises:
        SpecError: When the file cannot be read.
    """
    source = os.fspath(path)
    data, _ = versions.upgrade(_beside(load_yaml(path), Path(source).parent), source)
    for override in overrides:
        data = _replace(data, *_parse_override(override))
    found = (_measured_files(n) if k == MEASURED else (Path(n),) for k, n in named_files(data))
    return (Path(path), *(each for files in found for each in files))


def named_files(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys and values of a spec that name files, for the whole chip and for its layers."""
    layers = data.get("layers")
    for own in layers.values() if _is_mapping(layers) else ():
        yield from named_files(own) if _is_mapping(own) else ()
    for key in PATHS:
        found = value_at(data, key)
        for name in found if isinstance(found, list) else [found]:
            if isinstance(name, str):
                yield key, name


def _measured_files(name: str) -> tuple[Path, ...]:
    """Those that are read for a measured device: the directions may have one each."""
    from neurograd.fit.reading import files_read  # noqa: PLC0415  (numpy is slow to import)

    try:
        return files_read(name)
    except OSError:  # no path at all: its reader says so
        return ()


def _is_mapping(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _placed(name: Any, folder: Path) -> Any:
    """A path beside the spec, whatever is there: its reader says what is not."""
    return str(folder / name) if isinstance(name, str) and name.strip() else name


def validate_spec(
    data: Mapping[str, Any], source: str = "spec", overrides: Iterable[str] = ()
) -> Spec:
    """Validates a spec given as plain dicts.

    Args:
        data: The keys of the spec; not changed.
        source: What errors call it.
        overrides: 'dotted.key=value' strings that replace keys, later ones last.

    Returns:
        The validated spec.

    Raises:
        SpecError: For the first wrong key.

    A key that has moved since the spec was written is read as the new one, with a
    `ChangedKeyWarning`. What a fit of ``device.measured`` is without, or could not tell, is said in
    `FitWarning`s and by the spec's ``remarks``.
    """
    merged, changes = versions.upgrade(data, source)
    for change in changes:
        warnings.warn(versions.warning(source, change), stacklevel=2)
    keys = []
    for override in overrides:
        key, value = _parse_override(override)
        merged = _replace(merged, key, value)
        keys.append(key)
        _check_override(merged, key)
    try:
        fitted, remarks = with_fitted_device(without_ranges(merged, keys))
        typical, ranges = taken(fitted)
        spec = _with_ranges(_validated(typical), typical, ranges)
    except SpecError as error:
        raise _blame(source, keys, error.key, error.problem) from None
    for remark in remarks:
        warnings.warn(f"{source}: {remark}", FitWarning, stacklevel=2)
    return spec.read_from(merged, remarks)


def _validated(data: Mapping[str, Any]) -> Spec:
    """The spec, or the error of its first wrong key, whose source is for the caller to name."""
    try:
        return Spec.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
    raise SpecError("", *_translate(details))


def spec_to_dict(spec: Spec) -> dict[str, Any]:
    """Gives a spec in canonical form: every default filled in, no units.

    Args:
        spec: The spec.

    Returns:
        Plain JSON types: fractions from 0 to 1, conductances in siemens. It validates again to an
        equal spec, but for what stands beside its keys (``Spec.like``).
    """
    return spec.model_dump(mode="json")


def json_schema() -> dict[str, Any]:
    """Gives the JSON Schema of a spec, for editors.

    Returns:
        A JSON Schema (draft 2020-12) of the YAML that `load_spec` reads.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **with_range_forms(Spec.model_json_schema(mode="validation")),
        "title": "neurograd device spec",
    }


# -- Ranges ----------------------------------------------------------------------------------------


def _with_ranges(spec: Spec, data: Mapping[str, Any], ranges: Iterable[Written]) -> Spec:
    """A spec of typical values with what is known of each number.

    Args:
        spec: The spec of typical values; its own ``ranges`` are held against their keys as well.
        data: The keys that it was read from.
        ranges: What stands at keys in place of numbers.

    Raises:
        SpecError: For the first range that its key does not allow.
    """
    own, found = spec.ranges, {}
    for each in (*written_again({} if own is None else own.numbers), *ranges):
        data, path = long_form(Spec, data, each.key.split("."))
        key = ".".join(path)
        found[key] = replace(each, key=key)
    if not found:
        if own == Ranges():
            return spec.typical  # an empty section has its defaults: no numbers are open
        if own is not None:
            allowed = "a range in place of a number of device or deployment"
            raise SpecError("", "ranges", f"has no numbers; allowed: {allowed}")
        return spec
    keys = spec_to_dict(spec)

    def read(key: str, what: str, value: Any) -> Any:
        try:
            changed = _validated(_replace(data, key, value))
        except SpecError as error:
            problem = f"{error.problem} (at {what} of {key})"
            raise SpecError("", error.key, problem) from None
        return value_at(spec_to_dict(changed), key)

    numbers = {
        key: read_range(
            each, value_at(keys, key), partial(read, key), partial(bounds_in, Spec, key)
        )
        for key, each in found.items()
    }
    return spec.model_copy(update={"ranges": ranges_of(own, numbers)})


def without_ranges(data: Mapping[str, Any], overrides: Iterable[str]) -> Mapping[str, Any]:
    """The keys of a spec without the ranges of its section ``ranges`` that others replace.

    Args:
        data: The keys of the spec; not changed.
        overrides: Dotted keys that are set anew, each with all below it.
    """
    own = data.get("ranges")
    numbers = own.get("numbers") if isinstance(own, Mapping) else None
    if not isinstance(own, Mapping) or not isinstance(numbers, Mapping):
        return data
    gone = tuple(overrides)
    kept = {
        key: each
        for key, each in numbers.items()
        if not any(key == over or str(key).startswith(f"{over}.") for over in gone)
    }
    if len(kept) == len(numbers):
        return data
    return {**data, "ranges": without_numbers(own, kept)}


# -- Overrides -------------------------------------------------------------------------------------


def _check_override(merged: Mapping[str, Any], key: str) -> None:
    """Refuses an old name of a key, and a version that is not known."""
    versions.check_version(merged, f"--set {key}")
    change = versions.old_key(merged)
    if change is not None:
        raise SpecError(f"--set {key}", "", f"{change.old} is now {change.new}; allowed: that")


def _parse_override(override: str) -> tuple[str, Any]:
    """Splits 'dotted.key=value' and parses the value as YAML."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or len(key) > _MAX_KEY or not _OVERRIDE_KEY.fullmatch(key):
        raise SpecError(
            "--set", "", f"{show(override)} is not allowed; allowed: a.dotted.key=value"
        )
    return key, parse_value(text, f"--set {key}")


def _replace(data: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Copies `data` with one dotted key replaced; sections that are missing are made."""
    path = key.split(".")
    top = dict(data)
    section = top
    for depth, name in enumerate(path[:-1], start=1):
        old = section.get(name)
        if old is not None and not isinstance(old, Mapping):
            place = ".".join(path[:depth])
            raise SpecError(
                f"--set {key}",
                "",
                f"{place} is {show(old)}, which has no keys of its own; "
                f"allowed: --set {place}=VALUE, or another spec",
            )
        section[name] = dict(old or {})
        section = section[name]
    section[path[-1]] = value
    return top


def _blame(source: str, overrides: list[str], key: str, problem: str) -> SpecError:
    """Makes the error, which names `--set KEY` when an override set the key."""
    for override in reversed(overrides):
        if key == override:
            error = SpecError(f"--set {override}", "", problem)
            error.key = key
            return error
        if key.startswith((f"{override}.", f"{override}[")):
            return SpecError(f"--set {override}", key, problem)
    return SpecError(source, key, problem)


# -- Errors ----------------------------------------------------------------------------------------


def _translate(details: ErrorDetails) -> tuple[str, str]:
    """Turns one of pydantic's errors into a dotted key and a line of plain words."""
    place = details["loc"]
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == LAYER_ERROR:
        inner: ErrorDetails = context["details"]
        key, problem = _translate({**inner, "loc": (context["section"], *inner["loc"])})
        return f"{_dotted([*place, context['layer']])}.{key}", problem
    if kind == SPEC_ERROR:
        parts = [*place, *([context["key"]] if context["key"] else [])]
        return _dotted(parts), str(context["problem"])
    if kind == "extra_forbidden":
        keys = _allowed_keys(place[:-1])
        problem = f"unknown key{nearest(str(place[-1]), keys)} allowed: {', '.join(keys)}"
    elif kind == "missing":
        problem = f"is missing; required: {', '.join(_required_keys(place[:-1]))}"
    elif kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"])
        hint = nearest(value, words) if isinstance(value, str) else ";"
        problem = f"{show(value)} is not allowed{hint} allowed: {', '.join(words)}"
    elif kind in ("model_type", "dict_type", "mapping_type", "model_attributes_type"):
        problem = f"{show(value)} is not a mapping; allowed: {words_at(Spec, place)}"
    elif kind in ("bool_type", "bool_parsing"):
        problem = f"{show(value)} is not allowed; allowed: true or false"
    elif kind == "tuple_type":
        hint = f" (write {show([value])})" if isinstance(value, str | int | float) else ""
        problem = f"{show(value)} is not a list{hint}; allowed: {words_at(Spec, place)}"
    elif kind == "too_long":
        problem = f"has more than {context['max_length']} entries, the most allowed"
    elif kind == "too_short":
        problem = f"has too few entries; allowed: at least {context['min_length']}"
    else:
        problem = f"{show(value)} is not allowed: {details['msg']}"
    return _dotted(list(place)), problem


def _dotted(place: list[int | str]) -> str:
    """Joins a place into 'a.b[0]', with odd or long keys quoted and cut."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        plain = len(part) <= MAX_TEXT and all(map(_PLAIN_KEY.fullmatch, part.split(".")))
        text += ("." if text else "") + (part if plain else show(part))
    return text


def _allowed_keys(place: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at a place."""
    return list(section_at(Spec, place).model_fields)


def _required_keys(place: tuple[int | str, ...]) -> list[str]:
    """Those of the section at a place that have no default."""
    fields = section_at(Spec, place).model_fields
    return [name for name, field in fields.items() if field.is_required()]
