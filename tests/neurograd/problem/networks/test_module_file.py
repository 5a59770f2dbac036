"""A network from a Python file of the user's."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from neurograd.errors import ModelError
from neurograd.problem.networks import module_from_file
from neurograd.seeding import generator_for

SOURCE = """
from __future__ import annotations
from dataclasses import dataclass
from torch import nn
from beside_it import WIDTH

@dataclass
class Sizes:
    inputs: int = 3

def make_net(outputs=2):
    return nn.Sequential(nn.Linear(Sizes().inputs, WIDTH), nn.Linear(WIDTH, outputs))

def number():
    return 3

def lazy():
    return nn.LazyLinear(3)

def fails():
    raise ValueError("two\\nlines")

def stops():
    raise SystemExit(2)

def turns(sizes):
    return nn.Linear(sizes.pop(), sizes.pop())
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "beside_it.py").write_text("WIDTH = 4\n")
    path = tmp_path / "my_net.py"
    path.write_text(SOURCE)
    return path


def make(path, factory="make_net", seed=0, **arguments):
    return module_from_file(path, factory, arguments, generator_for(seed))


def test_weights_come_from_the_generator_and_from_nothing_else(file):
    before, path = torch.random.get_rng_state(), list(sys.path)
    one, same, other = make(file), make(file), make(file, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert sys.path == path
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
    assert one[0].out_features == 4


def test_arguments_reach_the_function(file):
    assert make(file, outputs=5)[1].out_features == 5


def test_a_function_that_changes_its_arguments_changes_no_spec(file):
    arguments = {"sizes": [2, 3]}
    for _ in range(2):
        assert make(file, "turns", **arguments).in_features == 3
    assert arguments == {"sizes": [2, 3]}


def _folder(place, width, source):
    """A folder with a network file, a module and a package; its widths are those of each."""
    (place / "parts").mkdir(parents=True)
    (place / "beside_it.py").write_text(f"WIDTH = {width}\n")
    (place / "parts" / "__init__.py").write_text("")
    (place / "parts" / "more.py").write_text(f"WIDTH = {width + 1}\n")
    (place / "net.py").write_text(source)
    return place / "net.py"


AT_THE_TOP = """
from torch import nn
import beside_it
from parts.more import WIDTH
class Net(nn.Linear):
    pass
def make_net():
    return Net(beside_it.WIDTH, WIDTH)
"""
IN_THE_FUNCTION = """
from torch import nn
def make_net():
    import beside_it
    from parts.more import WIDTH
    return nn.Linear(beside_it.WIDTH, WIDTH)
"""


@pytest.mark.parametrize("source", [AT_THE_TOP, IN_THE_FUNCTION])
def test_each_file_has_the_modules_beside_it(tmp_path, source):
    files = [_folder(tmp_path / str(width), width, source) for width in (3, 7)]
    path, loaded = list(sys.path), set(sys.modules)
    made = [make(file) for file in (*files, files[0])]
    assert [(each.in_features, each.out_features) for each in made] == [(3, 4), (7, 8), (3, 4)]
    assert sys.path == path
    assert not {"beside_it", "parts", "parts.more"} & set(sys.modules) - loaded


def test_two_files_of_one_name_are_two_modules(tmp_path):
    files = [_folder(tmp_path / str(width), width, AT_THE_TOP) for width in (3, 7)]
    made = [make(file) for file in files]
    modules = [sys.modules[type(each).__module__] for each in made]
    assert [module.__file__ for module in modules] == list(map(str, files))


def test_a_program_s_own_module_of_the_same_name_stays(tmp_path, monkeypatch):
    own = ModuleType("beside_it")
    own.__file__ = str(tmp_path / "elsewhere" / "beside_it.py")
    monkeypatch.setitem(sys.modules, "beside_it", own)
    file = _folder(tmp_path / "3", 3, AT_THE_TOP)
    assert make(file).in_features == 3
    assert sys.modules["beside_it"] is own


def test_what_is_installed_below_the_folder_stays_loaded(tmp_path, monkeypatch):
    """An environment in the folder of the network is not taken for its modules."""
    file = _folder(tmp_path / "3", 3, "import installed_once\n" + AT_THE_TOP)
    site = file.parent / ".venv" / "site"
    site.mkdir(parents=True)
    (site / "installed_once.py").write_text("")
    monkeypatch.syspath_prepend(site)
    make(file)
    assert sys.modules.pop("installed_once").__file__ == str(site / "installed_once.py")


@pytest.mark.parametrize(
    ("factory", "arguments", "message"),
    [
        ("nothing", {}, "has no function 'nothing', the network.factory"),
        ("number", {}, "number gives int; allowed: a torch.nn.Module"),
        ("lazy", {}, "lazy gives a network whose weight has no shape before the first call"),
        ("fails", {}, r"fails\(\): ValueError: two lines"),
        ("stops", {}, r"stops\(\): SystemExit: 2"),
        ("make_net", {"width": 3}, r"make_net\(width\): TypeError"),
    ],
)
def test_what_is_no_network_is_one_line(file, factory, arguments, message):
    with pytest.raises(ModelError, match=message) as told:
        make(file, factory, **arguments)
    assert "\n" not in str(told.value)
    assert str(file) in str(told.value)


def test_files_that_do_not_run(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        make(tmp_path / "none.py")
    (tmp_path / "broken.py").write_text("def make_net(:\n")
    with pytest.raises(ModelError, match="SyntaxError"):
        make(tmp_path / "broken.py")
    (tmp_path / "script.py").write_text("import sys\nsys.exit('usage: script.py')\n")
    with pytest.raises(ModelError, match="SystemExit: usage"):
        make(tmp_path / "script.py")
    (tmp_path / "net.txt").write_text("")
    with pytest.raises(ModelError, match="is no Python file"):
        make(tmp_path / "net.txt")
