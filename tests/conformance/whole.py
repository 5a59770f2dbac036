"""The whole matrix, cell by cell and level by level, with its record.

python -m tests.conformance            prints what it finds; 1 where something is off
python -m tests.conformance --record   writes tests/conformance/record.json, too
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch

from tests.conformance.cases import RULES
from tests.conformance.cells import Cell, all_cells, composed
from tests.conformance.families import (
    before_writes,
    drift_family,
    hold_drift,
    hold_read,
    hold_rule,
    hold_write,
    read_family,
    rule_family,
)
from tests.conformance.levels import (
    CONFIDENCE,
    MEAN_OFF,
    POWER,
    VARIANCE_OFF,
    Test,
    failed,
)

HERE = Path(__file__).parent


@dataclass
class Found:
    """What a part of the matrix has found.

    Attributes:
        cells: Number of cells that were composed.
        faults: What is off, in words.
        tests: Comparisons of samples with moments.
        seconds: Time of the processor.
    """

    cells: int = 0
    faults: list[str] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    seconds: float = 0.0


def part(rule: str, family: int) -> Found:
    """All cells and levels of one rule.

    Args:
        rule: Name of the rule.
        family: Number of tests of the whole matrix, at most.
    """
    torch.set_num_threads(1)
    began, found = time.process_time(), Found()
    cells = [each for each in all_cells() if each.rule == rule]
    for cell in cells:
        found.cells += 1
        found.faults += [f"{cell}: {fault}" for fault in _faults(cell)]
    for name, hold in _levels(rule, cells, family):
        try:
            found.tests += hold()
        except (AssertionError, ValueError, RuntimeError) as error:
            text = " ".join(str(error).split())[:300]
            found.faults.append(f"{name}: {type(error).__name__}: {text}")
    found.seconds = time.process_time() - began
    return found


def _levels(
    rule: str, cells: list[Cell], family: int
) -> Iterator[tuple[str, Callable[[], list[Test]]]]:
    """The levels of a rule's cells, each with its name."""
    for key, before in before_writes(cells).items():
        yield f"write {key}", partial(hold_write, *key, before, family)
    for rows, place, hold in (
        (rule_family(), 0, hold_rule),
        (read_family(), 1, hold_read),
        (drift_family(), 0, hold_drift),
    ):
        for row in rows:
            if row[place] == rule:
                yield f"{hold.__name__} {row}", partial(hold, *row, family)


def _faults(cell: Cell) -> list[str]:
    try:
        return composed(cell)
    except (ValueError, RuntimeError) as error:
        return [f"{type(error).__name__}: {error}"]


def whole(processes: int) -> Found:
    """The whole matrix, a rule after the other in some processes."""
    rows = (before_writes(all_cells()), rule_family(), read_family(), drift_family())
    family = 2 * sum(len(each) for each in rows)
    total = Found()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for rule, each in zip(RULES, pool.map(partial(part, family=family), RULES), strict=True):
            print(
                f"{rule}: {each.cells} cells, {len(each.tests)} tests, {each.seconds:.0f} s",
                flush=True,
            )
            total.cells += each.cells
            total.faults += each.faults
            total.tests += each.tests
            total.seconds += each.seconds
    return total


def record(found: Found) -> dict[str, object]:
    """The record of a run."""
    weak = [
        each
        for each in found.tests
        if each.found > (MEAN_OFF if each.name.endswith("mean") else VARIANCE_OFF)
    ]
    return {
        "command": "python -m tests.conformance --record",
        "date": date.today().isoformat(),
        "commit": _commit(),
        "cells": found.cells,
        "tests": len(found.tests),
        "confidence": CONFIDENCE,
        "power": POWER,
        "mean_off": MEAN_OFF,
        "variance_off": VARIANCE_OFF,
        "smallest_p": min(each.p for each in found.tests),
        "smallest_p_allowed": (1.0 - CONFIDENCE) / len(found.tests),
        "failed": [asdict(each) for each in failed(found.tests)] + found.faults,
        "processor_seconds": round(found.seconds),
        "tests_that_find_less": {each.name: round(each.found, 4) for each in weak},
    }


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    return done.stdout.strip()
