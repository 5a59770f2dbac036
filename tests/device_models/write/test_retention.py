"""Leakage against exponential decay."""

from __future__ import annotations

import math

import pytest
import torch

from device_models.chip import Chip
from device_models.protocols import WritePath
from device_models.rules.backprop import Backprop
from device_models.write import retention
from device_models.write.crossbar import draw_crossbar
from device_models.write.memristor_write import MemristorWrite
from device_models.write.retention import Leakage, PairLeakage, draw_lifetimes
from neurograd.seeding import generator_for
from tests.neurograd.cases import linear_regression


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_a_weight_left_alone_decays_exponentially():
    lifetimes = _tensor(50.0, 200.0, 1.0, math.inf)
    leak = Leakage(lifetimes)
    assert isinstance(leak, WritePath)
    w = start = _tensor(1.0, -0.5, 0.3, 0.7)
    for _ in range(100):
        w = w + leak.write(w, torch.zeros_like(w), generator_for(0))
    torch.testing.assert_close(w, start * (1 - 1 / lifetimes) ** 100, rtol=1e-10, atol=1e-14)
    assert float(w[0]) == pytest.approx(math.exp(-2), rel=0.03)
    assert w.tolist()[2:] == [0.0, 0.7]


def test_the_device_of_the_weight_s_sign_leaks_in_a_pair():
    leak = PairLeakage(_tensor(10.0, 10.0, 10.0), _tensor(4.0, 4.0, 4.0))
    w, increment = _tensor(0.5, -0.2, -0.2), _tensor(0.1, 0.1, 0.3)
    realized = leak.write(w, increment, generator_for(0))
    # 0.6 leaks by a tenth, -0.1 by a quarter; the third has crossed 0 and is the other device's.
    torch.testing.assert_close(realized, _tensor(0.1 - 0.06, 0.1 + 0.025, 0.3 - 0.01))
    assert leak.moments(w, increment).mean.equal(realized)
    with pytest.raises(ValueError, match=r"lifetime is 0\.5"):
        PairLeakage(2.0, _tensor(0.5))


@pytest.mark.parametrize("compiled", [False, True])
def test_pairs_of_which_a_device_is_stuck_leak_to_what_is_left(compiled, monkeypatch):
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: compiled)
    lifetimes, rest = (_tensor(10.0, 10.0, 10.0), _tensor(4.0, 4.0, 4.0)), _tensor(1.0, -0.5, 0.0)
    realized = PairLeakage(*lifetimes, rest).write(_tensor(0.2, 0.2, 0.2), _tensor(0, 0.1, 0), None)
    # The first one's negative device leaks, the second one's positive one.
    torch.testing.assert_close(realized, _tensor(0.8 / 4, 0.1 - 0.8 / 10, -0.2 / 10))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_plain_lifetimes_of_a_pair_are_those_of_the_weights_type(dtype):
    w, increment = _tensor(0.5, -0.2).to(dtype), _tensor(0.1, 0.1).to(dtype)
    lifetimes = _tensor(10.3, 10.3).to(dtype), _tensor(4.1, 4.1).to(dtype)
    found = PairLeakage(10.3, 4.1).write(w, increment, generator_for(0))
    assert found.dtype == dtype
    assert found.equal(PairLeakage(*lifetimes).write(w, increment, generator_for(0)))


def test_random_increments_leak_from_the_device_that_holds_the_weight():
    """The write's mean over a sample of increments and over normal ones, a pair's own on each side.

    A weight far below 0 keeps what the negative device keeps: the positive one's lifetime is the
    other one's tenfold.
    """
    chip = Chip(Backprop(), 0.1, writes=(PairLeakage(20.0, 2.0),))
    w, increments = _tensor(0.8, -0.8), _tensor(-0.1, 0.3).unsqueeze(1).expand(2, 2)
    kept = 1 - 1 / _tensor(20.0, 2.0)
    found = chip.average_write(w, increments)
    torch.testing.assert_close(found.mean, (w + 0.1) * kept - w)
    normal = chip.write_moments(w, 0.1 * torch.ones_like(w), 0.04 * torch.ones_like(w) ** 2)
    torch.testing.assert_close(normal.mean, (w + 0.1) * kept - w, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(normal.variance, 0.04 * kept.square(), rtol=1e-2, atol=0)


def test_one_write_by_hand():
    leak = Leakage(10.0)
    w, increment = _tensor(0.5, -0.2), _tensor(0.1, 0.1)
    realized = leak.write(w, increment, generator_for(0))
    torch.testing.assert_close(realized, _tensor(0.1 - 0.06, 0.1 + 0.01))
    moments = leak.moments(w, increment)
    assert moments.mean.equal(realized)
    assert moments.total_variance == 0.0
    assert leak.deterministic
    assert leak.program(w).equal(w)


def test_leak_follows_the_devices_own_write():
    """What reaches the leak is what the device realized, and the bias is −w/(lifetime·Δt)."""
    problem = linear_regression()
    write = MemristorWrite(draw_crossbar(problem.num_parameters, generator=generator_for(0)))
    leak = Leakage(1000.0)
    step = 0.01
    chip = Chip(Backprop(), step, writes=(write, leak))
    w = chip.program(0.5 * problem.initial_weights.clamp(-1, 1))
    g = problem.gradient(w)
    expected = -g * (1 - 1e-3) - w / (1000.0 * step)
    torch.testing.assert_close(chip.closed_form(problem, w).mean, expected, rtol=1e-9, atol=1e-12)
    sample = chip.sample_update(problem, w, generator_for(0))
    torch.testing.assert_close(sample, expected, rtol=1e-9, atol=1e-12)


def test_lifetimes_have_the_spread_and_the_floor():
    """Mean and standard deviation of 40,000 at 99 %; nothing below one update."""
    n = 40_000
    lifetimes = draw_lifetimes(n, 1000.0, 0.1, generator_for(0))
    assert lifetimes.dtype == torch.float64
    assert abs(float(lifetimes.mean()) - 1000) < 2.58 * 100 / math.sqrt(n)
    assert abs(float(lifetimes.std()) - 100) < 2.58 * 100 / math.sqrt(2 * n)
    wide = draw_lifetimes(n, 3.0, 2.0, generator_for(0), torch.float32)
    assert wide.dtype == torch.float32
    assert float(wide.min()) == 1.0
    assert draw_lifetimes(3, 7.0, 0.0, generator_for(0)).tolist() == [7.0] * 3


@pytest.mark.parametrize("lifetime", [0.5, math.nan, -3.0])
def test_refuses_impossible_lifetimes(lifetime):
    with pytest.raises(ValueError, match="allowed: 1 update or more"):
        Leakage(lifetime)
    with pytest.raises(ValueError, match="allowed: 1 update or more"):
        Leakage(_tensor(5.0, lifetime))
    with pytest.raises(ValueError, match="allowed: 1 update or more"):
        draw_lifetimes(5, lifetime, 0.1, generator_for(0))


def test_refuses_a_negative_spread():
    with pytest.raises(ValueError, match="spread is -1; allowed: 0 or more"):
        draw_lifetimes(5, 10.0, -1.0, generator_for(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["32 bits", "64 bits"])
@pytest.mark.parametrize("kind", ["own", "one of all", "one of them"])
def test_pairs_in_a_loop_leak_as_in_tensor_operations(kind, dtype, monkeypatch):
    """The same numbers, of weights that cross 0 as well, and of infinite and missing ones."""
    generator = torch.Generator().manual_seed(3)
    w, increment = (0.1 * torch.randn(500, generator=generator, dtype=dtype) for _ in range(2))
    w[:3], increment[3] = torch.tensor([float("nan"), float("inf"), 0.0], dtype=dtype), 0.0
    own = [1.0 + 50.0 * torch.rand(500, generator=generator, dtype=dtype) for _ in range(2)]
    lifetimes = {"own": own, "one of all": (7.0, 30.0), "one of them": (own[0], 9.0)}[kind]
    write = PairLeakage(*lifetimes)
    found = write.write(w, increment, generator)
    monkeypatch.setattr(retention, "taken", lambda *given: False)
    expected = write.write(w, increment, generator)
    assert torch.equal(found.nan_to_num(7.0), expected.nan_to_num(7.0))
    assert bool(((w < 0) != (w + increment < 0)).any())
