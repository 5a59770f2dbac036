"""Data sets by name."""

from __future__ import annotations

from neurograd.problem import datasets
from tests.neurograd.problem.datasets.refusal import refused


def test_folders_that_are_not_there(tmp_path):
    for name in ("mnist", "cifar10"):
        refused(lambda name=name: datasets.load(name, folder=tmp_path / "no"), "task.folder")
        (tmp_path / "file").write_text("x")
        refused(lambda name=name: datasets.load(name, folder=tmp_path / "file"), "not a folder")
        refused(lambda name=name: datasets.load(name), "task.folder")
    refused(lambda: datasets.load("imagenet"), "digits")
