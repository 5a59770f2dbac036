"""Where compiled loops are kept, and that they work where nothing can be."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
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
    with pytest.warns(compiled.NoCacheWarning):
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
    with pytest.warns(compiled.NoCacheWarning):
        assert compiled.cache_folder() is None
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    fresh.setattr(compiled, "places", lambda: iter([(link, True)]))
    with pytest.warns(compiled.NoCacheWarning):
        assert compiled.cache_folder() is None


def test_nothing_is_compiled_where_modules_are_imported():
    code = "import sys, device_models, neurograd, neurograd.cli; print('numba' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "False"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs owners of files")
def test_where_program_and_user_have_none_a_temporary_folder_is_taken(fresh, tmp_path):
    closed = tmp_path / "file"
    closed.write_text("no folder")
    fresh.delenv("NUMBA_CACHE_DIR", raising=False)
    fresh.setenv("XDG_CACHE_HOME", str(closed))
    fresh.setattr(compiled, "__file__", str(closed / "compiled.py"))
    fresh.setattr(tempfile, "tempdir", str(tmp_path))
    assert compiled.cache_folder().parent == tmp_path / f"neurograd-{os.getuid()}"
    fresh.setattr(tempfile, "tempdir", str(closed))
    with pytest.warns(compiled.NoCacheWarning, match="NUMBA_CACHE_DIR"):
        assert compiled.cache_folder() is None


def test_that_nothing_can_be_kept_is_said_once_and_changes_no_number(fresh, tmp_path):
    fresh.setattr(compiled, "places", lambda: iter([]))
    fresh.setattr(compiled, "cache_folder", cache(compiled.cache_folder))
    with pytest.warns(compiled.NoCacheWarning) as said:
        forgotten = [compiled.Loop(each).ready_for((0.3,))(0.7) for each in (_step, _part)]
    assert len(said) == 1
    fresh.setattr(compiled, "cache_folder", lambda: tmp_path)
    assert [compiled.Loop(each).ready_for((0.3,))(0.7) for each in (_step, _part)] == forgotten
    assert list(tmp_path.rglob("*.nbi"))


def _step(x):
    return x - 0.1 * np.exp(-x)


def _part(x):
    return x / (1.0 + x)
