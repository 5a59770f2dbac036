"""The command line as a user meets it: exit codes, files, and one line for every mistake."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.neurograd.command_line import refused, run_command, started

ROOT = Path(__file__).parents[3]
CONTRACT_POINT = {"step", "loss", "grad_norm", "moments", "curvature", "delta_loss", "descent"}

SMALL = """
name: small
device:
  preset: epiram
network: {hidden: [8]}
task: {name: digits, train_samples: 120, test_samples: 60}
training: {step_size: 0.2, steps: 12, seeds: 2, max_seeds: 2}
measure: {draws: 20, loss_draws: 10, points: 2, seed: 1}
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_check_writes_the_contracts_json_and_a_page(capsys, spec, tmp_path):
    json_path, html_path = tmp_path / "out" / "r.json", tmp_path / "out" / "r.html"
    code, out, _ = run_command(capsys, "check", spec, "--json", json_path, "--html", html_path)
    report = json.loads(json_path.read_text())
    assert code == {"tolerated": 0, "not tolerated": 1, "inconclusive": 3}[report["verdict"]]
    assert f"Verdict: {report['verdict']}" in out
    assert report["num_parameters"] == 64 * 8 + 8 + 8 * 10 + 10
    assert report["step_size"] == 0.2
    assert {"verdict", "reasons", "spec", "versions", "points", "training"} <= set(report)
    assert [p["step"] for p in report["points"]] == [0, 12]
    for point in report["points"]:
        assert set(point) >= CONTRACT_POINT
        assert {
            "b",
            "b_ci",
            "total_variance",
            "total_variance_ci",
            "inverse_noise_ratio",
            "gain",
            "cosine",
        } <= set(point["moments"])
        assert {"trace", "lambda_max", "lambda_min", "frobenius", "anisotropy"} <= set(
            point["curvature"]
        )
        assert {
            "predicted",
            "predicted_bias",
            "predicted_variance",
            "predicted_variance_white",
            "measured",
            "measured_ci",
        } <= set(point["delta_loss"])
        assert {
            "exact_margin",
            "noise_threshold",
            "bias_ratio",
            "bias_threshold_published",
            "bias_threshold_safe",
        } <= set(point["descent"])
    training = report["training"]
    assert {"loss", "test_accuracy"} <= set(training["clean"])
    assert {"loss", "test_accuracy", "test_accuracy_ci"} <= set(training["chip"])
    assert {"predicted_excess_loss", "measured_excess_loss"} <= set(training)
    page = html_path.read_text()
    assert page.startswith("<!doctype html>")
    assert report["verdict"] in page
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".")]


def test_same_seed_same_bytes_but_for_the_timing(capsys, spec, tmp_path):
    texts = []
    for name in ("a.json", "b.json"):
        run_command(capsys, "check", spec, "--json", tmp_path / name)
        report = json.loads((tmp_path / name).read_text())
        assert report.pop("timing")["total_seconds"] > 0
        texts.append(json.dumps(report))
    assert texts[0] == texts[1]
    run_command(capsys, "check", spec, "--json", tmp_path / "c.json", "--seed", "2")
    other = json.loads((tmp_path / "c.json").read_text())
    assert other["spec"]["measure"]["seed"] == 2
    assert json.dumps(other["points"]) not in texts[0]


def _numbers(value):
    if isinstance(value, dict):
        return [n for item in value.values() for n in _numbers(item)]
    if isinstance(value, list):
        return [n for item in value for n in _numbers(item)]
    return [value] if isinstance(value, float) else []


def test_another_chunk_size_gives_the_same_numbers(capsys, spec, tmp_path):
    numbers = []
    for size in (4096, 50):
        path = tmp_path / f"{size}.json"
        run_command(capsys, "check", spec, "--json", path, "--set", f"measure.chunk_size={size}")
        report = json.loads(path.read_text())
        spectra = [p["curvature"].pop("spectrum") for p in report["points"]]
        assert len(spectra) == 2
        report.pop("timing")
        report.pop("spec")
        numbers.append(_numbers(report))
    # The lowest eigenvalue is converged to 10 % only, so it may depend on the last bit.
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-6, abs=1e-9)


def test_set_and_quick_change_the_spec(capsys, spec, tmp_path):
    path = tmp_path / "r.json"
    settings = ["--set", "training.steps=300", "--set", "device.write.cycle_to_cycle=3 %"]
    run_command(capsys, "check", spec, "--quick", "--json", path, *settings)
    report = json.loads(path.read_text())
    assert report["quick"] is True
    assert report["spec"]["training"]["steps"] == 200
    assert report["spec"]["device"]["write"]["cycle_to_cycle"] == 0.03


def test_exit_codes_of_the_three_verdicts(capsys, spec):
    learn = ["--set", "training.steps=150", "--set", "training.step_size=0.5"]
    ideal = ["--set", "device=null", "--set", "targets.max_accuracy_drop=20 %"]
    assert run_command(capsys, "train", spec, *learn, *ideal)[0] == 0
    broken = ["--set", "device.faults.stuck_low=60 %", "--set", "device.faults.stuck_high=40 %"]
    assert run_command(capsys, "train", spec, *learn, *broken)[0] == 1
    one = ["--set", "training.seeds=1"]
    assert run_command(capsys, "train", spec, *learn, *one)[0] == 3
    code, out, _ = run_command(capsys, "train", spec, "--set", "training.steps=1")
    assert code == 3
    assert "nothing that a chip could lose" in " ".join(out.split())


def test_train_writes_json_without_points(capsys, spec, tmp_path):
    run_command(capsys, "train", spec, "--json", tmp_path / "t.json")
    report = json.loads((tmp_path / "t.json").read_text())
    assert report["points"] == []
    assert report["training"]["predicted_excess_loss"] is None
    assert len(report["training"]["chip"]["curves"]) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\ndevise: {}\n", ["devise", "did you mean 'device'?", "allowed"]),
        ("device: {write: {cycle_to_cycle: 5 kS}}\n", ["device.write.cycle_to_cycle", "allowed"]),
        ("device: {preset: alox-hf02}\n", ["device.preset", "alox-hfo2"]),
        ("training: {steps: -3}\n", ["training.steps", "allowed"]),
        ("training: {step_size: .nan}\n", ["training.step_size", "allowed"]),
        ("network: {activation: rellu}\n", ["network.activation", "relu"]),
        ("", ["empty"]),
        ("[1, 2]\n", ["mapping"]),
        ("a: &a [x]\nb: [" + "*a," * 60 + "]\n", ["alias"]),
        ("a: !!python/object/apply:os.system [echo]\n", ["tag"]),
        ("name: {a\n", ["line"]),
        ("x" * 300_000, ["allowed"]),
        (
            "task: {name: mnist, folder: /does/not/exist}\n",
            ["task.folder", "/does/not/exist", "allowed"],
        ),
    ],
)
def test_bad_specs_are_one_line(capsys, tmp_path, text, words):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    message = refused(capsys, "check", path)
    assert all(word in message for word in words), message


def test_bad_specs_name_the_file_and_leave_nothing(capsys, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("training: {steps: many}\n")
    message = refused(capsys, "check", path, "--json", tmp_path / "new" / "r.json")
    assert str(path) in message
    assert "training.steps" in message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.yaml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], ["SPEC.yaml"]),
        (["check", "missing.yaml"], ["missing.yaml"]),
        (["check", "{spec}", "--sed", "1"], ["--sed"]),
        (["check", "{spec}", "--seed", "-4"], ["error: --seed: measure.seed: -4 is", "allowed"]),
        (
            ["train", "{spec}", "--seed", "1", "--set", "measure.seed=2"],
            ["--seed: measure.seed: --set gives it as well", "one of them"],
        ),
        (["check", "{spec}", "--seed", "x"], ["--seed"]),
        (["check", "{spec}", "--device", "tpu"], ["--device", "auto, cpu, cuda"]),
        (["check", "{spec}", "--set", "training.steps"], ["--set", "a.dotted.key=value"]),
        (["check", "{spec}", "--set", "training.stepps=3"], ["stepps", "steps"]),
        (["check", "{spec}", "--json", "{folder}"], ["is a folder"]),
        (["check", "{spec}", "--json", "{spec}/r.json"], ["is not a folder"]),
        (["check", "{spec}", "--json", "{folder}/r", "--html", "{folder}/r"], ["twice"]),
        (["check", "{spec}", "--json", "/proc/r.json"], ["/proc"]),
        (["check", "{spec}", "--resume", "{spec}"], ["is not a folder"]),
        (["presets", "alox"], ["alox-hfo2"]),
        (["chek"], ["chek"]),
    ],
)
def test_bad_arguments_are_one_line(capsys, spec, tmp_path, arguments, words):
    filled = [a.format(spec=spec, folder=tmp_path) for a in arguments]
    message = refused(capsys, *filled)
    assert all(word in message for word in words), message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.yaml"]


def test_cuda_without_cuda_is_one_line(capsys, spec, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "CUDA" in refused(capsys, "check", spec, "--device", "cuda")


def test_diverging_clean_training_names_the_step_size(capsys, spec, tmp_path):
    message = refused(
        capsys,
        "check",
        spec,
        "--set",
        "training.step_size=1e200",
        "--json",
        tmp_path / "r.json",
    )
    assert "training.step_size" in message
    assert "diverged" in message
    assert not (tmp_path / "r.json").exists()


def test_feedback_alignment_needs_two_layers(capsys, spec):
    settings = ["--set", "network.hidden=[]", "--set", "learning_rule.name=feedback_alignment"]
    assert "learning_rule.name" in refused(capsys, "check", spec, *settings)


def test_too_many_samples_are_one_line(capsys, spec):
    message = refused(capsys, "check", spec, "--set", "task.train_samples=999999")
    assert "task.train_samples" in message


def test_resume_goes_on_and_gives_the_same_numbers(capsys, spec, tmp_path):
    plain, first, second = (tmp_path / f"{k}.json" for k in "abc")
    folder = tmp_path / "stages"
    run_command(capsys, "check", spec, "--json", plain)
    run_command(capsys, "check", spec, "--json", first, "--resume", folder)
    (kept,) = folder.iterdir()
    assert {"clean.json", "clean.npz", "chip-0.json", "point-1.json"} <= {
        p.name for p in kept.iterdir()
    }
    (kept / "point-1.json").unlink()
    (kept / "chip-0.json").write_text("{ half writ")
    run_command(capsys, "check", spec, "--json", second, "--resume", folder)
    reports = [json.loads(p.read_text()) for p in (plain, first, second)]
    for report in reports:
        report.pop("timing")
    assert reports[0] == reports[1] == reports[2]


def test_regression_task_has_no_accuracy(capsys, tmp_path):
    path = tmp_path / "teacher.yaml"
    path.write_text(
        """
        device: {conductance: {levels: 200, weight_range: 2.0}}
        task: {name: teacher_student, train_samples: 100, test_samples: 50, inputs: 6, outputs: 3}
        network: {hidden: [10], activation: tanh}
        training: {step_size: 0.2, steps: 60, seeds: 3, max_seeds: 3}
        targets: {max_excess_loss: 90 %}
        measure: {draws: 20, loss_draws: 10, points: 2}
        """
    )
    code, out, _ = run_command(
        capsys, "check", path, "--json", tmp_path / "r.json", "--html", tmp_path / "r.html"
    )
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["training"]["clean"]["test_accuracy"] is None
    assert report["training"]["cost"]["kind"] == "excess_loss"
    assert report["points"][0]["curvature"]["trace_method"] in ("exact", "hutch++")
    assert code in (0, 1, 3)
    assert "decrease of the loss" in " ".join(out.split())


def test_cnn_with_minibatches_and_read_noise_runs(capsys, tmp_path):
    path = tmp_path / "cnn.yaml"
    path.write_text(
        """
        device:
          conductance: {min: 25 kΩ, max: 5 kΩ, levels: {potentiation: 97, depression: 100}}
          write: {model: soft_bounds, cycle_to_cycle: 1 %, device_to_device: 10 %}
          read: {noise: 1 %}
        quantization: {weight_bits: 7, update_bits: 10}
        learning_rule: {name: feedback_alignment, batch_size: 20}
        network: {architecture: cnn, channels: [3], activation: relu}
        task: {name: digits, train_samples: 80, test_samples: 40}
        training: {step_size: 0.1, steps: 5, seeds: 2, max_seeds: 2}
        measure: {draws: 12, loss_draws: 6, points: 1, precision: float32}
        """.replace("25 kΩ, max: 5 kΩ", "25 kΩ, max: 5 kΩ")
    )
    code, _, _ = run_command(capsys, "check", path, "--json", tmp_path / "r.json")
    assert code in (0, 1, 3)
    (point,) = json.loads((tmp_path / "r.json").read_text())["points"]
    assert point["moments"]["closed_form"] is None
    assert point["contributions"] == []


def test_presets_list_and_show(capsys):
    code, out, _ = run_command(capsys, "presets")
    assert code == 0
    names = ("alox-hfo2", "epiram", "ecram-li", "pcmo", "taox-tiox", "ag-asi")
    assert all(name in out for name in names)
    code, out, _ = run_command(capsys, "presets", "ag-asi")
    assert code == 0
    assert "source:" in out
    assert "nonlinearity" in out


def test_schema_is_json(capsys):
    code, out, _ = run_command(capsys, "schema")
    assert code == 0
    assert "device" in json.loads(out)["properties"]


def test_help_does_not_wait_for_torch():
    code = "import sys, neurograd.cli.application; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_schema_and_an_old_spec_do_not_wait_for_torch(tmp_path):
    """So says the page on the architecture; ``presets`` and ``schema --report`` import records."""
    path = tmp_path / "s.yaml"
    path.write_text("name: s\n")
    for arguments in (["schema"], ["migrate", str(path)]):
        code = (
            f"import sys, neurograd.cli.application as a; a.run({arguments}); "
            "sys.exit('torch' in sys.modules)"
        )
        run = [sys.executable, "-c", code]
        found = subprocess.run(run, cwd=ROOT, check=False, capture_output=True)
        assert found.returncode == 0


def test_a_check_imports_no_library_that_takes_seconds_and_is_not_needed(tmp_path):
    """Any of these would be in every command's start, and in that of every process of a pool."""
    path = tmp_path / "s.yaml"
    path.write_text(
        "device: {write: {cycle_to_cycle: 2 %}}\nnetwork: {hidden: [3], activation: tanh}\n"
        "task: {name: digits, train_samples: 20, test_samples: 10}\n"
        "training: {steps: 2, step_size: 0.1, seeds: 1, max_seeds: 1}\n"
        "measure: {draws: 4, loss_draws: 4, points: 1}\n"
    )
    code = (
        "import contextlib, sys\nfrom neurograd.cli import main\n"
        "with contextlib.suppress(SystemExit):\n    main(['check', sys.argv[1], '--quick'])\n"
        "slow = {'sympy', 'scipy.stats', 'sklearn', 'pandas', 'matplotlib', 'torchvision'}\n"
        "assert 'neurograd.pipeline.check' in sys.modules\nsys.exit(slow & set(sys.modules) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Verdict" in done.stdout


def test_help_and_no_arguments(capsys):
    code, out, _ = run_command(capsys, "--help")
    assert code == 0
    for command in ("check", "train", "presets", "schema"):
        assert command in out


def test_interrupt_stops_with_one_line_and_no_file(spec, tmp_path):
    """A real Ctrl-C in the middle of a real run, which a second run can resume."""
    command = ["check", str(spec), "--json", str(tmp_path / "r.json")]
    command += ["--resume", str(tmp_path / "stages"), "--set", "training.steps=10000000"]
    terminal = {"FORCE_COLOR": "1"}  # which shows where the run is
    with started(*command, environment=terminal) as process:
        shown = b""
        while b"training the clean" not in shown and (
            more := os.read(process.stderr.fileno(), 4096)
        ):
            shown += more
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate()
    err = (shown + rest).decode()
    assert process.returncode == 130
    assert err.endswith("neurograd: interrupted\n")
    assert "Traceback" not in err
    assert out == b""
    assert not (tmp_path / "r.json").exists()


def test_example_specs_are_valid():
    from neurograd.spec import load_spec

    paths = sorted((ROOT / "examples").glob("*.yaml"))
    assert len(paths) >= 5
    for path in paths:
        assert load_spec(path).name


def test_example_script_runs():
    result = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "own_module.py")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    predicted = re.search(r"predicted cost of one step: (\S+)", result.stdout)
    interval = re.search(r"99 % interval (\S+) to (\S+)$", result.stdout, re.MULTILINE)
    assert predicted
    assert interval
    measured = re.search(
        r"measured cost of one step: +\S+, 99 % interval (\S+) to (\S+)", result.stdout
    )
    assert float(measured[1]) < float(predicted[1]) < float(measured[2])
    # Theorem 3.2 is about a bias and no noise, and this estimator has both.
    assert "without noise descent is sure up to" in result.stdout
