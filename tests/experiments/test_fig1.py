"""Figure 1 in an even smaller form, its judgements, and its kept record."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments import fig1
from experiments.support.fig1.claims import harmed, pick
from experiments.support.record import RESULTS, parse, run_main
from tests.neurograd.cases import linear_regression

TINY = fig1.Setting(
    "mlp", "MLP", 30, (0.0, 0.3), (0.0, 300.0), seeds=5, hidden=(8,), step_sizes=(0.5,)
)


def _run(folder, *more):
    return parse("fig1", "", ["--quick", "--out", str(folder), *more], data=True)


def test_excess_harms_and_an_interrupted_map_goes_on(tmp_path, monkeypatch):
    """Intervals at 99 % for all cells together, seed fixed."""
    run, done = _run(tmp_path), []
    train = fig1.train

    def stops(*args, **kwargs):
        if len(done) >= 10:
            raise KeyboardInterrupt
        done.append(1)
        return train(*args, **kwargs)

    monkeypatch.setattr(fig1, "train", stops)
    with pytest.raises(KeyboardInterrupt):
        fig1.measure(TINY, run)
    monkeypatch.setattr(fig1, "train", train)
    result = fig1.measure(TINY, run)
    whole = fig1.measure(TINY, _run(tmp_path / "other"))
    assert json.dumps(result) == json.dumps(whole)
    assert len(result["cells"]) == 2 * 2 + 1
    assert result["comparisons"] == 4
    clean = pick(result, 0.0, 0.0)
    assert clean["test_summary"]["ci"] == (0.0, 0.0)
    assert clean["test_summary"]["mean"] > 0.6
    assert pick(result, 0.0, 300.0)["train_summary"]["mean"] < 0.4
    assert pick(result, 0.3, 0.0)["train_summary"]["ci"][1] < 0
    assert harmed(result)[0] == "held"
    figure = fig1.draw([result])
    assert len([a for a in figure.axes if a.images]) >= 3


def _cifar(folder):
    generator = np.random.default_rng(0)
    for name in [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]:
        records = generator.integers(0, 256, (10, 3073))
        records[:, 0] = np.arange(10)
        (folder / name).write_bytes(records.astype(np.uint8).tobytes())


def test_cifar_command_in_miniature(tmp_path):
    data, out = tmp_path / "cifar", tmp_path / "out"
    data.mkdir()
    _cifar(data)
    fig1.main(["--quick", "--data", str(data), "--out", str(out)])
    record = json.loads((out / "fig1.json").read_text(encoding="utf-8"))
    (found,) = record["maps"]
    setting = found["setting"]
    assert (setting["depth"], setting["dtype"], setting["batch_size"]) == (16, "float32", 5000)
    assert found["limits"] is None
    assert all(len(cell["test"]) == setting["seeds"] for cell in found["cells"])
    assert len(record["claims"]) == 3
    assert (out / "fig1.png").stat().st_size > 10_000
    assert sorted(p.name for p in out.iterdir()) == ["fig1.json", "fig1.png"]


def test_full_cifar_setting_is_the_papers(tmp_path):
    run = replace(_run(tmp_path, "--data", str(tmp_path)), quick=False)
    (setting,) = fig1.settings_of(run)
    assert setting.biases == pytest.approx((0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2))
    assert setting.noises == pytest.approx((0, 1e-3, 1e-2, 0.1, 1, 10, 100))
    assert (setting.depth, setting.factor, setting.seeds) == (16, 1, 20)
    assert setting.steps * setting.batch_size == 50 * 50_000
    chip = fig1.chip_of(setting, fig1.Item(1e-3, 10.0, 0, 0.1), 1.0)
    assert (chip.rule.batch_size, chip.rule.rule.bias, chip.rule.rule.noise) == (5000, 1e-3, 10.0)


@pytest.mark.parametrize("kind", ["missing", "wrong"])
def test_bad_data_is_one_line_and_leaves_nothing(tmp_path, capsys, kind):
    folder, out = tmp_path / "cifar", tmp_path / "out"
    if kind == "wrong":
        folder.mkdir()
        _cifar(folder)
        (folder / "data_batch_3.bin").write_bytes(b"not CIFAR")
    with pytest.raises(SystemExit) as stopped:
        run_main(lambda: fig1.main(["--quick", "--data", str(folder), "--out", str(out)]))
    assert stopped.value.code == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "\n" not in error
    assert not out.exists()


def test_limits_are_where_a_quadratic_loss_stops_falling():
    """Exact: the loss is quadratic, and ±e_i for all i have white noise's covariance I/N."""
    problem, step = linear_regression(), 0.2
    w = problem.initial_weights
    g, start, size = problem.gradient(w), problem.loss(w), w.numel()
    bias, noise = fig1.descent_limits(problem, w, step, seed=0)
    for factor, falls in ((0.999, True), (1.001, False)):
        moved = w + step * (-g + factor * bias * g.norm())
        assert (problem.loss(moved) < start) == falls
        length = factor * noise * float(g.norm())
        losses = [
            problem.loss(w + step * (-g + sign * length * unit))
            for unit in torch.eye(size, dtype=w.dtype)
            for sign in (1, -1)
        ]
        assert (np.mean(losses) < start) == falls
    assert fig1.first_crossing(lambda x: 1.0 + x) == 0.0
    assert fig1.first_crossing(lambda x: -1.0 - x) == math.inf


def test_the_interval_is_wider_for_more_comparisons():
    clean = [0.90, 0.91, 0.92, 0.93]
    values = [0.91, 0.93, 0.92, 0.95]
    one, many = fig1.summary(values, clean, 1), fig1.summary(values, clean, 50)
    assert one["difference"] == pytest.approx(0.0125)
    # t of 3 degrees of freedom at 0.5 % is 5.841; the differences' standard error 0.00479.
    assert one["ci"][0] == pytest.approx(0.0125 - 5.841 * 0.004787, abs=1e-5)
    assert many["ci"][0] < one["ci"][0]


def test_full_record_agrees_with_its_own_numbers():
    record = json.loads((RESULTS / "fig1.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.fig1 --seed 0"
    assert record["seed"] == 0
    assert record["versions"]["torch"]
    assert (RESULTS / "fig1.png").exists()
    assert {m["setting"]["name"] for m in record["maps"]} == {"mlp", "mlp-wrong", "vgg"}
    for result in record["maps"]:
        clean = pick(result, 0.0, 0.0)
        for cell in result["cells"]:
            assert len(cell["test"]) == result["setting"]["seeds"] == 20
            for split in ("train", "test"):
                again = fig1.summary(cell[split], clean[split], result["comparisons"])
                assert cell[f"{split}_summary"]["ci"] == pytest.approx(list(again["ci"]))
    again = fig1.claims_of(record["maps"])
    kept = [(c["claim"], c["held"], c["measured"]) for c in record["claims"]]
    assert kept == [(c.claim, c.held, c.measured) for c in again]
