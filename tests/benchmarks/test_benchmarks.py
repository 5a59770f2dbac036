"""The table of ratios: its rows, its record and its page; no timing is judged here."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import pytest
import torch

from benchmarks import curvature, gpu, measuring, updates
from benchmarks.__main__ import benchmarks, main
from benchmarks.clock import Timing, in_turn
from benchmarks.page import cells, page, records
from benchmarks.peers import aihwkit_updates
from benchmarks.record import ROOT, keep, read
from benchmarks.rows import Row, compared, not_measured, rated, timed
from device_models import Backprop
from neurograd.errors import NeurogradError
from neurograd.measure.loss_change import MeasuredLossChange
from neurograd.problem import hessian_products

TIMING = Timing((1.0, 1.0), (1.0, 1.0))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "record.json"
    assert main(["--quick", "--only", "ceilings", "--json", str(path)]) == 0
    return path


def test_the_ceilings_are_measured(kept, capsys):
    (part,) = read(kept)
    assert [row.name.split(",")[0] for row in part.rows] == [
        "copy",
        "normal numbers",
        "matrix product",
    ]
    for row in part.rows:
        assert row.ours > 0
        assert row.peer > 0
        assert row.ratio > 0
        assert row.spread[0] <= row.ratio <= row.spread[1]
    assert part.command == "python -m benchmarks --quick --only ceilings"
    assert part.versions["torch"]


def test_a_part_is_made_anew_and_the_others_stay(kept, tmp_path):
    path = tmp_path / "record.json"
    (part,) = read(kept)
    other = type(part)(**{**vars(part), "name": "other"})
    keep(path, [other])
    keep(path, [part])
    keep(path, [part])
    assert [each.name for each in read(path)] == ["ceilings", "other"]
    assert read(path)[0] == part


def test_a_damaged_record_is_refused(tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"parts": [{"name": "x"}]}))
    with pytest.raises(NeurogradError, match=r"record\.json: cannot be read; allowed: a record"):
        read(path)


def test_the_kept_page_is_made_from_the_kept_records():
    parts = records()
    assert (ROOT / "docs" / "performance.md").read_text(encoding="utf-8") == page(parts)
    assert {part.name for part in parts} <= set(benchmarks())


def test_things_are_timed_in_turn_and_slow_ones_take_longer():
    order = []

    def work(name, seconds):
        order.append(name)
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    times = in_turn(
        {"fast": lambda: work("fast", 1e-4), "slow": lambda: work("slow", 3e-3)},
        rounds=2,
        least_seconds=2e-3,
    )
    assert len(times["fast"].cpu) == len(times["fast"].wall) == 2
    assert min(times["slow"].cpu) >= 3e-3  # it spins that long by the same clock
    assert order[-1] == "fast"  # the second round goes backwards
    assert order.index("slow") < len(order) - 1


def test_ratios_are_medians_of_pairs_and_judged_on_the_side_asked_for():
    ours = Timing((1.0, 4.0, 3.0), (2.0, 2.0, 2.0))
    theirs = Timing((2.0, 2.0, 2.0), (1.0, 1.0, 1.0))
    row = timed("x", ours, theirs, "them", allowed=1.5)
    assert (row.ours, row.peer, row.ratio, row.wall_ratio) == (3000.0, 2000.0, 1.5, 2.0)
    assert row.spread == (1.0, 1.75)
    assert row.met is True
    rate = rated("x", ours, theirs, "them", 6.0, "items/s", allowed=1.0)
    assert rate.ratio == pytest.approx(2 / 3)
    assert rate.wall_ratio == 0.5
    assert rate.met is False
    assert compared("x", "bytes", [3.0], [2.0], "them").spread is None
    assert compared("x", "bytes", [3.0], [2.0], "them").met is None


def test_what_was_not_measured_is_said():
    row = not_measured("an update", "aihwkit", "aihwkit is not installed")
    assert row.met is None
    assert row.note == "not measured: aihwkit is not installed"
    assert cells(row)[1] == "not measured"
    asked = Row("x", "ms", 1.0, 2.0, "them", 0.5, allowed=0.4)
    assert cells(asked)[-1] == "at most 0.4: not met"


def test_rows_of_other_work_than_the_peers_are_no_verdict(tmp_path):
    """Records that do not say it are of exact passes beside aihwkit's, and of a kept graph."""
    row = {**asdict(Row("x", "ms", 1.0, 2.0, "aihwkit", 0.5, (0.4, 0.6), allowed=1.0))}
    del row["alike"]
    (part,) = read(_record(tmp_path, "updates", [row, {**row, "peer_name": "plain torch"}]))
    assert [each.met for each in part.rows] == [None, True]
    assert cells(part.rows[0])[-1] == "at most 1: not alike"
    assert part.rows[0].note.startswith("not alike: ours passes exactly")
    assert "has none of them yet" in page([part])
    (part,) = read(_record(tmp_path, "updates", [{**row, "alike": True}]))
    assert part.rows[0].met is True
    (part,) = read(_record(tmp_path, "curvature", [{**row, "peer_name": "curvlinops"}]))
    assert "keeps the gradient's graph" in part.rows[0].note
    (part,) = read(_record(tmp_path, "writes", [row]))
    assert part.rows[0].alike


def _record(folder, name, rows):
    path = folder / "record.json"
    made = {"name": name, "title": "", "command": "", "machine": "", "load": [0.0, 0.0]}
    part = {**made, "seconds": 1.0, "versions": {}, "rows": rows}
    path.write_text(json.dumps({"parts": [part]}))
    return path


def test_updates_are_compared_with_all_that_the_peer_simulates(monkeypatch):
    """Red where the row that is judged has the preset's devices alone."""
    network, made = updates.problem(torch.float32), []

    def chip(problem, preset, batch, beside=None):
        made.append(build(problem, preset, batch, beside))
        return made[-1]

    build = updates.chip
    monkeypatch.setattr(updates, "chip", chip)
    monkeypatch.setattr(updates, "_timed", lambda works, quick: dict.fromkeys(works, TIMING))
    monkeypatch.setattr(aihwkit_updates, "missing", lambda: None)
    monkeypatch.setattr(aihwkit_updates, "analog_update", lambda preset, batch: None)
    alone = updates._through(network, "gokmen-vlasov", 1, quick=True)
    both = updates._alike(network, "gokmen-vlasov", 1, quick=True)
    assert (alone.alike, alone.allowed, alone.met) == (False, None, None)
    assert (both.alike, both.allowed, both.met) == (True, 1.0, True)
    assert "with aihwkit's converters and pulse trains" in both.name
    exact, whole = made
    assert (type(exact.rule.rule), exact.passes) == (Backprop, ())
    assert (whole.rule.rule.kind, whole.rule.rule.length) == ("stochastic", 31)
    assert (whole.passes[0].dac_bits, whole.passes[0].adc_bits) == (7, 9)
    monkeypatch.setattr(aihwkit_updates, "missing", lambda: "aihwkit is not installed")
    row = updates._alike(network, "gokmen-vlasov", 10, quick=True)
    assert (row.peer_name, row.allowed) == ("plain torch", None)
    assert row.note == "beside aihwkit not measured: aihwkit is not installed"


def test_each_preset_of_the_peer_has_a_chip_with_all_of_it():
    network = updates.problem(torch.float32)
    for preset in aihwkit_updates.CLASSES:
        work = updates.update(network, updates.chip(network, preset, 1, aihwkit_updates.ALIKE))
        work()


def test_a_product_is_timed_whole_and_on_a_kept_graph(monkeypatch):
    """Red where the graph is made before the clock starts: curvlinops makes it in each product."""
    problem, graphs = curvature.digits_mlp((4,)), []
    graph = hessian_products._gradient_graph
    monkeypatch.setattr(
        hessian_products, "_gradient_graph", lambda *args: graphs.append(1) or graph(*args)
    )
    counts = {}

    def timed_in_turn(works, **options):
        for name, work in works.items():
            before = len(graphs)
            work()
            counts[name] = len(graphs) - before
        return dict.fromkeys(works, TIMING)

    monkeypatch.setattr(curvature, "in_turn", timed_in_turn)
    whole, kept = curvature._products(problem, "tiny", quick=True)
    assert counts == {"whole": 1, "kept": 0, "theirs": 0}
    assert (whole.name, kept.name) == (
        "Hessian-vector product, tiny",
        "Hessian-vector product on a kept graph, tiny",
    )
    assert (whole.alike, kept.alike) == (True, False)
    assert kept.note.startswith("not alike: ours keeps the gradient's graph")


def test_an_unknown_benchmark_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "nothing"])
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "gpu"], "error: --only gpu: not with --device cpu; allowed: ceilings,"),
        (["--device", "cuda"], "error: --device: no CUDA device is available here"),
    ],
)
def test_the_part_of_a_gpu_needs_one(options, message, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(options) == 2
    assert capsys.readouterr().err.startswith(message)


def test_what_fails_on_a_gpu_is_said_and_the_rest_goes_on():
    def make(name):
        raise RuntimeError("no\nsuch kernel")

    (row,) = gpu._or_reason("a write", make)
    assert row.note == "not measured: RuntimeError: no such kernel"


def test_the_rows_of_a_gpu_are_by_the_clock(monkeypatch):
    monkeypatch.setattr(gpu, "DEVICE", "cpu")
    monkeypatch.setattr("torch.cuda.synchronize", lambda: None)
    rows = gpu._clean(1, torch.float32, True, "an update")
    rows += gpu._writes("alox-hfo2", 16, torch.float32, True, "a write")
    assert [row.peer_name for row in rows] == ["plain torch", *2 * ("copy", "normal numbers")]
    assert all(row.ratio > 0 and row.wall_ratio is None for row in rows)
    monkeypatch.setattr(gpu, "_or_reason", lambda name, make: [name])
    names = gpu.rows(quick=False)
    assert len(set(names)) == len(names) == 2 * 2 + 2 * len(gpu.PRESETS) + 3 * 6


def test_peers_say_what_is_missing_and_torch_is_always_there(monkeypatch):
    monkeypatch.setattr(aihwkit_updates, "installed", lambda name: None)
    assert aihwkit_updates.missing() == "aihwkit is not installed"
    inputs, classes = aihwkit_updates.samples(50)
    assert inputs.shape == (50, 784)
    assert 0.15 < float((inputs > 0).double().mean()) < 0.25
    assert set(classes.tolist()) <= set(range(10))
    aihwkit_updates.plain_update(2)()


def test_traces_are_compared_at_the_same_error(monkeypatch):
    monkeypatch.setattr(curvature, "installed", lambda name: None)
    problem = curvature.digits_mlp((4,), "tanh")
    case = curvature.Case("tiny", problem, (4, 8), 2, 4, 1.0)
    xtrace, pyhessian = curvature._traces(case)
    assert xtrace.ours > 0
    assert xtrace.peer > 0
    assert xtrace.ratio == pytest.approx(xtrace.ours / xtrace.peer)
    assert "extrapolated to" in xtrace.note
    assert pyhessian.note == "not measured: PyHessian is not installed"


def test_products_are_extrapolated_along_the_law_of_their_errors():
    # 8 % with 10 products and 4 % with 20: 1 % with 80.
    assert curvature._needed((10, 20), (0.08, 0.04), 1.0) == pytest.approx(80.0)
    assert curvature._needed((10, 40), (0.04, 0.02), 0.5) == pytest.approx(160.0)


def test_what_a_loss_change_takes_has_in_it_what_is_taken_once():
    """From 100 draws on 10 of 100 samples each: 10 evaluations of the whole loss."""
    size = measuring.Size((2,), samples=10, draws=100)

    def row(value: float, error: float, samples: int = 100) -> Row:
        change = MeasuredLossChange(value, error, 90.0, 100, 10, error, 90.0)
        return measuring._row("a", change, 400.0, size, samples)

    once = 3 + 17 * 64 / 100
    wanted = (0.01 * 0.5 / measuring.QUANTILE) ** 2
    some = row(0.5, 0.1)
    assert some.ours == pytest.approx(0.1**2 * 10 / wanted + once)
    assert some.peer == pytest.approx(400.0 / wanted)
    assert some.ratio == pytest.approx(some.peer / some.ours)
    assert some.met is True
    # Two draws a part are the fewest; and no ratio is a verdict on 1 % of what may be 0.
    assert row(0.5, 1e-9).ours == pytest.approx(2 + once)
    assert row(0.5, 1e-9, samples=20).ours == pytest.approx(2 + 3 + 17)
    assert row(-0.29, 0.1).met is None
    assert "No verdict" in row(-0.29, 0.1).note
    assert row(-0.31, 0.1).met is not None


def test_what_a_loss_change_takes_beside_plain_averaging():
    size = measuring.Size((2,), samples=200, draws=16, trained=True)
    first, later = measuring._evaluations(size, 0.1)
    assert first.name.endswith("160 weights, Δt = 0.1, at first")
    assert later.name.endswith("after 300 clean steps")
    for row in (first, later):
        assert row.ratio == pytest.approx(row.peer / row.ours)
        assert row.ratio > 1
