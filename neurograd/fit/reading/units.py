"""Conductances from what was measured: conductances, resistances, currents at a read voltage."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurograd.errors import DataError
from neurograd.fit.reading.columns import Columns
from neurograd.fit.reading.heads import Head, split_unit
from neurograd.fit.reading.series import Series
from neurograd.fit.reading.sheets.table import Table

_IN_BRACKETS = re.compile(r"\s*[(\[{][^)\]}]*[)\]}]\s*$")
"""A unit that is not understood."""

LARGEST_SIEMENS = 1.0
"""Largest conductance, which a spec takes as well: a head says S where it means uS."""


def check_scales(table: Table, columns: Columns, places: Sequence[int]) -> None:
    """Numbers of columns that go together are on one scale.

    Raises:
        DataError: One line, if units are of several kinds, or some columns have none.
    """
    first, *others = places
    scale = columns.heads[first].scale
    other = next((place for place in others if columns.heads[place].scale != scale), None)
    if other is None:
        return
    said = " and ".join(_with_unit(table, columns, place) for place in (first, other))
    raise DataError(
        f"{table.path}: {said}; allowed: units of one kind in all columns that go together, or "
        "none in all of them"
    )


def _with_unit(table: Table, columns: Columns, place: int) -> str:
    unit = columns.heads[place].unit
    return (
        f"{table.title(place)} {'has no unit that is known' if unit is None else f'is in {unit}'}"
    )


def in_siemens(columns: Columns) -> bool:
    """Whether all values come out in siemens."""
    return all(_is_in_siemens(columns, place) for place in columns.values)


def _is_in_siemens(columns: Columns, place: int) -> bool:
    head = columns.heads[place]
    over = head.quantity == "current" and head.absolute and bool(columns.read_voltage)
    return head.in_siemens or over


def check_siemens(
    table: Table, place: int, rows: NDArray[np.int64], siemens: NDArray[np.float64]
) -> None:
    """Conductances are such as devices have.

    Args:
        table: The table.
        place: The column that they are from.
        rows: Row of the table of each, shape ``(P,)``.
        siemens: The conductances in siemens, shape ``(P,)``.

    Raises:
        DataError: One line, if one is beyond ``LARGEST_SIEMENS``.
    """
    wrong = np.flatnonzero(np.abs(siemens) > LARGEST_SIEMENS)
    if len(wrong):
        row = int(rows[wrong[0]])
        raise DataError(
            f"{table.path}: line {table.lines[row]}, column {table.title(place)} is "
            f"{table.values[row][place]:g}, a conductance of {siemens[wrong[0]]:g} S; allowed: "
            f"conductances up to {LARGEST_SIEMENS:g} S, with their unit in the head"
        )


def wanted_unit(title: str, columns: Columns) -> str:
    """What a user would write for values to be in siemens, in words."""
    head = columns.heads[columns.values[0]]
    if head.absolute and head.quantity == "current":
        return "--columns read_voltage=0.2 V"
    unit = {"resistance": "ohm", "current": "A"}.get(head.quantity or "", "uS")
    return f"a unit in the heads, '{_IN_BRACKETS.sub('', split_unit(title)[0])} ({unit})'"


def conductances(table: Table, columns: Columns, place: int, series: Series) -> Series:
    """The values of a column as conductances, in siemens or relative to each other.

    Raises:
        DataError: One line, if a resistance is not above 0, or a conductance is beyond those of
            devices.
    """
    head = columns.heads[place]
    values = series.values * _scale(head)
    if head.quantity == "resistance":
        wrong = np.flatnonzero(values <= 0)
        if len(wrong):
            line = table.lines[int(series.rows[wrong[0]])]
            raise DataError(
                f"{table.path}: line {line}, column {table.title(place)} is "
                f"{series.values[wrong[0]]:g}; allowed: a resistance above 0"
            )
        values = 1.0 / values
    elif head.quantity == "current":
        values = _unsigned(values) / abs(columns.read_voltage or 1.0)
    if _is_in_siemens(columns, place):
        check_siemens(table, place, series.rows, values)
    return Series(series.rows, values, series.axis)


def _unsigned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Currents of reads at a negative voltage are negative throughout."""
    return -values if float(np.median(values)) < 0 else values


def _scale(head: Head) -> float:
    return head.factor if head.unit is not None else 1.0


def quantity_words(columns: Columns) -> str:
    """What the values are, in words."""
    head = columns.heads[columns.values[0]]
    unit = f" in {head.unit}" if head.unit is not None else ""
    if head.quantity == "resistance":
        return f"resistances{unit}, inverted"
    if head.quantity == "current":
        over = f"{columns.read_voltage:g} V" if columns.read_voltage else "one read voltage"
        return f"currents{unit}, over {over}"
    return f"conductances{unit}" if unit else "conductances without a unit"
