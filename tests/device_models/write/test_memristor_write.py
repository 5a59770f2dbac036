"""Writes against their closed form and against numbers worked out by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from device_models.write.crossbar import draw_crossbar
from device_models.write.memristor_write import MemristorWrite
from device_models.write.pulse_response import linear_response, nonlinear_response
from neurograd.seeding import generator_for

N, DRAWS = 60, 1200
UP = nonlinear_response(1.94, depression=False)
DOWN = nonlinear_response(-0.61, depression=True)


def _crossbar(size=N, seed=0, **options):
    return draw_crossbar(size, generator=generator_for(seed, "chip"), **options)


def _weights(size=N, bound=1.0):
    generator = generator_for(1, "w")
    w = bound * (2 * torch.rand(size, generator=generator, dtype=torch.float64) - 1)
    w[:4] = torch.tensor([bound, -bound, 0.0, 0.99 * bound], dtype=torch.float64)
    increment = 0.2 * torch.randn(size, generator=generator, dtype=torch.float64)
    increment[0], increment[1], increment[5] = 0.1, -0.1, 0.0
    return w, increment


def _sampled(write, w, increment, draws=DRAWS):
    total, square = torch.zeros_like(w), torch.zeros_like(w)
    exact = write.moments(w, increment).mean
    for k in range(draws):
        delta = write.write(w, increment, generator_for(3, k)) - exact
        total += delta
        square += delta.square()
    return total / draws, square / draws


CASES = {
    "pair": {},
    "reference": {"mapping": "reference"},
    "wide weights": {"weight_range": 2.5},
    "varied": {"device_to_device": 0.3},
    "faulty": {"stuck_low": 0.2, "stuck_high": 0.2},
}
WRITES = {
    "nonlinear": {"potentiation": UP, "depression": DOWN, "levels": (40, 40)},
    "uneven levels": {"levels": (97, 50), "cycle_to_cycle": 0.02},
    "noisy": {"potentiation": UP, "depression": DOWN, "levels": (40, 40), "cycle_to_cycle": 0.05},
    "soft bounds": {
        "potentiation": linear_response(1.0, 30),
        "depression": linear_response(1.0, 30),
        "levels": (30, 30),
        "cycle_to_cycle": 0.01,
    },
    "continuous": {"potentiation": UP, "depression": DOWN, "cycle_to_cycle": 0.03},
    "noisier up": {"levels": (97, 50), "cycle_to_cycle": (0.02, 0.005)},
    "nearest": {"levels": (40, 40), "rounding": "nearest", "cycle_to_cycle": 0.05},
    "unrounded": {"levels": (40, 40), "rounding": "none", "cycle_to_cycle": 0.05},
}


@pytest.mark.parametrize(
    ("case", "options"),
    list(itertools.product(CASES, WRITES)),
    ids=lambda name: name.replace(" ", "-"),
)
def test_sampled_writes_agree_with_the_closed_form(case, options):
    """Every weight's mean and the total variance, together at 99 % (Bonferroni)."""
    write = MemristorWrite(_crossbar(**CASES[case]), **WRITES[options])
    w, increment = _weights(bound=write.crossbar.weight_range)
    w = write.program(w)
    exact = write.moments(w, increment)
    mean, square = _sampled(write, w, increment)
    still = exact.variance < 1e-24
    assert bool((mean[still].abs() < 1e-12).all())
    z = mean[~still] / (exact.variance[~still] / DRAWS).sqrt()
    assert bool((z.abs() < float(stats.norm.ppf(1 - 0.005 / N))).all())
    total, expected = float(square.sum()), exact.total_variance
    if expected < 1e-20:
        assert total < 1e-20
        return
    # Rare pulses have heavy tails: the error of the total comes from the draws themselves.
    draws = torch.stack(
        [
            (write.write(w, increment, generator_for(4, k)) - exact.mean).square().sum()
            for k in range(600)
        ]
    )
    error = float(draws.std()) / math.sqrt(len(draws))
    assert abs(float(draws.mean()) - expected) < 2.6 * error + 1e-12
    assert total == pytest.approx(expected, rel=0.15)


def test_ideal_write_realizes_what_it_is_asked_for():
    write = MemristorWrite(_crossbar())
    w, increment = _weights(bound=0.5)
    increment *= 0.1
    realized = write.write(w, increment, generator_for(0))
    torch.testing.assert_close(realized, increment, rtol=1e-10, atol=1e-14)
    assert write.deterministic


@pytest.mark.parametrize(("mapping", "devices"), [("differential_pair", 2), ("reference", 1)])
def test_stochastic_pulses_by_hand(mapping, devices):
    """p pulses of one level: variance gain²·p(1 − p)/levels² from each device of a weight."""
    levels, p = 20, 0.3
    write = MemristorWrite(_crossbar(1, mapping=mapping), levels=(levels, levels))
    w = torch.zeros(1, dtype=torch.float64)
    increment = torch.full_like(w, 2 * p / levels)
    moments = write.moments(w, increment)
    gain = 2 / devices
    assert float(moments.mean) == pytest.approx(2 * p / levels)
    assert float(moments.variance) == pytest.approx(devices * gain**2 * p * (1 - p) / levels**2)


def test_cycle_to_cycle_noise_by_hand():
    """A pair gets the same number of pulses on both devices, with independent noise."""
    levels, spread, pulses = 100, 0.01, 4
    write = MemristorWrite(_crossbar(1), levels=(levels, levels), cycle_to_cycle=spread)
    w = torch.zeros(1, dtype=torch.float64)
    moments = write.moments(w, torch.full_like(w, 2 * pulses / levels))
    assert float(moments.variance) == pytest.approx(2 * spread**2 * pulses, rel=1e-9)


@pytest.mark.parametrize(("mapping", "sign"), [("reference", 1), ("reference", -1), ("pair", 1)])
def test_each_direction_has_its_own_cycle_to_cycle_noise(mapping, sign):
    """One device has the noise of its direction, a pair both: one rises while the other falls."""
    up, down, pulses = 0.01, 0.03, 4
    crossbar = _crossbar(1, mapping="differential_pair" if mapping == "pair" else mapping)
    write = MemristorWrite(crossbar, levels=(100, 100), cycle_to_cycle=(up, down))
    w = torch.zeros(1, dtype=torch.float64)
    increment = torch.full_like(w, sign * 2 * pulses / 100)
    found = float(write.moments(w, increment).variance)
    one = up if sign > 0 else down
    variance = up**2 + down**2 if mapping == "pair" else 4 * one**2
    assert found == pytest.approx(variance * pulses, rel=1e-9)
    draws = torch.cat([write.write(w, increment, generator_for(k)) for k in range(400)])
    # 99 % of a sample variance of 400 normal numbers.
    ratio = float(draws.var()) / found
    assert stats.chi2.ppf(0.005, 399) < 399 * ratio < stats.chi2.ppf(0.995, 399)


@pytest.mark.parametrize(("sign", "levels"), [(1.0, 97), (-1.0, 50)])
def test_each_direction_counts_its_own_levels(sign, levels):
    """A straight device goes where it is asked to; whole pulses are of the direction's size."""
    write = MemristorWrite(_crossbar(1, mapping="reference"), levels=(97, 50), rounding="truncate")
    w = torch.zeros(1, dtype=torch.float64)
    increment = torch.full_like(w, sign * 2 * 7.4 / levels)
    realized = write.write(w, increment, generator_for(0))
    assert float(realized) == pytest.approx(sign * 2 * 7 / levels)
    assert float(write.moments(w, increment).mean) == pytest.approx(sign * 2 * 7 / levels)


def test_nonlinear_write_by_hand():
    """One potentiating pulse from the middle, one device beside a reference."""
    write = MemristorWrite(
        _crossbar(1, mapping="reference"), UP, DOWN, (40, 40), rounding="nearest"
    )
    w = torch.zeros(1, dtype=torch.float64)
    up = float(UP.step(w + 0.5, w + 1 / 40))
    down = float(DOWN.step(w + 0.5, w + 1 / 40))
    assert float(write.write(w, w + 2 / 40, generator_for(0))) == pytest.approx(2 * up)
    assert float(write.write(w, w - 2 / 40, generator_for(0))) == pytest.approx(-2 * down)
    assert up > down


def test_small_increments_are_lost_when_rounded_and_kept_on_average_when_stochastic():
    w = torch.zeros(4000, dtype=torch.float64)
    increment = torch.full_like(w, 0.4 / 20)
    for rounding in ("nearest", "truncate"):
        lost = MemristorWrite(_crossbar(4000), levels=(40, 40), rounding=rounding)
        assert not lost.write(w, increment, generator_for(0)).any()
    kept = MemristorWrite(_crossbar(4000), levels=(40, 40))
    realized = kept.write(w, increment, generator_for(0))
    error = float(realized.std()) / math.sqrt(4000)
    assert abs(float(realized.mean()) - 0.02) < 2.6 * error


def test_stuck_devices_never_move_and_zero_increments_cost_nothing():
    write = MemristorWrite(
        _crossbar(stuck_low=0.5, stuck_high=0.5), levels=(40, 40), cycle_to_cycle=0.1
    )
    w, increment = _weights()
    w = write.program(w)
    assert not write.write(w, increment, generator_for(0)).any()
    healthy = MemristorWrite(_crossbar(), levels=(40, 40), cycle_to_cycle=0.1)
    assert not healthy.write(w, torch.zeros_like(w), generator_for(0)).any()
    assert healthy.moments(w, torch.zeros_like(w)).total_variance == 0


def test_same_generator_same_bits():
    write = MemristorWrite(_crossbar(), UP, DOWN, (40, 40), 0.05)
    w, increment = _weights()
    first, second = (write.write(w, increment, generator_for(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, write.write(w, increment, generator_for(8)))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.floats(1e-6, 10),
    noise=st.floats(0, 1),
    variation=st.floats(0, 0.5),
    faults=st.floats(0, 0.5),
    mapping=st.sampled_from(["differential_pair", "reference"]),
    levels=st.sampled_from([None, (2, 2), (40, 100)]),
)
def test_weights_stay_within_what_the_devices_hold(
    seed, size, noise, variation, faults, mapping, levels
):
    crossbar = _crossbar(
        20,
        seed,
        mapping=mapping,
        device_to_device=variation,
        stuck_low=faults,
        stuck_high=faults,
    )
    write = MemristorWrite(crossbar, UP, DOWN, levels, noise)
    generator = generator_for(seed, "w")
    w = write.program(torch.randn(20, generator=generator, dtype=torch.float64))
    increment = size * torch.randn(20, generator=generator, dtype=torch.float64)
    after = w + write.write(w, increment, generator)
    low, high = crossbar.weight_bounds()
    assert bool(torch.isfinite(after).all())
    assert bool((after >= low - 1e-9).all())
    assert bool((after <= high + 1e-9).all())
    moments = write.moments(w, increment)
    assert bool((moments.variance >= 0).all())


def test_bad_values_are_refused():
    crossbar = _crossbar()
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        MemristorWrite(crossbar, levels=(1, 40))
    with pytest.raises(ValueError, match="allowed: 0 or more"):
        MemristorWrite(crossbar, cycle_to_cycle=-0.1)
    with pytest.raises(ValueError, match=r"cycle_to_cycle is -0\.1"):
        MemristorWrite(crossbar, cycle_to_cycle=(0.1, -0.1))
    with pytest.raises(ValueError, match="rounding"):
        MemristorWrite(crossbar, rounding="up")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_write_on_cuda():
    generator = generator_for(0, "chip", device="cuda")
    crossbar = draw_crossbar(50, generator=generator, device_to_device=0.1, stuck_low=0.1)
    write = MemristorWrite(crossbar, UP, DOWN, (40, 40), 0.05)
    w = torch.zeros(50, dtype=torch.float64, device="cuda")
    realized = write.write(w, w + 0.1, generator)
    assert realized.is_cuda
    assert bool(torch.isfinite(realized).all())
