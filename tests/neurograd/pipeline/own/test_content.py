"""What tells networks and losses of a program apart, the same in every process."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

import numpy as np
import pytest
import snntorch
import torch
from snntorch import surrogate
from torch import nn

import neurograd
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.identity import ChipTask, CleanTask, content_fingerprint, versions
from neurograd.pipeline.own.content import Content, content_of
from neurograd.problem import Problem
from neurograd.spec import validate_spec
from tests.neurograd.cases import Gru

GAIN = 1.0
"""A global that losses below name."""


def _digest(value):
    content = Content()
    content.add(value, "it")
    return content.digest


def weighted(outputs, targets, weight=1.0):
    return weight * nn.functional.cross_entropy(outputs, targets, reduction="none")


def _with_gain(outputs, targets):
    return GAIN * weighted(outputs, targets)


def _through(outputs, targets):
    return _with_gain(outputs, targets)


def _closing_over(weight):
    return lambda outputs, targets: weighted(outputs, targets, weight)


@dataclass
class Smoothed:
    smoothing: float

    def __call__(self, outputs, targets):
        return nn.functional.cross_entropy(
            outputs, targets, reduction="none", label_smoothing=self.smoothing
        )

    def loss(self, outputs, targets):
        return self(outputs, targets)


class Slotted:
    __slots__ = ("__weight",)

    def __init__(self, weight):
        self.__weight = weight


class Focal(nn.Module):
    def __init__(self, gamma, weights):
        super().__init__()
        self.gamma = gamma
        self.register_buffer("weights", weights)

    def forward(self, outputs, targets):
        return (1 + self.gamma) * weighted(outputs, targets) * self.weights[targets]


ONES, TWOS = torch.ones(3), torch.full((3,), 2.0)
DIFFERENT = {
    "numbers": (1, 1.0, True, None, "1", b"1", 1 + 0j, float("nan"), -0.0, 0.0),
    "containers": ((1, 2), [1, 2], (2, 1), ((1,), 2), (1, (2,)), {1: 2}, {1, 2}, frozenset((1, 2))),
    "tensors": (ONES, TWOS, ONES.double(), ONES[:2], ONES.reshape(3, 1), np.ones(3)),
    "half precision": (ONES.bfloat16(), TWOS.bfloat16(), ONES.half()),
    "functions": (weighted, _with_gain, _closing_over(1.0), _closing_over(2.0)),
    "parts of functions": (
        functools.partial(weighted, weight=2.0), functools.partial(weighted, weight=3.0),
        functools.partial(weighted, targets=3.0),
    ),
    "built-in functions": (torch.tanh, torch.relu, np.exp, np.log, len, str.join),
    "built-in methods": (ONES.add, TWOS.add, ONES.mul),
    "objects": (Smoothed(0.1), Smoothed(0.2), Slotted(1), Slotted(2)),
    "methods": (Smoothed(0.1).loss, Smoothed(0.2).loss, Smoothed(0.1).__call__),
    "modules": (Focal(1, ONES), Focal(2, ONES), Focal(1, TWOS), nn.Tanh(), nn.ReLU()),
    "options of layers": (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2), nn.ELU(0.1)),
    "generators": (torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)),
    "surrogates": (surrogate.atan(alpha=1.0), surrogate.atan(alpha=2.0), surrogate.sigmoid()),
}  # fmt: skip


@pytest.mark.parametrize("values", DIFFERENT.values(), ids=DIFFERENT)
def test_values_that_differ_have_other_digests_and_the_same_ones_the_same(values):
    digests = [_digest(each) for each in values]
    assert len(set(digests)) == len(values)
    assert [_digest(each) for each in values] == digests


def test_functions_are_told_by_the_globals_that_they_name(monkeypatch):
    before = [_digest(each) for each in (_with_gain, _through, weighted)]
    monkeypatch.setitem(globals(), "GAIN", 2.0)
    after = [_digest(each) for each in (_with_gain, _through, weighted)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True]


def test_functions_are_told_by_what_they_take_of_modules_beside_them(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "beside.py").write_text("scale = 1\nother = 1\n")
    (tmp_path / "loss.py").write_text(
        "import beside\n"
        "def outer(o, t):\n    return beside.scale * o\n"
        "def inner(o, t):\n    import beside\n    return beside.scale * o\n"
    )
    import loss

    functions = loss.outer, loss.inner
    before = [_digest(each) for each in functions]
    loss.beside.other = 2
    assert [_digest(each) for each in functions] == before
    loss.beside.scale = 2
    after = [_digest(each) for each in functions]
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_functions_that_differ_in_an_instruction_alone_differ():
    made = [eval(f"lambda o, t: {text}") for text in ("o + t", "o - t", "o + t + 1", "o + t + 2")]
    assert len({_digest(each) for each in made}) == 4


def test_what_holds_itself_ends():
    values = [1]
    values.append(values)
    assert _digest(values) != _digest([1, [1]])


class Net(nn.Module):
    def __init__(self, body=0, **attributes):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.head, self.body = nn.Linear(5, 2), nn.Linear(4, 5)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
        self.body.weight.data += body
        self.body.requires_grad_(False)
        self.calls = 0
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        self.calls += 1
        return self.head(torch.tanh(self.body(x)))


def _problem(module, loss=None):
    x = torch.linspace(-1, 1, 80).reshape(20, 4)
    return Problem(module, loss or nn.CrossEntropyLoss(), x, (x.sum(1) > 0).long())


def _tied():
    made = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    for parameter in made.parameters():
        parameter.data.fill_(0.5)
    return made


def _really_tied():
    made = _tied()
    made[2].weight = made[0].weight
    return made


def _hooked(scale):
    made = Net()
    made.head.register_forward_hook(lambda layer, inputs, output: scale * output)
    return made


NETWORKS = {
    "as it is": Net,
    "another frozen body": lambda: Net(body=1),
    "a number": lambda: Net(scale=1),
    "another number": lambda: Net(scale=3),
    "a text": lambda: Net(mode="a"),
    "a tensor that is no buffer": lambda: Net(mask=ONES),
    "another tensor": lambda: Net(mask=TWOS),
    "a function": lambda: Net(act=torch.relu),
    "another function": lambda: Net(act=torch.tanh),
    "a hook": lambda: _hooked(1.0),
    "another hook": lambda: _hooked(2.0),
    "weights alike": _tied,
    "weights that are one": _really_tied,
}


def test_networks_are_told_by_all_that_they_hold():
    found = {name: content_fingerprint(_problem(make())) for name, make in NETWORKS.items()}
    assert len(set(found.values())) == len(NETWORKS)
    assert {name: content_fingerprint(_problem(make())) for name, make in NETWORKS.items()} == found


def test_what_calls_leave_behind_tells_nothing():
    problem = _problem(Net())
    found = content_fingerprint(problem)
    problem.loss(problem.initial_weights)
    assert problem.module.calls > 0
    assert content_fingerprint(problem) == found
    assert content_fingerprint(problem.replica()) == found


def _spiking():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        neuron = snntorch.Leaky(beta=0.9, spike_grad=surrogate.atan(), init_hidden=True)
        made = nn.Sequential(nn.Linear(4, 3), neuron)
    return made


def _recurrent():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Gru(width=5)


@pytest.mark.parametrize(("make", "inputs"), [(_spiking, 4), (_recurrent, 12)])
def test_layers_of_libraries_are_known_before_and_after_calls(make, inputs):
    x = torch.linspace(-1, 1, 10 * inputs).reshape(10, inputs)
    problem = Problem(make(), nn.CrossEntropyLoss(), x, (x.sum(1) > 0).long())
    before = content_of(problem)
    problem.loss(problem.initial_weights)
    after = content_of(problem)
    assert before.unknown == after.unknown == []
    assert before.digest == after.digest


def test_a_spiking_network_of_a_spec_is_the_same_before_and_after_calls():
    keys = {"network": {"kind": "spiking", "hidden": [3]}, "task": {"name": "digits"}}
    problem = build_problem(validate_spec(keys))
    before = content_fingerprint(problem)
    problem.loss(problem.initial_weights)
    problem.gradient(problem.initial_weights)
    assert content_fingerprint(problem) == before
    assert content_fingerprint(problem.replica()) == before


PROGRAM = """
import torch
from neurograd.pipeline.identity import content_fingerprint
from tests.neurograd.pipeline.own.test_content import Focal, Net, ONES, Smoothed, _problem, _through
options = {"names": {"a", "b", "c"}, "parts": frozenset((1.0, "x", None)), "loss": Smoothed}
for loss in (_through, Smoothed(0.1), Focal(2, ONES)):
    print(content_fingerprint(_problem(Net(options=options), loss)))
"""


def test_digests_are_the_same_in_every_process():
    found = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]  # fmt: skip
    assert found[0] == found[1]
    assert len(set(found[0])) == 3


# -- What is kept ----------------------------------------------------------------------------------

CHIP = {
    "device": {"preset": "alox-hfo2"},
    "training": {"step_size": 0.2, "steps": 3, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 12, "loss_draws": 8, "points": 1, "smoothing_draws": None},
}


def test_a_check_with_another_loss_is_computed_anew(tmp_path):
    def found(loss, resume=None):
        check = neurograd.check(problem=_problem(Net(), loss), chip=CHIP, resume=resume)
        return check.report["training"], check.report["points"]

    first = found(None, tmp_path)
    tripled = functools.partial(weighted, weight=3.0)
    assert found(tripled, tmp_path) == found(tripled) != first
    kept = len(list(tmp_path.iterdir()))
    assert found(None, tmp_path) == first
    assert len(list(tmp_path.iterdir())) == kept


class Opaque:
    """A copy is the thing itself, which shows nothing of what it is."""

    def __deepcopy__(self, memo):
        return self

    def __reduce_ex__(self, protocol):
        raise TypeError("no")


def _draining(numbers):
    return lambda outputs, targets: weighted(outputs, targets, next(numbers))


UNKNOWN = {
    "the loss (generator)": (Net, lambda: _draining(each for each in range(100))),
    "the module: source of Net (Opaque)": (lambda: Net(source=[Opaque()]), lambda: None),
}


@pytest.mark.parametrize("named", UNKNOWN)
def test_what_cannot_be_looked_into_is_not_resumed(named, tmp_path):
    module, loss = UNKNOWN[named]
    problem = _problem(module(), loss())
    assert content_of(problem).unknown == [named]
    for call in (
        lambda **more: neurograd.check(chip=CHIP, **more),
        lambda **more: neurograd.limits(chip=CHIP, quick=True, **more),
        lambda **more: neurograd.sweep(chip=CHIP, over={"device.read.noise": [0.0]}, **more),
    ):
        with pytest.raises(NeurogradError, match="resume: finished work of a problem") as error:
            call(problem=problem, resume=tmp_path)
        assert named in str(error.value)
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_what_computes_nothing_and_what_libraries_hold_is_no_reason_to_refuse():
    module = Net(lock=threading.Lock(), words={"a": [1, "b"]}, shape=torch.Size((1, 2)))
    module.__deepcopy__ = lambda memo: module
    content = Content()
    content.add(module, "it")
    layer = nn.Tanh()
    layer.opaque = Opaque()
    content.add(layer, "it")
    assert content.unknown == []


def test_the_file_of_a_network_is_a_part_of_its_tasks(tmp_path):
    file = tmp_path / "net.py"
    text = "from torch import nn\ndef make_net():\n    return nn.Sequential({})\n"
    spec = validate_spec(
        {
            "network": {"kind": "module", "file": str(file)},
            "task": {"name": "digits", "train_samples": 20, "test_samples": 10},
        }
    ).beside(allow_code=True)
    found = []
    for more in ("", ", nn.Hardtanh(-9, 9)", ""):
        file.write_text(text.format(f"nn.Flatten(), nn.Linear(64, 10){more}"))
        content = content_fingerprint(build_problem(spec))
        tasks = CleanTask.of(spec, "cpu"), ChipTask.of(spec, "cpu", "data")
        found.append((content, *(task.digest for task in tasks)))
    assert found[0] == found[2]
    assert all(a != b for a, b in zip(*found[:2], strict=True))


def test_all_libraries_that_numbers_depend_on_have_their_versions():
    assert {"torch", "snntorch", "numpy", "scipy", "numba", "curvlinops"} < versions().keys()
    assert "not installed" not in versions().values()
