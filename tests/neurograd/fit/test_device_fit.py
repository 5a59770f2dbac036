"""Devices from runs of pulses: two kinds of noise, each its own up and down."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.support.fit_files import Source, draw_source
from neurograd.fit import Measurements, Run
from neurograd.fit.device_fit import fit_device
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.curves import CURVES
from neurograd.fit.models.model_fit import fit_model
from neurograd.fit.models.trains import line_up
from neurograd.fit.numbers import numbers_of


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


def test_what_the_spread_over_devices_is_said_to_be():
    """Unknown from one device, and from several, which have one curve."""
    one = straight(24, 0.02, 0.01, runs=2)
    several = replace(one, runs=tuple(replace(run, device=run.cycle) for run in one.runs))
    for measured, words in ((one, "one device tells nothing"), (several, "to 2 devices, whose")):
        found = {each.key: each.why for each in fit_device(measured).unknown}
        assert words in found["write.device_to_device"]
