"""Where compiled loops are kept, and that they work where nothing can be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from device_models.kernels import compiled

ROOT = Path(__file__).parents[3]


@pytest.fixture
def fresh(monkeypatch):
    """The search for a folder, without what it found before."""
    monkeypatch.setattr(compiled, "cache_folder", compiled.cache_folder.__wrapped__)
    return monkeypatch


def test_the_first_folder_that_takes_files_is_taken(fresh, tmp_path):
    closed = tmp_path / "file"
    closed.write_text("no folder")
    fresh.setattr(compiled, "places", lambda: iter([(closed, False), (tmp_path / "own", False)]))
    folder = compiled.cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path / "own"
    fresh.setattr(compiled, "places", lambda: iter([(closed, False)]))
    assert compiled.cache_folder() is None


def test_the_named_folder_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert next(compiled.places()) == (tmp_path, False)
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert next(compiled.places())[0] == Path(compiled.__file__).parent / "__pycache__"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs owners of files")
def test_a_temporary_folder_that_others_can_write_to_is_not_taken(fresh, tmp_path):
    shared = tmp_path / "shared"
    fresh.setattr(compiled, "places", lambda: iter([(shared, True)]))
    assert compiled.cache_folder() is not None
    shared.chmod(0o777)
    assert compiled.cache_folder() is None
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    fresh.setattr(compiled, "places", lambda: iter([(link, True)]))
    assert compiled.cache_folder() is None


def test_nothing_is_compiled_where_modules_are_imported():
    code = "import sys, device_models, neurograd, neurograd.cli; print('numba' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "False"


def test_loops_run_without_a_folder():
    """Nothing can be kept: what is compiled is used and forgotten."""
    code = (
        "import numpy as np\n"
        "from device_models.kernels import compiled\n"
        "compiled.places = lambda: iter([])\n"
        "def double(x): return 2 * x\n"
        "print(compiled.Loop(double).ready_for((3,))(4))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "8"
