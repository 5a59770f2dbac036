"""check and limits give the same numbers by threads and by any number of processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from dataclasses import replace

import pytest

import neurograd
from neurograd.errors import NeurogradError, SpecError
from neurograd.pipeline.check import check
from neurograd.pipeline.identity import Surroundings
from neurograd.pipeline.limits import find_limits
from neurograd.pipeline.pool import Inline, workers
from neurograd.pipeline.pool.workers import Workers
from neurograd.problem import Problem
from tests.neurograd.cases import relu_network
from tests.neurograd.command_line import refused
from tests.neurograd.pipeline.pool.specs import CHECKED, LIMITED, without_times


@pytest.fixture(scope="module")
def alone():
    """The check by threads of this process."""
    return without_times(check(CHECKED).report)


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_a_check_is_the_same_by_any_number_of_processes(alone, jobs):
    assert without_times(check(CHECKED, jobs=jobs).report) == alone
    assert alone["mitigation"] is not None  # so that forecasts without an effect are in it


def test_limits_are_the_same_by_processes():
    found = without_times(find_limits(LIMITED, quick=True, jobs=2).report)
    assert found == without_times(find_limits(LIMITED, quick=True).report)
    assert any(number["training"] for number in found["numbers"])


class Killing:
    """Kills a process once some stages are done, and counts the stages."""

    def __init__(self) -> None:
        self.done, self.victim = 0, 0

    def stage(self, label, total):
        return self.advance

    def advance(self, more):
        self.done += more
        if self.done >= 3 and not self.victim:
            self.victim = multiprocessing.active_children()[0].pid
            os.kill(self.victim, signal.SIGKILL)


def test_a_killed_process_loses_nothing(alone, tmp_path):
    reporter = Killing()
    found = check(CHECKED, jobs=2, reporter=reporter, resume=tmp_path)
    assert reporter.victim
    assert without_times(found.report) == alone
    # A check that is done already asks nobody.
    again = Killing()
    assert without_times(check(CHECKED, jobs=2, reporter=again, resume=tmp_path).report) == alone
    assert again.done == 0


def test_errors_come_from_workers_as_they_are():
    error = pickle.loads(pickle.dumps(SpecError("a.yaml", "device.read", "is wrong")))
    assert isinstance(error, SpecError)
    assert (error.source, error.key, str(error)) == (
        "a.yaml", "device.read", "a.yaml: device.read: is wrong",
    )  # fmt: skip
    diverging = CHECKED.training.model_copy(update={"step_size": 1e200})
    with pytest.raises(NeurogradError, match="the clean training diverged"):
        check(CHECKED.model_copy(update={"training": diverging}), jobs=1)


def _weights(spec, problem, scale):
    return scale * float(problem.initial_weights.abs().sum())


def test_a_worker_with_other_data_or_other_code_refuses():
    here = Surroundings.of("cpu")
    with Inline() as pool:
        with pytest.raises(NeurogradError, match="a worker has other data"):
            Workers(pool, here).compute(_weights, CHECKED, "other content", 2.0)
        with pytest.raises(NeurogradError, match="a worker has other code"):
            Workers(pool, replace(here, code="f00")).compute(_weights, CHECKED, "", 2.0)


def test_a_worker_builds_the_problem_of_its_tasks_once(monkeypatch):
    built = []

    def build(spec, device):
        built.append(spec)
        return problem

    problem = neurograd.pipeline.build.build_problem(CHECKED)
    content = neurograd.pipeline.identity.content_fingerprint(problem)
    monkeypatch.setattr(workers, "build_problem", build)
    workers._problem.cache_clear()
    other = CHECKED.model_copy(update={"name": "another device"})
    with Inline() as pool:
        asked = Workers(pool, Surroundings.of("cpu"))
        values = [asked.compute(_weights, spec, content, 1.0) for spec in (CHECKED, other)]
    workers._problem.cache_clear()
    assert len(built) == 1
    assert values == [float(problem.initial_weights.abs().sum())] * 2


def test_objects_of_a_program_are_not_sent(capsys, tmp_path):
    problem: Problem = relu_network()
    with pytest.raises(NeurogradError, match="--jobs: objects of a program are not sent"):
        neurograd.check(problem=problem, chip="epiram", jobs=2)
    path = tmp_path / "s.yaml"
    path.write_text("network: {hidden: [4]}\n")
    for command in ("check", "limits", "train"):
        assert "--jobs" in refused(capsys, command, path, "--jobs", "0")
        both = ("--jobs", "2", "--scheduler", "tcp://h:1")
        assert "--scheduler alone" in refused(capsys, command, path, *both)
