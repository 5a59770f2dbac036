"""Tables of jumps whose rows follow each other: each pulse begins where the last one ended.

Readings before and after every pulse are then those of runs, in which a fit tells the noise of
reads from that of pulses. Jumps alone do not tell it: it widens them twice, and sorts them by
conductances that it has moved itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from neurograd.fit.measurements import DIRECTIONS, Direction, Run
from neurograd.fit.models.trains import MIN_READINGS
from neurograd.fit.reading.columns import Columns
from neurograd.fit.reading.lookup import Samples
from neurograd.fit.reading.sheets.table import Table

_SAME = 0.02
"""Part of the usual jump by which a reading may differ from where the last jump ended: digits."""

_MOST = 0.9
"""Part of a direction's jumps that must be of runs for all to be read as such."""


def runs_of_jumps(table: Table, columns: Columns, samples: tuple[Samples, ...]) -> tuple[Run, ...]:
    """The runs of a table of jumps, none where its rows are jumps by themselves.

    Args:
        table: The table.
        columns: Its columns.
        samples: The jumps of both directions, with their rows. Rows that have both directions are
            of a table of states: no device takes two pulses at once.
    """
    if set.intersection(*({*each.rows.tolist()} for each in samples)):
        return ()
    names, found = columns.first("device"), list[Run]()
    devices: dict[str, int] = {}
    cycles: Counter[tuple[int, Direction]] = Counter()
    for each in samples:
        chains = [rows for rows in _chains(each) if len(rows) >= MIN_READINGS]
        if sum(map(len, chains)) < _MOST * len(each.rows):
            return ()
        for rows in chains:
            name = "" if names is None else table.texts[int(each.rows[rows[0]])][names]
            device = devices.setdefault(name, len(devices))
            way = each.jumps.direction
            last = each.jumps.conductance[rows[-1]] + each.jumps.change[rows[-1]]
            readings = np.append(each.jumps.conductance[rows], last)
            found.append(Run(way, readings, device, cycles[device, way]))
            cycles[device, way] += 1
    return tuple(found)


def chains_in_words(runs: tuple[Run, ...]) -> str:
    """What was read in place of single jumps."""
    counts = Counter(run.direction for run in runs)
    parts = [f"{counts[name]} of {name}" for name in DIRECTIONS]
    return f"rows that follow each other: runs of pulses, {' and '.join(parts)}"


def _chains(samples: Samples) -> Iterator[NDArray[np.int64]]:
    """Places of jumps of which each begins where the one in the row before has ended."""
    before, change = samples.jumps.conductance, samples.jumps.change
    gap = np.abs(before[:-1] + change[:-1] - before[1:])
    follows = (np.diff(samples.rows) == 1) & (gap <= _SAME * np.median(np.abs(change)))
    yield from np.split(np.arange(len(before)), np.flatnonzero(~follows) + 1)
