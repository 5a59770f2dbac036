"""Which columns of a table are used, and for what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from neurograd.errors import DataError
from neurograd.fit.measurements import Direction
from neurograd.fit.reading.choices import ROLES, Choices, chosen_heads
from neurograd.fit.reading.heads import Head, Kind, understand
from neurograd.fit.reading.read_voltage import find_read_voltage
from neurograd.fit.reading.series import MIN_READINGS, series_of, trend
from neurograd.fit.reading.sheets.table import Table

_BEST = ("conductance", "resistance", "current")


@dataclass(frozen=True)
class Columns:
    """The columns in use.

    Attributes:
        heads: What every used column holds, by its place.
        values: Places of the columns of values, in the table's order.
        read_voltage: Voltage of the reads in volts, None where it is not known.
        words: What was chosen, in words.
    """

    heads: Mapping[int, Head]
    values: tuple[int, ...]
    read_voltage: float | None
    words: tuple[str, ...]

    def first(self, kind: Kind) -> int | None:
        """The first column of a kind, None without one."""
        return next((place for place, head in self.heads.items() if head.kind == kind), None)

    def axis(self, place: int) -> int | None:
        """The column of pulse numbers, or of times, that belongs to a column of values."""
        head = self.heads[place]
        for kind in ("pulse", "time"):
            own = [p for p, h in self.heads.items() if h.kind == kind and h.direction is not None]
            own = [p for p in own if self.heads[p].direction == head.direction]
            free = [p for p, h in self.heads.items() if h.kind == kind and h.direction is None]
            found = own or free
            if found:
                return max((p for p in found if p < place), default=found[0])
        return None


def choose_columns(table: Table, choices: Choices) -> Columns:
    """Find the columns of values and what belongs to them.

    Raises:
        DataError: One line that says which columns there are and how to name them.
    """
    try:
        heads = {k: understand(name) for k, name in enumerate(table.names)}
        named = chosen_heads(table.names, choices)
    except ValueError as error:
        raise DataError(f"{table.path}: {error}") from None
    if any(head.kind in ("value", "state", "delta") for head in named.values()):
        heads = {k: _plain(h) if h.kind in ("value", "delta") else h for k, h in heads.items()}
    kinds = {head.kind for head in named.values()} - {"value", "state", "delta"}
    heads = {
        k: _plain(h) if h.kind in kinds or _stands_still(table, k, h) else h
        for k, h in heads.items()
    }
    heads |= named
    if not table.headed and not named:
        heads = _guessed(table)
    heads = {k: _plain(h) if _unusable(table, k, h) else h for k, h in heads.items()}
    if any(head.kind == "delta" for head in heads.values()):
        return Columns(heads, _places(heads, "delta"), None, ())
    values, words = _values(table, heads)
    voltage, said = find_read_voltage(table, heads, values, choices)
    if said and (voltage is not None or any(heads[p].quantity == "current" for p in values)):
        words.append(said)
    used = set(values) | {
        p for p, h in heads.items() if h.kind not in ("value", "logarithm", "other")
    }
    unused = [table.title(k) for k in range(len(table.names)) if k not in used]
    if unused:
        words.append("not used: " + ", ".join(unused))
    return Columns({p: heads[p] for p in sorted(used)}, values, voltage, tuple(words))


def _plain(head: Head) -> Head:
    return replace(head, kind="other")


def _unusable(table: Table, place: int, head: Head) -> bool:
    """Whether a column is empty, or has text where numbers belong."""
    return not table.numeric[place] and head.kind not in ("direction", "device")


def _stands_still(table: Table, place: int, head: Head) -> bool:
    """Whether what seems to be an axis has one value in all rows."""
    if head.kind not in ("pulse", "time") or len(table.values) < MIN_READINGS:
        return False
    there = {value for value in table.column(place) if not math.isnan(value)}
    return len(there) == 1


def _places(heads: Mapping[int, Head], kind: Kind) -> tuple[int, ...]:
    return tuple(place for place, head in heads.items() if head.kind == kind)


def _guessed(table: Table) -> dict[int, Head]:
    """Columns without heads: one that counts is the axis, the others tell by rise or fall."""
    places = [k for k, numbers in enumerate(table.numeric) if numbers]
    heads = {k: Head("other") for k in range(len(table.names))}
    if len(places) > 1 and _counts(table, places[0]):
        heads[places.pop(0)] = Head("pulse")
    elif len(places) > 1 and _climbs(table, places[0]):
        heads[places.pop(0)] = Head("time")
    for place in places:
        heads[place] = Head("value", _by_trend(table, place) if len(places) > 1 else None)
    return heads


def _counts(table: Table, place: int) -> bool:
    column = [value for value in table.column(place) if not math.isnan(value)]
    steps = [b - a for a, b in pairwise(column)]
    whole = all(value == int(value) >= 0 for value in column)
    return whole and bool(steps) and sum(step == steps[0] for step in steps) > 0.9 * len(steps)


def _climbs(table: Table, place: int) -> bool:
    """Whether a column rises in steps that are too even for a measurement."""
    column = [value for value in table.column(place) if not math.isnan(value)]
    steps = [b - a for a, b in pairwise(column)]
    if not steps or min(steps) <= 0:
        return False
    return max(steps) < 1.01 * min(steps) and column[0] in (0.0, steps[0])


def _by_trend(table: Table, place: int) -> Direction | None:
    try:
        rise = trend(series_of(table.column(place), None).values)
    except ValueError:
        return None
    return None if abs(rise) < 3 else "potentiation" if rise > 0 else "depression"


def _values(table: Table, heads: dict[int, Head]) -> tuple[tuple[int, ...], list[str]]:
    """Places of the columns of values; those without a known head by what they share."""
    values = _places(heads, "value")
    logarithms = _places(heads, "logarithm")
    if not values and logarithms:
        raise DataError(
            f"{table.path}: column {table.title(logarithms[0])} is a logarithm; allowed: the "
            "values themselves"
        )
    if not values:
        for place in _alike(heads):
            heads[place] = replace(heads[place], kind="value", direction=_by_trend(table, place))
        values = _places(heads, "value")
    if not values:
        there = ", ".join(name for name in table.names if name) or f"{len(table.names)}, no heads"
        raise DataError(
            f"{table.path} has the columns {there}; allowed: pulse, potentiation, depression, or "
            "conductance, delta_up, delta_down, or others that are named, as in "
            f"--columns 'potentiation={_example(table)}', with one of {', '.join(ROLES)}"
        )
    directed = tuple(p for p in values if heads[p].direction is not None)
    values = directed or values
    quantities = {heads[p].quantity or "conductance" for p in values}
    best = next(quantity for quantity in _BEST if quantity in quantities)
    kept = tuple(p for p in values if (heads[p].quantity or "conductance") == best)
    return kept, [f"columns without heads: {_guess_words(table, heads, kept)}"] * (not table.headed)


def _alike(heads: Mapping[int, Head]) -> list[int]:
    """Columns that share a name and differ in its number, such as rmp1, rmp2, ..."""
    found = [p for p, h in heads.items() if h.kind == "other" and h.number is not None and h.stem]
    stems = {heads[p].stem for p in found}
    return found if len(stems) == 1 and len(found) > 1 else []


def _example(table: Table) -> str:
    return next((name for name in table.names if name), "1")


def _guess_words(table: Table, heads: Mapping[int, Head], values: tuple[int, ...]) -> str:
    words = []
    for place, head in heads.items():
        if head.kind in ("pulse", "time"):
            words.append(f"{table.title(place)} counts")
        elif place in values:
            way = {"potentiation": "rises", "depression": "falls"}.get(head.direction or "")
            words.append(f"{table.title(place)} {way or 'is a trace'}")
    return ", ".join(words)
