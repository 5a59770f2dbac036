"""What is installed: every module and every file that they read, under the names that are ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import neurograd

ROOT = Path(__file__).parents[1]
SOURCES = ["pyproject.toml", "README.md", "LICENSE", "neurograd", "device_models"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of the sources, without a network."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = (folder / "dist").iterdir()
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    packed = set(wheel.namelist())
    for package in ("neurograd", "device_models"):
        there = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert f"{package}/py.typed" in there
        assert there <= packed, sorted(there - packed)


def test_nothing_else_is_in_the_wheel(wheel):
    folders = {name.split("/")[0] for name in wheel.namelist()}
    version = neurograd.__version__
    assert folders == {"neurograd", "device_models", f"neurograd_chip-{version}.dist-info"}


def test_the_distribution_has_a_name_of_its_own(wheel):
    (name,) = (each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Name"] == "neurograd-chip"
    assert metadata["Version"] == neurograd.__version__
    classifiers = metadata.get_all("Classifier")
    for minor in (11, 12, 13, 14):
        assert f"Programming Language :: Python :: 3.{minor}" in classifiers
    entry = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert "neurograd = neurograd.cli:main" in entry


def test_every_requirement_is_pinned_by_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    loose = [each for group in groups for each in group if ">=" not in each]
    assert loose == []


def test_every_requirement_is_named_where_people_look():
    """The licences of all of them, and who needs what."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    readme, licences = ((ROOT / name).read_text() for name in ("README.md", "THIRD_PARTY.md"))
    for each in project["dependencies"]:
        assert _name(each) in readme, each
    for group in (project["dependencies"], *project["optional-dependencies"].values()):
        for each in group:
            assert _name(each).lower() in licences.lower(), each


def _name(requirement):
    return re.split(r"[\[>=<]", requirement)[0]
