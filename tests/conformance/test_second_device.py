"""Every path on a device that is not the CPU: nothing is computed from tensors of two devices."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from device_models import Backprop, Chip, Minibatch
from device_models.protocols import AveragedRule, ExpectedRule
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.moments import measure_moments
from neurograd.seeding import generator_for
from tests.conformance.cases import (
    PASSES,
    READS,
    RULES,
    WRITES,
    Place,
    relu_problem,
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


def test_numbers_are_those_of_the_cpu(place):
    here = torch.linspace(0.0, 1.0, 5, dtype=torch.float64)
    there = here.to(place.device)
    _there(there, there[1:], there.square().sum())
    assert float((there * 2.0).sum()) == float((here * 2.0).sum())
    assert torch.equal(there[there > 0.3].cpu(), here[here > 0.3])
