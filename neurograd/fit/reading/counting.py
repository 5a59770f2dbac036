"""How many pulses lie between readings: by their numbers, by lines of pulses, or by lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurograd.errors import DataError
from neurograd.fit.reading.columns import Columns
from neurograd.fit.reading.series import Series
from neurograd.fit.reading.sheets.table import Table

LARGEST_PULSE = 2.0**53
"""Largest pulse number that is read: up to it, floats tell each whole number from the next."""

Counts = NDArray[np.int64]


def check_pulse_numbers(table: Table, at: int, series: Series) -> None:
    """Pulse numbers of readings are whole.

    Raises:
        DataError: One line, otherwise.
    """
    assert series.axis is not None
    for row, value in zip(series.rows, series.axis, strict=True):
        if value != int(value) or not 0 <= value <= LARGEST_PULSE:
            raise DataError(
                f"{table.path}: line {table.lines[int(row)]}, column {table.title(at)} is "
                f"{value:g}; allowed: whole numbers from 0 to {LARGEST_PULSE:.0e} (--columns "
                "time=... takes other axes)"
            )


def pulses_of(table: Table, columns: Columns, place: int, series: Series) -> Counts | None:
    """Pulses from the first reading of a run on.

    Args:
        table: The file's table.
        columns: Its columns in use.
        place: The column of the readings.
        series: Readings of one device in one direction.

    Returns:
        Pulses from the first reading to each, None where each is one behind the one before.
    """
    counted = _numbered(table, columns, place, series)
    if counted is None:
        counted = _by_lines(table, columns, place, series)
    steps = np.diff(counted)
    return None if (steps == 1).all() or (steps < 1).any() else counted


def signs_of_pulses(table: Table, columns: Columns, series: Series) -> NDArray[np.float64] | None:
    """Sign of the pulse before every reading, None where pulses have no lines of their own."""
    at, own = columns.first("voltage"), _own_lines(table, columns, series)
    lines = _lines_of_pulses(table, columns, own)
    if at is None or lines is None:
        return None
    # A reading before all pulses goes with the first of them.
    last = np.maximum(np.searchsorted(lines, series.rows) - 1, 0)
    signs: NDArray[np.float64] = np.sign(np.asarray(table.column(at))[lines[last]])
    return signs


def blanks_in_words(
    table: Table, columns: Columns, place: int, parts: Sequence[Series]
) -> str | None:
    """A note on the blank cells between the readings of every device of a column; None if none."""
    blank, meant = 0, set[str]()
    for part in parts:
        own = _own_lines(table, columns, part)
        lines = np.searchsorted(own, part.rows)
        missing = int(lines.max() - lines.min()) + 1 - len(part)
        blank += missing
        if missing:
            meant.add(_meaning(table, columns, place, part, own))
    if not blank:
        return None
    title = table.title(place)
    return f"column {title} has {blank} blank cells between values: {', '.join(sorted(meant))}"


def _meaning(
    table: Table, columns: Columns, place: int, series: Series, own: NDArray[np.int64]
) -> str:
    """What blank cells are taken for, in words."""
    if _numbered(table, columns, place, series) is not None:
        return "pulses without one"
    at = columns.first("voltage")
    if at is not None and _lines_of_pulses(table, columns, own) is not None:
        return f"lines of the pulses, by {table.title(at)}"
    distance = _distance(table, columns, place, series, own)
    if distance > 1:
        return (
            f"one line in {distance} has a value, taken for the one behind a pulse (a column of "
            "pulse numbers would tell)"
        )
    return "pulses without one"


def _numbered(table: Table, columns: Columns, place: int, series: Series) -> Counts | None:
    """Pulses by their numbers, None where there are none or they count the lines of the table."""
    at = columns.axis(place)
    if at is None or columns.heads[at].kind != "pulse" or series.axis is None:
        return None
    if len(table.values) > 1 and (np.diff(table.column(at)) == 1).all():
        return None
    counted: Counts = (series.axis - series.axis[0]).astype(np.int64)
    return counted


def _by_lines(table: Table, columns: Columns, place: int, series: Series) -> Counts:
    """Pulses by the lines of the device's own in between."""
    own = _own_lines(table, columns, series)
    pulses = _lines_of_pulses(table, columns, own)
    if pulses is not None:
        counted = np.searchsorted(pulses, series.rows)
    else:
        counted = np.searchsorted(own, series.rows)
        counted = counted // _distance(table, columns, place, series, own)
    counted = np.abs(counted - counted[0])
    return counted if (np.diff(counted) > 0).all() else np.arange(len(counted))


def _own_lines(table: Table, columns: Columns, series: Series) -> NDArray[np.int64]:
    """Rows of the device that readings are of, all where no column names it."""
    at = columns.first("device")
    if at is None:
        return np.arange(len(table.texts))
    name = table.texts[int(series.rows[0])][at]
    return np.flatnonzero([row[at] == name for row in table.texts])


def _lines_of_pulses(
    table: Table, columns: Columns, own: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Rows of a log that are pulses: without a reading, at a voltage above those of all readings.

    None where most readings follow each other without such a row, as where each line has both.
    """
    at = columns.first("voltage")
    if at is None:
        return None
    volts = np.nan_to_num(np.abs(np.asarray(table.column(at))[own]))
    values = np.array([table.column(place) for place in columns.values])[:, own]
    read = np.isfinite(values).any(axis=0)
    pulsed = ~read & (volts > 0)
    if not pulsed.any() or volts[pulsed].min() <= volts[read].max():
        return None
    lines = own[pulsed]
    between = np.diff(np.searchsorted(lines, own[read])) > 0
    return lines if 2 * np.count_nonzero(between) > len(between) else None


def _distance(
    table: Table, columns: Columns, place: int, series: Series, own: NDArray[np.int64]
) -> int:
    """Lines of a log over time from one reading to the next that are one pulse.

    Such a log has lines of other things, regularly: those between readings are then no pulses.
    Where distances are not multiples of the usual one, and without times, a line is a pulse.
    """
    at = columns.axis(place)
    if at is None or columns.heads[at].kind != "time" or len(series) < 2:
        return 1
    steps = np.abs(np.diff(np.searchsorted(own, series.rows)))
    usual = Counter(steps.tolist()).most_common(1)[0][0]
    return int(usual) if usual > 1 and (steps % usual == 0).all() else 1
