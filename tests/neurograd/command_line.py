"""The command line as tests call it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from neurograd import cli

ROOT = Path(__file__).parents[2]

TINY = """
name: tiny
device: {preset: epiram}
network: {hidden: [8]}
task: {name: digits, train_samples: 100, test_samples: 50}
training: {step_size: 0.2, steps: 5, seeds: 2, max_seeds: 3}
measure: {draws: 20, loss_draws: 10, points: 2, seed: 1}
"""


def run_command(capsys, *arguments):
    """Exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def refused(capsys, *arguments):
    """Exit code 2, one line on standard error, which is given back, nothing on standard output."""
    code, out, err = run_command(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("neurograd: error: ")
    assert "Traceback" not in err
    return err


_BEGIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
{before}
from neurograd.cli import main
main()
"""


@contextmanager
def started(
    *arguments, before: str = "", environment: dict[str, str] | None = None, **options
) -> Iterator[subprocess.Popen]:
    """The command line as a process of its own, which is gone at the end whatever happens.

    Ctrl-C reaches it also where it is ignored, as shells have it for what runs in the background.

    Args:
        arguments: Of the command line.
        before: Python statements that run before the command line.
        environment: Variables beside those of this process.
        options: Of ``subprocess.Popen``.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _BEGIN.format(before=before), *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
