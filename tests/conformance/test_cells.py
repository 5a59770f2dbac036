"""Cells in which every two parts meet: updates are made of their levels, and these have moments."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.conformance.cases import WRITES
from tests.conformance.cells import FACTORS, allowed, composed, covering_cells
from tests.conformance.families import before_writes, hold_read, hold_write, read_family
from tests.conformance.levels import CONFIDENCE, failed

CELLS = covering_cells()
BEFORE = before_writes(CELLS)


def test_every_two_parts_meet_in_a_cell():
    rows = [vars(cell) for cell in CELLS]
    for one, other in combinations(FACTORS, 2):
        met = {(row[one], row[other]) for row in rows}
        assert met == {
            (first, second)
            for first in FACTORS[one]
            for second in FACTORS[other]
            if allowed({one: first, other: second})
        }


@pytest.mark.parametrize("rule", FACTORS["rule"])
def test_updates_are_made_of_their_levels(rule):
    faults = {cell: composed(cell) for cell in CELLS if cell.rule == rule}
    assert {cell: found for cell, found in faults.items() if found} == {}


@pytest.mark.parametrize("write", WRITES)
def test_writes_of_the_cells_have_the_moments_that_they_state(write):
    """All of them together with 99 % confidence; what each finds is in ``levels.py``."""
    rows = {key: before for key, before in BEFORE.items() if key[2] == write}
    family = 2 * len(BEFORE)
    tests = [test for key, before in rows.items() for test in hold_write(*key, before, family)]
    assert failed(tests, (1.0 - CONFIDENCE) * 2 * len(rows) / family) == []


def test_reads_have_the_moments_that_they_state():
    family = read_family()
    assert failed([test for row in family for test in hold_read(*row, 2 * len(family))]) == []
