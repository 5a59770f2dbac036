"""The shape of the house: names stay what they are, modules stay short, folders stay small."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import neurograd

ROOT = Path(__file__).parents[2]
PACKAGES = ("neurograd", "device_models")
FILES = sorted(path for top in PACKAGES for path in (ROOT / top).rglob("*.py"))

MOST_LINES = 400
MOST_FILES = 12
CATALOGUES = {"effects", "rules", "write", "read", "updates", "theory", "cli", "presets"}
"""Folders with a file for every entry, which may be long."""

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "misc"}


def modules() -> list[str]:
    """Every module of the house but those that are commands."""
    found = []
    for top in PACKAGES:
        package = importlib.import_module(top)
        found.append(top)
        found += [each.name for each in pkgutil.walk_packages(package.__path__, f"{top}.")]
    return [name for name in found if not name.endswith("__main__")]


@pytest.mark.parametrize("turned", [False, True], ids=["as listed", "turned round"])
def test_public_names_can_be_called_after_every_module_is_imported(turned):
    """Turned round they are still functions and classes, which is what imports could change."""
    names = modules()
    assert len(names) > 150
    order = ["look", *names[::-1]] if turned else ["call", *names]
    done = subprocess.run(
        [sys.executable, "-m", "tests.neurograd.public_names", *order],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_module_is_named_like_something_else_of_its_package():
    """Importing such a module would hide the function of its name."""
    clashes = []
    for name in modules():
        package = importlib.import_module(name)
        for each in pkgutil.iter_modules(getattr(package, "__path__", ())):
            if not isinstance(getattr(package, each.name, package), ModuleType):
                clashes.append(f"{name}.{each.name}")
    assert clashes == []


def test_no_module_is_named_like_a_public_function():
    functions = {name for name in neurograd.__all__ if name != "theory"}
    assert not functions & {path.stem for path in (ROOT / "neurograd").glob("*.py")}
    assert not functions & {path.name for path in (ROOT / "neurograd").iterdir() if path.is_dir()}


def test_modules_are_short():
    lengths = {str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines()) for p in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_modules_are_named_for_what_they_are():
    names = {part for path in FILES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert names & VAGUE == set()


def test_folders_are_small():
    files = [
        path
        for top in PACKAGES
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    counts = Counter(path.parent.relative_to(ROOT) for path in files)
    assert {
        str(folder): count
        for folder, count in counts.items()
        if count > MOST_FILES and not CATALOGUES & set(folder.parts)
    } == {}
