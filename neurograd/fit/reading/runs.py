"""From the columns of a table to runs of pulses, and to what was understood, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurograd.errors import DataError
from neurograd.fit.measurements import DIRECTIONS, Direction, Run
from neurograd.fit.models.wrong_way import clearly_against, mean_rise, too_many
from neurograd.fit.reading.columns import Columns
from neurograd.fit.reading.counting import (
    Counting,
    Lines,
    blanks_in_words,
    check_pulse_numbers,
    rests_in_words,
    times_in_words,
)
from neurograd.fit.reading.heads import labelled_direction
from neurograd.fit.reading.series import (
    MIN_READINGS,
    Series,
    changes,
    ordered,
    padded_from,
    restarts,
    series_of,
    split,
    trend,
    turning_points,
)
from neurograd.fit.reading.sheets.table import Table
from neurograd.fit.reading.units import check_scales, conductances, quantity_words

_CLEAR = 3.0
"""Standard errors beyond which a rise is one."""


@dataclass(frozen=True)
class Stretch:
    """Readings of one direction, before they are numbered.

    Attributes:
        direction: Of its pulses.
        series: The readings.
        place: Column of the table.
        device: Name of the device.
        counting: What counts its pulses.
        start: The reading one pulse before the first, None where there is none.
    """

    direction: Direction
    series: Series
    place: int
    device: str
    counting: Counting
    start: float | None = None


def runs_of(table: Table, columns: Columns) -> tuple[list[Run], list[str], list[str]]:
    """Runs, what was understood and notes.

    Raises:
        DataError: One line, if a column is reversed, too short, constant or not told apart, or if
            columns are on different scales.
    """
    check_scales(table, columns, columns.values)
    stretches: list[Stretch] = []
    words: list[str] = []
    notes: list[str] = []
    lines = Lines.of(table, columns)
    for place in columns.values:
        series = _column(table, columns, place, notes)
        devices = [
            (name, Counting.of(columns, place, own, lines), own)
            for name, own in _devices(table, columns, place, series)
        ]
        parts = [each[1:] for each in devices]
        blanks = blanks_in_words(table.title(place), parts)
        uneven = times_in_words(table.title(place), lines, parts)
        notes += [each for each in (blanks, uneven) if each is not None]
        rests = rests_in_words(table.title(place), parts)
        words += [] if rests is None else [rests]
        for device, counting, every in devices:
            own = counting.at_rest(every)
            found = (
                _directed(table, columns, place, own)
                if columns.heads[place].direction is not None
                else _traced(table, columns, counting, own, words)
            )
            stretches += [
                Stretch(way, part, place, device, counting, before) for way, part, before in found
            ]
    stretches = _long_enough(table, stretches, notes)
    _refuse_reversed(table, columns, stretches)
    words = [_words(table, columns, stretches), *dict.fromkeys(words)]
    return _numbered(stretches), words, list(dict.fromkeys(notes))


def _column(table: Table, columns: Columns, place: int, notes: list[str]) -> Series:
    """The readings of a column as conductances, in the order of the pulses."""
    head, title = columns.heads[place], table.title(place)
    at = columns.axis(place)
    axis = None if at is None else table.column(at)
    try:
        series, done = ordered(series_of(table.column(place), axis))
    except ValueError as error:
        raise DataError(f"{table.path}: column {title} {error}") from None
    if done:
        notes.append(f"column {title} was read {done}")
    if at is not None and columns.heads[at].kind == "pulse" and series.axis is not None:
        check_pulse_numbers(table, at, series)
    if head.reversed:
        series = series.turned()
    if head.direction is not None:
        end = padded_from(series.values)
        if end is not None:
            notes.append(
                f"column {title} repeats {series.values[-1]:g} to the end of the table: taken as "
                f"padding behind its {end} readings"
            )
            series = series.part(0, end)
    return conductances(table, columns, place, series)


def _devices(
    table: Table, columns: Columns, place: int, series: Series
) -> list[tuple[str, Series]]:
    """The readings of every device, where a column names it."""
    at = columns.first("device")
    head = columns.heads[place]
    if at is None:
        own = head.number if head.counts == "device" else None
        return [("" if own is None else str(own), series)]
    names = [table.texts[int(row)][at] for row in series.rows]
    found = []
    for name in dict.fromkeys(names):
        which = np.array([each == name for each in names])
        found.append((name, series.chosen(which)))
    return found


def _cuts(table: Table, columns: Columns, series: Series) -> list[int]:
    """Where a cycle ends: its number changes, or the axis starts anew."""
    at = columns.first("cycle")
    if at is not None:
        return changes([table.texts[int(row)][at] for row in series.rows])
    return restarts(series, table.breaks)


def _directed(
    table: Table, columns: Columns, place: int, series: Series
) -> list[tuple[Direction, Series, float | None]]:
    """Cycles of a column of one direction."""
    direction = columns.heads[place].direction
    assert direction is not None
    return [(direction, part, None) for part in split(series, _cuts(table, columns, series))]


def _traced(
    table: Table, columns: Columns, counting: Counting, series: Series, words: list[str]
) -> list[tuple[Direction, Series, float | None]]:
    """Stretches of a trace that goes up and down: by labels, pulse voltages, or turning points."""
    labels = _labels(table, columns, series)
    if labels is not None:
        words.append(f"directions from column {table.title(columns.first('direction') or 0)}")
        return _joined(split(series, changes(labels)), labels)
    lines = counting.signs_of(series)
    signs = _signs(table, columns, series) if lines is None else _both(lines)
    if signs is not None:
        shift = lines is None and _reads_before(series.values, signs)
        pulse = "before the pulse of its line" if shift else "behind the pulse of its line"
        pulse = pulse if lines is None else "behind the pulse of a line before"
        title = table.title(columns.first("voltage") or 0)
        words.append(f"directions from the sign of {title}, every reading {pulse}")
        return _by_voltage(series, signs, shift)
    cuts = _cuts(table, columns, series)
    parts = split(series, cuts)
    if len(parts) > 1 and all(abs(trend(p.values)) > _CLEAR and not _turns(p) for p in parts):
        return _by_rise(parts)
    found = [each for part in parts for each in _by_turns(part)]
    turned = len(found) > len(parts)
    words.append(
        "directions from the turning points of the trace, each at its extreme reading" if turned
        else "directions from rise and fall"
    )  # fmt: skip
    return found


def _by_rise(parts: list[Series]) -> list[tuple[Direction, Series, float | None]]:
    """Stretches that each rise or fall; one that begins with pulse 1 goes on from the other way."""
    found: list[tuple[Direction, Series, float | None]] = []
    for part in parts:
        way: Direction = "potentiation" if trend(part.values) > 0 else "depression"
        goes_on = bool(found) and found[-1][0] != way and _first(part) == 1.0
        found.append((way, part, float(found[-1][1].values[-1]) if goes_on else None))
    return found


def _turns(part: Series) -> bool:
    return bool(turning_points(part.values))


def _first(part: Series) -> float | None:
    return None if part.axis is None else float(part.axis[0])


def _labels(table: Table, columns: Columns, series: Series) -> list[object] | None:
    at = columns.first("direction")
    if at is None:
        return None
    labels: list[object] = []
    for row in series.rows:
        text = table.texts[int(row)][at]
        found = labelled_direction(text)
        if found is None:
            raise DataError(
                f"{table.path}: line {table.lines[int(row)]}, column {table.title(at)} is "
                f"{text!r}; allowed: LTP or LTD, potentiation or depression, up or down, 1 or -1"
            )
        labels.append(found)
    return labels


def _joined(
    parts: list[Series], labels: list[object]
) -> list[tuple[Direction, Series, float | None]]:
    found: list[tuple[Direction, Series, float | None]] = []
    done = 0
    for part in parts:
        way = DIRECTIONS[0] if labels[done] == DIRECTIONS[0] else DIRECTIONS[1]
        anew = part.axis is not None and done > 0 and _first(part) == 0.0
        start = float(found[-1][1].values[-1]) if found and not anew else None
        found.append((way, part, start))
        done += len(part)
    return found


def _signs(table: Table, columns: Columns, series: Series) -> NDArray[np.float64] | None:
    """Sign of the pulse in every line, None where the voltages do not tell."""
    at = columns.first("voltage")
    if at is None:
        return None
    signs = np.sign([table.values[int(row)][at] for row in series.rows])
    for k in range(1, len(signs)):  # a line without a pulse goes with the one before
        signs[k] = signs[k - 1] if signs[k] == 0 or np.isnan(signs[k]) else signs[k]
    return _both(signs)


def _both(signs: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Signs of pulses, None where all pulses are alike."""
    return signs if (signs > 0).any() and (signs < 0).any() else None


def _reads_before(values: NDArray[np.float64], signs: NDArray[np.float64]) -> bool:
    """Whether readings come before the pulses of their lines.

    Where the sign changes, the step into that line is still the old direction's if the reading
    comes first: it is then more like the step before it than like the one behind it.
    """
    steps, at = np.diff(values), np.flatnonzero(np.diff(signs))
    at = at[(at > 0) & (at < len(steps) - 1)]
    old, new = steps[at] - steps[at - 1], steps[at] - steps[at + 1]
    return bool(np.sum(old**2) < np.sum(new**2))


def _by_voltage(
    series: Series, signs: NDArray[np.float64], before: bool
) -> list[tuple[Direction, Series, float | None]]:
    cuts = [k + 1 if before else k for k in changes(list(signs))]
    parts = split(series, [cut for cut in cuts if cut < len(series)])
    steps = np.diff(series.values)
    of_step = signs[:-1] if before else signs[1:]
    rising = 1.0 if np.sum(steps * of_step) > 0 else -1.0
    found: list[tuple[Direction, Series, float | None]] = []
    done = 0
    for part in parts:
        sign = signs[max(done - 1, 0)] if before else signs[done]
        way: Direction = "potentiation" if sign * rising > 0 else "depression"
        found.append((way, part, float(series.values[done - 1]) if done else None))
        done += len(part)
    return found


def _by_turns(series: Series) -> list[tuple[Direction, Series, float | None]]:
    turns = turning_points(series.values)
    found: list[tuple[Direction, Series, float | None]] = []
    done = 0
    for part in split(series, [turn + 1 for turn in turns]):
        rise = part.values[-1] - (series.values[done - 1] if done else part.values[0])
        start = float(series.values[done - 1]) if done else None
        found.append((DIRECTIONS[0] if rise > 0 else DIRECTIONS[1], part, start))
        done += len(part)
    return found


def _long_enough(table: Table, found: list[Stretch], notes: list[str]) -> list[Stretch]:
    """Stretches that are runs; those of a reading or two are named, not used."""
    kept = [s for s in found if len(s.series) >= MIN_READINGS]
    for stretch in found:
        title, length = table.title(stretch.place), len(stretch.series)
        line = table.lines[int(stretch.series.rows[0])]
        if length < MIN_READINGS and 2 * len(kept) <= len(found):
            raise DataError(
                f"{table.path}: line {line}, column {title} has {length} values in a row; allowed: "
                f"{MIN_READINGS} or more (a pulse number that starts anew begins another cycle)"
            )
        if length < MIN_READINGS:
            notes.append(f"column {title} has {length} readings from line {line}, not used")
    for stretch in kept:
        values = stretch.series.values
        if (values == values[0]).all():
            title = table.title(stretch.place)
            raise DataError(
                f"{table.path}: column {title} is {values[0]:g} in all rows; allowed: a change"
            )
    return kept


def _refuse_reversed(table: Table, columns: Columns, found: list[Stretch]) -> None:
    """Names columns that run against their pulses, and what would work."""
    wrong: dict[int, Stretch] = {}
    for direction in DIRECTIONS:
        for stretch in _reversed([each for each in found if each.direction == direction]):
            wrong.setdefault(stretch.place, stretch)
    if not wrong:
        return
    place, first = next(iter(wrong.items()))
    head, title = columns.heads[place], table.title(place)
    values = first.series.values
    way, end = ("falls", "smallest") if first.direction == "potentiation" else ("rises", "largest")
    both = {each.direction for each in wrong.values()} == set(DIRECTIONS)
    if both and head.quantity is None:
        raise DataError(
            f"{table.path}: column {title} {way} from {values[0]:g} to {values[-1]:g}, and the "
            "other direction runs the wrong way as well; allowed: if these are resistances, the "
            f"unit in the heads, '{title} (ohm)', or --columns "
            f"'{_as_resistances(table, columns)}'; if the names are swapped, swap them"
        )
    raise DataError(
        f"{table.path}: column {title} {way} from {values[0]:g} to {values[-1]:g}; allowed: from "
        f"the {end} conductance on, in the order of the pulses: turn the column around, or give "
        f"--columns with {first.direction}={title}:reversed"
    )


def _reversed(own: list[Stretch]) -> list[Stretch]:
    """The stretches of one direction for which it is refused; single ones are left to a fit."""
    if not own:
        return []
    direction, values = own[0].direction, [each.series.values for each in own]
    wrong = clearly_against(direction, values)
    if too_many(len(wrong), len(own)):
        return [own[k] for k in wrong]
    if mean_rise(direction, values) >= 0:
        return []
    sign = 1.0 if direction == "potentiation" else -1.0
    return [each for each in own if sign * trend(each.series.values) < -_CLEAR]


def _as_resistances(table: Table, columns: Columns) -> str:
    return ",".join(
        f"{columns.heads[place].direction}={table.title(place).removeprefix('column ')}:ohm"
        for place in columns.values[:2]
    )


def _numbered(found: list[Stretch]) -> list[Run]:
    devices = {name: k for k, name in enumerate(dict.fromkeys(s.device for s in found))}
    cycles: Counter[tuple[int, Direction]] = Counter()
    runs = []
    for stretch in found:
        device = devices[stretch.device]
        cycle = cycles[device, stretch.direction]
        cycles[device, stretch.direction] += 1
        pulses = stretch.counting.pulses_of(stretch.series)
        values = np.ascontiguousarray(stretch.series.values)
        runs.append(Run(stretch.direction, values, device, cycle, stretch.start, pulses))
    return runs


def _words(table: Table, columns: Columns, found: list[Stretch]) -> str:
    """The values in one line: columns, what they are, how many runs."""
    titles = [table.title(place) for place in columns.values]
    names = ", ".join(titles) if len(titles) <= 4 else f"{titles[0]} to {titles[-1]}"
    counts = []
    for direction in DIRECTIONS:
        own = [len(s.series) for s in found if s.direction == direction]
        if own:
            size = f"{min(own)}" if min(own) == max(own) else f"{min(own)} to {max(own)}"
            counts.append(f"{direction} {len(own)} × {size} readings")
    devices = len({s.device for s in found})
    more = f", {devices} devices" if devices > 1 else ""
    return f"{names}: {quantity_words(columns)}; {', '.join(counts)}{more}"
