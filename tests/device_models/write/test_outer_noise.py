"""Noise of pulses in samples written as outer products: as large as asked, and no number twice.

Each statistic is of many independent writes with the same seed every time; all of one write path
hold together at 99 % (Bonferroni).
"""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from device_models import (
    LinearStep,
    MemristorWrite,
    NominalDevice,
    PulsedWrite,
    draw_crossbar,
    draw_devices,
)
from device_models.kernels.number_loops import BLOCK
from device_models.outer_products import OuterProducts, sample_gradients
from neurograd.seeding import generator_for

COLUMNS, WRITES, DW_MIN, NOISE, FACTOR = 240, 60, 1e-3, 0.3, 1e-3
ROWS = {0.0125: 300, 0.4: 20, 1.2: 20}
"""Least number of pulses that weights ask for, of which they are asked for up to twice as many.

Those of the first rows are drawn by jumps, all others are visited, the last ones for two and more.
"""
N = COLUMNS * sum(ROWS.values())
CHANCE = 0.01 / (2 * 2 * len(ROWS))
"""Of a wrong alarm on one side of one statistic."""


def pulsed(multiplicative):
    alike = draw_devices(NominalDevice(dw_min=DW_MIN), N, generator_for(0), torch.float64)
    return PulsedWrite(LinearStep(NOISE, multiplicative=multiplicative), alike, DW_MIN)


def pair():
    """As many pulses of either device as of the pulsed ones."""
    crossbar = draw_crossbar(
        N, weight_range=1.0, mapping="differential_pair", generator=generator_for(0)
    )
    levels = 2.0 / DW_MIN
    return MemristorWrite(crossbar, levels=(levels, levels), cycle_to_cycle=NOISE / levels)


WRITE_PATHS = {
    "added noise": (pulsed(False), "train_moments"),
    "noise of a part of the step": (pulsed(True), "train_moments"),
    "pairs along curves": (pair(), "moments"),
}


def product():
    """One sample, and the increments that it asks for."""
    inputs = 1.0 + torch.rand(1, COLUMNS, generator=generator_for(1), dtype=torch.float64)
    errors = [torch.full((1, rows), least, dtype=torch.float64) for least, rows in ROWS.items()]
    layers = [OuterProducts(0, None, inputs, torch.cat(errors, 1))]
    return layers, FACTOR * next(sample_gradients(layers, torch.zeros(N, dtype=torch.float64)))


def changes(write, layers, writes=WRITES):
    """What each of many writes changes in weights of 0, shape ``(writes, N)``."""
    found = torch.zeros(writes, N, dtype=torch.float64)
    for k, w in enumerate(found):
        assert write.write_outer(w, layers, FACTOR, generator_for(2, k))
    return found


@pytest.mark.parametrize("name", WRITE_PATHS)
def test_noise_of_pulses_is_as_large_as_asked_and_shared_by_no_two_weights(name):
    """Squares of each weight's own, by Student's t, and squares of sums over weights, by χ²."""
    write, moments = WRITE_PATHS[name]
    layers, increment = product()
    expected = getattr(write, moments)(torch.zeros_like(increment), increment)
    off = changes(write, layers) - expected.mean
    for low in ROWS:
        group = (increment >= low * DW_MIN) & (increment <= 2.0 * low * DW_MIN)
        assert float((increment[group] / DW_MIN).clamp_max(1.0).sum()) > 2.0 * BLOCK
        variance = float(expected.variance[group].sum())
        squares = off[:, group].square().sum(1) / variance
        error = float(squares.std()) / WRITES**0.5
        assert error < 0.01
        far = float(stats.t.isf(CHANCE, WRITES - 1))
        assert abs(float(squares.mean()) - 1.0) < far * error, (low, float(squares.mean()))
        together = float((off[:, group].sum(1).square() / variance).sum())
        ends = stats.chi2.ppf([CHANCE, 1.0 - CHANCE], WRITES)
        assert ends[0] < together < ends[1], (low, together, ends)


@pytest.mark.parametrize("name", ["added noise", "noise of a part of the step"])
def test_no_normal_number_comes_twice(name):
    """Of weights that got one pulse the number is seen: among so many, two alike are no chance."""
    write, _ = WRITE_PATHS[name]
    layers, increment = product()
    single = increment < DW_MIN
    for found in changes(write, layers, 10):
        moved = found[single & (found != 0)]
        assert len(moved) > 7 * BLOCK
        assert len(moved.unique()) == len(moved)
        numbers = (moved / DW_MIN - 1.0) / NOISE
        assert stats.kstest(numbers.numpy(), "norm").pvalue > 0.01 / 10
