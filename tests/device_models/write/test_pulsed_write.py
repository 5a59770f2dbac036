"""Pulsed devices: every published step by hand, trains against scalar loops, closed forms."""

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
    WriteNoise,
    WritePath,
    draw_devices,
)
from device_models.write.pulsed_devices import nominal_step
from neurograd.seeding import generator_for

BONFERRONI = 4.3
"""Normal quantile of 99 % over some hundred weights."""


def devices(size=1, seed=0, **options):
    return draw_devices(NominalDevice(**options), size, generator_for(seed))


def write_of(step, rounding="nearest", size=1, seed=0, **options) -> PulsedWrite:
    nominal = NominalDevice(**options)
    drawn = draw_devices(nominal, size, generator_for(seed))
    return PulsedWrite(step, drawn, nominal.dw_min, rounding=rounding)


def one(write, w, pulses):
    """Weight after a number of pulses up (or down, negative) without noise."""
    w = torch.tensor([float(w)], dtype=torch.float64)
    asked = torch.tensor([float(pulses) * write.dw_min], dtype=torch.float64)
    return float(w + write.write(w, asked, generator_for(0)))


# -- single pulses by hand ---------------------------------------------------------------------


def test_constant_step():
    write = write_of(LinearStep(), dw_min=0.01, up_down=0.2)
    assert one(write, 0.3, 1) == pytest.approx(0.3 + 0.012)
    assert one(write, 0.3, -1) == pytest.approx(0.3 - 0.008)


def test_linear_step():
    write = write_of(LinearStep(), dw_min=0.01, gamma=(0.1, 0.5), w_max=1.2, w_min=-0.8)
    assert one(write, 0.3, 1) == pytest.approx(0.3 + 0.01 * (1 - 0.1 / 1.2 * 0.3))
    assert one(write, 0.3, -1) == pytest.approx(0.3 - 0.01 * (1 + 0.5 / 0.8 * 0.3))
    assert one(write, -0.8, -1) == -0.8


def test_soft_bounds_stop_at_the_bounds():
    write = write_of(LinearStep(), dw_min=0.1, soft_bounds=True, w_max=1.25, w_min=-0.75)
    assert one(write, 0.5, 1) == pytest.approx(0.5 + 0.1 * (1 - 0.5 / 1.25))
    assert one(write, 0.5, -1) == pytest.approx(0.5 - 0.1 * (1 + 0.5 / 0.75))
    assert one(write, 1.25, 1) == 1.25
    assert one(write, 0.0, 500) == pytest.approx(1.25)


def test_exponential_step():
    step = ExponentialStep(amplitude=(-1.2, -0.08), gamma=(5.0, 4.0), a=-0.5, b=-0.4)
    write = write_of(step, dw_min=0.01)
    z = 2 * -0.5 * 0.3 / 2 - 0.4
    assert one(write, 0.3, 1) == pytest.approx(0.3 + 0.01 * (1 + 1.2 * math.exp(5 * z)))
    assert one(write, 0.3, -1) == pytest.approx(0.3 - 0.01 * (1 + 0.08 * math.exp(-4 * z)))
    blocked = write_of(ExponentialStep(amplitude=(1e9, 1e9)), dw_min=0.01)
    assert one(blocked, 0.3, 1) == 0.3, "a step is never negative"


def test_power_step():
    write = write_of(PowerStep(exponent=2.0), dw_min=0.01, w_max=1.0, w_min=-1.0)
    assert one(write, 0.2, 1) == pytest.approx(0.2 + 0.01 * 0.4**2)
    assert one(write, 0.2, -1) == pytest.approx(0.2 - 0.01 * 0.6**2)


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


# -- noise -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "options"),
    [
        (LinearStep(0.4), {"gamma": (0.3, 0.3), "w_max_dtod": 0.1}),
        (LinearStep(0.4, multiplicative=True), {"gamma": (0.3, 0.6), "dw_min_dtod": 0.2}),
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


def test_deterministic():
    assert write_of(LinearStep()).deterministic
    assert not write_of(LinearStep(0.1)).deterministic
    assert not write_of(LinearStep(), "stochastic").deterministic
    assert isinstance(write_of(LinearStep()), WritePath)


def test_write_noise_is_read_and_does_not_add_up():
    effect = WriteNoise(0.2)
    w = torch.zeros(20000).double()
    seen = effect.read(w, generator_for(0))
    assert float(seen.std()) == pytest.approx(0.2, rel=0.02)
    assert effect.moments(w).total_variance == pytest.approx(20000 * 0.04)
    assert not effect.deterministic
    with pytest.raises(ValueError, match="allowed: 0 or more"):
        WriteNoise(-1.0)


# -- device-to-device variation ----------------------------------------------------------------


def test_spreads_are_as_asked():
    """Standard deviations over 20,000 devices, chi-square intervals at 99.9 %."""
    n = 20000
    drawn = devices(
        n,
        dw_min=0.01,
        dw_min_dtod=0.1,
        up_down_dtod=0.05,
        w_max_dtod=0.07,
        w_min_dtod=0.03,
        gamma=(0.5, 0.5),
        gamma_dtod=0.02,
        reference_std=0.04,
    )
    low, high = (math.sqrt(stats.chi2.ppf(q, n - 1) / (n - 1)) for q in (0.0005, 0.9995))
    common = (drawn.step_up + drawn.step_down) / 0.02
    balance = (drawn.step_up - drawn.step_down) / 0.02
    for values, spread in (
        (common, 0.1),
        (balance, 0.05),
        (drawn.high, 0.07),
        (drawn.low, 0.03),
        (drawn.slope_up, 0.02),
        (drawn.slope_down, 0.02),
        (drawn.reference, 0.04),
    ):
        assert low < float(values.std()) / spread < high
    correlation = torch.corrcoef(torch.stack([common, balance, drawn.high, drawn.low]))
    assert float((correlation - torch.eye(4)).abs().max()) < 4.5 / math.sqrt(n)


def test_log_normal_steps_and_corrupt_devices():
    drawn = devices(20000, dw_min=0.1, dw_min_dtod=0.78, log_normal=True, corrupt=0.135)
    dead = drawn.step_up == 0
    assert dead.equal(drawn.step_down == 0)
    assert float(dead.double().mean()) == pytest.approx(0.135, abs=3.3 * math.sqrt(0.117 / 20000))
    logs = (drawn.step_up[~dead] / 0.1).log()
    assert float(logs.std()) == pytest.approx(0.78, rel=0.02)
    assert float(logs.mean()) == pytest.approx(0.0, abs=3.3 * 0.78 / math.sqrt(17000))


@pytest.mark.parametrize(
    "step", [LinearStep(0.5), ExponentialStep(0.5, noise_offset=0.1), PowerStep(0.5)]
)
def test_corrupt_devices_are_stuck_near_0(step):
    """They hold a value of their own, whatever is programmed or pulsed, and nothing is NaN."""
    write = write_of(step, size=400, dw_min=0.05, corrupt=0.5, w_max_dtod=0.2, w_min_dtod=0.2)
    stuck = write.devices.step_up == 0
    w = write.program(torch.full((400,), 0.5).double())
    assert float(w[stuck].abs().max()) <= 0.01
    assert float(w[stuck].std()) == pytest.approx(0.01 / math.sqrt(3), rel=0.15)
    assert bool((w[~stuck] > 0.1).all())
    increment = torch.full_like(w, -0.05)
    realized = write.write(w, increment, generator_for(0))
    assert bool(realized.isfinite().all())
    assert not realized[stuck].any()
    assert bool((realized[~stuck] != 0).all())
    assert write.moments(w, increment).total_variance > 0
    assert not write.moments(w, increment).variance[stuck].any()


def test_a_bound_that_its_spread_turns_over():
    """Upper stays above 0 and lower below, and the farther one keeps its side."""
    drawn = devices(20000, w_max=1.0, w_min=-1.0, w_min_dtod=0.6)
    assert bool(((drawn.low < 0) & (drawn.high > 0)).all())
    turned = drawn.high > 1.0
    # The lower bound was drawn above 1, that is below −2 standard deviations of 0.6 from −1.
    assert float(turned.double().mean()) == pytest.approx(stats.norm.sf(2 / 0.6), abs=8e-4)
    assert bool((drawn.low[turned] == -1.0).all())


def test_noise_of_three_terms():
    """σ(mean + offset + slope·|h|), phase-change memory's (Nandakumar et al., 2020)."""
    step = ExponentialStep(0.6, noise_offset=0.042, noise_slope=0.108)
    write = write_of(step, size=1, dw_min=0.01)
    h, up = torch.tensor([-0.4]).double(), torch.tensor([True])
    mean, std = step.moments(h, up, write.devices)
    plain = replace(step, noise_offset=0.0, noise_slope=0.0).moments(h, up, write.devices)
    assert mean.equal(plain[0])
    assert float(std) == pytest.approx(0.6 * (float(mean) + 0.042 + 0.108 * 0.4))


def test_step_that_a_controller_reckons_with():
    assert nominal_step(LinearStep(), NominalDevice(dw_min=0.01, gamma=(0.3, 0.2))) == (
        pytest.approx(0.01)
    )
    assert nominal_step(PowerStep(exponent=2.0), NominalDevice(dw_min=0.01)) == (
        pytest.approx(0.0025)
    )
    memory = NominalDevice(dw_min=0.01, w_max=2.0, w_min=0.0)
    assert nominal_step(PCM, memory, one_sided=True) == pytest.approx(0.01 * 28.235)


def test_steps_are_equal_at_the_symmetry_point():
    """With the reference there, a weight of 0 goes up as far as it comes down."""
    write = write_of(
        LinearStep(),
        size=50,
        dw_min=0.05,
        soft_bounds=True,
        up_down=0.2,
        w_max_dtod=0.3,
        w_min_dtod=0.4,
        subtract_symmetry_point=True,
    )
    w = torch.zeros(50).double()
    inside = (write.devices.low + 0.1 < write.devices.reference) & (
        write.devices.reference < write.devices.high - 0.1
    )
    up = write.write(w, torch.full_like(w, 0.05), generator_for(0))
    down = write.write(w, torch.full_like(w, -0.05), generator_for(0))
    assert int(inside.sum()) > 40
    torch.testing.assert_close(up[inside], -down[inside], rtol=1e-10, atol=1e-14)
    assert bool((up[inside] > 0).all())


def test_a_spread_changes_no_other_draw():
    one_way = devices(100, dw_min_dtod=0.1, w_max_dtod=0.2)
    other = devices(100, dw_min_dtod=0.1, w_max_dtod=0.2, w_min_dtod=0.1, reference_std=0.2)
    assert one_way.high.equal(other.high)
    assert one_way.step_up.equal(other.step_up)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NominalDevice(dw_min=0), "dw_min is 0"),
        (lambda: NominalDevice(w_max=-1), "bounds are"),
        (lambda: NominalDevice(corrupt=1.5), "corrupt is 1.5"),
        (lambda: NominalDevice(corrupt_range=-1), "corrupt_range is -1"),
        (lambda: replace(pair(), dw_min=0.0), "dw_min is 0"),
        (lambda: write_of(LinearStep(), "none"), "rounding is 'none'"),
        (lambda: replace(write_of(LinearStep()), weight_range=0.0), "weight_range is 0"),
        (lambda: replace(write_of(LinearStep()), dw_min=0.0), "dw_min is 0"),
        (lambda: replace(write_of(LinearStep()), max_pulses=0), "max_pulses is 0"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- the one-sided pair ------------------------------------------------------------------------

PCM = ExponentialStep(amplitude=(-27.235, -2.235), gamma=(2.5, 2.5), a=-1.0, b=0.0)


def pair(step=PCM, rounding="nearest", size=1) -> OneSidedPair:
    nominal = NominalDevice(dw_min=0.01, w_max=2.0, w_min=0.0)
    plus, minus = (draw_devices(nominal, size, generator_for(k)) for k in (0, 1))
    return OneSidedPair(step, plus, minus, 0.01, rounding=rounding)


def test_a_pair_is_raised_on_either_side():
    """The device of the other sign starts from 0, where the step is largest."""

    def step_at(g):
        return 0.01 * (1 + 27.235 * math.exp(2.5 * 2 * -1.0 * g / 2.0))

    write = pair()
    assert one(write, 0.5, 1) == pytest.approx(0.5 + step_at(0.5))
    assert one(write, 0.5, -1) == pytest.approx(0.5 - step_at(0.0))
    assert one(write, -0.5, -1) == pytest.approx(-0.5 - step_at(0.5))
    assert one(write, -0.5, 1) == pytest.approx(-0.5 + step_at(0.0))
    assert step_at(0.0) > 2 * step_at(0.5)
    assert one(write, 1.9, 40) == 2.0


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


def test_pair_samples_agree_with_the_closed_form():
    """Mean of every weight at 99 % (Bonferroni), total variance at 99 %."""
    write = pair(replace(PCM, noise=0.3), "stochastic", 30)
    w = torch.linspace(-1.0, 1.0, 30).double()
    increment = torch.linspace(-0.009, 0.009, 30).double().roll(7)
    exact = write.moments(w, increment)
    draws = torch.stack([write.write(w, increment, generator_for(2, k)) for k in range(4000)])
    error = (exact.variance / 4000).sqrt()
    assert bool(((draws.mean(0) - exact.mean).abs() <= BONFERRONI * error + 1e-12).all())
    scatter = (draws - exact.mean).square().sum(1)
    assert abs(float(scatter.mean()) - exact.total_variance) < 2.6 * float(
        scatter.std()
    ) / math.sqrt(4000)
    assert not write.deterministic
    assert pair().deterministic
