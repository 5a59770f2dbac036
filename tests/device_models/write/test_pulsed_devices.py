"""A chip's pulsed devices, as they are drawn."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from device_models import (
    ExponentialStep,
    LinearStep,
    NominalDevice,
    PowerStep,
    PulsedWrite,
    draw_devices,
)
from device_models.write.pulsed_devices import nominal_steps
from neurograd.seeding import generator_for


def devices(size=1, seed=0, **options):
    return draw_devices(NominalDevice(**options), size, generator_for(seed))


def write_of(step, rounding="nearest", size=1, seed=0, **options) -> PulsedWrite:
    nominal = NominalDevice(**options)
    drawn = draw_devices(nominal, size, generator_for(seed))
    return PulsedWrite(step, drawn, nominal.dw_min, rounding=rounding)


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


def test_step_that_a_controller_reckons_with():
    sloping = NominalDevice(dw_min=0.01, gamma=(0.3, 0.2))
    assert nominal_steps(LinearStep(), sloping) == pytest.approx((0.01, 0.01))
    power = nominal_steps(PowerStep(exponent=2.0), NominalDevice(dw_min=0.01))
    assert power == pytest.approx((0.0025, 0.0025))
    uneven = nominal_steps(LinearStep(), NominalDevice(dw_min=0.01, up_down=0.3))
    assert uneven == pytest.approx((0.013, 0.007))
    memory = NominalDevice(dw_min=0.01, w_max=2.0, w_min=0.0)
    assert nominal_steps(PCM, memory)[0] == pytest.approx(0.01 * 28.235)


@pytest.mark.parametrize("gamma", [0.6, -0.6])
def test_linear_steps_shrink_towards_their_bound_or_grow(gamma):
    """By gamma from 0 to the nominal bound, which is another one on either side."""
    drawn = devices(dw_min=0.01, w_max=1.2, w_min=-0.8, gamma=(gamma, gamma / 2))
    states = torch.tensor([-0.8, 0.0, 1.2], dtype=torch.float64)
    up, _ = LinearStep().moments(states, torch.full((3,), True), drawn)
    down, _ = LinearStep().moments(states, torch.full((3,), False), drawn)
    expected = 1.0 - gamma * states / 1.2, 1.0 + gamma / 2 * states / 0.8
    torch.testing.assert_close(up, 0.01 * expected[0])
    torch.testing.assert_close(down, 0.01 * expected[1])


def test_a_device_that_begins_at_zero_stays_on_its_side():
    drawn = draw_devices(NominalDevice(w_min=0.0, w_max_dtod=2.0), 1000, generator_for(0))
    assert not drawn.low.any()
    assert bool((drawn.high > 0).all())
    assert int((drawn.high.log() < -2).sum()) > 10
    up = torch.ones(1000, dtype=torch.bool)
    moved = LinearStep().moments(drawn.low, up, drawn)[0]
    assert bool((moved > 0).all())


def test_no_variation_turns_a_step_that_grows():
    """From a slope that is 0 at the nominal bound on: it is at the device's own, and not below."""
    spread = {"w_max_dtod": 0.3, "w_min_dtod": 0.3, "gamma_dtod": 0.5}
    drawn = devices(2000, gamma=(-0.9, -0.9), **spread)
    for up in (True, False):
        ways = torch.full((2000,), up)
        ends = [LinearStep().moments(end, ways, drawn)[0] for end in (drawn.low, drawn.high)]
        first, last = ends if up else ends[::-1]
        assert float(first.min()) >= -1e-18
        assert bool((first < 1e-18).any())
        assert bool((last >= first).all())
    shrinking = devices(2000, gamma=(0.9, 0.9), **spread)
    for key in ("low", "high", "step_up", "step_down"):
        assert getattr(drawn, key).equal(getattr(shrinking, key))


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_a_window_that_begins_at_0_has_constant_steps_down(slope):
    """There is no lower bound to count the slope from; steps up fall towards theirs."""
    write = write_of(LinearStep(), dw_min=0.01, w_max=1.0, w_min=0.0, gamma=(slope, slope))
    for w in (0.2, 0.6):
        start = torch.tensor([w]).double()
        down = write.write(start, torch.tensor([-0.01]).double(), generator_for(0))
        up = write.write(start, torch.tensor([0.01]).double(), generator_for(0))
        assert float(down) == pytest.approx(-0.01)
        assert float(up) == pytest.approx(0.01 * (1.0 - slope * w))


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


PCM = ExponentialStep(amplitude=(-27.235, -2.235), gamma=(2.5, 2.5), a=-1.0, b=0.0)
