"""Tables of jumps: the change of one pulse against the conductance before it.

Three forms: columns of samples (Nandakumar et al., Front. Neurosci. 2020), CrossSim's lookup table
of quantiles (a line of title, one of conductances, one of probabilities, then a line of changes for
every probability), and XBTorch's three files a direction (conductances, changes, and a matrix with
the distribution of the change from every conductance).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograd.errors import DataError
from neurograd.fit.measurements import DIRECTIONS, Direction, Jumps
from neurograd.fit.reading.columns import Columns
from neurograd.fit.reading.sheets.cells import number
from neurograd.fit.reading.sheets.sheet import Sheet, read_sheet
from neurograd.fit.reading.sheets.table import Table
from neurograd.fit.reading.units import check_scales, check_siemens

QUANTILES = 64
"""Equally probable changes that a distribution is read as, from every conductance."""

MIN_ROWS = 3
"""Fewest samples of a direction."""

_PARTS = ("axis_level_G", "axis_level_dG", "cdf")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Jumps of one direction, the row of the table of each, shape ``(P,)``, and their column."""

    jumps: Jumps
    rows: NDArray[np.int64]
    place: int


def samples_of(table: Table, columns: Columns) -> tuple[tuple[Samples, ...], bool]:
    """Samples of single pulses from columns, and whether they are in siemens.

    Raises:
        DataError: One line, if a column is missing, columns are on different scales, changes have
            the wrong sign on average, or conductances are beyond those of devices.
    """
    state = _state(table, columns)
    found = []
    for direction in DIRECTIONS:
        own = [p for p in columns.values if columns.heads[p].direction == direction]
        if len(own) != 1:
            wanted = "delta_up" if direction == "potentiation" else "delta_down"
            raise DataError(
                f"{table.path} has {len(own) or 'no'} columns {wanted}, but "
                f"{', '.join(name for name in table.names if name)}; allowed: conductance, "
                "delta_up, delta_down"
            )
        before = np.asarray(table.column(state)) * columns.heads[state].factor
        change = np.asarray(table.column(own[0])) * columns.heads[own[0]].factor
        there = np.isfinite(before) & np.isfinite(change)
        jumps = Jumps(direction, before[there], change[there])
        found.append(Samples(jumps, np.flatnonzero(there), own[0]))
    check_scales(table, columns, (state, *columns.values))
    for place in (state, *columns.values):
        if columns.heads[place].quantity == "resistance":
            raise DataError(
                f"{table.path}: {table.title(place)} is a resistance; allowed: conductances and "
                "changes of the conductance"
            )
    check_jumps(table.path, tuple(each.jumps for each in found))
    siemens = columns.heads[state].scale == "conductance"
    for each in found if siemens else ():
        check_siemens(table, state, each.rows, each.jumps.conductance)
        check_siemens(table, each.place, each.rows, each.jumps.change)
    return tuple(found), siemens


def _state(table: Table, columns: Columns) -> int:
    heads = columns.heads.items()
    found = [place for place, head in heads if head.kind == "state"] or [
        place
        for place, head in heads
        if head.kind == "value" and head.direction is None and head.quantity == "conductance"
    ]
    if len(found) != 1:
        raise DataError(
            f"{table.path} has {len(found) or 'no'} columns conductance beside the changes; "
            "allowed: one, as in --columns conductance=G,delta_up=dG_set,delta_down=dG_reset"
        )
    return found[0]


def check_jumps(path: Path, jumps: tuple[Jumps, ...]) -> tuple[Jumps, ...]:
    """The same jumps, if there are enough of them and each direction has its sign on average.

    Raises:
        DataError: One line, otherwise.
    """
    for each, sign, allowed in zip(jumps, (1.0, -1.0), ("above", "below"), strict=True):
        if len(each.change) < MIN_ROWS:
            raise DataError(
                f"{path} has {len(each.change)} changes of {each.direction}; allowed: {MIN_ROWS} "
                "or more"
            )
        mean = float(each.change.mean())
        if not sign * mean > 0:
            raise DataError(
                f"{path}: the changes of {each.direction} are {mean:g} on average; allowed: "
                f"{allowed} 0"
            )
    return jumps


def crosssim_table(path: Path, sheet: Sheet) -> tuple[Array, Array] | None:
    """Conductances and changes of CrossSim's lookup table, None where the file is none.

    Returns:
        The conductances, shape ``(G,)``, and equally probable changes, shape ``(QUANTILES, G)``.
    """
    rows: list[list[float]] = []
    for _, cells in sheet.rows:
        values = [number(cell, sheet.decimal) for cell in cells]
        if cells and all(value is not None for value in values):
            rows.append([value for value in values if value is not None])
        elif rows and cells:
            return None
    if len(rows) < 5:
        return None
    states, levels, changes = np.array(rows[0]), np.array(rows[1]), rows[2:]
    fits = len(levels) == len(changes) and {len(row) for row in changes} == {len(states)}
    if not fits or len(states) < MIN_ROWS or len(states) == len(levels) == len(changes[0]) == 0:
        return None
    if not (_rises(states) and _rises(levels) and levels[0] >= 0 and levels[-1] <= 1.0 + 1e-9):
        return None
    at = (np.arange(QUANTILES) + 0.5) / QUANTILES
    matrix = np.array(changes)
    return states, np.stack([np.interp(at, levels, column) for column in matrix.T], axis=1)


def _rises(values: Array) -> bool:
    return bool((np.diff(values) > 0).all())


def xbtorch_files(path: Path) -> dict[Direction, tuple[Path, ...]] | None:
    """The six files of an XBTorch table that a file or a folder is of, None where it is of none."""
    name = path.name
    for part in _PARTS:
        stem = name.removesuffix(path.suffix)
        if not stem.endswith(part):
            continue
        for word in ("reset", "set"):
            if word in stem:
                stems = {
                    "potentiation": stem.replace(word, "set"),
                    "depression": stem.replace(word, "reset"),
                }
                return {
                    direction: tuple(
                        path.with_name(own.removesuffix(part) + each + path.suffix)
                        for each in _PARTS
                    )
                    for direction, own in stems.items()
                    if direction in DIRECTIONS
                }
    return None


def xbtorch_table(files: tuple[Path, ...]) -> tuple[Array, Array]:
    """Conductances and equally probable changes from one direction's three files.

    Raises:
        DataError: One line, if the files do not fit together.
    """
    states, changes, cdf = (_matrix(file) for file in files)
    states, changes = states.ravel(), changes.ravel()
    if cdf.shape != (len(states), len(changes)):
        raise DataError(
            f"{files[2]} has the shape {cdf.shape[0]} × {cdf.shape[1]}; allowed: "
            f"{len(states)} × {len(changes)}, a line for every conductance of {files[0].name}"
        )
    at = (np.arange(QUANTILES) + 0.5) / QUANTILES
    # The change is drawn as the one whose probability lies next to a uniform number.
    nearest = np.abs(cdf[:, :, None] - at).argmin(axis=1)
    return states, changes[nearest].T


def _matrix(path: Path) -> Array:
    sheet = read_sheet(path)
    rows = []
    for line, cells in sheet.rows:
        values = [number(cell, sheet.decimal) for cell in cells]
        if any(value is None for value in values):
            raise DataError(f"{path}: line {line} is not numbers only; allowed: a table of numbers")
        if cells:
            rows.append([value for value in values if value is not None])
    if not rows or len({len(row) for row in rows}) > 1:
        raise DataError(f"{path} has lines of unequal length; allowed: a table of numbers")
    return np.array(rows)


def flattened(direction: Direction, states: Array, changes: Array) -> Jumps:
    """One sample for every conductance and every equally probable change."""
    return Jumps(direction, np.tile(states, len(changes)), changes.ravel())
