"""How many pulses lie between readings: by their numbers, by lines of pulses, or by lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurograd.errors import DataError
from neurograd.fit.reading.columns import Columns
from neurograd.fit.reading.series import Series
from neurograd.fit.reading.sheets.table import Table

LARGEST_PULSE = 2.0**53
"""Largest pulse number that is read: up to it, floats tell each whole number from the next."""

_UNEVEN = 0.1
"""Part of all steps in time that are half or one and a half of the usual one; pauses are few."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """What the lines of a table are, for N rows.

    Attributes:
        device: Number of the device of every row, shape ``(N,)``.
        volts: Voltage of the pulses, 0 where blank, shape ``(N,)``; None without such a column.
        rest: Whether that voltage is written as 0, shape ``(N,)``.
        read: Whether a row holds a reading, shape ``(N,)``.
        numbered: Columns of pulse numbers, save those that only count the rows.
    """

    device: NDArray[np.int64]
    volts: NDArray[np.float64] | None
    rest: NDArray[np.bool_]
    read: NDArray[np.bool_]
    numbered: frozenset[int]

    @staticmethod
    def of(table: Table, columns: Columns) -> Lines:
        """What a table's columns say of its lines."""
        count, names, at = len(table.values), columns.first("device"), columns.first("voltage")
        device = np.zeros(count, dtype=np.int64)
        if names is not None:
            codes: dict[str, int] = {}
            device[:] = [codes.setdefault(row[names], len(codes)) for row in table.texts]
        values = np.array([table.column(place) for place in columns.values])
        pulses = {place for place, head in columns.heads.items() if head.kind == "pulse"}
        rows = {place for place in pulses if (np.diff(table.column(place)) == 1).all()}
        volts = None if at is None else np.asarray(table.column(at))
        return Lines(
            device,
            None if volts is None else np.nan_to_num(volts),
            np.zeros(count, dtype=np.bool_) if volts is None else volts == 0,
            np.isfinite(values).any(axis=0),
            frozenset(pulses - rows),
        )


@dataclass(frozen=True)
class Counting:
    """What counts the pulses between the readings of one device in one column.

    Attributes:
        numbered: Whether the axis has their numbers.
        timed: Whether the axis is a time.
        own: Rows of the device, ascending.
        pulses: Rows of these that are pulses, None where pulses have no rows of their own.
        signs: Sign of each of these pulses.
        resting: Whether readings at rest stand behind the pulses, whose own readings do not count.
    """

    numbered: bool
    timed: bool
    own: NDArray[np.int64]
    pulses: NDArray[np.int64] | None
    signs: NDArray[np.float64] | None
    resting: bool = False

    @staticmethod
    def of(columns: Columns, place: int, series: Series, lines: Lines) -> Counting:
        """How pulses between the readings of one device are counted."""
        at = columns.axis(place)
        own = np.flatnonzero(lines.device == lines.device[series.rows[0]])
        numbered = at in lines.numbered and series.axis is not None
        pulses, resting = _lines_of_pulses(lines, own), None
        if pulses is None and not numbered and (np.diff(series.rows) > 0).all():
            pulses = resting = _before_rest(lines, own)
        return Counting(
            numbered=numbered,
            timed=at is not None and columns.heads[at].kind == "time",
            own=own,
            pulses=pulses,
            signs=None if lines.volts is None or pulses is None else np.sign(lines.volts[pulses]),
            resting=resting is not None,
        )

    def at_rest(self, series: Series) -> Series:
        """The last reading before each next pulse, where readings at rest follow pulses."""
        if not self.resting:
            return series
        done = self._pulses_done(series)
        return series.chosen(np.append(np.diff(done) > 0, True))

    def pulses_of(self, series: Series) -> Counts | None:
        """Pulses from the first reading of a run to each, None where they are 0, 1, 2 and so on."""
        counted = self._numbered(series) if self.numbered else self._by_lines(series)
        steps = np.diff(counted)
        return None if (steps == 1).all() or (steps < 1).any() else counted

    def signs_of(self, series: Series) -> NDArray[np.float64] | None:
        """Sign of the pulse before every reading, None where pulses have no lines of their own."""
        if self.pulses is None or self.signs is None:
            return None
        # A reading before all pulses goes with the first of them.
        return self.signs[np.maximum(self._pulses_done(series) - 1, 0)]

    def blanks(self, series: Series) -> int:
        """Rows of the device without a reading, between the first and the last one."""
        rows = np.searchsorted(self.own, series.rows)
        return int(rows.max() - rows.min()) + 1 - len(series)

    def meaning(self, series: Series) -> str:
        """What blank cells are taken for, in words."""
        if self.numbered:
            return "pulses without one"
        if self.pulses is not None:
            return "lines of the pulses, by their voltage"
        distance = self._distance(series)
        if distance == 1:
            return "pulses without one"
        return (
            f"one line in {distance} has a value, taken for the one behind a pulse (a column of "
            "pulse numbers would tell)"
        )

    def _numbered(self, series: Series) -> Counts:
        assert series.axis is not None
        counted: Counts = (series.axis - series.axis[0]).astype(np.int64)
        return counted

    def _by_lines(self, series: Series) -> Counts:
        """Pulses by the lines of the device's own in between."""
        if self.pulses is not None:
            counted = self._pulses_done(series)
        else:
            counted = np.searchsorted(self.own, series.rows) // self._distance(series)
        counted = np.abs(counted - counted[0])
        return counted if (np.diff(counted) > 0).all() else np.arange(len(counted))

    def _pulses_done(self, series: Series) -> Counts:
        """Pulses of the device up to the line of each reading, which is behind that of its own."""
        assert self.pulses is not None
        return np.searchsorted(self.pulses, series.rows, side="right")

    def _distance(self, series: Series) -> int:
        """Lines of a log over time from one reading to the next that are one pulse.

        Such a log has lines of other things, regularly: those between readings are then no pulses.
        Where distances are not multiples of the usual one, and without times, a line is a pulse.
        """
        if not self.timed or len(series) < 2:
            return 1
        steps = np.abs(np.diff(np.searchsorted(self.own, series.rows)))
        usual = Counter(steps.tolist()).most_common(1)[0][0]
        return int(usual) if usual > 1 and (steps % usual == 0).all() else 1


def _lines_of_pulses(lines: Lines, own: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Rows of a log that are pulses: without a reading, at a voltage above those of all readings.

    None where most readings follow each other without such a row, as where each line has both.
    """
    if lines.volts is None:
        return None
    volts, read = np.abs(lines.volts[own]), lines.read[own]
    pulsed = ~read & (volts > 0)
    if not pulsed.any() or volts[pulsed].min() <= volts[read].max():
        return None
    found = own[pulsed]
    between = np.diff(np.searchsorted(found, own[read])) > 0
    return found if 2 * np.count_nonzero(between) > len(between) else None


def _before_rest(lines: Lines, own: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Rows of a log with readings throughout that are pulses: those at a voltage.

    None where most of them have no reading at 0 V in the next row, as where a reading at 0 V only
    begins or ends the log, or no voltages are written.
    """
    if lines.volts is None or len(own) < 2:
        return None
    pulsed = lines.volts[own] != 0
    rested = pulsed[:-1] & (lines.rest & lines.read)[own[1:]]
    return own[pulsed] if 2 * np.count_nonzero(rested) > np.count_nonzero(pulsed) else None


def rests_in_words(title: str, parts: Sequence[tuple[Counting, Series]]) -> str | None:
    """Which readings of a column are taken where others are under pulses; None if all are."""
    resting = [(counting, series) for counting, series in parts if counting.resting]
    if not resting:
        return None
    taken = sum(len(counting.at_rest(series)) for counting, series in resting)
    return (
        f"lines at 0 V are no pulses: of {sum(len(series) for _, series in resting)} readings of "
        f"column {title} the {taken} are taken that are the last before the next pulse"
    )


def times_in_words(
    title: str, lines: Lines, parts: Sequence[tuple[Counting, Series]]
) -> str | None:
    """A note on times that count no pulses; None where times are even, or something else counts."""
    if lines.volts is not None or not any(_is_uneven(*part) for part in parts):
        return None
    return (
        f"column {title} has times in unequal steps, and neither pulse numbers nor voltages: each "
        "reading counts as one pulse"
    )


def _is_uneven(counting: Counting, series: Series) -> bool:
    if counting.numbered or not counting.timed or series.axis is None or len(series) < 3:
        return False
    steps = np.abs(np.diff(series.axis))
    usual = float(np.median(steps))
    return float(np.mean(np.abs(steps - usual) > 0.5 * usual)) > _UNEVEN


def blanks_in_words(title: str, parts: Sequence[tuple[Counting, Series]]) -> str | None:
    """A note on the blank cells between the readings of every device of a column; None if none."""
    blank = sum(counting.blanks(series) for counting, series in parts)
    if not blank:
        return None
    meant = {counting.meaning(series) for counting, series in parts if counting.blanks(series)}
    return f"column {title} has {blank} blank cells between values: {', '.join(sorted(meant))}"


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
