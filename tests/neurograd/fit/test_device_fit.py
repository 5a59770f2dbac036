"""Devices from runs of pulses: two kinds of noise, each its own up and down."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from device_models import nonlinear_response
from experiments.support.fit_files import Source, draw_source
from neurograd.errors import DataError
from neurograd.fit import Measurements, Run
from neurograd.fit.choice import Choice, Tried, choose, rivals_of
from neurograd.fit.device_fit import fit_device
from neurograd.fit.goodness import Goodness
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.curves import CURVES
from neurograd.fit.models.model import FLOOR
from neurograd.fit.models.model_fit import ModelFit, fit_model
from neurograd.fit.models.state_space import PULSE_FLOOR
from neurograd.fit.models.trains import line_up
from neurograd.fit.numbers import Number, joined, numbers_of


def source(form: str, seed: int, **truth: float) -> Source:
    """A drawn device; noises may be set to other numbers."""
    drawn = draw_source(form, np.random.default_rng(seed))
    return replace(drawn, truth={**drawn.truth, **truth})


def straight(steps: int, read: float, kick: float, seed: int = 0, runs: int = 1) -> Measurements:
    """A constant device of the window 0 to 1, in relative units."""
    rng = np.random.default_rng(seed)
    found = []
    for direction in DIRECTIONS:
        for cycle in range(runs):
            moves = 1.0 / steps + kick * rng.standard_normal(steps)
            way = np.append(0.0, moves.cumsum())
            way = way if direction == DIRECTIONS[0] else 1.0 - way
            reads = way + read * rng.standard_normal(steps + 1)
            found.append(Run(direction, reads, cycle=cycle))
    return Measurements(tuple(found), "relative", (), ())


@pytest.mark.parametrize(("read", "kick"), [(0.08, 0.001), (0.02, 0.01)])
def test_the_noise_of_reads_and_of_pulses_are_told_apart(read, kick):
    """Both intervals (95 %) hold the truth at a fixed seed.

    Read noise that is folded into that of pulses, as ``2σ_r² + σ_c²`` of differences has it, is out
    by a factor of 100 in the first case.
    """
    fit = fit_model(CURVES[0], line_up(straight(200, read, kick, runs=3).runs))
    numbers = {number.key: number for number in numbers_of(fit, "relative")}
    found = numbers["read.noise"]
    assert found.low < read < found.high
    assert found.high / found.low < 1.5
    for direction in DIRECTIONS:
        found = numbers[f"write.cycle_to_cycle.{direction}"]
        assert found.low < kick < found.high
        assert found.high < 4.0 * kick


def test_up_and_down_have_a_noise_each():
    drawn = source("nonlinear over the window", 5)
    noisy = dict(drawn.truth)
    fit = fit_device(drawn.file(np.random.default_rng(6)))
    up, down = (fit.number(f"write.cycle_to_cycle.{d}") for d in DIRECTIONS)
    assert up.low < noisy["write.cycle_to_cycle.potentiation"] < up.high
    assert down.low < noisy["write.cycle_to_cycle.depression"] < down.high


def test_a_noiseless_curve_gives_its_own_label():
    """NeuroSim's curve of label 3.686 over 40 pulses, exact to the digits of a table."""
    parts = torch.arange(41, dtype=torch.float64) / 40
    way = nonlinear_response(3.686, depression=False).step(torch.zeros_like(parts), parts).numpy()
    readings = np.round(4e-6 + 52e-6 * way, 11)
    back = readings.max() + readings.min() - readings
    runs = (Run("potentiation", readings), Run("depression", back))
    fit = fit_device(Measurements(runs, "S", (), ()))
    assert fit.curve == "nonlinear over the window"
    label = fit.number("write.nonlinearity.potentiation")
    assert label.value == pytest.approx(3.686, abs=2e-3)
    assert fit.number("write.nonlinearity.depression").value == pytest.approx(-3.686, abs=2e-3)
    assert fit.device_block()["conductance"]["levels"] == {"potentiation": 40, "depression": 40}


def test_readings_without_noise_give_none():
    """Red where what keeps the likelihood finite is written into the spec as the device's noise."""
    up = np.round(1e-6 + 0.1e-6 * np.arange(50), 12)
    runs = (Run("potentiation", up), Run("depression", up[::-1].copy()))
    fit = fit_device(Measurements(runs, "S", (), ()))
    read = fit.number("read.noise")
    assert (read.value, read.low) == (0.0, 0.0)
    assert FLOOR <= read.high < 1.1 * FLOOR  # less is not told from none
    for direction in DIRECTIONS:
        pulse = fit.number(f"write.cycle_to_cycle.{direction}")
        assert (pulse.value, pulse.low) == (0.0, 0.0)
        assert PULSE_FLOOR <= pulse.high < 3.0 * PULSE_FLOOR
    block = fit.device_block()
    assert block["read"] == {"noise": "0 %"}
    assert block["write"]["cycle_to_cycle"] == {"potentiation": "0 %", "depression": "0 %"}


def test_a_step_of_no_formula_becomes_a_jump_table():
    """A step that is largest in the middle of the window: no curve has one."""
    rng = np.random.default_rng(1)
    runs = []
    for direction in DIRECTIONS:
        x, way = 0.0, [0.0]
        for _ in range(60):
            x += 0.008 + 0.04 * np.exp(-(((x - 0.5) / 0.15) ** 2)) + 0.002 * rng.normal()
            way.append(x)
        part = np.array(way) if direction == DIRECTIONS[0] else 1.0 - np.array(way)
        reads = 1e-6 * (1.0 + part + 0.003 * rng.standard_normal(len(part)))
        runs.append(Run(direction, reads))
    fit = fit_device(Measurements(tuple(runs), "S", (), ()))
    assert fit.curve == "jump table"
    assert any("No curve fits at level 0.01" in note for note in fit.notes)
    with pytest.raises(DataError, match="needs a file"):
        fit.device_block()
    assert fit.table is not None
    rows = np.loadtxt(fit.table.splitlines()[1:], delimiter=",").reshape(-1, 2, 3).mean(axis=1)
    middle = np.abs(rows[:, 0] - rows[:, 0].mean()).argmin()
    assert rows[middle, 1] > 2.0 * rows[0, 1] > 0.0
    assert rows[middle, 2] < 2.0 * rows[-1, 2] < 0.0


def test_a_number_that_a_rival_does_not_take_for_given_is_not_given():
    """40 pulses as measured, of a curve that ends where they end; 39 to 44 of one that need not."""
    as_measured = Number("conductance.levels.potentiation", 40.0, 40.0, 40.0, given=True)
    found = replace(as_measured, value=41.5, low=39.0, high=44.0, given=False)
    assert joined(as_measured, as_measured) == as_measured
    both = joined(as_measured, found)
    assert (both.value, both.low, both.high, both.given) == (40.0, 39.0, 44.0, False)


def tried(fit: ModelFit, score: float, all_readings: float) -> Tried:
    """A fit with other log likelihoods of hidden readings and of all."""
    top = replace(fit.top, value=all_readings)
    return Tried((replace(fit, top=top),), score, Goodness(1.0, 1.0, 1.0))


def test_a_curve_is_a_rival_of_its_special_case_where_it_is_ahead():
    """By 1 on hidden readings, or on all by 1 for each of the two numbers that it has more."""
    trains = line_up(straight(12, 0.02, 0.01).runs)
    fits = {curve.name: fit_model(curve, trains) for curve in CURVES[:2]}
    small = tried(fits["constant over the window"], 10.0, 20.0)
    for score, all_readings, rivals in (
        (10.9, 21.9, ()),
        (11.1, 21.9, ("constant",)),
        (8.0, 22.1, ("constant",)),
    ):
        large = tried(fits["constant"], score, all_readings)
        found = rivals_of(small, [small, large])
        assert tuple(each.name for each in found) == rivals
    # The special case of the chosen curve is a rival like all others: within 3 of it.
    for score, rivals in ((12.9, (small.name,)), (13.1, ())):
        large = tried(fits["constant"], score, 25.0)
        found = rivals_of(large, [small, large])
        assert tuple(each.name for each in found) == rivals


def test_forms_of_rivals_are_those_that_the_curve_never_has():
    """A nonlinear curve is a constant one where its bend is 0, and has soft bounds at another."""
    trains = line_up(straight(12, 0.02, 0.01).runs)
    every = [tried(fit_model(curve, trains), 1.0, 1.0) for curve in CURVES]
    expected = {
        "constant over the window": ("soft bounds", "nonlinear", "power", "linear, relative noise"),
        "nonlinear over the window": ("power", "linear, relative noise"),
        "power": ("soft bounds", "nonlinear", "linear, relative noise"),
    }
    for name, forms in expected.items():
        (chosen,) = [each for each in every if each.name == name]
        rivals = tuple(each for each in every if each is not chosen)
        assert {*Choice((), chosen, rivals).other_forms} == {*forms}
    assert Choice((), None, ()).other_forms == ()


def test_intervals_hold_those_of_curves_that_are_not_told_apart():
    """A power step that a line fits as well: ``dw_min`` means another thing under either."""
    curves = [curve for curve in CURVES if curve.relative]
    rng = np.random.default_rng(0)
    drawn = draw_source("power", rng)
    choice = choose(line_up(drawn.file(rng, 1).runs), tuple(curves))
    assert choice.chosen is not None
    assert [rival.name for rival in choice.rivals] == [
        curve.name for curve in curves if curve.name != choice.chosen.name
    ]
    assert any(note.startswith(f"Not told from {choice.chosen.name}") for note in choice.notes())
    chosen = choice.chosen.fits[0]
    rivals = [rival.fits[0] for rival in choice.rivals]
    both = {number.key: number for number in numbers_of(chosen, "S", rivals)}
    moved = 0
    for fit in (chosen, *rivals):
        for number in numbers_of(fit, "S"):
            if number.key in both:
                wide = both[number.key]
                assert wide.low <= number.low <= number.high <= wide.high
                moved += (wide.low, wide.high) != (number.low, number.high)
    assert moved > 0
