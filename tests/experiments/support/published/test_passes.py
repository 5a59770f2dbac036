"""MLP+NeuroSim's passes and one of its updates, against sums written out device by device."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.support.published import neurosim
from experiments.support.published.passes import Cell, ReadArray, read_network
from neurograd.pipeline.build import build_chip
from neurograd.problem import Problem
from neurograd.problem.losses import ClassSquaredError
from neurograd.seeding import generator_for

ALOX = Cell(1 / 74.867e3, 1 / 16.9e3)
RESISTANCE = 15e3


def _current(cell, stored):
    conductance = cell.low + (stored + 1) / 2 * (cell.high - cell.low)
    return 1.0 / (1.0 / conductance + RESISTANCE)


def _weight(cell, stored):
    low, high = _current(cell, -1.0), _current(cell, 1.0)
    return 2 * (_current(cell, stored) - low) / (high - low) - 1


def _read(cell, row, stored):
    """One sum as two converters of 8 bits see it: of the column, and of the reference."""
    low, high = _current(cell, -1.0), _current(cell, 1.0)
    column = reference = 0.0
    for x, u in zip(row, stored, strict=True):
        if x >= 0.5:
            column += _current(cell, u)
            reference += (high + low) / 2
    span = len(row) * (high - low)
    digits = math.floor(255 * column / span) - math.floor(255 * reference / span)
    return digits / 255 * len(row)


def _drawn(*shape, seed=0):
    return torch.rand(shape, generator=generator_for(seed, "passes"), dtype=torch.float64)


def test_products_are_read_by_two_converters():
    array = ReadArray(30, 5, ALOX).double()
    x, stored = _drawn(7, 30), 2 * _drawn(5, 30, seed=1) - 1
    array.weight.data.copy_(stored)
    expected = [[_read(ALOX, row, column) for column in stored.tolist()] for row in x.tolist()]
    np.testing.assert_allclose(array(x).detach(), expected, atol=1e-12)
    # The transistor lifts weights in the middle of the window: a resistor alone reads 0 there.
    middle = torch.zeros(1, dtype=torch.float64)
    assert 2 * ALOX.seen(middle) - 1 == pytest.approx(_weight(ALOX, 0.0), abs=1e-12)
    assert float(2 * ALOX.seen(middle) - 1) == pytest.approx(0.2226, abs=1e-4)
    assert replace(ALOX, access=0.0).seen(middle).item() == pytest.approx(0.5)


def test_errors_go_back_exactly():
    array = ReadArray(4, 3, ALOX).double()
    stored = 2 * _drawn(3, 4, seed=2) - 1
    array.weight.data.copy_(stored)
    x, errors = _drawn(2, 4, seed=3).requires_grad_(), _drawn(2, 3, seed=4)
    array(x).backward(errors)
    seen = [[_weight(ALOX, u) for u in row] for row in stored.tolist()]
    np.testing.assert_allclose(x.grad, errors.numpy() @ np.array(seen), atol=1e-12)
    # By the inputs as they were, not by the bits that went forward.
    np.testing.assert_allclose(array.weight.grad, (errors.T @ x).detach(), atol=1e-12)


def test_weights_start_at_seven_values_of_which_the_smallest_conductance_is_missing():
    start = ALOX.start(2000, generator_for(0, "start"))
    lack = ALOX.low / (ALOX.high - ALOX.low)
    expected = {round(2 * max(k / 6 - lack, 0.0) - 1, 5) for k in range(7)}
    assert {round(float(value), 5) for value in start} == expected
    assert len(expected) == 6  # the two lowest are both below the window
    assert min(expected) == -1.0


CONSTANTS = {"potentiation": 0.499181, "depression": -0.200303}
"""A over the largest number of pulses of the labels 2.4 and −4.88, of NeuroSim's table."""
LEVELS = {"potentiation": 97, "depression": 100}


def _written(cell, stored, increment):
    """A device after one write without noise, by the pulse number that it stands for."""
    way = "potentiation" if increment > 0 else "depression"
    levels = LEVELS[way]
    pulses = math.floor(abs(increment) / 2 * levels + 0.5) * (1 if increment > 0 else -1)
    window = cell.high - cell.low
    a = CONSTANTS[way] * levels
    b = window / (1 - math.exp(-levels / a))
    conductance = cell.low + (stored + 1) / 2 * window
    place = -a * math.log(1 - (conductance - cell.low) / b)
    moved = b * (1 - math.exp(-(place + pulses) / a)) + cell.low
    return 2 * (min(max(moved, cell.low), cell.high) - cell.low) / window - 1


def _one_update(cell, x, label, first, last):
    """Weights after one sample, everything written out as sums over neurons."""
    sigmoid = lambda z: 1 / (1 + math.exp(-z))  # noqa: E731
    hidden = [sigmoid(_read(cell, x, column)) for column in first]
    outputs = [sigmoid(_read(cell, hidden, column)) for column in last]
    slopes = [-2 * a * (1 - a) * ((1.0 if k == label else 0.0) - a) for k, a in enumerate(outputs)]
    back = [
        a * (1 - a) * sum(_weight(cell, last[k][j]) * slopes[k] for k in range(len(slopes)))
        for j, a in enumerate(hidden)
    ]
    new_first = [
        [_written(cell, u, -0.4 * slope * value) for u, value in zip(column, x, strict=True)]
        for column, slope in zip(first, back, strict=True)
    ]
    new_last = [
        [_written(cell, u, -0.2 * slope * value) for u, value in zip(column, hidden, strict=True)]
        for column, slope in zip(last, slopes, strict=True)
    ]
    return np.array([*np.ravel(new_first), *np.ravel(new_last)])


def test_one_update_is_the_published_one():
    """Passes, loss, step sizes, rounding, curve: red where any of them is another one."""
    spec = neurosim.spec_of("ag-asi", neurosim.VARIANTS["source"], quick=True)
    cell = neurosim.cell_of(spec)
    x = (_drawn(1, 64, seed=5) > 0.6).double()
    module = read_network((64, 8, 10), cell).double()
    problem = Problem(module, ClassSquaredError(), x, torch.tensor([3]))
    chip = build_chip(spec, problem)
    chip = replace(chip, writes=(replace(chip.writes[0], cycle_to_cycle=0.0),))
    start = cell.start(problem.num_parameters, generator_for(1, "start")).double()
    # Outputs at about 0.5 have the largest slopes, and many devices get a pulse.
    start = torch.where(torch.arange(len(start)) < 512, 0.3 * start, 0.2 * start)
    generator = generator_for(0, "one")
    after, _ = chip.advance(problem, start.clone(), chip.start(start), generator)
    first, last = start[:512].reshape(8, 64).tolist(), start[512:].reshape(10, 8).tolist()
    expected = _one_update(cell, x[0].tolist(), 3, first, last)
    assert (np.abs(expected - start.numpy()) > 1e-3).sum() > 20
    np.testing.assert_allclose(after, expected, atol=2e-5)


def test_keys_alone_give_the_same_sums_but_for_rounding():
    """Stored as half, a weight's sums are those of the arrays, to two steps of a converter."""
    keys = neurosim.VARIANTS["keys"]
    spec = neurosim.spec_of("epiram", keys, quick=True)
    problem = neurosim.problem_of(spec, keys)
    chip = build_chip(spec, problem)
    stored = 2 * torch.rand(problem.num_parameters, generator=generator_for(2, "w")) - 1
    x = (problem.data()[0] > 0.5).to(stored)
    seen = chip.see(problem, generator_for(0))
    first = _first_sums(seen, x)
    array = ReadArray(64, 8, replace(neurosim.cell_of(spec), access=0.0))
    array.weight.data.copy_(stored[:512].reshape(8, 64))
    ours = first(0.5 * stored)
    step = 64 / 255
    assert float((ours - array(x).detach()).abs().max()) <= 1.6 * step
    assert float((ours - x @ (0.5 * stored[:512].reshape(8, 64)).T).abs().max()) <= 0.51 * step


def _first_sums(problem, x):
    """The first layer's sums as a chip reads them, as a function of all weights."""

    def sums(w):
        found = []
        module = problem.module
        hook = module[0].register_forward_hook(lambda _, __, output: found.append(output))
        problem.outputs(problem.parameters_of(w), x)
        hook.remove()
        return found[0].detach()

    return sums
