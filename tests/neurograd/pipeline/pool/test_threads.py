"""Tasks on threads: how they end, whatever stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
import torch

from neurograd.errors import NeurogradError
from neurograd.pipeline.pool import Stopped, Threads

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _two_cores_and_nothing_left(cores):
    cores(2)
    before = threading.active_count()
    yield
    assert threading.active_count() == before
    assert torch.get_num_threads() == 2


def _reporting(pool, began):
    report = pool.stage("endless", 1)
    began.set()
    while True:
        report(0)


def _silent(began):
    began.set()
    while True:
        pass


def _fail(began, error):
    began.wait()
    raise error


def test_every_task_runs_on_one_core_in_the_order_of_submission():
    seen = []
    with Threads(CPU) as pool:
        assert pool.capacity() == 2
        tasks = [
            pool.submit(lambda k: (seen.append(k), torch.get_num_threads())[1], k) for k in range(9)
        ]
        assert [task.result() for task in tasks] == [1] * 9
    assert sorted(seen) == list(range(9))


def test_results_that_nobody_waits_for_are_waited_for_at_the_end():
    seen = []
    with Threads(CPU) as pool:
        for k in range(20):
            pool.submit(seen.append, k)
    assert sorted(seen) == list(range(20))
    with pytest.raises(Stopped):
        pool.submit(seen.append, 20)


@pytest.mark.parametrize("error", [NeurogradError("one line"), KeyboardInterrupt(), SystemExit(3)])
def test_a_failure_stops_what_waits_and_what_runs_and_is_what_the_pool_ends_with(error):
    began, ran = threading.Event(), []

    def work():
        with Threads(CPU) as pool:
            first = pool.submit(_reporting, pool, began)
            pool.submit(_fail, began, error)
            for k in range(50):
                pool.submit(ran.append, k)
            first.result()

    with pytest.raises(type(error)) as caught:
        work()
    assert caught.value is error
    assert ran == []


def test_a_task_that_reports_nothing_is_stopped_as_well():
    began = threading.Event()

    def work():
        with Threads(CPU) as pool:
            first = pool.submit(_silent, began)
            pool.submit(_fail, began, NeurogradError("one line"))
            first.result()

    with pytest.raises(NeurogradError, match="one line"):
        work()


def test_a_failure_that_nobody_waits_for_is_told_all_the_same():
    def work():
        with Threads(CPU) as pool:
            pool.submit(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        work()


@pytest.mark.parametrize("waiting", [True, False])
def test_ctrl_c_stops_everything(waiting):
    """While a result is waited for, and while the pool waits for its last tasks."""

    def interrupting():
        os.kill(os.getpid(), signal.SIGINT)
        _silent(threading.Event())

    def work():
        with Threads(CPU) as pool:
            task = pool.submit(interrupting)
            if waiting:
                task.result()

    # A test run in the background has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_pool_in_a_task_of_another_one_stops_with_it():
    began = threading.Event()

    def inner():
        with Threads(CPU) as pool:
            pool.submit(_silent, began).result()

    def work():
        with Threads(CPU) as pool:
            first = pool.submit(inner)
            pool.submit(_fail, began, NeurogradError("outer"))
            first.result()

    with pytest.raises(NeurogradError, match="outer"):
        work()


def test_stop_gives_up_what_has_not_finished():
    began, waits = threading.Event(), threading.Event()

    def work():
        with Threads(CPU) as pool:
            done = pool.submit(int, "7")
            assert done.result() == 7
            tasks = [pool.submit(_reporting, pool, began), pool.submit(waits.wait)]
            began.wait()
            pool.stop()
            assert done.result() == 7
            waits.set()
            for task in tasks:
                with pytest.raises(Stopped):
                    task.result()
            with pytest.raises(Stopped):
                pool.submit(int, "8")

    work()


def test_tasks_run_and_an_error_stops_the_others():
    threads = torch.get_num_threads()
    with Threads(torch.device("cpu")) as pool:
        tasks = [pool.submit(lambda k=k: (k, torch.get_num_threads())) for k in range(5)]
        assert [t.result() for t in tasks] == [(k, 1) for k in range(5)]
    assert torch.get_num_threads() == threads

    def endless(pool):
        report = pool.stage("endless", 1)
        while True:
            report(0)

    def fail():
        raise NeurogradError("one line")

    def work():
        with Threads(torch.device("cpu")) as failing:
            failing.submit(lambda: endless(failing))
            failing.submit(fail).result()

    torch.set_num_threads(2)  # on one core the task that fails would wait for the endless one
    with pytest.raises(NeurogradError):
        work()
    assert torch.get_num_threads() == 2


TRACED = """
import sys, torch
from neurograd.pipeline.pool import Threads

def silent():
    while True:
        pass

def fail():
    raise ValueError

torch.set_num_threads(2)
with Threads(torch.device("cpu")) as pool:
    pool.submit(abs, 1).result()
if "stop" in sys.argv:
    try:
        with Threads(torch.device("cpu")) as pool:
            pool.submit(silent)
            pool.submit(fail).result()
    except ValueError:
        pass
sys.settrace(lambda *event: None)
def called():
    return 1

called()
"""


@pytest.mark.parametrize("how", ["end", "stop"])
def test_no_error_is_left_pending(how):
    """A debugger or a coverage tool would stand still at the next call of a function."""
    command = [sys.executable, "-c", TRACED, how]
    ended = subprocess.run(command, check=False, timeout=600)  # only so that it ends at all
    assert ended.returncode == 0
