"""The drawing of the packages is that of the imports, and its arrows point down."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def drawing():
    """The script, which stands beside the pages and is in no package."""
    place = ROOT / "docs" / "draw_architecture.py"
    found = importlib.util.spec_from_file_location("draw_architecture", place)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_drawing_is_current(drawing):
    committed = json.loads((ROOT / "docs" / "architecture.json").read_text())
    assert committed == drawing.collect(), "run 'make architecture' and commit what it writes"


def test_every_part_has_a_place_and_a_sentence(drawing):
    data, order = drawing.collect(), drawing.layers()
    assert set(data["neurograd"]) - {"experiments", "device_models"} <= set(order["neurograd"])
    assert set(data["device_models"]) <= set(order["device_models"])
    for package in ("neurograd", "device_models"):
        for name in order[package]:
            place = ROOT / package / name
            if name != "__main__" and (place.is_dir() or place.with_suffix(".py").is_file()):
                assert drawing.summary(ROOT, package, name)


def test_every_way_of_importing_is_seen(drawing, tmp_path):
    sources = {
        "neurograd/__init__.py": "",
        "neurograd/cli/check.py": "def check():\n    from neurograd.spec.loading import load",
        "neurograd/spec/__init__.py": "import neurograd.errors\nimport yaml",
        "neurograd/spec/loading.py": "from neurograd import keys, theory\n",
        "neurograd/keys/units.py": "if TYPE_CHECKING:\n    import device_models.chip as c",
        "device_models/chip.py": "from device_models import protocols\nfrom os import path",
        "device_models/write/crossbar.py": "from device_models.write.grid import Grid",
        "experiments/fig1.py": "import device_models",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = drawing.collect(tmp_path)
    assert found["neurograd"] == {
        "cli": ["spec"],
        "device_models": [],
        "errors": [],
        "experiments": ["device_models"],
        "keys": ["device_models"],
        "spec": ["errors", "keys", "theory"],
        "theory": [],
    }
    assert found["device_models"] == {"chip": ["protocols"], "protocols": [], "write": []}


def test_arrows_that_follow_from_others_are_left_out(drawing):
    edges = {"a": ["b", "c", "d"], "b": ["c"], "c": [], "d": ["a"]}
    arrows = drawing.shortened(edges, ["a", "b", "c", "d"])
    assert arrows == [("a", "b"), ("a", "d"), ("b", "c"), ("d", "a")]


def test_the_drawing_is_the_same_every_time(drawing, tmp_path):
    for name in ("a.svg", "b.svg"):
        drawing.draw(tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
