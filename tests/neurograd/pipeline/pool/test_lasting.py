"""A pool goes on where its workers died: nothing that has a result is computed again."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import pytest

from neurograd.errors import NeurogradError
from neurograd.pipeline.pool import Inline, Lasting, Processes, Stopped, WorkersLost
from tests.neurograd.pipeline.pool import tasks


class Mortal(Inline):
    """Dies of one of its first tasks, a number of times in all."""

    opened = 0
    computed: ClassVar[list[int]] = []
    deaths = 0
    last = 0

    def __init__(self) -> None:
        super().__init__()
        Mortal.opened += 1
        self.number, self.taken = Mortal.opened, 0

    def submit(self, task, *arguments):
        self.taken += 1
        if self.taken > Mortal.last and self.number <= Mortal.deaths:
            return super().submit(_killed)
        found = super().submit(task, *arguments)
        Mortal.computed.append(arguments[0])
        return found


def _killed():
    raise WorkersLost("killed")


@pytest.fixture
def mortal():
    """Sets how often the pool dies, and after how many tasks."""

    def make(deaths, last):
        Mortal.opened, Mortal.computed, Mortal.deaths, Mortal.last = 0, [], deaths, last
        return Lasting(Mortal)

    return make


def test_what_has_a_result_is_not_computed_again(mortal):
    with mortal(deaths=2, last=2) as pool:
        found = [pool.submit(tasks.double, k) for k in range(6)]
        assert [task.result() for task in found] == [0, 2, 4, 6, 8, 10]
    assert Mortal.opened == 3
    assert sorted(Mortal.computed) == list(range(6))


def test_many_deaths_with_results_in_between_are_none_in_a_row(mortal):
    with mortal(deaths=7, last=1) as pool:
        found = [pool.submit(tasks.double, k) for k in range(9)]
        assert [task.result() for task in found] == [2 * k for k in range(9)]
    assert Mortal.opened == 8


def test_three_deaths_in_a_row_are_one_line(mortal):
    def work():
        with mortal(deaths=9, last=0) as pool:
            pool.submit(tasks.double, 1).result()

    with pytest.raises(NeurogradError, match="died 3 times in a row"):
        work()
    assert Mortal.opened == 3


def test_workers_that_cannot_be_replaced_end_the_work(mortal):
    lasting = mortal(deaths=1, last=0)

    def gone():
        raise NeurogradError("--scheduler: no scheduler answers")

    def work():
        with lasting as pool:
            pool._open_pool = gone
            pool.submit(tasks.double, 1).result()

    with pytest.raises(NeurogradError, match="no scheduler answers"):
        work()


def test_a_process_that_is_killed_is_replaced(tmp_path):
    with Lasting(partial(Processes, 2)) as pool:
        found = [pool.submit(tasks.double, k) for k in range(3)]
        died = pool.submit(tasks.die_once, str(tmp_path / "died"))
        found += [pool.submit(tasks.double, k) for k in range(3, 6)]
        assert died.result() == "alive"
        assert [task.result() for task in found] == [0, 2, 4, 6, 8, 10]


def test_an_interruption_ends_what_runs():
    def work():
        with Lasting(partial(Processes, 1)) as pool:
            given.append(pool.submit(tasks.endless))
            raise KeyboardInterrupt

    given: list = []
    with pytest.raises(KeyboardInterrupt):
        work()
    assert isinstance(given[0].exception(), Stopped)
