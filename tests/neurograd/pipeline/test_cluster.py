"""`--scheduler`: worker processes of a dask cluster, some of which are killed."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import pytest

from neurograd.errors import NeurogradError
from neurograd.pipeline.check import check
from neurograd.pipeline.identity import Surroundings
from neurograd.pipeline.limits import find_limits
from neurograd.pipeline.pool import Inline, WorkersLost
from neurograd.pipeline.pool import cluster as cluster_pool
from neurograd.pipeline.sweep import run, work
from neurograd.pipeline.sweep.command import Request, sweep
from neurograd.progress import Silent
from neurograd.spec import load_spec
from tests.neurograd.command_line import TINY, refused
from tests.neurograd.pipeline.pool.disturbed import Killing, local_cluster
from tests.neurograd.pipeline.pool.specs import CHECKED, LIMITED, without_times

OVER = ("device.write.cycle_to_cycle=0 %:6 %:6", "training.step_size=0.1,0.2,0.3,1e200")


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="module")
def cluster():
    """Three worker processes on this machine."""
    with local_cluster(3) as made:
        yield made


def test_a_killed_worker_loses_no_point_and_the_table_is_the_same(spec, tmp_path, cluster):
    sweep(Request(spec, OVER, table=tmp_path / "alone.csv", jobs=1), Silent())
    table, victim = tmp_path / "t.csv", next(iter(cluster.workers.values())).pid
    killing = Killing(lambda: victim)
    result = sweep(Request(spec, OVER, table=table, scheduler=cluster.scheduler_address), killing)
    assert 3 <= killing.killed_at < 24
    while victim in [worker.pid for worker in cluster.workers.values()]:
        time.sleep(0.002)  # the cluster notices
    assert killing.rows == 24
    assert result.rows[3]["error"].startswith("training.step_size: the clean training diverged")
    assert table.read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alone.csv", "t.csv", "tiny.yaml"]


def test_a_check_is_the_same_when_a_worker_is_killed(cluster):
    victim = next(iter(cluster.workers.values())).pid
    killing = Killing(lambda: victim)
    found = check(CHECKED, scheduler=cluster.scheduler_address, reporter=killing)
    assert killing.killed_at is not None
    assert without_times(found.report) == without_times(check(CHECKED).report)


def test_limits_are_the_same_on_a_cluster(cluster):
    found = find_limits(LIMITED, quick=True, scheduler=cluster.scheduler_address)
    alone = find_limits(LIMITED, quick=True)
    assert without_times(found.report) == without_times(alone.report)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1:9", "nonsense", "x://y:1", ""])
def test_a_scheduler_that_does_not_answer_is_one_line(capsys, spec, tmp_path, monkeypatch, address):
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    monkeypatch.setattr(cluster_pool, "CONNECT_SECONDS", 0.3)
    arguments = ["--over", OVER[0], "--table", tmp_path / "t.csv", "--scheduler", address]
    message = refused(capsys, "sweep", spec, *arguments)
    assert address in message
    assert "allowed" in message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.yaml"]


def test_without_dask_the_extra_is_named(capsys, spec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ["--over", OVER[0], "--table", tmp_path / "t.csv", "--scheduler", "tcp://h:1"]
    assert "neurograd-chip[cluster]" in refused(capsys, "sweep", spec, *arguments)


def test_a_worker_with_other_versions_or_other_code_refuses():
    here = Surroundings.of("cpu")
    older = replace(here, versions={**here.versions, "torch": "0.0"})
    for other, words in ((older, ("torch", "0.0")), (replace(here, code="f00"), ("code", "f00"))):
        settings = work.Settings("train", False, other)
        for failure in (
            work.evaluate_point(None, settings, None),
            work.train_clean_twin(None, settings),
        ):
            assert failure.is_result is False
            assert all(word in failure.text for word in words)


def _killed():
    raise WorkersLost("killed")


def test_workers_that_die_again_and_again_end_the_sweep(spec, tmp_path):
    class Deadly(Inline):
        opened = 0

        def submit(self, *task):
            Deadly.opened += 1
            return super().submit(_killed)

    settings = work.Settings("train", False, Surroundings.of("cpu"))
    points = run.prepare([("a=1", load_spec(spec))], settings)
    with pytest.raises(NeurogradError, match="died 3 times in a row"):
        run.evaluate_points(points, settings, tmp_path / "kept", Deadly, Silent())
    assert Deadly.opened == 3
