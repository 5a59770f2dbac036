"""`neurograd sweep`: designs, tables, and a kill at any moment."""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.check import train_beside, train_clean
from neurograd.pipeline.forecasting import forecast
from neurograd.pipeline.identity import Surroundings
from neurograd.pipeline.sweep import command, modes, run, work
from neurograd.pipeline.sweep.command import Request, plan_sweep, sweep
from neurograd.pipeline.sweep.design import Axis, Range, make_grid, make_random, parse_axis
from neurograd.progress import Silent
from neurograd.report.figures.sweep_map import SweepFigure, check_plot, plot_sweep
from neurograd.spec import load_spec, validate_spec
from tests.neurograd.command_line import TINY, run_command, started
from tests.neurograd.pipeline.pool.disturbed import Killing

C2C, LEVELS = "device.write.cycle_to_cycle", "device.conductance.levels"


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def _rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def _sweep(spec, table, *over, **options):
    options = {"jobs": 1, **options}
    return sweep(Request(spec, over, table=table, plotter=SweepFigure(), **options), Silent())


# -- Designs ---------------------------------------------------------------------------------------


def test_values_are_split_at_commas_that_stand_outside_of_brackets_and_quotes():
    axis = parse_axis("a.b=[8], [8,4],{x: 1, y: [2, 3]},'p,q',null")
    assert axis == Axis("a.b", ("[8]", "[8,4]", "{x: 1, y: [2, 3]}", "'p,q'", "null"))


def test_a_range_that_gives_fewer_values_than_were_asked_for_says_so():
    def remarks(low, high, **options):
        axis = Axis("a.b", range=Range(low, high, **options))
        return make_grid([axis, parse_axis("c=1,2")]).remarks

    assert remarks(5, 6, count=4, whole=True) == (
        "a.b: the range gives 2 different whole numbers in place of the 4 values asked for.",
    )
    (note,) = remarks(1.0, 1.000002, count=9)
    assert "different numbers of six digits in place of the 9 values" in note
    assert remarks(5, 8, count=4, whole=True) == remarks(5, 6, count=4) == ()


def test_ranges_keep_their_unit_and_their_ends():
    linear = parse_axis(f"{C2C}=1 %:10 %:4").range
    assert linear.values() == ("1 %", "4 %", "7 %", "10 %")
    log = parse_axis("training.step_size=1e-3:1:4log").range
    assert log.values() == ("0.001", "0.01", "0.1", "1")
    assert parse_axis("a=-9:9:3").range.values() == ("-9", "0", "9")
    exact = parse_axis("a=0.123456789:0.2:2").range
    assert exact.values() == ("0.123456789", "0.2")
    whole = Range(8, 100, count=3, log=True, whole=True)
    assert whole.values() == ("8", "28", "100")
    assert Range(1, 3, count=9, whole=True).values() == ("1", "2", "3")
    assert Range(0, 1234567, count=3, whole=True).values() == ("0", "617284", "1234567")


def test_a_grid_has_all_combinations_with_the_last_key_fastest():
    design = make_grid([parse_axis("a=1,2"), parse_axis("b=x,y,z")])
    assert design.keys == ("a", "b")
    assert design.points == tuple((a, b) for a in "12" for b in "xyz")


def test_a_random_design_covers_every_part_of_every_axis_once():
    axes = [parse_axis("a=0:1"), parse_axis("b=1 uS:1000 uS:log"), parse_axis("c=p,q,r,s")]
    design = make_random(axes, 40, seed=3)
    assert len(design.points) == 40
    linear = sorted(int(40 * float(a)) for a, _, _ in design.points)
    logarithmic = sorted(
        int(40 * np.log(float(b.removesuffix(" uS"))) / np.log(1000)) for _, b, _ in design.points
    )
    assert linear == logarithmic == list(range(40))
    assert [sum(c == name for _, _, c in design.points) for name in "pqrs"] == [10] * 4
    assert make_random(axes, 40, seed=3) == design
    assert make_random(axes, 40, seed=4) != design


@pytest.mark.parametrize(("text", "count"), [("a=4:6", 1000), ("a=-3:3", 700)])
def test_whole_numbers_of_a_random_design_come_equally_often(text, count):
    """Red where they are rounded, which gives the ends half of the weight of all others."""
    axis = parse_axis(text)
    low, high = (int(end) for end in axis.range.ends)
    whole = replace(axis, range=replace(axis.range, whole=True))
    found = Counter(int(value) for (value,) in make_random([whole], count, seed=0).points)
    assert sorted(found) == list(range(low, high + 1))
    each = count / len(found)
    assert all(abs(times - each) <= 1 for times in found.values())


def test_whole_numbers_of_a_logarithmic_random_design_have_the_weight_of_their_width():
    whole = Range(1, 4, log=True, whole=True)
    found = Counter(int(whole.drawn((k + 0.5) / 9000)) for k in range(9000))
    assert sorted(found) == [1, 2, 3, 4]
    for number, times in found.items():
        width = np.log((number + 0.5) / (number - 0.5)) / np.log(4.5 / 0.5)
        assert times == pytest.approx(9000 * width, abs=1)
    assert {whole.drawn(0.0), whole.drawn(np.nextafter(1.0, 0.0))} == {"1", "4"}


# -- Rows ------------------------------------------------------------------------------------------


def test_rows_are_what_training_alone_gives_though_the_clean_twin_is_shared(
    spec, tmp_path, monkeypatch
):
    trained = []
    real = modes.train_clean
    monkeypatch.setattr(modes, "train_clean", lambda *a, **k: trained.append(1) or real(*a, **k))
    table = tmp_path / "t.csv"
    result = _sweep(spec, table, f"{C2C}=1 %,5 %", "training.step_size=0.1,0.2")
    assert len(trained) == 2  # one for each step size
    rows = _rows(table)
    assert [(r[C2C], r["training.step_size"]) for r in rows] == [
        ("1 %", "0.1"),
        ("1 %", "0.2"),
        ("5 %", "0.1"),
        ("5 %", "0.2"),
    ]
    assert result.written == [table]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "tiny.yaml"]
    for row in rows:
        settings = [f"{key}={row[key]}" for key in (C2C, "training.step_size")]
        report = train_beside(load_spec(spec, settings)).report
        training = report["training"]
        assert row["verdict"] == report["verdict"]
        assert float(row["cost"]) == training["cost"]["value"]
        assert [float(row["cost_low"]), float(row["cost_high"])] == training["cost"]["ci"]
        assert float(row["clean_accuracy"]) == training["clean"]["test_accuracy"]
        assert float(row["chip_accuracy"]) == training["chip"]["test_accuracy"]
        assert float(row["chip_loss"]) == training["chip"]["loss"]
        assert row["error"] == ""


def test_the_clean_twin_of_another_problem_is_refused(spec):
    clean = train_clean(load_spec(spec, ["training.step_size=0.1"]))
    other_device = load_spec(spec, ["training.step_size=0.1", "device=null"])
    assert train_beside(other_device, clean=clean).report["training"]["chip"]["chips"] == 2
    with pytest.raises(ValueError, match="another problem"):
        train_beside(load_spec(spec), clean=clean)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ("training.steps=10,1000", r"training\.steps: 1000 is 200 in a quick look"),
        ("training.epochs=5,400", r"training\.epochs: 400 is 200 steps in a quick look"),
        ("training.seeds=2,5", r"training\.seeds: 5 is 3 in a quick look"),
        ("measure={draws: 10},{draws: 400}", r"measure\.draws: 400 is 200 in a quick look"),
    ],
)
def test_a_quick_sweep_refuses_values_that_it_cuts(spec, tmp_path, over, said):
    """Their rows would be one point under several names."""
    settings = ("training.steps=null",) if "epochs" in over else ("training.max_seeds=9",)
    with pytest.raises(NeurogradError, match=f"--over {said}.*; allowed: values that are not cut"):
        _sweep(spec, tmp_path / "t.csv", over, settings=settings, quick=True)
    assert not (tmp_path / "t.csv").exists()


def test_check_mode_adds_the_moments_and_parquet_has_the_same_rows(spec, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    over = ("training.seeds=2,3",)
    _sweep(spec, tmp_path / "t.csv", *over, mode="check", quick=True)
    result = _sweep(spec, tmp_path / "t.parquet", *over, mode="check", quick=True)
    rows = _rows(tmp_path / "t.csv")
    assert [float(row["final_total_variance"]) > 0 for row in rows] == [True, True]
    assert [row["chips"] for row in rows] == ["2", "3"]
    read = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert [row["training.seeds"] for row in read] == [2.0, 3.0]
    for row, texts, own in zip(read, rows, result.rows, strict=True):
        assert list(row) == list(texts) == list(own)
        assert row["final_b"] == float(texts["final_b"]) == own["final_b"]
        assert row["clean_learned"] is own["clean_learned"]
        assert row["error"] is None


def test_predict_mode_is_the_forecast(spec, tmp_path):
    result = _sweep(
        spec, tmp_path / "t.csv", f"{C2C}=1 %,20 %", "training.step_size=0.2,1e200", mode="predict"
    )
    for row in (result.rows[0], result.rows[2]):
        point = load_spec(spec, [f"{C2C}={row[C2C]}", "training.step_size=0.2"])
        found = forecast(point, build_problem(point))
        assert row["verdict"] == found.judgement.verdict.value
        assert row["cost"] == found.judgement.cost.value
        assert [row["cost_low"], row["cost_high"]] == list(found.judgement.cost.ci)
        assert row["chip_loss"] == found.chip_loss
        assert row["clean_accuracy"] == found.clean_accuracy
        assert (row["chips"], row["error"]) == (found.chips, None)
        assert found.chips >= 2
    assert result.rows[0]["chip_loss"] != result.rows[2]["chip_loss"]
    assert result.rows[1]["verdict"] == "inconclusive"
    assert result.rows[1]["clean_learned"] is False


def test_a_clean_twin_that_is_predicted_to_diverge_is_a_row(spec, tmp_path, monkeypatch):
    real = modes.forecast_network
    lost = {"diverged": True}
    monkeypatch.setattr(modes, "forecast_network", lambda *a: real(*a).model_copy(update=lost))
    (row,) = _sweep(spec, tmp_path / "t.csv", f"{C2C}=1 %", mode="predict").rows
    assert "predicted to diverge" in row["error"]
    assert row["verdict"] is None


def test_predict_mode_trains_nothing(spec, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("trained")

    monkeypatch.setattr("neurograd.pipeline.stages.train", refuse)
    rows = _sweep(spec, tmp_path / "t.csv", f"{C2C}=1 %,5 %", mode="predict").rows
    assert [row["error"] for row in rows] == [None, None]
    with pytest.raises(AssertionError, match="trained"):
        _sweep(spec, tmp_path / "u.csv", f"{C2C}=1 %,5 %", mode="train")


def test_a_clean_training_that_diverges_is_a_row(spec, tmp_path, capsys):
    table = tmp_path / "t.csv"
    code, out, _ = run_command(
        capsys, "sweep", spec, "--over", "training.step_size=0.2,1e200", "--table", table
    )
    assert code == 0
    assert "no result" in out
    good, bad = _rows(table)
    assert good["verdict"]
    assert good["error"] == ""
    assert bad["verdict"] == bad["cost"] == ""
    assert "diverged" in bad["error"]


def test_ranges_of_whole_numbers_and_random_designs_run(spec, tmp_path, capsys):
    table, plot = tmp_path / "t.csv", tmp_path / "p.png"
    arguments = ["--over", f"{LEVELS}=8:64", "--over", f"{C2C}=0 %:5 %", "--random", 5]
    code, _, err = run_command(capsys, "sweep", spec, *arguments, "--table", table, "--plot", plot)
    assert code == 0
    assert err.splitlines() == [f"wrote {table}", f"wrote {plot}"]
    rows = _rows(table)
    assert len({row[LEVELS] for row in rows}) == 5
    assert all(8 <= int(row[LEVELS]) <= 64 for row in rows)
    assert plot.read_bytes().startswith(b"\x89PNG")
    first = table.read_bytes()
    run_command(capsys, "sweep", spec, *arguments, "--table", table)
    assert table.read_bytes() == first
    run_command(capsys, "sweep", spec, *arguments, "--table", table, "--seed", 9)
    assert {row[C2C] for row in _rows(table)}.isdisjoint(row[C2C] for row in rows)


@pytest.mark.parametrize("random", [None, 3])
def test_the_end_of_a_range_may_go_with_other_values_of_the_swept_keys_only(spec, tmp_path, random):
    """Red where an end is refused beside the spec's own value of another swept key."""
    over = ("training.seeds=3:4:2", "training.max_seeds=4:5:2")
    rows = _sweep(spec, tmp_path / "t.csv", *over, mode="predict", random=random).rows
    assert len(rows) == (random or 4)
    assert {row["training.seeds"] for row in rows} == {"3", "4"}


def test_a_folder_of_ones_own_is_kept_and_a_larger_sweep_takes_from_it(spec, tmp_path, monkeypatch):
    folder, computed = tmp_path / "stages", []
    real = run.evaluate_point
    monkeypatch.setattr(run, "evaluate_point", lambda *a: computed.append(1) or real(*a))
    _sweep(spec, tmp_path / "a.csv", f"{C2C}=1 %,2 %", resume=folder)
    assert len(computed) == 2
    _sweep(spec, tmp_path / "b.csv", f"{C2C}=2 %,3 %,1 %", resume=folder)
    assert len(computed) == 3
    assert folder.is_dir()
    _sweep(spec, tmp_path / "c.csv", f"{C2C}=2 %,3 %,1 %")
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "c.csv").read_bytes()


def test_equal_points_of_a_random_design_run_once(spec, tmp_path, monkeypatch):
    computed = []
    real = run.evaluate_point
    monkeypatch.setattr(run, "evaluate_point", lambda *a: computed.append(1) or real(*a))
    _sweep(spec, tmp_path / "t.csv", f"{C2C}=1 %,2 %", random=6)
    assert len(_rows(tmp_path / "t.csv")) == 6
    assert len(computed) == 2


class _Between:
    """Has something happen when a number of rows is there."""

    def __init__(self, rows, happens):
        self.rows, self.happens = rows, happens

    def stage(self, label, total):
        def advance(done):
            self.rows -= done
            if self.rows == 0:
                self.happens()

        return advance


def test_sweeps_of_one_table_leave_each_others_points(spec, tmp_path, monkeypatch):
    """Red where the first that ends takes the points of the other, which ends in a traceback."""
    table, computed = tmp_path / "t.csv", []
    real = run.evaluate_point
    monkeypatch.setattr(run, "evaluate_point", lambda *a: computed.append(1) or real(*a))
    longer, shorter = (f"{C2C}=1 %,2 %,3 %",), (f"{LEVELS}=16,32",)

    def interrupted():
        raise KeyboardInterrupt

    def other():
        _sweep(spec, table, *shorter)

    with pytest.raises(KeyboardInterrupt):
        sweep(Request(spec, longer, table=table, jobs=1), _Between(2, interrupted))
    other()
    assert len(_kept(table)) == 2
    computed.clear()
    sweep(Request(spec, longer, table=table, jobs=1), _Between(3, other))
    assert len(computed) == 1 + 2
    again = tmp_path / "again.csv"
    _sweep(spec, again, *longer)
    assert table.read_bytes() == again.read_bytes()
    assert not table.with_name("t.csv.partial").exists()


# -- Interruptions ---------------------------------------------------------------------------------


OVER = (f"{C2C}=0 %:6 %:6", f"{LEVELS}=8:64:4log")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The table of 24 points without any interruption, computed in this process."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "tiny.yaml").write_text(TINY)
    _sweep(folder / "tiny.yaml", folder / "t.csv", *OVER)
    return (folder / "t.csv").read_bytes()


def _kept(table):
    return list(table.with_name(f"{table.name}.partial").glob("*/row.json"))


_GATED = """
import threading
from neurograd.pipeline.sweep import command

class Gated:
    def __init__(self, reporter):
        self.reporter = reporter

    def stage(self, label, total):
        advance, done = self.reporter.stage(label, total), 0

        def report(more):
            nonlocal done
            advance(more)
            done += more
            if done >= {rows}:
                threading.Event().wait()

        return report

sweep = command.sweep
command.sweep = lambda request, reporter: sweep(request, Gated(reporter))
"""
"""Has a sweep wait for ever as soon as it has a number of rows, so that it is never too fast."""


@contextmanager
def _sweeping(spec, table, rows, tmp_path):
    """A sweep on two processes that stops at a number of rows and waits there for a signal."""
    over = [word for text in OVER for word in ("--over", text)]
    with started(
        "sweep", spec, *over, "--table", table, "--jobs", "2",
        before=_GATED.format(rows=rows),
        environment={"NEUROGRAD_SWEEP_TEST": str(tmp_path)},
        text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        yield process


def _wait_for_rows(table, count, process):
    while len(_kept(table)) < count:
        assert process.poll() is None, "ended before it could be interrupted"
        time.sleep(0.002)


def _alive(mark):
    """Processes that carry a mark in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            marked = mark.encode() in place.read_bytes()
            state = (place.parent / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marked and state != "Z":
            found.append(int(place.parent.name))
    return found


def test_interrupted_and_killed_at_random_moments_gives_the_same_table(spec, tmp_path, reference):
    """Ctrl-C, then SIGKILL, each on two processes; the third run ends with the same bytes."""
    table, chance = tmp_path / "t.csv", random.Random(5)
    mark = f"NEUROGRAD_SWEEP_TEST={tmp_path}"
    kept = []
    for sent, most in ((signal.SIGINT, 6), (signal.SIGKILL, 12)):
        with _sweeping(spec, table, most, tmp_path) as process:
            _wait_for_rows(table, len(kept) + chance.randrange(1, 6), process)
            time.sleep(chance.uniform(0, 0.1))
            if sent == signal.SIGINT:
                os.killpg(process.pid, sent)  # as a terminal does: to the workers as well
            else:
                process.kill()
            out, err = process.communicate()
        assert out == ""
        if sent == signal.SIGINT:
            assert process.returncode == 130
            assert err.splitlines() == [
                f"what is finished is kept in {table}.partial: the same command goes on",
                "neurograd: interrupted",
            ]
        else:
            assert process.returncode == -sent
            assert "Traceback" not in err
        kept = _kept(table)
        assert not table.exists()
    assert 2 <= len(kept) < 24
    if Path("/proc").is_dir():
        while _alive(mark):  # workers see the end of their pipe and end themselves
            time.sleep(0.05)

    progress = _Counting()
    sweep(Request(spec, OVER, table=table, jobs=1), progress)
    assert table.read_bytes() == reference
    assert progress.advances[0] == len(kept)
    assert sum(progress.advances) == 24
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "tiny.yaml"]


class _Counting:
    def __init__(self):
        self.advances = []

    def stage(self, label, total):
        assert total == 24
        return self.advances.append


def test_a_worker_process_that_dies_loses_no_point(spec, tmp_path, reference):
    table = tmp_path / "t.csv"
    others = {child.pid for child in multiprocessing.active_children()}
    killing = Killing(
        lambda: next(p.pid for p in multiprocessing.active_children() if p.pid not in others)
    )
    sweep(Request(spec, OVER, table=table, jobs=2), killing)
    assert killing.killed_at < 24
    assert killing.rows == 24
    assert table.read_bytes() == reference


def test_a_point_that_cannot_go_on_stops_the_sweep_without_a_table(
    spec, tmp_path, monkeypatch, capsys
):
    failure = work.Failure("the node is on fire", is_result=False)
    monkeypatch.setattr(run, "evaluate_point", lambda *a: failure)
    over = ["--over", f"{C2C}=1 %,2 %", "--table", tmp_path / "t.csv", "--jobs", 1]
    code, out, err = run_command(capsys, "sweep", spec, *over)
    assert (code, out) == (2, "")
    assert "the node is on fire" in err
    assert C2C in err
    assert not (tmp_path / "t.csv").exists()


# -- Figures ---------------------------------------------------------------------------------------


def _made(keys, points, verdicts=("tolerated", "not tolerated", "inconclusive", None)):
    rows = []
    for k, values in enumerate(points):
        verdict = verdicts[k % len(verdicts)]
        cost = None if verdict is None else 0.01 * k
        rows.append(
            {
                **dict(zip(keys, values, strict=True)),
                "verdict": verdict,
                "cost_kind": None if cost is None else "accuracy_drop",
                "cost": cost,
                "cost_low": None if cost is None else cost - 0.01,
                "cost_high": None if cost is None else cost + 0.01,
                "confidence": None if cost is None else 0.95,
                "allowed": None if cost is None else 0.02,
            }
        )
    return rows


def test_a_heat_map_marks_the_verdict_in_each_cell():
    design = make_grid([parse_axis("a=1 %,2 %"), parse_axis("b=x,y")])
    figure = plot_sweep(_made(design.keys, design.points), design.keys, grid=True)
    axes = figure.axes[0]
    texts = {(t.get_position()): t.get_text().split("\n")[-1] for t in axes.texts}
    assert texts == {(0, 0): "✓", (0, 1): "✗", (1, 0): "?", (1, 1): "–"}
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1 %", "2 %"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("a", "b")


@pytest.mark.parametrize(
    ("over", "count", "panels"),
    [
        (["a=1:100:5log"], None, 1),
        (["a=x,y,z"], None, 1),
        (["a=1,2", "b=1,2,3", "c=p,q,r", "d=0,1"], None, 6),
        (["a=1:10"], 20, 1),
        (["a=1:10", "b=x,y"], 20, 1),
        (["a=1:10", "b=x,y", "c=1 %:2 %"], 20, 3),
    ],
)
def test_figures_of_other_designs_have_their_panels(over, count, panels):
    axes = [parse_axis(text) for text in over]
    design = make_grid(axes) if count is None else make_random(axes, count, 0)
    check_plot(design.keys, design.points, grid=design.grid)
    figure = plot_sweep(_made(design.keys, design.points), design.keys, grid=design.grid)
    drawn = [a for a in figure.axes if a.get_label() != "<colorbar>"]
    assert len(drawn) == panels
    figure.canvas.draw()


def test_too_many_panels_are_refused_before_anything_runs():
    design = make_grid([parse_axis(t) for t in ("a=1,2", "b=1,2", "c=0:12:13")])
    with pytest.raises(NeurogradError, match=r"13 panels; allowed: at most 12"):
        check_plot(design.keys, design.points, grid=True)


# -- Bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--over", "allowed"]),
        (["--over", "training.steps"], ["--over", "a.dotted.key=V1,V2"]),
        (["--over", "a..b=1"], ["a.dotted.key"]),
        (["--over", "training.steps=1,,2"], ["training.steps", "empty"]),
        (["--over", "training.steps=1,1"], ["twice"]),
        (["--over", "training.steps=1", "--over", "training.steps=2"], ["twice"]),
        (["--over", "device=null", "--over", f"{C2C}=1 %"], ["inside device"]),
        (["--over", "training.stepps=3"], ["--over training.stepps", "steps"]),
        (["--over", f"{C2C}=5 kS"], [f"--over {C2C}", "allowed"]),
        (["--over", f"{C2C}=1 %,[2"], [f"--over {C2C}"]),
        (["--over", f"{C2C}=1 %:10 %"], ["COUNT"]),
        (["--over", f"{C2C}=1 %:10:3"], ["the same unit"]),
        (["--over", f"{C2C}=5 %:1 %:3"], ["LOW below HIGH"]),
        (["--over", f"{C2C}=0 %:1 %:3log"], ["LOW above 0"]),
        (["--over", f"{C2C}=1 %:10 %:x"], ["LOW:HIGH:COUNT"]),
        (["--over", f"{C2C}=1 %:10 %:1"], ["COUNT 1"]),
        (["--over", f"{C2C}=1 %:10 %:"], ["LOW:HIGH:COUNT"]),
        (["--over", f"{C2C}=1 %:200 %:3"], [f"--over {C2C}", "allowed"]),
        (["--over", f"{C2C}=1 %:10 %:3,5 %"], ["one range"]),
        (["--over", "training.steps=1:9999:9999", "--over", f"{LEVELS}=2,3"], ["--random"]),
        (
            ["--over", "learning_rule.batch_size=50,200"],
            ["--over learning_rule.batch_size: 200", "train_samples"],
        ),
        (
            ["--over", "task.train_samples=80,20", "--set", "learning_rule.batch_size=50"],
            ["learning_rule.batch_size: 50", "at task.train_samples=20"],
        ),
        (
            ["--over", "network.hidden=[8],[]", "--set", "learning_rule.name=feedback_alignment"],
            ["learning_rule.name", "at network.hidden=[]"],
        ),
        (["--over", "measure.seed=1,2", "--seed", "3"], ["--over measure.seed", "--seed or --set"]),
        (["--over", f"{C2C}=1 %", "--set", f"{C2C}=2 %"], [f"--over {C2C}", "--set"]),
        (["--over", f"{C2C}=1 %", "--set", "task.train_samples=99999"], ["task.train_samples"]),
        (["--over", f"{C2C}=1 %", "--random", "0"], ["--random", "allowed"]),
        (["--over", f"{C2C}=1 %", "--random", "x"], ["--random"]),
        (["--over", f"{C2C}=1 %", "--mode", "predikt"], ["--mode", "train", "check"]),
        (["--over", f"{C2C}=1 %", "--table", "{folder}/t.txt"], ["--table", ".csv"]),
        (["--over", f"{C2C}=1 %", "--table", "{spec}/t.csv"], ["is not a folder"]),
        (["--over", f"{C2C}=1 %", "--plot", "{folder}/t.gif"], ["--plot", ".png"]),
        (
            [
                *("--over", "training.steps=1,2", "--over", f"{C2C}=1 %,2 %"),
                *("--over", "training.seeds=2:14:13", "--plot", "{folder}/p.png"),
                *("--set", "training.max_seeds=14"),
            ],
            ["13 panels"],
        ),
        (["--over", f"{C2C}=1 %", "--resume", "{folder}"], ["tiny_sweep.csv", "outside it"]),
        (["--over", f"{C2C}=1 %", "--resume", "{spec}"], ["is not a folder"]),
        (["--over", f"{C2C}=1 %", "--jobs", "0"], ["--jobs", "allowed"]),
        (["--over", f"{C2C}=1 %", "--jobs", "2", "--scheduler", "tcp://h:1"], ["--jobs"]),
        (["--over", f"{C2C}=1 %", "--device", "tpu"], ["--device", "auto, cpu, cuda"]),
        (["--over", f"{C2C}=1 %", "--scheduler", "tcp://h:1", "--device", "tpu"], ["--device"]),
        (["--over", f"{C2C}=1 %", "--seed", "-3"], ["--seed: measure.seed"]),
        (
            ["--over", f"{C2C}=1 %", "--seed", "3", "--set", "measure.seed=3"],
            ["--seed: measure.seed: --set gives it as well"],
        ),
        (["--over", f"{C2C}=1 %", "--set", "training.steps"], ["--set"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    capsys, spec, tmp_path, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    filled = [a.format(spec=spec, folder=tmp_path) for a in arguments]
    code, out, err = run_command(capsys, "sweep", spec, *filled)
    assert code == 2
    assert out == ""
    assert err.startswith("neurograd: error: ")
    assert err.count("\n") == 1
    assert all(word in err for word in words), err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.yaml"]


def test_bad_input_of_the_last_point_is_found_before_the_first_is_computed(spec, monkeypatch):
    """Red where a night of points is computed first."""
    monkeypatch.setattr(command, "evaluate_points", lambda *a: pytest.fail("has begun"))
    schedule = "training.schedule={kind: step, every: 1, factor: 0.5}"
    with pytest.raises(
        NeurogradError, match=r"tiny\.yaml: training\.schedule.*at training\.steps=200"
    ):
        _sweep(spec, spec.with_name("t.csv"), "training.steps=1,200", settings=(schedule,))


def test_check_mode_refuses_a_point_without_updates_before_the_first_is_computed(tmp_path):
    weights = tmp_path / "network.pt"
    weights.write_bytes(b"is looked at later")
    point = validate_spec(
        {
            "task": {"name": "digits", "train_samples": 20, "test_samples": 20},
            "network": {"hidden": [4], "weights": str(weights)},
            "device": {},
            "deployment": {"times": ["1 h"]},
            "training": {"steps": 0},
        }
    )
    settings = work.Settings("check", False, Surroundings.of("cpu"))
    with pytest.raises(NeurogradError, match=r"--mode: check measures updates.*at steps=0"):
        run.prepare([("steps=0", point)], settings)


def test_the_seed_of_a_random_design_may_be_given_where_the_seed_is_swept(spec, tmp_path):
    options = {"random": 2, "settings": ("measure.seed=7",), "mode": "predict"}
    assert len(_sweep(spec, tmp_path / "t.csv", "measure.seed=1,2", **options).rows) == 2


def test_whole_numbers_that_are_fewer_than_asked_for_are_noted(spec, tmp_path):
    result = _sweep(spec, tmp_path / "t.csv", "training.steps=5:6:4", mode="predict")
    assert [row["training.steps"] for row in result.rows] == ["5", "6"]
    assert result.notes[0].startswith("training.steps: the range gives 2 different whole numbers")


def test_a_plan_counts_equal_points_once(spec, tmp_path):
    def planned(count):
        over = ("training.seeds=1,2",)
        request = Request(spec, over, random=count, table=tmp_path / "t.csv", jobs=1)
        return plan_sweep(request, Silent()).points

    assert planned(2) == planned(12) == 2


def test_parquet_without_pyarrow_names_the_extra(capsys, spec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    arguments = ["--over", f"{C2C}=1 %", "--table", tmp_path / "t.parquet"]
    code, _, err = run_command(capsys, "sweep", spec, *arguments)
    assert code == 2
    assert "neurograd-chip[sweep]" in err
