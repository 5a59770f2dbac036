"""One table of a report: columns, and the rows that they are filled from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from neurograd import words
from neurograd.records.record import Ends, Number

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column of a table.

    Attributes:
        title: Its heading.
        cell: Its text in a row.
        term: Key of its entry in the glossary, empty where there is none.
        text: Whether it holds words, which stand on the left and may be broken.
        page_only: Whether it is left out on a console, which has 80 columns.
        colour: Of its text in a row on a console, as rich has it; none when None.
    """

    title: str
    cell: Callable[[Row], str]
    term: str = ""
    text: bool = False
    page_only: bool = False
    colour: Callable[[Row], str] | None = None


@dataclass(frozen=True)
class Sheet(Generic[Row]):
    """One table of a report.

    Attributes:
        title: Its heading.
        columns: Its columns.
        rows: What its rows are made of.
        turns: Whether a console that is too narrow shows its rows as columns.
        note: A sentence below it.
    """

    title: str
    columns: tuple[Column[Row], ...]
    rows: tuple[Row, ...]
    turns: bool = False
    note: str = ""

    def cells(self, *, page: bool = True) -> list[list[str]]:
        """The texts, row by row."""
        columns = self.shown(page=page)
        return [[column.cell(row) for column in columns] for row in self.rows]

    def shown(self, *, page: bool = True) -> list[Column[Row]]:
        """The columns of a page or of a console."""
        return [column for column in self.columns if page or not column.page_only]


def bound(value: Number, ends: Ends, scale: Number = None) -> str:
    """A size that cannot be below 0, or its upper bound where none was detected.

    Args:
        value: The size.
        ends: Its interval.
        scale: As for ``words.number``.
    """
    low, high = ends
    if low == 0:
        shown = words.number(high, scale=scale)
        return "0" if shown == "0" else f"< {shown}"
    return words.number(value, scale=scale)


def percent(value: Number) -> str:
    """A fraction in percent, in a column's digits."""
    return words.percent(value, decimals=1)
