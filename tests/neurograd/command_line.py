"""The command line as tests call it."""

from __future__ import annotations

import pytest

from neurograd import cli

TINY = """
name: tiny
device: {preset: epiram}
network: {hidden: [8]}
task: {name: digits, train_samples: 100, test_samples: 50}
training: {step_size: 0.2, steps: 5, seeds: 2}
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
