"""Where results go: files whose names are names, and what is written although a figure fails."""

from __future__ import annotations

import errno
import io
import json
import sys

import pytest
import typer
from rich.console import Console

from neurograd.cli.outputs import STANDARD_OUTPUT, show_and_write, write_outputs
from neurograd.records.json_form import report_from_json
from neurograd.report.console.check_tables import render_report
from tests.neurograd.command_line import TINY, refused, run_command
from tests.neurograd.small_report import small_report

MARKUP = "rep[/v2] [bold]x[/bold] :warning:.json"


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def test_names_of_files_are_said_as_they_are(capsys, spec, tmp_path):
    path = tmp_path / MARKUP
    code, _, err = run_command(
        capsys, "train", spec, "--exit-zero", "--json", path, "--set", "training.steps=1"
    )
    assert code == 0
    assert err == f"wrote {path}\n"
    assert json.loads(path.read_text())["kind"] == "train"


def test_names_of_specs_are_said_as_they_are():
    report = small_report()
    report["spec"]["name"] = MARKUP
    out = io.StringIO()
    render_report(report_from_json(report), Console(file=out, width=100))
    assert out.getvalue().startswith(f"{MARKUP}\n")


def test_what_was_found_is_written_before_figures_are_drawn(tmp_path):
    def fails():
        raise RuntimeError("no figure")

    path = tmp_path / "r.json"
    with pytest.raises(RuntimeError):
        write_outputs({path: "{}", tmp_path / "plot.png": fails})
    assert path.read_text() == "{}"


class _Full(io.StringIO):
    """A stream on a disk that is full."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("printed", ["tables", "JSON"])
def test_what_was_found_is_written_although_nothing_can_be_printed(
    capsys, monkeypatch, tmp_path, printed
):
    """Red where hours of work end in a traceback without a file."""
    path, page, json_path = tmp_path / "r.json", tmp_path / "r.html", None
    files = {path: "{}", page: lambda: "page"}
    if printed == "JSON":
        json_path = STANDARD_OUTPUT
        files = {json_path: "{}", page: lambda: "page"}
    monkeypatch.setattr(sys, "stdout", _Full())
    with pytest.raises(typer.Exit) as ended:
        show_and_write(lambda console: console.print("a table"), files, json_path)
    assert ended.value.exit_code == 70
    assert page.read_text() == "page"
    assert path.exists() == (printed == "tables")
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "neurograd: unexpected error: cannot print (No space left on device)"


SWEEP = ("sweep", "tiny.yaml", "--over", "training.steps=1,2")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "tiny.yaml", "--resume", "run", "--json", "run"], "run"),
        (["train", "tiny.yaml", "--resume", "run", "--json", "here/run"], "here/run"),
        (["train", "tiny.yaml", "--resume", "run/one", "--json", "run"], "run"),
        (["check", "tiny.yaml", "--json", "out", "--html", "out/p.html"], "out"),
        (["check", "tiny.yaml", "--html", "out/p.html", "--json", "here/out"], "here/out"),
        (["check", "tiny.yaml", "--plan", "--json", "out", "--resume", "out/run"], "out"),
        (["limits", "tiny.yaml", "--plot", "out.png", "--json", "out.png/l.json"], "out.png"),
        (["compare", "tiny.yaml", "other.yaml", "--json", "run", "--resume", "run"], "run"),
        ([*SWEEP, "--table", "out.csv", "--plot", "out.csv/p.png"], "out.csv"),
        ([*SWEEP, "--table", "run.csv", "--resume", "run.csv"], "run.csv"),
        ([*SWEEP, "--table", "run/t.csv", "--resume", "run"], "run/t.csv"),
        ([*SWEEP, "--table", "here/run/t.csv", "--resume", "run"], "here/run/t.csv"),
        ([*SWEEP, "--table", "t.csv", "--plot", "t.csv.partial/p.png"], "t.csv.partial/p.png"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else given,
)
def test_places_that_stand_in_each_others_way_are_refused(
    capsys, tmp_path, monkeypatch, arguments, named
):
    monkeypatch.chdir(tmp_path)
    for name in ("tiny.yaml", "other.yaml"):
        (tmp_path / name).write_text(TINY)
    (tmp_path / "here").symlink_to(tmp_path)
    assert refused(capsys, *arguments).startswith(f"neurograd: error: {named}: is ")
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.yaml", "other.yaml", "here"}


def test_a_report_may_be_kept_in_the_folder_of_its_stages(capsys, spec, tmp_path):
    folder = tmp_path / "run"
    once = [
        run_command(
            capsys, "train", spec, "--exit-zero", "--resume", folder, "--json", folder / "r.json"
        )[0]
        for _ in range(2)
    ]
    assert once == [0, 0]


@pytest.mark.parametrize("option", ["--table", "--plot"])
def test_a_plan_of_a_sweep_refuses_files_that_only_the_work_fills(capsys, spec, option):
    over = (
        "--over",
        "training.steps=1,2",
        "--plan",
        option,
        f"f{'.csv' if 'table' in option else '.png'}",
    )
    assert f"{option}: a plan has nothing to write there" in refused(capsys, "sweep", spec, *over)


def test_a_plan_says_that_it_counts_what_is_finished(capsys, spec, tmp_path):
    folder = tmp_path / "kept"
    planned = ("train", spec, "--plan", "--resume", folder)
    assert run_command(capsys, *planned)[2] == ""
    folder.mkdir()
    (folder / "0123456789abcdef").mkdir()
    assert run_command(capsys, *planned)[2] == (
        f"neurograd: {folder}: the plan counts what is finished there as well\n"
    )


def test_a_plan_of_limits_counts_no_confirmation_that_is_not_made(capsys, spec):
    def planned(*options):
        code, out, _ = run_command(
            capsys, "limits", spec, "--plan", "--quick", *options, "--json", "-"
        )
        assert code == 0
        return {stage["label"]: stage for stage in json.loads(out)["stages"]}

    label = "training a chip at a limit"
    confirmed, unconfirmed = planned(), planned("--no-confirm")
    assert confirmed[label]["most"] > 0
    assert set(confirmed) - set(unconfirmed) == {label}
