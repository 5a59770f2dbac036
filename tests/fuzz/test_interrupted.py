"""Killed and interrupted at drawn moments: nothing half done stays, and the numbers are the same.

``python -m tests.fuzz.interrupted`` has more kinds of work and more moments. Sweeps are in
tests/neurograd/pipeline/test_sweep.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
def test_work_that_is_disturbed_leaves_nothing_half_done(tmp_path):
    works = ["--only", "check", "experiment"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.interrupted", tmp_path / "works", *works],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "nothing is off\n"), done.stdout + done.stderr
