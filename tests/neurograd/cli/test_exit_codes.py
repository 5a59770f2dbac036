"""The exit codes of the contract, also where a reader leaves or a package fails to import."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from neurograd import cli
from neurograd.judge.verdict import Verdict
from tests.neurograd.command_line import TINY, refused, run_command

ROOT = Path(__file__).parents[3]
IDEAL = ["--set", "device=null", "--set", "training.steps=60", "--set", "training.step_size=0.5"]
IDEAL += ["--set", "targets.max_accuracy_drop=20 %"]
ONE_CHIP = ["--set", "training.seeds=1"]  # no interval, so no verdict but 'inconclusive'


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def _command(*arguments):
    return [sys.executable, "-m", "neurograd", *map(str, arguments)]


def _environment(**more):
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


@pytest.mark.parametrize(("settings", "code"), [(IDEAL, 0), (ONE_CHIP, 3)])
def test_a_pipe_closed_before_the_table_keeps_the_verdict(spec, tmp_path, settings, code):
    report = tmp_path / "r.json"
    process = subprocess.Popen(
        _command("train", spec, *settings, "--json", report),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    )
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait() == code, err
    assert err == f"wrote {report}\n"
    assert Verdict(json.loads(report.read_text())["verdict"]).exit_code == code


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="needs pipes of a chosen size")
def test_a_pipe_closed_during_printing_keeps_the_verdict(spec):
    """The pipe holds less than the JSON, so that the command is still writing when it closes."""
    process = subprocess.Popen(
        _command("check", spec, *ONE_CHIP, "--json", "-"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    )
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    assert os.read(process.stdout.fileno(), 1) == b"{"
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait() == 3, err
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_no_standard_output_at_all_keeps_the_verdict(spec):
    line = '"$0" -m neurograd train "$1" --set training.seeds=1 >&-'
    command = ["bash", "-c", line, sys.executable, str(spec)]
    result = subprocess.run(command, env=_environment(), capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (3, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["presets"], ["schema"]])
def test_a_closed_pipe_is_no_failure_of_other_commands(arguments):
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        _command(*arguments), stdout=write, stderr=subprocess.PIPE, env=_environment(), check=False
    )
    os.close(write)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_standard_output_is_unexpected():
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            _command("schema"), stdout=full, stderr=subprocess.PIPE, env=_environment(), check=False
        )
    assert result.returncode == 70
    assert result.stderr.decode().splitlines()[-1].startswith("neurograd: unexpected error: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_standard_output_leaves_the_files(spec, tmp_path):
    report = tmp_path / "r.json"
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            _command("train", spec, *IDEAL, "--json", report),
            stdout=full,
            stderr=subprocess.PIPE,
            env=_environment(),
            check=False,
        )
    assert result.returncode == 70
    assert result.stderr.decode().splitlines() == [
        f"wrote {report}",
        "neurograd: unexpected error: cannot print (No space left on device)",
    ]
    assert json.loads(report.read_text())["kind"] == "train"


@pytest.mark.parametrize("package", ["rich", "torch", "pydantic"])
def test_a_package_that_cannot_be_imported_is_unexpected(spec, tmp_path, package):
    (tmp_path / "broken" / package).mkdir(parents=True)
    (tmp_path / "broken" / package / "__init__.py").write_text("raise ImportError('half there')")
    path = os.pathsep.join([str(tmp_path / "broken"), str(ROOT)])
    result = subprocess.run(
        _command("train", spec), env=_environment(PYTHONPATH=path), capture_output=True, check=False
    )
    assert result.returncode == 70
    assert result.stdout == b""
    last = result.stderr.decode().splitlines()[-1]
    assert last.startswith("neurograd: unexpected error: ImportError: half there; ")
    assert "pip install" in last


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "MemoryError; a smaller measure.chunk_size needs less memory"),
        (RuntimeError("CUDA out of memory"), "RuntimeError: CUDA out of memory; a smaller measure"),
        (RuntimeError("two\nlines"), "RuntimeError: two lines"),
        (ModuleNotFoundError("No module named 'x'"), "ModuleNotFoundError: No module named 'x'; "),
        (SystemExit(1), "SystemExit: 1"),
        (BrokenPipeError(32, "of a worker"), "BrokenPipeError: [Errno 32] of a worker"),
    ],
)
@pytest.mark.parametrize("command", ["check", "train", "limits"])
def test_whatever_goes_wrong_inside_is_unexpected(capsys, monkeypatch, spec, command, error, line):
    _replace(monkeypatch, command, error)
    code, out, err = run_command(capsys, command, spec, "--exit-zero")
    assert code == 70
    assert out == ""
    assert err.splitlines()[-1].startswith(f"neurograd: unexpected error: {line}")
    assert err.count("neurograd: ") == 1


@pytest.mark.parametrize("command", ["check", "train", "limits"])
def test_an_interruption_has_its_code(capsys, monkeypatch, spec, command):
    _replace(monkeypatch, command, KeyboardInterrupt())
    code, out, err = run_command(capsys, command, spec, "--exit-zero")
    assert (code, out, err) == (130, "", "neurograd: interrupted\n")


@pytest.mark.parametrize("command", ["check", "train", "limits"])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_verdicts_have_their_codes_unless_asked_otherwise(
    capsys, monkeypatch, spec, command, verdict
):
    _replace(monkeypatch, command, SimpleNamespace(verdict=verdict, record=None, report={}))
    for table in (
        "neurograd.report.render_report",
        "neurograd.report.console.limits_tables.render_limits",
    ):
        monkeypatch.setattr(table, lambda report, console: None)
    assert run_command(capsys, command, spec)[0] == verdict.exit_code
    assert run_command(capsys, command, spec, "--exit-zero")[0] == 0


def test_exit_zero_does_not_hide_bad_input(capsys, spec):
    assert "--seed" in refused(capsys, "train", spec, "--seed", "x", "--exit-zero")


@pytest.mark.parametrize("command", [["check"], ["train"], ["limits", "--no-confirm", "--quick"]])
def test_json_on_standard_output_is_alone_there(capsys, spec, tmp_path, command):
    code, out, err = run_command(capsys, *command, spec, "--json", "-")
    report = json.loads(out)
    assert code == Verdict(report["verdict"]).exit_code
    assert report["verdict"] in err  # the tables are there
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


@pytest.mark.parametrize(
    "option", [["check", "--html"], ["limits", "--html"], ["limits", "--plot"]]
)
def test_only_json_can_be_printed(capsys, spec, option):
    command, name = option
    message = refused(capsys, command, spec, "--json", "-", name, "-")
    assert "allowed: " in message


@pytest.mark.parametrize("printed", [["--json", "-"], []])
def test_a_terminal_without_greek_letters_keeps_the_verdict(spec, monkeypatch, printed):
    """Standard output and error as Python makes them with PYTHONIOENCODING=ascii."""
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "ascii"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, "ascii", errors="backslashreplace"))
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", str(spec), *ONE_CHIP, "--set", "name=Ωμέγα", *printed])
    assert stop.value.code == 3
    sys.stdout.flush()
    sys.stderr.flush()
    if printed:
        assert json.loads(out.getvalue().decode("utf-8"))["spec"]["name"] == "Ωμέγα"
    else:
        assert err.getvalue() == b""
        assert b"inconclusive" in out.getvalue()


def test_text_goes_to_whatever_stands_for_standard_output():
    with contextlib.redirect_stdout(io.StringIO()) as stream, pytest.raises(SystemExit) as stop:
        cli.main(["schema"])
    assert stop.value.code == 0
    assert "device" in json.loads(stream.getvalue())["properties"]


def test_no_arguments_show_the_help(capsys):
    code, out, err = run_command(capsys)
    assert (code, err) == (2, "")
    assert "presets" in out


def _replace(monkeypatch, command, outcome):
    """Let the work of a command give or raise something at once."""

    def work(*args, **kwargs):
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    place = {"check": "check.check", "train": "check.train_beside", "limits": "limits.find_limits"}
    monkeypatch.setattr(f"neurograd.pipeline.{place[command]}", work)
