"""From a file to measurements: the one reader of ``neurograd fit`` and of ``device.measured``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograd import words
from neurograd.errors import DataError
from neurograd.fit.measurements import DIRECTIONS, Direction, Jumps, Measurements, Run
from neurograd.fit.reading.chains import chains_in_words, runs_of_jumps
from neurograd.fit.reading.choices import Choices, parse_choices
from neurograd.fit.reading.columns import choose_columns
from neurograd.fit.reading.lookup import (
    check_jumps,
    crosssim_table,
    flattened,
    samples_of,
    xbtorch_files,
    xbtorch_table,
)
from neurograd.fit.reading.runs import runs_of
from neurograd.fit.reading.sheets.cells import quoted
from neurograd.fit.reading.sheets.sheet import Sheet, read_sheet
from neurograd.fit.reading.sheets.table import find_table
from neurograd.fit.reading.units import in_siemens, wanted_unit

SAME_WINDOW = 0.9
"""Part of the window that both directions must pass to be taken as one window."""

_NAMED = 3
"""Most sheets of a workbook that a refusal names."""

_PAIRS = (
    ("increasing", "decreasing"),
    ("potentiation", "depression"),
    ("ltp", "ltd"),
    ("set", "reset"),
    ("up", "down"),
)
"""Words in the names of two files that are one measurement, such as set.csv and reset.csv."""


def read_measurements(path: str | os.PathLike[str], columns: str | None = None) -> Measurements:
    """Read a file of measured pulses or of single jumps.

    Args:
        path: Text (CSV and its relatives), an Excel workbook, or one file of a lookup table of
            CrossSim or XBTorch, whose others stand beside it.
        columns: What ``--columns`` gave, ``choices.SYNTAX``; None for what the heads say.

    Raises:
        DataError: One line that names the file, and what would be read instead.
    """
    return _read(Path(path), parse_choices(columns))[0]


def read_devices(paths: Sequence[str | os.PathLike[str]], columns: str | None) -> Measurements:
    """Read several files, each of devices of its own; the partner of one is not read again.

    Args:
        paths: One or more files.
        columns: As ``read_measurements`` takes it, for all of them.

    Raises:
        DataError: One line that names the file, and what would be read instead.
    """
    choices, found = parse_choices(columns), dict[Path, Measurements]()
    partners: set[Path] = set()
    for file in map(Path, paths):
        if file in found:
            raise DataError(f"{file} is named twice; allowed: each file once")
        if file not in partners:
            found[file], partner = _read(file, choices)
            partners |= set() if partner is None else {partner}
    return next(iter(found.values())) if len(found) == 1 else _side_by_side(found)


def _side_by_side(found: Mapping[Path, Measurements]) -> Measurements:
    """Devices of several files, numbered one after the other."""
    runs: list[Run] = []
    understood, notes = [f"{len(found)} files, the devices of each its own"], list[str]()
    first, unit = next((file, each.unit) for file, each in found.items())
    for file, each in found.items():
        if not each.runs:
            raise DataError(f"{file} is a table of single pulses; allowed: such a file alone")
        if each.unit != unit:
            raise DataError(f"{file} has other units than {first}; allowed: the same in all files")
        before = max((run.device for run in runs), default=-1) + 1
        runs += [replace(run, device=before + run.device) for run in each.runs]
        understood += [f"{file.name}: {line}" for line in each.understood]
        notes += [f"{file.name}: {line}" for line in each.notes]
    return Measurements(tuple(runs), unit, tuple(understood), tuple(notes))


def _read(file: Path, choices: Choices) -> tuple[Measurements, Path | None]:
    """What a file holds, and the partner that was read with it."""
    if file.is_dir():
        raise DataError(f"{file} is a folder; allowed: a file of measured data")
    six = xbtorch_files(file)
    if six is not None and all(each.is_file() for own in six.values() for each in own):
        return _xbtorch(file, six), None
    sheet = read_sheet(file)
    quantiles = None if choices.columns else crosssim_table(file, sheet)
    if quantiles is not None:
        return _crosssim(file, quantiles), _partner(file)
    found, used = _columns_of(file, sheet, choices), None
    other = _partner(file)
    if len({run.direction for run in found.runs}) == 1 and other is not None:
        both = _together(found, _columns_of(other, read_sheet(other), choices), other)
        found, used = both, None if both is found else other
    return _checked(file, found), used


def files_read(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """All files that ``read_measurements`` may read for a path, those that are there, in order."""
    file = Path(path)
    six = xbtorch_files(file)
    more = () if six is None else tuple(each for own in six.values() for each in own)
    other = _partner(file)
    found = {file, *more} | ({other} if other is not None else set())
    return tuple(sorted(each for each in found if each.is_file()))


def _columns_of(path: Path, sheet: Sheet, choices: Choices) -> Measurements:
    """What the columns of a sheet hold; a refusal names sheets beside it."""
    try:
        return _understood(path, sheet, choices)
    except DataError as error:
        if not sheet.others:
            raise
        names = ", ".join(map(quoted, sheet.others[:_NAMED]))
        names += " and others" if len(sheet.others) > _NAMED else ""
        raise DataError(
            f"{error}; of a workbook the first sheet alone is read, not {names}: put the sheet "
            "with the data first"
        ) from None


def _understood(path: Path, sheet: Sheet, choices: Choices) -> Measurements:
    table = find_table(path, sheet)
    columns = choose_columns(table, choices)
    table.check_cells(columns.heads)
    if any(columns.heads[place].kind == "delta" for place in columns.values):
        samples, siemens = samples_of(table, columns)
        jumps = tuple(each.jumps for each in samples)
        in_rows = runs_of_jumps(table, columns, samples)
        counts = " and ".join(f"{len(each.change)} of {each.direction}" for each in jumps)
        said = (*table.words, f"a table of single pulses: {counts}")
        said += (chains_in_words(in_rows),) if in_rows else ()
        return Measurements(in_rows, "S" if siemens else "relative", said, (), jumps)
    runs, said_of_runs, notes = runs_of(table, columns)
    unit = in_siemens(columns)
    if not unit:
        remedy = wanted_unit(table.title(columns.values[0]), columns)
        notes.append(f"conductances are relative to each other; {remedy} would make them siemens")
    said = (*table.words, *said_of_runs, *columns.words)
    return Measurements(tuple(runs), "S" if unit else "relative", said, tuple(notes))


def _together(first: Measurements, second: Measurements, other: Path) -> Measurements:
    """Both directions from two files."""
    if {r.direction for r in first.runs} & {r.direction for r in second.runs}:
        return first
    if first.unit != second.unit:
        raise DataError(f"{other} has other units than its partner; allowed: the same in both")
    return Measurements(
        first.runs + second.runs,
        first.unit,
        (*first.understood, f"the other direction from {other.name}", *second.understood),
        tuple(dict.fromkeys(first.notes + second.notes)),
    )


def _checked(path: Path, found: Measurements) -> Measurements:
    """The same with a note on windows, or on a direction that is missing."""
    if not found.runs:
        return found
    missing = [name for name in DIRECTIONS if all(run.direction != name for run in found.runs)]
    if missing:
        note: str | None = (
            f"{path.name} has no {missing[0]}: both directions are read from one file, from two "
            "whose names differ in set and reset, LTP and LTD, or up and down, or with --columns "
            f"{missing[0]}=HEAD"
        )
        return replace(found, notes=(*found.notes, str(note)))
    note = two_windows(found.runs)
    return found if note is None else replace(found, notes=(*found.notes, note))


def two_windows(runs: tuple[Run, ...]) -> str | None:
    """What is to be known of directions that pass different windows; None where they agree."""
    ends = []
    for direction in DIRECTIONS:
        own = [_ends(run) for run in runs if run.direction == direction]
        ends.append((min(low for low, _ in own), max(high for _, high in own)))
    low, high = min(a for a, _ in ends), max(b for _, b in ends)
    covered = [(b - a) / (high - low) for a, b in ends]
    if min(covered) >= SAME_WINDOW:
        return None
    parts = [
        f"{name} passes {a:.4g} to {b:.4g}, {words.percent(part, significant=2)} of it"
        for name, (a, b), part in zip(DIRECTIONS, ends, covered, strict=True)
    ]
    return (
        f"two windows: of {low:.4g} to {high:.4g}, {' and '.join(parts)}. If the two were measured "
        "over different windows, cut the table to the common one, or measure both over one"
    )


def _ends(run: Run) -> tuple[float, float]:
    """Smallest and largest conductance; of noisy readings, means over a twentieth at either end."""
    values = run.conductance if run.start is None else np.append(run.start, run.conductance)
    steps = np.diff(values)
    few = max(1, len(values) // 20) if (steps > 0).any() and (steps < 0).any() else 1
    ends = sorted((float(values[:few].mean()), float(values[-few:].mean())))
    return ends[0], ends[1]


def _crosssim(path: Path, own: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Measurements:
    other = _partner(path)
    second = None if other is None else crosssim_table(other, read_sheet(other))
    if other is None or second is None:
        raise DataError(
            f"{path} is one direction of CrossSim's lookup table; allowed: beside the other's, "
            "dG_increasing.txt and dG_decreasing.txt"
        )
    tables = sorted((own, second), key=lambda each: -float(each[1].mean()))
    jumps = [flattened(name, *each) for name, each in zip(DIRECTIONS, tables, strict=True)]
    said = f"CrossSim's lookup table of changes, in {path.name} and {other.name}"
    return _lookup(path, tuple(jumps), said)


def _xbtorch(path: Path, files: dict[Direction, tuple[Path, ...]]) -> Measurements:
    jumps = tuple(flattened(name, *xbtorch_table(files[name])) for name in DIRECTIONS)
    said = f"XBTorch's table of changes, in {len(DIRECTIONS) * 3} files beside {path.name}"
    return _lookup(path, jumps, said)


def _lookup(path: Path, jumps: tuple[Jumps, ...], said: str) -> Measurements:
    states = len(np.unique(jumps[0].conductance))
    understood = (said, f"changes at {states} conductances, as equally probable samples")
    notes = ("conductances are relative to each other: the table has no unit",)
    return Measurements((), "relative", understood, notes, check_jumps(path, jumps))


def _partner(path: Path) -> Path | None:
    """The file with the other direction's word in its name, None where there is none."""
    for pair in _PAIRS:
        for own, other in (pair, pair[::-1]):
            match = re.search(rf"(?<![a-zA-Z]){own}(?![a-zA-Z])", path.name, re.IGNORECASE)
            if match is None:
                continue
            word = _cased(match[0], other)
            found = path.with_name(f"{path.name[: match.start()]}{word}{path.name[match.end() :]}")
            if found.is_file():
                return found
    return None


def _cased(like: str, word: str) -> str:
    return word.upper() if like.isupper() else word.capitalize() if like.istitle() else word
