"""The page about one's own data: its specs are read, and its code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from neurograd.problem.networks import start_from
from neurograd.spec import load_spec, validate_spec

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
SPECS = re.findall(r"`((?:task|network): \{.*?\})`", TEXT)


@pytest.mark.parametrize("text", SPECS)
def test_specs_of_the_page_are_allowed(text):
    validate_spec(yaml.safe_load(text))


def test_the_page_has_specs():
    assert len(SPECS) > 8


def test_the_code_writes_weights_that_the_network_takes(tmp_path, monkeypatch):
    from neurograd.pipeline.build import build_problem

    (code,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "data.md", "exec"), {})
    module = build_problem(load_spec("examples/tutorial.yaml")).module
    start_from(module, "start.safetensors")
