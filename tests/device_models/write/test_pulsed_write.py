"""Writes by single pulses, one after the other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scipy import stats

from device_models import (
    ExponentialStep,
    LinearStep,
    NominalDevice,
    OneSidedPair,
    PowerStep,
    PulsedWrite,
    WritePath,
    draw_devices,
)
from device_models.write import pulsed_write
from neurograd.seeding import generator_for

BONFERRONI = 4.3
"""Normal quantile of 99 % over some hundred weights."""


def write_of(step, rounding="nearest", size=1, seed=0, **options) -> PulsedWrite:
    nominal = NominalDevice(**options)
    drawn = draw_devices(nominal, size, generator_for(seed))
    return PulsedWrite(step, drawn, nominal.dw_min, rounding=rounding)


def one(write, w, pulses):
    """Weight after a number of pulses up (or down, negative) without noise."""
    w = torch.tensor([float(w)], dtype=torch.float64)
    asked = torch.tensor([float(pulses) * write.dw_min], dtype=torch.float64)
    return float(w + write.write(w, asked, generator_for(0)))


def test_trains_against_a_scalar_loop():
    """Seven pulses, each from where the one before it ended."""
    step = ExponentialStep(amplitude=(-1.2, -0.08), gamma=(5.0, 5.0), a=-0.5, b=-0.5)
    write = write_of(step, dw_min=0.05, up_down=0.1)
    for start, pulses in ((-0.2, 7), (0.4, -7)):
        w = start
        for _ in range(7):
            w = one(write, w, 1 if pulses > 0 else -1)
        assert one(write, start, pulses) == pytest.approx(w, abs=1e-14)
    assert one(write, -0.2, 7) != pytest.approx(-0.2 + 7 * (one(write, -0.2, 1) + 0.2), abs=1e-3)


@pytest.mark.parametrize("up", [True, False])
def test_trains_against_plain_arithmetic(up):
    """Thirty pulses of three models, in Python's own floats; the last meet the bound."""
    d, top, bottom = (1.0 if up else -1.0), 0.9, -0.7
    delta = 0.1 * (1 + d * 0.2)

    def linear(h):
        return delta * (1 - (0.3 * h / top if up else 0.6 * h / bottom))

    def exponential(h):
        z = 2 * -0.5 * h / (top - bottom) - 0.5
        return delta * max(0.0, 1 + (1.2 if up else 0.08) * math.exp(d * 5.0 * z))

    def power(h):
        room = (top - h) / (top - bottom)
        return delta * (room if up else 1 - room) ** 1.5

    options = {"dw_min": 0.1, "up_down": 0.2, "w_max": top, "w_min": bottom}
    for step, formula, more in (
        (LinearStep(), linear, {"gamma": (0.3, 0.6)}),
        (ExponentialStep(amplitude=(-1.2, -0.08)), exponential, {}),
        (PowerStep(exponent=1.5), power, {}),
    ):
        write, h = write_of(step, **options, **more), 0.1
        for pulses in range(1, 31):
            h = min(max(h + d * formula(h), bottom), top)
            assert one(write, 0.1, d * pulses) == pytest.approx(h, abs=1e-13)


def test_weight_range_and_longest_train():
    write = replace(write_of(LinearStep(), dw_min=0.01), weight_range=2.0, max_pulses=3)
    w = torch.tensor([0.5]).double()
    assert float(write.write(w, torch.tensor([0.04]).double(), generator_for(0))) == (
        pytest.approx(0.04)
    )
    assert float(write.write(w, torch.tensor([1.0]).double(), generator_for(0))) == (
        pytest.approx(3 * 0.02)
    )


@pytest.mark.parametrize(
    ("step", "options"),
    [
        (LinearStep(0.4), {"gamma": (0.3, 0.3), "w_max_dtod": 0.1}),
        (LinearStep(0.4, multiplicative=True), {"gamma": (0.3, 0.6), "dw_min_dtod": 0.2}),
        (LinearStep(0.4), {"gamma": (-0.9, -0.3), "gamma_dtod": 0.3, "w_min_dtod": 0.2}),
        (LinearStep(3.0), {"soft_bounds": True, "reference_std": 0.1}),
        (ExponentialStep(0.5), {"up_down": 0.2}),
        (PowerStep(0.5, 1.5), {"up_down_dtod": 0.1}),
    ],
)
def test_samples_agree_with_the_closed_form(step, options):
    """One pulse at most, stochastic: mean and total variance at 99 %, at the bounds too."""
    write = write_of(step, "stochastic", size=40, dw_min=0.05, **options)
    w = write.program(torch.linspace(-1, 1, 40).double())
    increment = torch.linspace(-0.049, 0.049, 40).double().roll(13)
    exact = write.moments(w, increment)
    draws = torch.stack([write.write(w, increment, generator_for(1, k)) for k in range(4000)])
    error = (exact.variance / 4000).sqrt()
    assert bool(((draws.mean(0) - exact.mean).abs() <= BONFERRONI * error + 1e-12).all())
    scatter = (draws - exact.mean).square().sum(1)
    spread = float(scatter.std()) / math.sqrt(4000)
    assert abs(float(scatter.mean()) - exact.total_variance) < 2.6 * spread


def test_noise_of_several_pulses_adds_up():
    """Additive noise of n pulses far from the bounds has n times the variance; chi-square 99 %."""
    write = write_of(LinearStep(0.3), size=4000, dw_min=0.01)
    w = torch.zeros(4000).double()
    realized = write.write(w, torch.full_like(w, 0.05), generator_for(0))
    ratio = float(realized.var()) / (5 * (0.3 * 0.01) ** 2)
    low, high = (stats.chi2.ppf(q, 3999) / 3999 for q in (0.005, 0.995))
    assert low < ratio < high
    assert write.moments(w, torch.full_like(w, 0.05)) is None


def test_bounds_are_never_left():
    write = write_of(LinearStep(5.0), size=200, dw_min=0.05, w_max_dtod=0.3, w_min_dtod=0.3)
    w = write.program(torch.linspace(-1, 1, 200).double())
    low, high = write.weight_bounds()
    for k in range(20):
        w = w + write.write(w, 0.1 * torch.ones_like(w) * (-1) ** k, generator_for(0, k))
        assert bool(((w >= low - 1e-12) & (w <= high + 1e-12)).all())
    assert write.program(w).equal(w)


def test_pulses_without_end_stop_at_the_bounds_that_are_stated():
    """Each device has bounds and a reference of its own; a weight of 2 stands for a state of 1."""
    write = write_of(LinearStep(), size=50, dw_min=0.05, reference_std=0.2, w_max_dtod=0.1)
    write = replace(write, weight_range=2.0)
    assert float(write.devices.reference.abs().min()) > 1e-3
    low, high = write.weight_bounds()
    w = write.program(torch.zeros(50).double())
    for sign, end in ((1.0, high), (-1.0, low)):
        reached = w + write.write(w, torch.full_like(w, sign * 100.0), generator_for(0))
        torch.testing.assert_close(reached, end, rtol=0, atol=1e-12)


def test_deterministic():
    assert write_of(LinearStep()).deterministic
    assert not write_of(LinearStep(0.1)).deterministic
    assert not write_of(LinearStep(), "stochastic").deterministic
    assert isinstance(write_of(LinearStep()), WritePath)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NominalDevice(dw_min=0), "dw_min is 0"),
        (lambda: NominalDevice(w_max=-1), "bounds are"),
        (lambda: NominalDevice(corrupt=1.5), "corrupt is 1.5"),
        (lambda: NominalDevice(corrupt_range=-1), "corrupt_range is -1"),
        (lambda: replace(pair(), dw_min=0.0), "dw_min is 0"),
        (lambda: write_of(LinearStep(), "up"), "rounding is 'up'"),
        (lambda: replace(write_of(LinearStep()), weight_range=0.0), "weight_range is 0"),
        (lambda: replace(write_of(LinearStep()), dw_min=0.0), "dw_min is 0"),
        (lambda: replace(write_of(LinearStep()), max_pulses=0), "max_pulses is 0"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


PCM = ExponentialStep(amplitude=(-27.235, -2.235), gamma=(2.5, 2.5), a=-1.0, b=0.0)


def pair(step=PCM, rounding="nearest", size=1) -> OneSidedPair:
    nominal = NominalDevice(dw_min=0.01, w_max=2.0, w_min=0.0)
    plus, minus = (draw_devices(nominal, size, generator_for(k)) for k in (0, 1))
    return OneSidedPair(step, plus, minus, 0.01, rounding=rounding)


@pytest.mark.parametrize("write", [write_of(LinearStep(0.4), size=30, dw_min=0.05), pair(size=30)])
def test_a_wider_weight_range_scales_everything(write):
    """The same devices in other units: samples and means times 3, variances times 9."""
    write = replace(write, step=replace(write.step, noise=0.3), rounding="stochastic")
    wide = replace(write, weight_range=3.0)
    w = torch.linspace(-0.9, 0.9, 30).double()
    increment = 0.9 * write.dw_min * torch.linspace(-1, 1, 30).double().roll(7)
    realized = write.write(w, increment, generator_for(3))
    again = wide.write(3.0 * w, 3.0 * increment, generator_for(3))
    torch.testing.assert_close(again, 3.0 * realized, rtol=1e-9, atol=1e-14)
    exact, scaled = write.moments(w, increment), wide.moments(3.0 * w, 3.0 * increment)
    torch.testing.assert_close(scaled.mean, 3.0 * exact.mean, rtol=1e-9, atol=1e-14)
    torch.testing.assert_close(scaled.variance, 9.0 * exact.variance, rtol=1e-9, atol=1e-14)
    assert exact.total_variance > 0


@pytest.mark.parametrize("pulses", [0.3, 2.6])
def test_divided_pulses_have_the_mean_and_the_noise_of_whole_ones(pulses):
    """Of x pulses of a constant step: mean x·Δ and variance x·(σΔ)², at 99 % over both signs."""
    draws, step, noise = 40_000, 0.05, 0.4
    write = write_of(LinearStep(noise), "none", dw_min=step)
    w = torch.zeros(2 * draws, dtype=torch.float64)
    asked = torch.full_like(w, pulses * step)
    asked[draws:] *= -1.0
    for realized in write.write(w, asked, generator_for(0)).split(draws):
        sign = float(realized.sum().sign())
        error = float(realized.std()) / math.sqrt(draws)
        assert abs(float(realized.mean()) - sign * pulses * step) < 3.0 * error
        variance = float(realized.var())
        expected = pulses * (noise * step) ** 2
        assert abs(variance / expected - 1.0) < 3.0 * math.sqrt(2.0 / draws)
    if pulses < 1:
        moments = write.moments(w[:1], asked[:1])
        torch.testing.assert_close(moments.mean, asked[:1])
        assert float(moments.variance) == pytest.approx(pulses * (noise * step) ** 2)


def test_divided_pulses_follow_the_curve():
    """Two and a half pulses of soft bounds: the half one is of the step where it is taken."""
    write = write_of(LinearStep(), "none", dw_min=0.1, soft_bounds=True)
    h = 0.2
    for part in (1.0, 1.0, 0.5):
        h += part * 0.1 * (1.0 - h)
    assert one(write, 0.2, 2.5) == pytest.approx(h, abs=1e-14)


@pytest.mark.parametrize("soft", [False, True])
def test_trains_that_meet_no_bound_are_those_of_single_pulses(soft, monkeypatch):
    """Twenty pulses taken as one against twenty: Kolmogorov and Smirnov at 0.1 %, and the bounds.

    Near a bound nothing is taken as one: those devices end where they did, bit by bit.
    """
    size, pulses = 20_000, 20
    write = write_of(LinearStep(3.0), size=size, dw_min=0.005, soft_bounds=soft)
    w = torch.zeros(size, dtype=torch.float64)
    w[:100] = 0.95
    asked = torch.full_like(w, pulses * 0.005)
    asked[100::2] *= -1.0

    def ends(seed):
        return write.plain_write(w, asked, write.key_of(generator_for(seed)))

    together = ends(0)
    monkeypatch.setattr(pulsed_write, "FREE_REACH", math.inf)
    singly, other = ends(0), ends(1)
    assert torch.equal(together[:100], singly[:100])
    assert not bool((together[100:] == singly[100:]).any())
    for start in (100, 101):
        found, expected = together[start::2].numpy(), other[start::2].numpy()
        assert stats.ks_2samp(found, expected).pvalue > 1e-3
        ratio = float(found.var() / expected.var())
        assert abs(ratio - 1.0) < 3.3 * math.sqrt(4.0 / len(found))
