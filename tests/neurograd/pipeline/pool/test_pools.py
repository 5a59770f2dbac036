"""What all pools have in common: threads, processes, a cluster, and none."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from functools import partial

import pytest
import torch

from neurograd.errors import NeurogradError
from neurograd.pipeline.pool import (
    Cluster,
    Inline,
    Lasting,
    Processes,
    Stopped,
    Threads,
    WorkersLost,
    choose_pool,
)
from tests.neurograd.pipeline.pool import tasks
from tests.neurograd.pipeline.pool.disturbed import local_cluster


@pytest.fixture(scope="module")
def address():
    """A scheduler with two worker processes."""
    with local_cluster(2) as made:
        yield made.scheduler_address


@pytest.fixture(params=["inline", "threads", "processes", "lasting", "cluster"])
def make(request, cores):
    """Makes pools of one kind."""
    cores(2)
    if request.param == "cluster":
        return partial(Cluster, request.getfixturevalue("address"))
    return {
        "inline": Inline,
        "threads": partial(Threads, torch.device("cpu")),
        "processes": partial(Processes, 2),
        "lasting": partial(Lasting, Inline),
    }[request.param]


def test_results_come_back_whatever_computes_them(make):
    with make() as pool:
        assert pool.capacity() >= 1
        found = [pool.submit(tasks.double, k) for k in range(5)]
        assert [task.result() for task in found] == [0, 2, 4, 6, 8]
    assert torch.get_num_threads() == 2


def test_a_task_has_one_core(make):
    if isinstance(make, partial) and make.func is Cluster:
        pytest.skip("the threads of a cluster's workers are the cluster's")
    with make() as pool:
        assert pool.submit(tasks.threads).result() == 1


def test_results_that_nobody_waits_for_are_there_at_the_end(make):
    with make() as pool:
        task = pool.submit(tasks.double, 4)
    assert task.done()
    assert task.result() == 8


@pytest.mark.parametrize("waiting", [True, False])
def test_the_error_of_a_task_is_what_the_pool_ends_with(make, waiting):
    def work():
        with make() as pool:
            task = pool.submit(tasks.refuse, "one line")
            if waiting:
                task.result()

    with pytest.raises(NeurogradError, match="one line"):
        work()


def test_an_interruption_in_a_task_is_one_of_the_whole(make):
    if isinstance(make, partial) and make.func is Cluster:
        pytest.skip("it would end the cluster's worker")

    def work():
        with make() as pool:
            pool.submit(tasks.interrupt).result()

    with pytest.raises(KeyboardInterrupt):
        work()


def test_an_error_of_ones_own_goes_on_and_what_waits_is_given_up(make):
    given = []

    def work():
        with make() as pool:
            given.extend(pool.submit(tasks.double, k) for k in range(4))
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        work()
    for task in given:
        assert task.done()
        assert task.exception() is None or isinstance(task.exception(), Stopped)


def test_nothing_is_taken_after_a_stop_or_the_end(make):
    with make() as pool:
        report = pool.stage("stage", 2)
        report(1)
        pool.stop()
        with pytest.raises(Stopped):
            report(1)
        with pytest.raises(Stopped):
            pool.submit(tasks.double, 1)
    with pytest.raises(Stopped):
        pool.submit(tasks.double, 1)


def test_a_stage_shows_its_progress(make):
    seen = []

    class Seeing:
        def stage(self, label, total):
            seen.append((label, total))
            return seen.append

    with make(reporter=Seeing()) as pool:
        pool.stage("training", 7)(3)
    assert seen == [("training", 7), 3]


# -- processes -------------------------------------------------------------------------------------


def test_processes_that_run_end_with_the_one_that_fails():
    others = set(multiprocessing.active_children())

    def work():
        with Processes(2) as pool:
            running = [pool.submit(tasks.endless) for _ in range(4)]
            pool.stop()
            running[0].result()

    with pytest.raises(Stopped):
        work()

    def fail():
        with Processes(2) as pool:
            running = pool.submit(tasks.endless)
            pool.submit(tasks.refuse, "one line")
            running.result()

    with pytest.raises(NeurogradError, match="one line"):
        fail()
    assert set(multiprocessing.active_children()) <= others


def test_a_process_that_dies_is_told_from_one_that_fails():
    def work():
        with Processes(2) as pool:
            pool.submit(tasks.die).result()

    with pytest.raises(WorkersLost):
        work()


SCRIPT = """
from neurograd.pipeline.pool import Lasting, Processes
from tests.neurograd.pipeline.pool import tasks
print("body", __name__)
{guard}with Lasting(lambda: Processes(2{options})) as pool:
    {indent}print(pool.submit({task}, 21).result())
"""
OF_MAIN = """
def double(value):
    return 2 * value
"""


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        (SCRIPT.format(guard="", indent="", options="", task="tasks.double"), ["__main__"]),
        (
            OF_MAIN
            + SCRIPT.format(
                guard="if __name__ == '__main__':\n  ",
                indent="  ",
                options=", main_module=True",
                task="double",
            ),
            ["__main__", "__mp_main__"],
        ),
    ],
    ids=["tasks of modules", "tasks of the script"],
)
def test_a_script_runs_once_where_its_tasks_are_functions_of_modules(tmp_path, text, bodies):
    """Red where a script without a guard runs again in each worker, which dies of that."""
    script = tmp_path / "script.py"
    script.write_text(text)
    command, places = [sys.executable, script], os.pathsep.join(sys.path)
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": places},
    )
    lines = done.stdout.split("\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in lines if line.startswith("body")] == [
        f"body {each}" for each in bodies
    ]
    assert "42" in lines


# -- which pool ------------------------------------------------------------------------------------


def test_the_pool_of_the_options(cores):
    cores(3)
    assert choose_pool(None, None, "cpu", 1) is Inline
    assert choose_pool(1, None, "cpu", 9) is Inline
    assert choose_pool(None, None, "cuda", 9) is Inline
    assert choose_pool(None, None, "cpu", 9)().capacity() == 6
    assert choose_pool(8, None, "cpu", 2)().capacity() == 4
    assert isinstance(choose_pool(None, "tcp://h:1", "cpu", 9)(), Cluster)
    with pytest.raises(NeurogradError, match="--jobs"):
        choose_pool(0, None, "cpu", 9)
    with pytest.raises(NeurogradError, match="--jobs"):
        choose_pool(2, "tcp://h:1", "cpu", 9)
