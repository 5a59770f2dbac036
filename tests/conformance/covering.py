"""Rows of a table in which every pair of levels of every two factors stands at least once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

Row = dict[str, str]
Pair = frozenset[tuple[str, str]]


def pairwise(factors: Mapping[str, Sequence[str]], allowed: Callable[[Row], bool]) -> list[Row]:
    """A covering array of strength two, built a row at a time.

    A row begins with a pair that no row has yet; each further factor takes the level that covers
    the most pairs that are left (Cohen, Dalal, Fredman and Patton, IEEE Trans. Softw. Eng. 1997).
    Ties take the level that was used least. Nothing is drawn: the rows are always the same.

    Args:
        factors: Levels of every factor.
        allowed: Whether a row, or the beginning of one, may be.
    """
    left = {
        pair: None
        for one, other in combinations(factors, 2)
        for first in factors[one]
        for second in factors[other]
        if allowed(dict(pair := ((one, first), (other, second))))
    }
    missing = {frozenset(pair): dict(pair) for pair in left}
    used: dict[tuple[str, str], int] = {}
    rows = []
    while missing:
        row = dict(next(iter(missing.values())))
        for name in sorted(factors, key=lambda each: -len(factors[each])):
            if name not in row:
                row = _extended(row, name, factors[name], missing, used, allowed)
        rows.append({name: row[name] for name in factors})
        for pair in combinations(row.items(), 2):
            missing.pop(frozenset(pair), None)
        for item in row.items():
            used[item] = used.get(item, 0) + 1
    return rows


def _extended(
    row: Row,
    name: str,
    levels: Sequence[str],
    missing: Mapping[Pair, Row],
    used: Mapping[tuple[str, str], int],
    allowed: Callable[[Row], bool],
) -> Row:
    """A row with one factor more."""

    def gain(level: str) -> tuple[int, int]:
        new = sum(frozenset((item, (name, level))) in missing for item in row.items())
        return new, -used.get((name, level), 0)

    possible = [level for level in levels if allowed(row | {name: level})]
    return row | {name: max(possible, key=gain)}
