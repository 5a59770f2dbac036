"""Figures 5 and 6 in miniature: the students, the statistics, the command with CIFAR-10's files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments import fig5, fig6
from experiments.support.record import RESULTS, parse, run_main
from experiments.support.vgg import students as vgg_students
from experiments.support.vgg.kinks import kink_claim
from experiments.support.vgg.network import standard_names, vgg
from experiments.support.vgg.students import Scale, Student, Task, pretrained_files
from neurograd.errors import ModelError
from neurograd.measure.curvature import exact_diagonal
from neurograd.seeding import generator_for

TINY = Scale(factor=32, train_samples=20, samples=5, steps=1, batch_size=2, chunk_size=20)


@pytest.fixture
def cifar(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]:
        records = generator.integers(0, 256, (10, 3073))
        records[:, 0] = np.arange(10)
        (folder / name).write_bytes(records.astype(np.uint8).tobytes())
    return folder


def _run(tmp_path, *more):
    arguments = ["--quick", "--out", str(tmp_path / "out"), *more]
    return parse("fig5", "", arguments, data=True, weights=True)


def _task(samples=20, factor=32):
    generator = generator_for(0, "test-images")
    x = torch.randn(samples, 3, 32, 32, generator=generator)
    y = torch.randn(samples, 10, generator=generator, dtype=torch.float64)
    return Task("noise", replace(TINY, factor=factor, samples=samples), x, y / y.std(), 0.5, {})


def _smooth(run, task, student):
    """A student without kinks: linear, with average pooling."""
    problem, w = vgg_students.make_student(run, task, student)
    for name, module in list(problem.module.named_children()):
        if isinstance(module, torch.nn.MaxPool2d):
            setattr(problem.module, name, torch.nn.AvgPool2d(2))
        elif isinstance(module, torch.nn.ReLU):
            setattr(problem.module, name, torch.nn.Identity())
    return problem, w


def test_predicted_and_measured_variance_agree_where_the_loss_is_smooth(monkeypatch, tmp_path):
    """99 % intervals of 24 steps hold the prediction, and are narrow enough to tell a factor 2."""
    monkeypatch.setattr(fig5, "make_student", _smooth)
    run, task, student = _run(tmp_path), _task(10), Student("xavier", 11, 32, 0)
    row = fig5.measure(run, task, 24, student)
    problem, w = _smooth(run, task, student)
    trace = float(exact_diagonal(problem, w).sum())
    for reading, variance in (("total_variance", 20.0), ("noise_norm", 400.0)):
        found = row[reading]
        assert found["predicted"] == pytest.approx(0.5 * variance * trace / w.numel(), rel=1e-12)
        low, high = found["measured_ci"]
        assert low <= found["predicted"] <= high
        assert low > 0.5 * found["predicted"]
        assert high < 2 * found["predicted"]


def test_students_of_figure_5(tmp_path):
    task = _task(factor=16)
    full = replace(_run(tmp_path), quick=False)
    students = fig5.students_of(full, task)
    assert len({s.name for s in students}) == len(students)
    assert {s.depth for s in students if s.factor == 16} == {11, 13, 16, 19}
    assert {s.factor for s in students if s.depth == 19} == set(fig5.WIDTHS)
    real = fig5.students_of(full, _task(factor=1))
    assert {s.factor for s in real} == {1, 2, 4, 8}


def test_predicted_and_measured_bias_agree_where_the_loss_is_smooth(monkeypatch, tmp_path):
    """To a thousandth, where either quadratic term is ten times that."""
    for name, value in (("make_student", _smooth), ("POINTS", (0, 2)), ("STEP_SIZE", 1e-2)):
        monkeypatch.setattr(fig6, name, value)
    run, task, student = _run(tmp_path), _task(), Student("xavier", 11, 32, 0)
    row = fig6.measure(run, task, student)
    assert len(row["measured"]) == 2
    np.testing.assert_allclose(row["measured"], row["predicted"], rtol=1e-3)
    problem, w = _smooth(run, task, student)
    g, beta = problem.gradient(w), torch.ones_like(w)
    assert row["grad_norm"][0] == pytest.approx(float(g.norm()), rel=1e-12)
    up, down = w + 1e-2 * (0.02 - g), w - 1e-2 * g
    assert row["measured"][0] == pytest.approx(problem.loss(up) - problem.loss(down), rel=1e-6)
    curved = problem.hvp(w, beta)
    assert 0.5 * 2e-4**2 * abs(float(beta @ curved)) > 5e-3 * abs(row["measured"][0])
    assert abs(0.02 * 1e-2**2 * float(g @ curved)) > 5e-3 * abs(row["measured"][0])


@pytest.fixture
def miniature(monkeypatch):
    monkeypatch.setattr(vgg_students, "scale_of", lambda run: TINY)
    monkeypatch.setattr(fig6, "POINTS", (0, 1))
    few = [
        Student(start, depth, 64, 0)
        for start, depth in (("trained", 11), ("kaiming", 11), ("kaiming", 13), ("xavier", 11))
    ]
    wide = [Student("kaiming", 19, f, 0) for f in (32, 64)]
    monkeypatch.setattr(fig5, "students_of", lambda *_: few + wide)
    monkeypatch.setattr(fig6, "students_of", lambda *_: few)


@pytest.mark.parametrize("module", [fig5, fig6], ids=["fig5", "fig6"])
def test_command_with_cifar_files(module, miniature, cifar, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--quick", "--data", str(cifar), "--out", str(out)]
    module.main(arguments)
    name = module.__name__.split(".")[-1]
    record = json.loads((out / f"{name}.json").read_text())
    assert record["task"]["data"] == "cifar10"
    assert (out / f"{name}.png").stat().st_size > 10_000
    assert not (out / f".{name}-quick").exists()
    said = capsys.readouterr().out
    assert len(record["claims"]) >= 2
    for claim in record["claims"]:
        assert claim["held"] in ("held", "not held", "partly", "inconclusive")
        assert claim["measured"] in said


@pytest.mark.parametrize(
    ("option", "words"),
    [("--data", "does not exist"), ("--weights", "no file with weights")],
)
@pytest.mark.parametrize("module", [fig5, fig6], ids=["fig5", "fig6"])
def test_missing_folders_are_one_line(module, option, words, tmp_path, capsys):
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as stop:
        run_main(lambda: module.main([option, str(tmp_path / "none"), "--out", str(out)]))
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.count("\n") == 1
    assert words in error
    assert not out.exists()


def test_students_start_from_pretrained_weights(tmp_path, cifar):
    """Files of networks divided by 32 in the place of the full ones, which take a gigabyte."""
    folder = tmp_path / "weights"
    folder.mkdir()
    source = vgg(11, (3, 224, 224), 1000, factor=32, generator=generator_for(5, "imagenet"))
    state = {
        f"{standard}.{part}": getattr(source.get_submodule(ours), part).detach()
        for ours, standard in standard_names(source).items()
        for part in ("weight", "bias")
    }
    torch.save(state, folder / "vgg11.pth")
    task = replace(_task(), weights=pretrained_files(folder))
    assert task.learned == "pretrained"
    run = _run(tmp_path, "--data", str(cifar), "--weights", str(folder))
    students = fig6.students_of(run, task)
    mine = [s for s in students if s.start == "pretrained"]
    assert {s.depth for s in mine} == {11}
    (first, w), (second, v) = (vgg_students.make_student(run, task, s) for s in mine[:2])
    assert first.parameters_of(w)["0.weight"].equal(source[0].weight.detach())
    last = list(first.parameters_of(w))[-2]
    assert not first.parameters_of(w)[last].equal(second.parameters_of(v)[last])
    with pytest.raises(ModelError, match="without --quick"):
        vgg_students.make_task(run)


@pytest.mark.parametrize("module", [fig5, fig6], ids=["fig5", "fig6"])
def test_full_results_are_kept_and_say_what_their_numbers_say(module):
    name = module.__name__.split(".")[-1]
    path = RESULTS / f"{name}.json"
    assert path.stat().st_size < 300_000
    assert path.with_suffix(".png").exists()
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["command"] == f"python -m experiments.{name} --seed 0"
    assert record["seed"] == 0
    assert record["versions"]["torch"]
    facts = record["task"]
    task = Task(
        facts["data"],
        Scale(**facts["scale"]),
        torch.zeros(1, 3, 32, 32),
        torch.zeros(1, 10),
        facts["teacher_test_accuracy"],
        {},
    )
    assert task.accuracy > 0.8
    again = list(module.claims_of(record["rows"], task))
    if "kinks" in record:
        setting = record["claims"][-1]["setting"]
        again.append(kink_claim(record["kinks"], setting, fig5.READINGS["noise_norm"]))
    assert [(c.claim, c.held, c.measured) for c in again] == [
        (c["claim"], c["held"], c["measured"]) for c in record["claims"]
    ]
