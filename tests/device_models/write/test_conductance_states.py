"""Writes that land on a device's states, against draws and by hand."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from device_models.protocols import WritePath
from device_models.write.conductance_states import ConductanceStates
from device_models.write.crossbar import Crossbar, DevicePopulation, draw_crossbar
from device_models.write.memristor_write import MemristorWrite
from device_models.write.pulse_response import linear_response
from neurograd.seeding import generator_for

DRAWS = 20_000


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


ENDS = _tensor(-1), _tensor(1), _tensor(0)
"""Lowest and highest weight of a pair, and that of its state 0."""


def states_of(count, mapping="differential_pair", rounding="stochastic", n=1, **variation):
    crossbar = draw_crossbar(n, mapping=mapping, generator=generator_for(1), **variation)
    curve = linear_response(0.5, None)
    inner = MemristorWrite(crossbar, curve, curve)
    bounds, zero = crossbar.weight_bounds(), crossbar.state_zero()
    return ConductanceStates(inner, *bounds, zero, count, rounding)


@pytest.mark.parametrize(
    ("mapping", "values"),
    [("reference", [-1, -0.5, 0, 0.5, 1]), ("differential_pair", [k / 4 for k in range(-4, 5)])],
)
def test_a_weight_has_the_values_of_its_states(mapping, values):
    """5 states a device: 5 values beside a reference, 9 in a pair, all of them reached."""
    write = states_of(5, mapping)
    assert isinstance(write, WritePath)
    w = write.program(0.3 * torch.randn(400, generator=generator_for(0), dtype=torch.float64))
    generator, seen = generator_for(2), set()
    for _ in range(60):
        increment = 0.1 * torch.randn(400, generator=generator, dtype=torch.float64)
        w = w + write.write(w, increment, generator)
        seen |= {round(float(x), 9) for x in w}
    assert sorted(seen) == values


def test_landing_by_hand():
    """Aims between states 0.25 apart, of a device that makes of an increment what is asked."""
    plain = MemristorWrite(draw_crossbar(1, generator=generator_for(0)))
    w, increment = _tensor(0.25, 0.25, -0.25, 0.0, 0.9), _tensor(0.1, 0.2, 0.35, 0.0, 0.4)
    ends = {"nearest": _tensor(0, 0.25, 0.25, 0, 0.1), "truncate": _tensor(0, 0, 0.25, 0, 0.1)}
    for rounding, realized in ends.items():
        write = ConductanceStates(plain, *ENDS, 5, rounding)
        assert write.deterministic
        torch.testing.assert_close(write.write(w, increment, generator_for(0)), realized)
        moments = write.moments(w, increment)
        torch.testing.assert_close(moments.mean, realized)
        assert moments.total_variance == 0
    chance = ConductanceStates(plain, *ENDS, 5)
    moments = chance.moments(w, increment)
    torch.testing.assert_close(moments.mean[:4], increment[:4])
    torch.testing.assert_close(
        moments.variance, 0.25**2 * _tensor(0.4 * 0.6, 0.8 * 0.2, 0.4 * 0.6, 0, 0)
    )


@pytest.mark.parametrize("mapping", ["reference", "differential_pair"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_moments_are_those_of_draws(mapping, dtype):
    """Mean and variance of 20,000 writes, family-wise at 99 %; windows that vary, some stuck."""
    n = 60
    variation = {"device_to_device": 0.15, "stuck_low": 0.1, "stuck_high": 0.1, "dtype": dtype}
    write = states_of(6, mapping, n=n, **variation)
    w = write.program(0.4 * torch.randn(n, generator=generator_for(3), dtype=dtype))
    increment = 0.12 * torch.randn(n, generator=generator_for(4), dtype=dtype)
    moments = write.moments(w, increment)
    generator = generator_for(5)
    draws = torch.stack([write.write(w, increment, generator) for _ in range(DRAWS)]).double()
    mean, variance = moments.mean.double(), moments.variance.double()
    moved = variance > 1e-9
    assert int(moved.sum()) > n // 2
    torch.testing.assert_close(draws[:, ~moved].mean(0), mean[~moved], rtol=1e-5, atol=1e-6)
    # Two points a weight: the number of draws at the upper one is binomial.
    lowest, highest = draws[:, moved].min(0).values, draws[:, moved].max(0).values
    p = (mean[moved] - lowest) / (highest - lowest)
    counts = (draws[:, moved] > 0.5 * (lowest + highest)).sum(0)
    chances = [
        stats.binomtest(int(k), DRAWS, float(q)).pvalue for k, q in zip(counts, p, strict=True)
    ]
    assert min(chances) > 0.01 / len(chances)
    two_points = p * (1 - p) * (highest - lowest).square()
    torch.testing.assert_close(two_points, variance[moved], rtol=1e-4, atol=1e-9)


def _values(write, w):
    """Different weights of every synapse over many writes to and fro, each a list."""
    generator, seen = generator_for(7), [set() for _ in w]
    for _ in range(200):
        w = w + write.write(w, 0.7 * torch.randn(len(w), generator=generator), generator)
        for found, x in zip(seen, w.tolist(), strict=True):
            found.add(round(x, 9))
    return [sorted(found) for found in seen]


def test_a_pair_with_one_working_device_has_the_states_of_that_device():
    """By hand: the other one stuck at its bottom, at its top, or held between the two."""
    scale = _tensor(1, 1, 1, 0.8)
    first = DevicePopulation(1, scale, torch.zeros_like(scale), scale)
    held = _tensor(0, 1, 0.3, 0.3)
    second = DevicePopulation(-1, torch.ones_like(scale), held, held)
    crossbar = Crossbar(1.0, (first, second))
    inner, bounds = MemristorWrite(crossbar), crossbar.weight_bounds()
    write = ConductanceStates(inner, *bounds, crossbar.state_zero(), 5)
    values = _values(write, write.program(torch.zeros(4, dtype=torch.float64)))
    for found, at, width in zip(values, held.tolist(), scale.tolist(), strict=True):
        assert found == pytest.approx([width * k / 4 - at for k in range(5)])


def test_stuck_synapses_stay():
    write = states_of(4, "reference", n=200, stuck_low=0.2, stuck_high=0.2)
    still = write.low == write.high
    assert 40 < int(still.sum()) < 120
    w = write.program(torch.zeros(200, dtype=torch.float64))
    realized = write.write(w, torch.full_like(w, 2.0), generator_for(0))
    assert not bool(realized[still].any())
    assert bool(realized[~still].all())


def test_a_grid_of_one_state_or_a_random_inner_path_is_refused():
    plain = MemristorWrite(draw_crossbar(1, generator=generator_for(0)))
    noisy = MemristorWrite(draw_crossbar(1, generator=generator_for(0)), cycle_to_cycle=0.1)
    for arguments, words in (
        ((plain, *ENDS, 1), "states is 1"),
        ((noisy, *ENDS, 4), "inner draws"),
        ((plain, *ENDS, 4, "none"), "rounding is 'none'"),
    ):
        with pytest.raises(ValueError, match=words):
            ConductanceStates(*arguments)
