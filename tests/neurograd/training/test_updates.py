"""Updates recorded once and replayed are those taken one by one, bit for bit."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip, Minibatch, ReadNoise, WhiteNoise
from device_models.updates.momentum import Momentum
from device_models.updates.recipe import Recipe
from neurograd import recording
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.problem.losses import as_loss
from neurograd.seeding import generator_for
from neurograd.spec import list_presets, validate_spec
from neurograd.training import updates
from neurograd.training.course import Course
from neurograd.training.loop import train
from neurograd.training.schedules import ConstantStep, CosineDecay, StepDecay
from tests.conformance.cases import PASSES, READS, RULES, WRITES, Place, relu_problem
from tests.neurograd.cases import smooth_network

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

STEPS = 40


@dataclass
class Called:
    """A recording on the CPU: the call itself."""

    update: object

    def replay(self):
        self.update()


@pytest.fixture
def recorded(monkeypatch):
    """Sizes of the recordings, which are made on the CPU as on a GPU."""
    made = []

    def record(update, w, generator):
        made.append(len(w))
        return Called(update)

    monkeypatch.setattr(updates, "record_update", record)
    monkeypatch.setattr(updates, "can_be_recorded", lambda chip, problem: chip.recipe is None)
    return made


def chips():
    """Names of chips whose batches come in different ways, and how many recordings they take."""
    noisy = {"reads": (ReadNoise(0.05),)}
    yield "whole set", Chip(WhiteNoise(Backprop(), 0.1), 0.1, **noisy), 1
    for order in ("fresh", "with_replacement"):
        yield order, Chip(Minibatch(Backprop(), 7, order=order), 0.1, **noisy), 1
    # The last batch of an epoch is smaller.
    yield "shuffled", Chip(Minibatch(Backprop(), 7, order="shuffled"), 0.1, **noisy), 2
    yield "recipe", Chip(Backprop(), 0.1, **noisy, recipe=Recipe(Momentum(0.9))), 0


@pytest.mark.parametrize(("chip", "count"), [pytest.param(c, n, id=i) for i, c, n in chips()])
def test_replays_are_the_updates(chip, count, recorded):
    problem = relu_problem(Place(torch.float64, "cpu"))
    found = train(problem, chip, STEPS, seed=3, snapshots=[2, 20])
    assert len(recorded) == count
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(updates, "can_be_recorded", lambda chip, problem: False)
        expected = train(problem, chip, STEPS, seed=3, snapshots=[2, 20])
    assert len(recorded) == count
    assert found.weights.equal(expected.weights)
    assert found.snapshots[20].equal(expected.snapshots[20])
    assert found.curve == expected.curve


@pytest.mark.parametrize(
    ("schedule", "count"),
    # The second has a step size for every update, the third more of them than are kept.
    [(StepDecay(40, 0.5), 2), (CosineDecay(80), 0), (StepDecay(15, 0.5), 4)],
)
def test_a_step_size_has_a_recording_of_its_own(schedule, count, recorded):
    problem, chip = smooth_network(), Chip(WhiteNoise(Backprop(), 0.1), 0.1)
    found = train(problem, chip, 80, seed=3, schedule=schedule)
    assert len(recorded) == count
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(updates, "can_be_recorded", lambda chip, problem: False)
        expected = train(problem, chip, 80, seed=3, schedule=schedule)
    assert found.weights.equal(expected.weights)


def test_the_middle_of_a_training_has_its_recording(recorded):
    problem, chip = smooth_network(), Chip(WhiteNoise(Backprop(), 0.1), 0.1)
    course = Course(chip, problem.num_samples, ConstantStep(), 0, "order")
    take = updates.one_after_the_other(problem, course)
    assert len(recorded) == 1
    take()
    assert len(recorded) == 1


def test_draws_at_a_point_are_replayed(monkeypatch):
    """Each generator goes on as if its draw had been taken without a recording."""
    problem, made = smooth_network(), []

    def record(update, w, generator):
        made.append(len(w))
        return Called(update)

    monkeypatch.setattr(recording, "record_update", record)
    monkeypatch.setattr(recording, "can_be_recorded", lambda chip, problem: True)
    chip = Chip(Minibatch(WhiteNoise(Backprop(), 0.1), 5), 0.1, (ReadNoise(0.05),))
    w = problem.initial_weights
    sample, expected = recording.sampler_of(chip, problem, w), chip.sampler(problem, w)
    for k in range(8):
        one, other = generator_for(0, k), generator_for(0, k)
        # Not at its beginning.
        assert torch.rand(3, generator=one).equal(torch.rand(3, generator=other))
        assert sample(one).equal(expected(other))
        assert torch.rand(3, generator=one).equal(torch.rand(3, generator=other))
        assert len(made) == (k >= recording.TAKEN_BEFORE)


def test_what_cannot_be_recorded_is_taken_one_by_one(monkeypatch, recorded):
    asked = []
    monkeypatch.setattr(updates, "record_update", lambda *each: asked.append(each))
    problem, chip = smooth_network(), Chip(WhiteNoise(Backprop(), 0.1), 0.1)
    found = train(problem, chip, STEPS, seed=3)
    assert len(asked) == 1
    short = train(problem, chip, updates.WORTH_RECORDING, seed=3)
    assert len(asked) == 1
    assert not found.weights.equal(short.weights)


def on_gpu(problem, **others):
    """A problem that says that it is on a GPU."""
    kept = {"module": problem.module, "loss_function": problem.loss_function}
    return SimpleNamespace(device=torch.device("cuda"), **{**kept, **others})


class OwnRule(WhiteNoise):
    """May count its calls."""


class OwnLayer(nn.Linear):
    """May keep what it saw."""


def test_parts_from_elsewhere_are_not_recorded():
    problem = smooth_network()
    there = on_gpu(problem)
    chip = Chip(Minibatch(Backprop(), 3), 0.1, reads=(ReadNoise(0.1),))
    own = OwnRule(Backprop(), 0.1)
    assert recording.can_be_recorded(chip, there)
    assert not recording.can_be_recorded(chip, problem)
    assert not recording.can_be_recorded(replace(chip, recipe=Recipe(Momentum(0.9))), there)
    assert not recording.can_be_recorded(Chip(own, 0.1), there)
    assert not recording.can_be_recorded(Chip(WhiteNoise(own, 0.1), 0.1), there)
    hooked = nn.Sequential(nn.Linear(2, 2))
    hooked[0].register_forward_hook(print)
    for changed in (
        {"loss_function": as_loss(lambda outputs, targets: outputs[:, 0])},
        {"module": nn.Sequential(OwnLayer(2, 2))},
        {"module": hooked},
    ):
        assert not recording.can_be_recorded(chip, on_gpu(problem, **changed))


def test_all_of_this_projects_may_be_recorded():
    place = Place(torch.float32, "cpu")
    for case in RULES.values():
        problem = case.problem(place)
        here = replace(place, shapes=tuple(tuple(p.shape) for p in problem.module.parameters()))
        chip = Chip(case.make(problem, here), 0.1)
        assert recording.can_be_recorded(chip, on_gpu(problem)), chip


class Aborted(BaseException):
    """Such as an interrupt."""


@pytest.mark.parametrize("error", [RuntimeError, Aborted, ValueError])
def test_a_recording_that_fails_is_ended(error, monkeypatch):
    """Otherwise all that comes after it in the process would be recorded, and not be done."""
    log = []

    class Graph:
        def register_generator_state(self, generator):
            log.append("register")

        def capture_begin(self, **options):
            log.append("begin")

        def capture_end(self):
            log.append("end")
            raise RuntimeError

    stream = SimpleNamespace(wait_stream=lambda other: None)
    for name, value in {
        "device": lambda device: nullcontext(),
        "CUDAGraph": Graph,
        "current_stream": lambda: stream,
        "Stream": lambda: stream,
        "stream": lambda other: nullcontext(),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(recording, "_waits", lambda update, w: False)

    def update():
        raise error

    if error is RuntimeError:
        assert recording.record_update(update, torch.zeros(2), torch.Generator()) is None
    else:
        with pytest.raises(error):
            recording.record_update(update, torch.zeros(2), torch.Generator())
    assert log == ["register", "begin", "end"]


EVERY = [
    *(("rule", name) for name in RULES),
    *(("read", name) for name in READS),
    *(("pass", name) for name in PASSES),
    *(("write", name) for name in WRITES),
]

WAITING = {
    ("rule", "equilibrium_propagation"),
    ("read", "ir_drop"),
    ("read", "ir_drop, the whole network"),
    ("write", "jump_table"),
}
"""What waits for the GPU in an update."""


def chip_of(kind, name, place):
    """A problem, and a chip whose part of a kind is that of a name."""
    case = RULES[name if kind == "rule" else "backprop"]
    problem = case.problem(place)
    here = replace(place, shapes=tuple(tuple(p.shape) for p in problem.module.parameters()))
    rule = case.make(problem, here)
    parts = {
        "read": lambda: {"reads": (READS[name](here),)},
        "pass": lambda: {"passes": (PASSES[name](),)},
        "write": lambda: {"writes": (WRITES[name].make(here),)},
        "rule": dict,
    }
    return problem, Chip(Minibatch(rule, 5) if case.batches else rule, 0.05, **parts[kind]())


@pytest.fixture
def made(monkeypatch):
    """The recordings of trainings on a GPU; None for each that could not be made."""
    found = []

    def record(*each):
        found.append(recording.record_update(*each))
        return found[-1]

    monkeypatch.setattr(updates, "record_update", record)
    return found


@pytest.mark.cuda
@NO_CUDA
@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_replays_are_the_updates_on_cuda(kind, name, made, monkeypatch):
    problem, chip = chip_of(kind, name, Place(torch.float64, "cuda"))
    found = train(problem, chip, STEPS, seed=3)
    monkeypatch.setattr(updates, "can_be_recorded", lambda chip, problem: False)
    expected = train(problem, chip, STEPS, seed=3)
    assert found.weights.equal(expected.weights)
    assert not found.weights.equal(problem.initial_weights)
    assert [each is None for each in made] == [(kind, name) in WAITING]


@pytest.mark.cuda
@NO_CUDA
@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_draws_at_a_point_are_replayed_on_cuda(kind, name):
    problem, chip = chip_of(kind, name, Place(torch.float64, "cuda"))
    w = chip.program(problem.initial_weights)
    sample, expected = recording.sampler_of(chip, problem, w), chip.sampler(problem, w)
    for k in range(8):
        one, other = (generator_for(0, k, device="cuda") for _ in range(2))
        torch.rand(3, generator=one, device="cuda")
        torch.rand(3, generator=other, device="cuda")
        assert sample(one).equal(expected(other))
        assert one.get_state().equal(other.get_state())


@pytest.mark.cuda
@NO_CUDA
@pytest.mark.parametrize("order", ["fresh", "shuffled"])
@pytest.mark.parametrize("each", [1, 4])
def test_writes_of_samples_are_replayed_on_cuda(order, each, monkeypatch):
    place = Place(torch.float32, "cuda")
    problem = relu_problem(place)
    here = replace(place, shapes=tuple(tuple(p.shape) for p in problem.module.parameters()))
    rule = Minibatch(Backprop(), each, order=order)
    write = WRITES["pulsed_write, linear"].make(here)
    chip = Chip(rule, 0.1, (ReadNoise(0.01),), (write,), write_each="sample")
    found = train(problem, chip, STEPS, seed=3)
    monkeypatch.setattr(updates, "can_be_recorded", lambda chip, problem: False)
    assert found.weights.equal(train(problem, chip, STEPS, seed=3).weights)


SPECS = {
    **{name: {"device": {"preset": name}} for name in list_presets()},
    "pair": {"device": {"pulsed": {"model": "one_sided_pair", "dw_min": 0.01}}},
    "leakage": {"device": {"preset": "gokmen-vlasov", "leakage": {"lifetime": 1000}}},
    "whole": {
        "device": {
            "preset": "epiram",
            "read": {"noise": 0.01},
            "faults": {"stuck_low": 0.1},
            "converters": {"adc_bits": 6, "input_range": 1.0, "output_range": 5.0},
            "drift": {"time": "1 h", "exponent": 0.1},
        }
    },
    "rounded": {
        "quantization": {"weight_bits": 8, "update_bits": 10, "update_rounding": "stochastic"}
    },
    "spiking": {"network": {"kind": "spiking", "hidden": [5], "time_steps": 3}},
}


@pytest.mark.cuda
@NO_CUDA
@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("name", SPECS)
def test_chips_of_specs_are_recorded_on_cuda(name, batch, made, monkeypatch):
    keys = {
        "network": {"hidden": [8]},
        "task": {"name": "digits", "train_samples": 60},
        "training": {"step_size": 0.05, "steps": STEPS},
        "learning_rule": {"batch_size": batch, "write_each": "sample"},
        "measure": {"precision": "float32"},
    }
    spec = validate_spec({**keys, **SPECS[name]})
    problem = build_problem(spec, "cuda")
    chip = build_chip(spec, problem)
    found = train(problem, chip, STEPS, seed=3)
    assert made
    assert None not in made
    monkeypatch.setattr(updates, "can_be_recorded", lambda chip, problem: False)
    assert found.weights.equal(train(problem, chip, STEPS, seed=3).weights)
