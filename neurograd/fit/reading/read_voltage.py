"""The voltage of the reads: as a user names it, from a column, or from a line above the table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from neurograd.fit.reading.choices import Choices
from neurograd.fit.reading.heads import Head
from neurograd.fit.reading.sheets.table import Table

LARGEST = 10.0
"""Largest voltage in volts that is taken for one of reads; beyond it, a unit has been missed."""

_NAME = re.compile(r"\b(?:v[ _-]?read|read[ _-]?(?:voltage|bias)|lesespannung)\b", re.IGNORECASE)
_UNIT = r"(?:m|milli|[u\u00b5\u03bc]|micro)?\s?(?:V|v|[Vv]olts?)(?![\w/])"
_BETWEEN = (
    r"(?:[\s:=,;/|~\u00b1]|(?i:is|was|of|at|in|used|applied|level|value|amplitude|set|to)\b)*"
)
# The number is read whole or not at all: '1.2.3' is not 1.2, '100m' not 100, '1,000' not 1.
_SETTING = re.compile(
    rf"{_BETWEEN}(?:[(\[{{]?\s*(?P<before>{_UNIT})\s*[)\]}}]?{_BETWEEN})?"
    r"(?![1-9]\d{0,2},\d{3}\b)(?P<value>(?>[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][+-]?\d+)?))"
    rf"(?:[\s,;]*[(\[{{]?(?P<after>{_UNIT})|\.?\s*$|\.? *[,;|\t)\]])"
)
_OF_PULSES = re.compile(r"puls|amplitude|set|prog|writ|eras|stim|spik|gate", re.IGNORECASE)


def find_read_voltage(
    table: Table, heads: Mapping[int, Head], values: Sequence[int], choices: Choices
) -> tuple[float | None, str]:
    """The read voltage in volts, None where it is not known, and where it comes from, in words.

    A column that is named as the reads' comes before a line above the table, and that before a
    voltage that is one and the same in all lines with readings.
    """
    if choices.read_voltage is not None:
        return choices.read_voltage, f"read voltage {choices.read_voltage:g} V, from --columns"
    for volts, source in _sources(table, heads, values, choices):
        if volts is None:
            return None, f"no read voltage from {source}"
        if volts > LARGEST:
            return None, (
                f"no read voltage from {source}: {volts:g} V is above {LARGEST:g} V, which "
                f"--columns 'read_voltage={volts:g} V' takes"
            )
        return volts, f"read voltage {volts:g} V, from {source}"
    return None, ""


def _sources(
    table: Table, heads: Mapping[int, Head], values: Sequence[int], choices: Choices
) -> Iterator[tuple[float | None, str]]:
    """Voltages and where each stands, the surest first; None for one that can not be read."""
    for place, head in heads.items():
        if head.kind == "read_voltage":
            volts = {abs(volt) for volt in table.column(place) if not math.isnan(volt)}
            if len(volts) == 1 and volts != {0.0}:
                yield volts.pop() * head.factor, f"column {table.title(place)}"
    yield from _above(table.preamble)
    # A voltage that a user names is that of the pulses.
    if len(heads) < 5 and all(choice.role != "voltage" for choice in choices.columns):
        for place, head in heads.items():
            if head.kind == "voltage" and not _of_pulses(table, place, head):
                volts = _beside_readings(table, place, values)
                if len(volts) == 1 and volts != {0.0}:
                    yield abs(volts.pop()) * head.factor, f"column {table.title(place)}"


def _above(lines: Sequence[str]) -> Iterator[tuple[float | None, str]]:
    """What the lines above a table say, if they say it clearly and all alike."""
    named = [line for line in lines if _NAME.search(line)]
    found = {line: volts for line in named if (volts := _setting(line))}
    if len(set(found.values())) > 1:
        yield None, f"the lines {' and '.join(_shown(line) for line in found)}, which differ"
    elif found:
        line, volts = next(iter(found.items()))
        yield volts, f"the line {_shown(line)}"
    elif named:
        yield None, f"the line {_shown(named[0])}, which is not of the form 'V_read: 0.2 V'"


def _shown(line: str) -> str:
    return repr(" ".join(line.split()))


def _setting(line: str) -> float | None:
    """The voltage that a line sets, in volts and without its sign; None where it sets none."""
    for name in _NAME.finditer(line):
        match = _SETTING.match(line, name.end())
        if match:
            unit = match["after"] or match["before"] or "V"
            factor = {"V": 1.0, "v": 1.0, "m": 1e-3}.get(unit[0], 1e-6)
            factor = 1e-6 if unit.startswith("micro") else factor
            return abs(float(match["value"].replace(",", "."))) * factor
    return None


def _of_pulses(table: Table, place: int, head: Head) -> bool:
    """Whether a head names the voltage of pulses."""
    return head.direction is not None or bool(_OF_PULSES.search(table.names[place]))


def _beside_readings(table: Table, place: int, values: Sequence[int]) -> set[float]:
    """The voltages of a column in the lines that hold readings."""
    return {
        row[place]
        for row in table.values
        if not math.isnan(row[place]) and not all(math.isnan(row[each]) for each in values)
    }
