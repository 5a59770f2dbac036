"""Several devices a weight against one, and against closed forms by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy import stats

from device_models import (
    Backprop,
    Chip,
    LinearStep,
    MemristorWrite,
    NominalDevice,
    PulsedWrite,
    SeveralDevices,
    draw_crossbar,
    draw_devices,
)
from neurograd.seeding import generator_for

N = 2000
C2C = 0.002


def _cell(seed, size=N, **options):
    crossbar = draw_crossbar(size, mapping="reference", generator=generator_for(seed), **options)
    return MemristorWrite(crossbar, levels=(500, 500), cycle_to_cycle=C2C, rounding="truncate")


def _several(significance, update, size=N, **options):
    cells = tuple(_cell(k, size, **options) for k in range(len(significance)))
    return SeveralDevices(
        cells, tuple(cell.crossbar.weight_bounds() for cell in cells), significance, update
    )


def _weights(value=0.1, size=N):
    return torch.full((size,), value, dtype=torch.float64)


# Four pulses of 2/50 of a cell; the noise of a pulse is 2·C2C of a weight.
REQUEST, ONE = 4 * 2 / 500 * 1.0001, 4 * (2 * C2C) ** 2


@pytest.mark.parametrize(
    ("significance", "update", "variance"),
    [
        # All cells get four pulses: the sum of (s/S)² of four pulses each.
        ((1.0, 1.0), "all", 0.5 * ONE),
        ((8.0, 1.0), "all", 65 / 81 * ONE),
        # One gets twice as many, and counts for a half: 1/4·2.
        ((1.0, 1.0), "one_by_one", 0.5 * ONE),
        # Nine times as many for the ninth part, or 9/8 as many (4.5 are 4) for eight ninths.
        ((8.0, 1.0), "least_significant", 9 / 81 * ONE),
    ],
)
def test_noise_averages_over_the_cells(significance, update, variance):
    """Moments by hand; mean and variance of 2,000 weights at 99 %."""
    write = _several(significance, update)
    w, increment = _weights(), torch.full((N,), REQUEST, dtype=torch.float64)
    moments = write.moments(w, increment)
    torch.testing.assert_close(moments.mean, torch.full_like(w, 0.016), rtol=1e-6, atol=0.0)
    torch.testing.assert_close(moments.variance, torch.full_like(w, variance), rtol=1e-4, atol=0.0)
    found = write.write(w, increment, generator_for(1)) - moments.mean
    assert abs(float(found.mean())) < stats.norm.isf(0.005) * (variance / N) ** 0.5
    low, high = (stats.chi2.ppf(p, N) for p in (0.005, 0.995))
    assert low < float(found.square().sum()) / variance < high


def test_one_by_one_writes_one_cell_of_each_weight():
    """Of cells of eight ninths and a ninth, which whole pulses of one tell apart."""
    write = _several((8.0, 1.0), "one_by_one")
    quiet = SeveralDevices(
        tuple(replace(cell, cycle_to_cycle=0.0) for cell in write.cells),
        write.bounds,
        write.significance,
        "one_by_one",
    )
    w, increment = _weights(), torch.full((N,), REQUEST, dtype=torch.float64)
    found = quiet.write(w, increment, generator_for(2))
    assert not quiet.deterministic
    coarse = 4 * 2 / 500 * 8 / 9  # 4.5 pulses are 4
    near = (found - coarse).abs() < 1e-9
    assert bool((near | ((found - 0.016).abs() < 1e-9)).all())
    low, high = stats.binom.ppf([0.005, 0.995], N, 0.5)
    assert low <= int(near.sum()) <= high
    moments = quiet.moments(w, increment)
    torch.testing.assert_close(moments.mean, torch.full_like(w, (coarse + 0.016) / 2))
    torch.testing.assert_close(moments.variance, torch.full_like(w, ((0.016 - coarse) / 2) ** 2))


def test_all_cells_stand_at_the_same_part_of_their_way():
    write = _several((2.0, 1.0), "all", device_to_device=0.3, stuck_low=0.2)
    low, high = write.weight_bounds()
    w = write.program(3.0 * (2.0 * torch.rand(N, generator=generator_for(3)).double() - 1.0))
    assert bool(((w >= low) & (w <= high)).all())
    states = write.states(w)
    torch.testing.assert_close((2.0 * states[0] + states[1]) / 3.0, w)
    for state, (a, b) in zip(states, write.bounds, strict=True):
        assert bool(((state >= a - 1e-12) & (state <= b + 1e-12)).all())
    free = (high - low) > 0
    ways = [
        ((state - a) / (b - a))[free & (b > a)].mean()
        for state, (a, b) in zip(states, write.bounds, strict=True)
    ]
    assert abs(float(ways[0] - ways[1])) < 0.05


def test_trains_of_pulsed_cells_have_moments():
    """Three pulses of either cell: the mean of one alone, and half of its variance."""
    nominal = NominalDevice(dw_min=0.05, up_down=0.1)
    devices = draw_devices(nominal, 5, generator_for(0), torch.float64)
    cell = PulsedWrite(LinearStep(0.3), devices, 0.05)
    write = SeveralDevices((cell, cell), (cell.weight_bounds(), cell.weight_bounds()), (1.0, 1.0))
    w, increment = _weights(size=5), torch.full((5,), 0.15, dtype=torch.float64)
    assert write.moments(w, increment) is None
    found, alone = (each.train_moments(w, increment) for each in (write, cell))
    torch.testing.assert_close(found.mean, alone.mean)
    torch.testing.assert_close(found.variance, 0.5 * alone.variance)
    chip = Chip(Backprop(), 0.1, writes=(write,))
    torch.testing.assert_close(chip.write_moments(w, increment).mean, alone.mean)


def test_a_stuck_cell_leaves_the_weight_the_others():
    """One of two is stuck at its lowest: weights from -1 to 0, and half of every increment."""
    healthy, stuck = _cell(0), _cell(0, stuck_low=1.0)
    bounds = (healthy.crossbar.weight_bounds(), stuck.crossbar.weight_bounds())
    write = SeveralDevices((healthy, stuck), bounds, (1.0, 1.0))
    low, high = write.weight_bounds()
    assert float(low.min()) == -1.0
    assert float(high.max()) == 0.0
    w, increment = _weights(-0.5), torch.full((N,), REQUEST, dtype=torch.float64)
    torch.testing.assert_close(write.moments(w, increment).mean, torch.full_like(w, 0.008))


def test_what_does_not_fit_is_refused():
    cell = _cell(0, 3)
    ends = cell.crossbar.weight_bounds()
    for cells, bounds, significance, update, words in (
        ((cell,), (ends,), (1.0,), "all", "there are 1 cells; allowed: 2 or more"),
        ((cell, cell), (ends,), (1.0, 1.0), "all", "1 bounds and 2 significances"),
        ((cell, cell), (ends, ends), (1.0, 0.0), "all", "significance is 0; allowed: above 0"),
        ((cell, cell), (ends, ends), (1.0, 1.0), "each", "allowed: all, one_by_one"),
    ):
        with pytest.raises(ValueError, match=words):
            SeveralDevices(cells, bounds, significance, update)


def test_a_chip_has_their_moments():
    write = _several((8.0, 1.0), "all", size=4)
    w, increment = _weights(size=4), torch.full((4,), REQUEST, dtype=torch.float64)
    found = Chip(Backprop(), 0.1, writes=(write,)).write_moments(w, increment)
    torch.testing.assert_close(found.variance, write.moments(w, increment).variance)
