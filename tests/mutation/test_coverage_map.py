"""Which tests a mutant is run against."""

from __future__ import annotations

from tests.mutation import coverage_map

OWN, FAST, SLOW, OTHER = (
    "tests/write/test_made.py::test_own",
    "tests/test_a.py::test_fast",
    "tests/test_a.py::test_slow",
    "tests/test_a.py::test_other_line",
)

TESTS = coverage_map.Tests(
    {OWN: 3.0, FAST: 1.0, SLOW: 9.0, OTHER: 1.0},
    {"write/made.py": {4: [SLOW, FAST], 5: [OWN], 9: [OTHER]}},
)


def test_those_that_run_the_lines_the_modules_own_first():
    assert TESTS.of("write/made.py", 4, 5, 100.0) == [OWN, FAST, SLOW]
    assert TESTS.of("write/made.py", 4, 4, 100.0) == [FAST, SLOW]


def test_no_more_time_than_is_allowed_but_one_test_at_least():
    assert TESTS.of("write/made.py", 4, 5, 5.0) == [OWN, FAST]
    assert TESTS.of("write/made.py", 4, 5, 0.0) == [OWN]
    assert coverage_map.Tests(
        {"m::test_long": 9.0, OWN: 1.0, FAST: 9.5},
        {"write/made.py": {1: ["m::test_long", OWN, FAST]}},
    ).of("write/made.py", 1, 1, 10.4) == [OWN, "m::test_long"]


def test_what_runs_at_an_import_is_run_by_all_tests_of_the_module():
    assert set(TESTS.of("write/made.py", 1, 1, 100.0)) == {OWN, FAST, SLOW, OTHER}
    assert TESTS.of("write/unknown.py", 1, 1, 100.0) == []
