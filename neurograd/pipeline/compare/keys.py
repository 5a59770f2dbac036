"""In which keys two specs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograd.pipeline.identity import SAYS
from neurograd.records.comparison import KeyDifference

_ABSENT = object()


def differing_keys(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[KeyDifference, ...]:
    """The keys in which two specs differ, in the order of the first one.

    Keys that no number depends on (``SAYS``) are left out; a key that is null counts as one that is
    not there.

    Args:
        a: The first spec with its defaults, as JSON types.
        b: The second one.
    """
    first, second = (
        {key: value for key, value in _leaves(spec) if key not in SAYS and value is not None}
        for spec in (a, b)
    )
    return tuple(
        KeyDifference(key=key, a=first.get(key), b=second.get(key))
        for key in dict.fromkeys((*first, *second))
        if first.get(key, _ABSENT) != second.get(key, _ABSENT)
    )


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; lists are values."""
    for key, each in value.items():
        place = f"{path}{key}"
        if isinstance(each, Mapping):
            yield from _leaves(each, f"{place}.")
        else:
            yield place, each
