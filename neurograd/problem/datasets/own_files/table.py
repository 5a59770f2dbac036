"""A user's table: one sample a line, one of its columns (or several) the target."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurograd import words
from neurograd.errors import DataError
from neurograd.problem.datasets.own_files.raw import (
    Raw,
    checked_size,
    is_no_label,
    quoted,
)
from neurograd.thousands import refuse_thousands

MAX_TABLE = 2**29
"""Most bytes of a table; arrays are for more."""

_SHOWN = 12
"""Most columns that a message lists."""

_NAMELESS = re.compile(r"(Unnamed: \d+)?")
"""The names of columns without one, which pandas gives them when it reads a table."""


@dataclass(frozen=True)
class _Table:
    """Columns by name, and the cells with the numbers of their lines.

    Where no line has names (``named``), they are the columns' numbers. All numbers have one decimal
    mark, a comma or a point.
    """

    names: list[str]
    named: bool
    lines: list[int]
    cells: list[list[str]]
    decimal_comma: bool


def read_table(place: str, path: Path, target: Sequence[str]) -> Raw:
    """Inputs and targets of a table in text.

    Columns are separated by tabs, semicolons, commas or blanks, as the first line has them; beside
    tabs, semicolons and blanks numbers may have a decimal comma, then all of them in the file. The
    first line names the columns where it has text above a number, or the target's name; else they
    are called 1, 2, 3 ... A first line of 0, 1, 2 ... or 1, 2, 3 ... is taken for names. Empty
    lines and those that begin with # are passed over, and so is a column without a name that
    counts the lines, such as the index that pandas writes.

    Args:
        place: What errors call it.
        path: The file.
        target: Names of the columns that are the targets.

    Raises:
        DataError: If a column is missing, a line has another length, a cell is no number, a line
            has no target, or it is open whether marks are of decimals or of thousands.
    """
    checked_size(place, path)
    if path.stat().st_size > MAX_TABLE:
        raise DataError(f"{place}: is larger than 512 MB; allowed: .npz or .h5 for so much")
    table = _parse(place, path.read_bytes(), target)
    columns = _columns(place, table.names, target)
    counts = [k for k in range(len(table.names)) if k not in columns and _is_index(table, k)]
    rest = [k for k in range(len(table.names)) if k not in (*columns, *counts)]
    if not rest:
        raise DataError(f"{place}: has no column beside the target; allowed: one or more")
    x = np.array([_numbers(place, table, row, rest) for row in range(len(table.cells))])
    if len(columns) > 1:
        y = np.array([_numbers(place, table, row, columns) for row in range(len(table.cells))])
    else:
        y = _targets(place, table, columns[0])
    inputs = tuple(table.names[k] for k in rest) if table.named else ()
    said = [f"Inputs are the columns {quoted(inputs)}."] if inputs else []
    said += ["The column without a name, which counts the lines, was left out."] if counts else []
    return replace(Raw.of(place, x, y), columns=inputs, remarks=tuple(said))


def _is_index(table: _Table, column: int) -> bool:
    """Whether a column has no name and its cells count up by one."""
    if not table.named or _NAMELESS.fullmatch(table.names[column]) is None:
        return False
    cells = [row[column] for row in table.cells]
    start = int(cells[0]) if cells[0].isdecimal() and len(cells[0]) <= _SHOWN else None
    return start is not None and cells == [str(start + k) for k in range(len(cells))]


def _columns(place: str, names: Sequence[str], target: Sequence[str]) -> list[int]:
    shown = words.listed([*names[:_SHOWN], *(["more"] if len(names) > _SHOWN else [])], "or")
    if not target:
        raise DataError(f"task.target: is missing, and {place} is a table; allowed: one of {shown}")
    for name in target:
        if names.count(name) != 1:
            state = "several columns" if name in names else "no column"
            raise DataError(f"task.target: {place} has {state} {name!r}; allowed: one of {shown}")
    return [names.index(name) for name in target]


def _parse(place: str, raw: bytes, target: Sequence[str]) -> _Table:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = [(k, line) for k, line in enumerate(text.splitlines(), start=1) if line.strip()]
    commented = [(k, line.lstrip()) for k, line in lines[:1] if line.lstrip().startswith("#")]
    lines = [(k, line) for k, line in lines if not line.lstrip().startswith("#")]
    if not lines:
        raise DataError(f"{place}: has no line with data; allowed: one sample a line")
    separator = next((each for each in "\t;," if each in lines[0][1]), None)
    rows = [_split_at(place, number, line, separator) for number, line in lines]
    comma = separator != ","
    names = [
        name
        for number, line in commented
        for name in _split_at(place, number, line.lstrip("#"), separator)
    ]
    if len(names) != len(rows[0]) or _are_numbers(names, comma):
        names = []  # a comment, not the head that numpy.savetxt writes
    numbers = [line for line, _ in lines]
    if not names and (_is_head(rows, comma) or _names_one_of(rows[0], target)):
        names, rows, numbers = rows[0], rows[1:], numbers[1:]
    named = bool(names)
    names = names or [str(k + 1) for k in range(len(rows[0]))]
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(names):
            raise DataError(
                f"{place}: line {number} has {len(row)} cells; allowed: {len(names)}, as the first"
            )
    if not rows:
        raise DataError(f"{place}: has no line with data; allowed: one sample a line")
    comma = comma and _has_decimal_commas(place, numbers, rows, separator)
    return _Table(names, named, numbers, rows, comma)


def _has_decimal_commas(
    place: str, lines: Sequence[int], rows: Sequence[list[str]], separator: str | None
) -> bool:
    """Whether the decimal mark of a file is a comma; none of its cells are separated by commas.

    Raises:
        DataError: If numbers have commas and points, or all marks may be of thousands.
    """
    columns = [_with_marks(lines, cells) for cells in zip(*rows, strict=True)]
    first: dict[str, tuple[int, str]] = {}
    for line, cell in sorted(each for column in columns for each in column):
        for mark in filter(cell.__contains__, ",."):
            first.setdefault(mark, (line, cell))
    if len(first) > 1:
        (line, cell), (other, its) = first.values()
        raise DataError(
            f"{place}: line {line} has {cell[:40]!r} and line {other} {its[:40]!r}; allowed: one "
            "decimal mark in all numbers, and none of thousands"
        )
    mark = next(iter(first), ".")
    refuse_thousands(place, [[cell for _, cell in each] for each in columns], mark, separator)
    return mark == ","


def _with_marks(lines: Sequence[int], cells: Sequence[str]) -> list[tuple[int, str]]:
    """The numbers of a column with their lines; none of one that is mostly text."""
    found = [each for each in zip(lines, cells, strict=True) if _number(each[1], True) is not None]
    return found if 2 * len(found) > len(cells) else []


def _is_head(rows: Sequence[list[str]], decimal_comma: bool) -> bool:
    """Whether the first line names the columns: text above a number, or a count."""
    if _counts(rows[0]):
        return True
    text = [_number(cell, decimal_comma) is None for cell in rows[0]]
    below = rows[1] if len(rows) > 1 else []
    over = zip(text, below, strict=False)
    return all(text) or any(it and _number(cell, decimal_comma) is not None for it, cell in over)


def _names_one_of(cells: Sequence[str], target: Sequence[str]) -> bool:
    """Whether cells hold the name of a target, which is not the number of a column."""
    numbers = {str(k + 1) for k in range(len(cells))}
    return any(name in cells and name not in numbers for name in target)


def _split_at(place: str, number: int, line: str, separator: str | None) -> list[str]:
    """The cells of a line.

    Raises:
        DataError: If a cell is longer than any number or name, such as one whose quote stays open.
    """
    try:
        return _split(line, separator)
    except csv.Error:
        raise DataError(
            f"{place}: line {number} has a cell of more than {csv.field_size_limit():,} "
            "characters; allowed: numbers and names, with quotes that are closed"
        ) from None


def _split(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]


def _counts(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2 ... or 1, 2, 3 ..., as some programs name columns."""
    return len(cells) > 2 and any(
        list(cells) == [str(k + first) for k in range(len(cells))] for first in (0, 1)
    )


def _are_numbers(cells: Sequence[str], decimal_comma: bool) -> bool:
    return all(_number(cell, decimal_comma) is not None for cell in cells)


def _number(cell: str, decimal_comma: bool) -> float | None:
    """A finite number, or None."""
    text = cell.replace(",", ".") if decimal_comma and "." not in cell else cell
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in text else None


def _numbers(place: str, table: _Table, row: int, columns: Sequence[int]) -> list[float]:
    found = []
    for column in columns:
        cell = table.cells[row][column]
        value = _number(cell, table.decimal_comma)
        if value is None:
            raise DataError(
                f"{place}: line {table.lines[row]}, column {table.names[column]!r}: {cell[:40]!r} "
                "is no number; allowed: numbers, and text in the target alone"
            )
        found.append(value)
    return found


def _targets(place: str, table: _Table, column: int) -> np.ndarray:
    """One column as integers, else as numbers, else as text.

    Raises:
        DataError: If a cell has no target.
    """
    cells = [row[column] for row in table.cells]
    for line, cell in zip(table.lines, cells, strict=True):
        if is_no_label(cell):
            raise DataError(
                f"{place}: line {line}, column {table.names[column]!r}: {cell[:40]!r} is no "
                "target; allowed: a number or a class in every line"
            )
    values = [_number(cell, table.decimal_comma) for cell in cells]
    if any(value is None for value in values):
        return np.array(cells, dtype="U")
    if all(cell.lstrip("+-").isdecimal() and len(cell) <= 15 for cell in cells):
        return np.array([int(cell) for cell in cells])
    return np.array(values, dtype=float)
