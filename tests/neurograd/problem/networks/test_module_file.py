"""A network from a Python file of the user's."""

from __future__ import annotations

import sys

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
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "beside_it.py").write_text("WIDTH = 4\n")
    path = tmp_path / "my_net.py"
    path.write_text(SOURCE)
    yield path
    sys.modules.pop("beside_it", None)


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


@pytest.mark.parametrize(
    ("factory", "arguments", "message"),
    [
        ("nothing", {}, "has no function 'nothing', the network.factory"),
        ("number", {}, "number gives int; allowed: a torch.nn.Module"),
        ("lazy", {}, "lazy gives a network whose weight has no shape before the first call"),
        ("fails", {}, r"fails\(\): ValueError: two lines"),
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
    (tmp_path / "net.txt").write_text("")
    with pytest.raises(ModelError, match="is no Python file"):
        make(tmp_path / "net.txt")
