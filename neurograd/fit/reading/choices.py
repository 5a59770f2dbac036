"""The columns that a user names: ``--columns potentiation=LTP,depression=LTD:reversed,time=t``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from neurograd.errors import DataError
from neurograd.fit.measurements import Direction
from neurograd.fit.reading.heads import Head, Kind, understand
from neurograd.keys.units import NUMBER_PATTERN, parse_number, unit_factor

ROLES = (
    "potentiation", "depression", "trace", "pulse", "time", "voltage", "cycle", "device",
    "direction", "conductance", "delta_up", "delta_down", "read_voltage",
)  # fmt: skip
"""What a column may be named as; ``read_voltage`` is a voltage, all others are columns."""

SYNTAX = (
    "ROLE=HEAD[:UNIT][:reversed], between commas, HEAD the column's head or its number from 1 and "
    "ROLE one of " + ", ".join(ROLES)
)
"""How ``--columns`` is written, in words."""

_PAIR = re.compile(rf",\s*(?=(?:{'|'.join(ROLES)})\s*=)")
_KINDS: Mapping[str, Kind] = {
    "potentiation": "value", "depression": "value", "trace": "value", "conductance": "state",
    "delta_up": "delta", "delta_down": "delta", "pulse": "pulse", "time": "time",
    "voltage": "voltage", "cycle": "cycle", "device": "device", "direction": "direction",
}  # fmt: skip

_DIRECTIONS: Mapping[str, Direction] = {
    "potentiation": "potentiation", "delta_up": "potentiation",
    "depression": "depression", "delta_down": "depression",
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One column that a user named.

    Attributes:
        role: What it is, one of ``ROLES``.
        head: Its head, or its number from 1.
        unit: The unit of its values, None where the head says it.
        reversed: Whether it is to be read from its end.
    """

    role: str
    head: str
    unit: str | None = None
    reversed: bool = False


@dataclass(frozen=True)
class Choices:
    """All columns that a user named, and the read voltage in volts, None where not given."""

    columns: tuple[Choice, ...] = ()
    read_voltage: float | None = None


def parse_choices(text: str | None) -> Choices:
    """Read what ``--columns`` gave.

    Raises:
        DataError: One line, when it is not of the syntax.
    """
    columns: list[Choice] = []
    read_voltage = None
    for pair in _PAIR.split((text or "").strip()):
        if not pair:
            continue
        role, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or role not in ROLES or not value:
            raise DataError(f"--columns: {pair!r} is not understood; allowed: {SYNTAX}")
        if role == "read_voltage":
            read_voltage = _volts(value)
            continue
        columns.append(_choice(role, value))
    return Choices(tuple(columns), read_voltage)


def _volts(value: str) -> float:
    match = re.fullmatch(rf"({NUMBER_PATTERN})\s*([a-zµ\u03bc]?V)?", value)
    number = parse_number(match[1]) if match else None
    volts = number * (unit_factor(match[2] or "V", "volt") or 0.0) if match and number else 0.0
    if volts == 0.0:
        raise DataError(f"--columns: read_voltage={value}; allowed: a voltage such as 0.2 V")
    return volts


def _choice(role: str, value: str) -> Choice:
    head, *flags = value.split(":")
    unit, turned = None, False
    while flags:
        flag = flags.pop(0).strip()
        if flag == "reversed":
            turned = True
        elif any(unit_factor(flag, target) for target in ("siemens", "ohm", "ampere")):
            unit = flag
        else:
            head = f"{head}:{flag}"  # a head with a colon
    return Choice(role, head.strip(), unit, turned)


def chosen_heads(names: Sequence[str], choices: Choices) -> dict[int, Head]:
    """The heads of the columns that were named, by their place.

    Raises:
        DataError: One line, if a column is not there, is named twice or is a logarithm.
    """
    found: dict[int, Head] = {}
    for choice in choices.columns:
        place = _place(names, choice.head)
        if place in found:
            raise DataError(f"--columns: {choice.head} is named twice; allowed: once")
        said = understand(names[place]) if names[place] else Head("other")
        unit = None if choice.unit is None else understand(f"x ({choice.unit})")
        kind = _KINDS[choice.role]
        if kind not in ("value", "state", "delta"):
            found[place] = replace(said, kind=kind)
            continue
        if said.kind == "logarithm":
            problem = "is a logarithm; allowed: the values themselves"
            raise DataError(f"--columns: column {names[place]} {problem}")
        found[place] = replace(
            said,
            kind=kind,
            direction=_DIRECTIONS.get(choice.role),
            quantity=said.quantity if unit is None else unit.quantity,
            unit=said.unit if unit is None else unit.unit,
            factor=said.factor if unit is None else unit.factor,
            reversed=choice.reversed,
        )
    return found


def _place(names: Sequence[str], head: str) -> int:
    exact = [k for k, name in enumerate(names) if name.strip().lower() == head.lower()]
    if exact:
        return exact[0]
    if head.isdigit() and 1 <= int(head) <= len(names):
        return int(head) - 1
    there = ", ".join(name for name in names if name) or f"1 to {len(names)}"
    raise DataError(f"--columns: there is no column {head!r}; allowed: {there}")
