"""Rules of the house that no linter knows: how long files are, how they are called, how many."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("neurograd", "device_models")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CATALOGUES = {"effects", "rules", "write", "read", "updates", "theory", "cli", "presets"}


def test_there_are_modules():
    assert len(MODULES) > 100


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in {"utils", "helpers", "common", "base"}


def test_a_folder_can_be_taken_in_at_a_glance():
    files = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    full = {
        folder.relative_to(ROOT).as_posix(): count
        for folder, count in files.items()
        if count > 12 and folder.name not in CATALOGUES
    }
    assert full == {}
