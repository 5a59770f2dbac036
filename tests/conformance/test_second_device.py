"""Every path on a device that is not the CPU: nothing is computed from tensors of two devices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

import neurograd
from device_models import Backprop, Chip, Minibatch
from device_models.protocols import AveragedRule, ExpectedRule
from device_models.updates.adam import Adam
from device_models.updates.momentum import Momentum
from device_models.updates.recipe import Recipe
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.moments import measure_moments
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.check import check
from neurograd.pipeline.pool.inline import Inline
from neurograd.problem import Problem
from neurograd.progress import Reporter
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec
from tests.conformance.cases import (
    PASSES,
    READS,
    RULES,
    WRITES,
    Place,
    leak_by_layer,
    pass_by_layer,
    rate_problem,
    read_by_layer,
    relu_problem,
    write_by_layer,
)
from tests.conformance.elsewhere import DeviceMismatchError, second_device

KIND = "meta"


@pytest.fixture
def place():
    with second_device() as device:
        yield Place(torch.float64, str(device))


def _there(*tensors):
    assert {each.device.type for each in tensors} == {KIND}


@pytest.mark.parametrize("name", RULES)
def test_rules(name, place):
    case = RULES[name]
    problem = case.problem(place, chunk_size=5)
    rule, w, generator = case.make(problem, place), problem.initial_weights, place.generator("rule")
    _there(w, rule.gradient(problem, w, generator))
    if case.batches:
        _there(Minibatch(rule, 3).gradient(problem, w, generator))
        _there(Minibatch(rule, 3).expected(problem, w, generator))
    for make in PASSES.values():
        _there(rule.gradient(problem.through(make().applied), w, generator))
    if isinstance(rule, (ExpectedRule, AveragedRule)):
        _there(rule.expected(problem, w, generator))
    if case.variance is not None:
        assert float(case.variance(rule, problem, w)) > 0


@pytest.mark.parametrize("name", READS)
def test_reads(name, place):
    effect, w = READS[name](place), place.normal(place.size, name="weights")
    moments = effect.moments(w)
    _there(effect.read(w, place.generator("read")), moments.mean, moments.variance)


@pytest.mark.parametrize("name", WRITES)
def test_writes(name, place):
    effect = WRITES[name].make(place)
    w, increment = (place.normal(place.size, name=each) for each in ("weights", "increment"))
    w, increment = effect.program(w), 0.03 * increment
    chip = Chip(Backprop(), 0.1, writes=(effect,))
    _there(w, chip.write(w, increment, place.generator("write")))
    for moments in (
        chip.write_moments(w, increment),
        chip.write_moments(w, increment, increment.square()),
        chip.average_write(w, torch.stack([increment, -increment])),
    ):
        _there(moments.mean, moments.variance)


RECIPES = (
    None,
    Recipe(Momentum(0.9), weight_decay=0.01),
    Recipe(Adam(), clip=0.1),
)


def _nth(names: Iterable[str], k: int) -> str:
    """Every one in turn."""
    names = list(names)
    return names[k % len(names)]


@pytest.mark.parametrize("k", range(max(map(len, (RULES, READS, WRITES)))))
def test_steps_of_training(k, place):
    """Every rule, read, write, pass and recipe in chips of several of them."""
    case = RULES[_nth(RULES, k)]
    problem = case.problem(place)
    shapes = tuple(tuple(p.shape) for p in problem.module.parameters())
    here = replace(place, shapes=shapes)
    rule = case.make(problem, here)
    chip = Chip(
        Minibatch(rule, 3) if case.batches and k % 2 else rule,
        0.05,
        reads=(READS[_nth(READS, k)](here),),
        writes=(WRITES[_nth(WRITES, k)].make(here),),
        passes=(PASSES[_nth(PASSES, k)](),),
        recipe=RECIPES[k % len(RECIPES)],
    )
    _there(*_trained(chip, problem, here.generator("training")))


def _trained(chip: Chip, problem: Problem, generator: torch.Generator) -> list[Tensor]:
    """Weights after two updates, and what the recipe remembers."""
    w = chip.program(problem.initial_weights)
    state = chip.start(w)
    for _ in range(2):
        update, state = chip.sample_step(problem, w, state, generator)
        w = w + chip.step_size * update
    return [w, *(() if state is None else state.memory)]


def test_chips_whose_parts_are_those_of_layers(place):
    """And those that write every sample for itself."""
    problem = rate_problem(place)
    here = replace(place, shapes=tuple(tuple(p.shape) for p in problem.module.parameters()))
    rule, reads = Minibatch(Backprop(), 3), (read_by_layer(here),)
    writes = (write_by_layer(here), leak_by_layer(here))
    chip = Chip(rule, 0.05, reads, writes, (pass_by_layer(),))
    _there(*_trained(chip, problem, here.generator("training")))
    each = Chip(rule, 0.05, reads, (WRITES["memristor_write"].make(here),), write_each="sample")
    _there(*_trained(each, problem, here.generator("training")))


WHOLE = {
    "device": {
        "preset": "epiram",
        "faults": {"stuck_low": 0.1},
        "converters": {"adc_bits": 6},
        "drift": {"exponent": 0.1, "exponent_spread": 0.05},
    },
    "network": {"hidden": [4]},
    "task": {"name": "digits", "train_samples": 20, "test_samples": 10},
    "training": {
        "step_size": 0.1,
        "steps": 2,
        "seeds": 2,
        "max_seeds": 2,
        "optimizer": {"name": "adam"},
    },
    "deployment": {},
    "targets": {"max_accuracy_drop": 0.0},
    "measure": {"draws": 4, "loss_draws": 4, "points": 1},
}


class _Here(Inline):
    """All in one thread."""

    def __init__(self, device: torch.device, reporter: Reporter, *more: object) -> None:
        super().__init__(reporter)


def test_a_whole_check_has_the_numbers_of_the_cpu(monkeypatch):
    """Clean twin, chips, moments, curvature, kinks, forecast and ageing; all in one thread.

    Sums may be taken in another order, so that numbers agree up to rounding.
    """
    monkeypatch.setattr("neurograd.pipeline.check.Threads", _Here)
    # Compiled loops, which take tensors of the CPU only, have draws of their own.
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: False)
    spec = validate_spec(WHOLE)
    with second_device() as device:
        there = check(spec, device=device).report
    here = check(spec).report
    assert here["points"]
    assert here["deployment"]
    for name in here.keys() - {"timing"}:
        assert there[name] == _nearly(here[name]), name


def test_a_problem_that_lies_there_is_swept_and_looked_at_quickly(monkeypatch):
    """Neither is built on the CPU before its work begins there."""
    monkeypatch.setattr("neurograd.pipeline.check.Threads", _Here)
    monkeypatch.setattr("neurograd.pipeline.pool.workers.choose_device", torch.device)
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: False)
    keys = {name: WHOLE[name] for name in ("device", "training", "measure", "deployment")}
    counted = {"step_size": 0.1, "epochs": 2, "seeds": 2, "max_seeds": 2}
    epochs = {**keys, "learning_rule": {"batch_size": 10}, "training": counted}

    def found(device: torch.device | str) -> tuple[object, ...]:
        problem = build_problem(validate_spec(WHOLE), device)
        swept = neurograd.sweep(problem=problem, chip=keys, over={"device.read.noise": [0.0, 0.1]})
        quick = neurograd.check(problem=problem, chip=epochs, quick=True)
        return [dict(row) for row in swept.rows], quick.report["training"]["clean"]

    with second_device() as device:
        there = found(device)
    rows, clean = found("cpu")
    assert len(rows) == 2
    assert there == (_nearly(rows), _nearly(clean))


def _nearly(value: object) -> object:
    """The same value, with room for rounding in its numbers."""
    if isinstance(value, dict):
        return {key: _nearly(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_nearly(each) for each in value]
    return pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value


def test_what_is_measured(place):
    """The gradient, the moments of an update, the Hessian's diagonal and its product."""
    problem, effect = relu_problem(place), WRITES["update_rounding"].make(place)
    w, chip = problem.initial_weights, Chip(Minibatch(Backprop(), 8), 0.1, writes=(effect,))
    gradient = problem.gradient(w)
    moments = measure_moments(chip.sampler(problem, w), gradient, 4, 0)
    _there(gradient, moments.mean, moments.bias, exact_diagonal(problem, w))
    _there(problem.hessian_product(w)(gradient))


@dataclass(frozen=True)
class Misplaced:
    """A read that draws its noise on the CPU wherever the weights are."""

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        return w + torch.randn(w.shape, dtype=w.dtype)


@dataclass(frozen=True)
class WrongGenerator:
    """A read that draws from a generator of the CPU."""

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        here = generator_for(0, "here")
        return w + torch.randn(w.shape, dtype=w.dtype, device=w.device, generator=here)


@pytest.mark.parametrize("read", [Misplaced(), WrongGenerator()])
def test_what_is_on_two_devices_is_refused(read, place):
    w = place.normal(place.size, name="weights")
    with pytest.raises(DeviceMismatchError):
        read.read(w, place.generator("read"))


def test_what_cuda_refuses_is_refused(place):
    there, here = place.normal(4, name="there"), torch.ones(4, dtype=torch.float64)
    _there(there[torch.tensor([0, 2])], there * here[0])
    for act in (
        lambda: there + here,
        lambda: torch.stack([there[0], here[0]]),
        lambda: there.index_put_((torch.tensor([0, 1]),), here[:2]),
        lambda: there.gather(0, torch.tensor([0])),
        lambda: torch.where(there > 0, there, here),
    ):
        with pytest.raises(DeviceMismatchError):
            act()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_whole_check_on_cuda():
    """Draws are others there, the problem and its size are the same."""
    there, here = (check(validate_spec(WHOLE), device=each).report for each in ("cuda", "cpu"))
    assert there["num_parameters"] == here["num_parameters"]
    assert len(there["points"]) == len(here["points"])
    assert there["deployment"]


def test_numbers_are_those_of_the_cpu(place):
    here = torch.linspace(0.0, 1.0, 5, dtype=torch.float64)
    there = here.to(place.device)
    _there(there, there[1:], there.square().sum())
    assert float((there * 2.0).sum()) == float((here * 2.0).sum())
    assert torch.equal(there[there > 0.3].cpu(), here[here > 0.3])
