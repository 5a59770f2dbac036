"""κ of the samples of a batch against explicit sums."""

from __future__ import annotations

import pytest
import torch

from device_models import Backprop, Chip, FixedPointGrid, Minibatch, UpdateRounding
from neurograd.measure.arrays import measure_cancellation
from neurograd.measure.arrays.cancellation import BATCHES
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network

WRITES = (UpdateRounding(FixedPointGrid(8, 1.0), "stochastic"),)


def test_of_the_whole_set_by_hand():
    problem = relu_network(samples=20)
    w = problem.initial_weights
    found = measure_cancellation(
        problem, Chip(Backprop(), 0.1, writes=WRITES, write_each="sample"), w, 0
    )
    each = torch.stack([problem.gradient(w, torch.tensor([n])) for n in range(20)])
    above, below = each.abs().sum(0), each.sum(0).abs()
    asked = above > 0
    assert (found.samples, found.batches) == (20, 1)
    assert found.ratio.value == pytest.approx(float(above.sum() / below.sum()))
    own = (above[asked] / below[asked]).median()
    assert found.median.value == pytest.approx(float(own))
    assert found.ratio.error == 0
    assert found.ratio.value > 1.5


def test_of_batches_its_interval_holds_that_of_many():
    """One interval of 99 %, its seed fixed, against the ratio over 250 batches."""
    problem = relu_network(samples=40)
    w = problem.initial_weights
    chip = Chip(Minibatch(Backprop(), 5), 0.1, writes=WRITES, write_each="sample")
    found = measure_cancellation(problem, chip, w, 0)
    above = below = 0.0
    for k in range(250):
        parts = torch.stack(list(chip.sample_estimates(problem, w, generator_for(9, k))))
        above += float(parts.abs().sum())
        below += float(parts.sum(0).abs().sum())
    low, high = found.ratio.ci
    assert (found.samples, found.batches) == (5, BATCHES)
    assert low < above / below < high
    assert high - low < 0.5 * found.ratio.value


def test_the_error_of_the_ratio_is_that_of_leaving_batches_out():
    problem = relu_network(samples=40)
    w = problem.initial_weights
    chip = Chip(Minibatch(Backprop(), 5), 0.1, writes=WRITES, write_each="sample")
    found = measure_cancellation(problem, chip, w, 3, point=2)
    above, below = [], []
    for k in range(BATCHES):
        generator = generator_for(3, "cancellation", 2, k)
        parts = torch.stack(list(chip.sample_estimates(problem, w, generator)))
        above.append(float(parts.abs().sum()))
        below.append(float(parts.sum(0).abs().sum()))
    ratios = [
        (sum(above) - up) / (sum(below) - down) for up, down in zip(above, below, strict=True)
    ]
    middle = sum(ratios) / BATCHES
    square = (BATCHES - 1) / BATCHES * sum((ratio - middle) ** 2 for ratio in ratios)
    assert found.ratio.value == pytest.approx(sum(above) / sum(below))
    assert found.ratio.error == pytest.approx(square**0.5)
    assert found.ratio.degrees == BATCHES - 1


def test_one_sample_does_not_cancel():
    problem = relu_network(samples=20)
    chip = Chip(Minibatch(Backprop(), 1), 0.1, writes=WRITES, write_each="sample")
    found = measure_cancellation(problem, chip, problem.initial_weights, 0)
    assert found.ratio.value == pytest.approx(1.0)
    assert found.median.value == pytest.approx(1.0)


def test_batches_that_are_written_whole_have_none():
    problem = relu_network(samples=20)
    for chip in (Chip(Backprop(), 0.1, writes=WRITES), Chip(Backprop(), 0.1, write_each="sample")):
        assert measure_cancellation(problem, chip, problem.initial_weights, 0) is None
