"""Finds numbers in a report's sentences that have lost the interval that they have in its data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from neurograd import words
from neurograd.measure.intervals import CONFIDENCE

QUOTED = re.compile(r"(-?[\d.]+(?:e-?\d+)?(?: %)?) \(([^()]*) at ([\d.]+ %)\)")
"""A number with its interval and the interval's confidence."""

_TOLD = ("reasons", "advice", "sentence", "notes")
"""Fields of a report that hold sentences."""


@dataclass(frozen=True)
class Ranged:
    """A number of a report with its interval, as sentences may have them."""

    path: str
    shown: frozenset[str]
    quoted: frozenset[str]


def parted(report: dict[str, Any]) -> list[str]:
    """One line for every number of a sentence that stands without its interval.

    Args:
        report: The JSON types of a report of check, train or limits.
    """
    known = list(_ranged(report, "", CONFIDENCE))
    exempt = set(_without_interval(report))
    found = []
    for sentence in sentences(report):
        for match in QUOTED.finditer(sentence):
            if not any(match[0] in each.quoted for each in known):
                found.append(f"{match[0]!r} is not in the data: {sentence}")
        rest = QUOTED.sub("", sentence)
        for each in known:
            for shown in each.shown - exempt:
                if re.search(rf"(?<![\d.\-e]){re.escape(shown)}(?![\d.e]| %)", rest):
                    found.append(f"{shown!r} ({each.path}) has no interval: {sentence}")
    return found


def sentences(report: dict[str, Any]) -> list[str]:
    """Every sentence of a report."""
    found: list[str] = []

    def walk(value: Any, told: bool) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                walk(each, name in _TOLD)
        elif isinstance(value, list):
            for each in value:
                walk(each, told)
        elif told and isinstance(value, str):
            found.append(value)

    walk({name: each for name, each in report.items() if name != "spec"}, False)
    return found


def _ranged(value: Any, path: str, level: float) -> Iterator[Ranged]:
    """Every number that stands beside an interval, at the confidence that stands nearest to it."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _ranged(each, f"{path}[{index}]", level)
    if not isinstance(value, dict):
        return
    level = value.get("confidence") or level
    for name, each in value.items():
        if name == "spec":
            continue
        # Of a value that was tried, the interval is that of its cost.
        own = "cost" if "cost" in value else "value"
        ends = value.get(f"{name}_ci", value.get("ci") if name == own else None)
        if isinstance(each, float) and isinstance(ends, list):
            yield _of(f"{path}.{name}", each, ends, level)
        yield from _ranged(each, f"{path}.{name}", level)


def _of(path: str, value: float, ends: list[Any], level: float) -> Ranged:
    # A whole number without a unit may be a count of anything.
    shown = {words.percent(value), words.number(value)}
    known = [math.nan if end is None else end for end in ends]
    quoted = {make(value, known, level) for make in (words.ranged_percent, words.ranged_number)}
    return Ranged(path, frozenset(s for s in shown if "." in s or "%" in s), frozenset(quoted))


def _without_interval(report: dict[str, Any]) -> Iterator[str]:
    """What targets and regimes allow, the clean network reached and a number of the spec was tried
    at: a measurement may equal it."""
    regime = (report.get("training", {}).get("forecast") or {}).get("regime")
    if regime is not None:
        yield words.number(regime["limit"])
    clean = report.get("training", {}).get("clean", {})
    for name in ("test_accuracy", "loss", "test_loss"):
        if isinstance(clean.get(name), float):
            yield from (words.percent(clean[name]), words.number(clean[name]))
    for each in report.get("numbers", []):
        for place in (each, each.get("opposite") or {}):
            ends = (place.get(name) for name in ("inside", "outside"))
            yield from (end["shown"] for end in ends if end is not None)
    targets = report["spec"]["targets"]
    for value in targets.values():
        if isinstance(value, float):
            yield words.percent(value)
