"""Tables of measurements as text: a header line, then cells between commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

MAX_CHARACTERS = 10_000_000
"""Largest table in characters (10 MB of plain text)."""

MAX_ROWS = 1_000_000
"""Most rows of a table."""

MIN_ROWS = 3
"""Fewest rows of a table."""

LARGEST = 1e30
"""Largest magnitude of a number in a table."""


def read_table(
    text: str, columns: tuple[str, ...], blank: tuple[str, ...] = ()
) -> list[tuple[int, list[float]]]:
    """Line number and the values of the named columns of every row.

    Args:
        text: The table.
        columns: Names of columns.
        blank: Those of them whose cells may be empty, which then are NaN.

    Raises:
        ValueError: If a column is missing or a row is not of the table's form.
    """
    first, names, reader = open_table(text)
    missing = [name for name in columns if name not in names]
    if missing:
        found = quoted(", ".join(names))
        raise ValueError(
            f"line {first} has no column {missing[0]}, but {found}; allowed: {', '.join(columns)}"
        )
    places = [names.index(name) for name in columns]
    rows: list[tuple[int, list[float]]] = []
    for line, cells in reader:
        if len(cells) != len(names):
            raise ValueError(f"line {line} has {len(cells)} cells; allowed: {len(names)}")
        if len(rows) == MAX_ROWS:
            raise ValueError(f"line {line} is one row too many; allowed: {MAX_ROWS} rows")
        values = [
            math.nan
            if names[place] in blank and not cells[place].strip()
            else _number(line, names[place], cells[place])
            for place in places
        ]
        rows.append((line, values))
    if len(rows) < MIN_ROWS:
        raise ValueError(f"the table has {len(rows)} rows; allowed: {MIN_ROWS} or more")
    return rows


def open_table(text: str) -> tuple[int, list[str], Iterator[tuple[int, list[str]]]]:
    """The header's line number and names, and an iterator over the rows that follow.

    Raises:
        ValueError: If the table is too large or names a column twice.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"the table has {len(text)} characters; allowed: {MAX_CHARACTERS}")
    rows = _rows(text.removeprefix("\ufeff"))
    first, cells = next(rows, (1, []))
    names = [cell.strip().lower() for cell in cells]
    for name in names:
        if name and names.count(name) > 1:
            raise ValueError(f"line {first} has column {quoted(name)} twice; allowed: once")
    return first, names, rows


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that is not blank."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = next((mark for mark in "\t;" if mark in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}; allowed: plain text cells") from None


def _number(line: int, column: str, cell: str) -> float:
    try:
        # Python's own digit grouping is not a measurement's.
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST:
        raise ValueError(
            f"line {line}, column {column} is {quoted(cell)}; "
            f"allowed: a number such as 3.8e-6, up to {LARGEST:g}"
        )
    return value


def quoted(text: str) -> str:
    """User's text in a message: quoted, on one line, cut short."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
