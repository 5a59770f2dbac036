"""Compiled writes against the plain ones of the same key, element by element."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models import (
    ConductanceStates,
    ExponentialStep,
    FixedPointGrid,
    JumpTable,
    LinearStep,
    MemristorWrite,
    NominalDevice,
    OneSidedPair,
    PowerStep,
    PulsedWrite,
    UpdateRounding,
    draw_crossbar,
    draw_devices,
    nonlinear_response,
)
from device_models.kernels import dispatch
from device_models.kernels.counter_numbers import draw_key
from device_models.write import fused_curves, fused_grids, fused_pulses
from device_models.write.measured_curve import pulse_curves
from device_models.write.pulse_response import CONSTANT_STEP, linear_response
from neurograd.seeding import generator_for

N = 700
"""More than a block of devices, and no whole number of blocks."""

ROUNDINGS = ["stochastic", "nearest", "truncate", "none"]


def _measured(dtype):
    pulses = torch.arange(6.0).double()
    up = torch.tensor([0.0, 0.3, 0.5, 0.5, 0.9, 1.0]).double()
    down = torch.tensor([0.9, 0.6, 0.5, 0.2, 0.1, 0.0]).double()
    return pulse_curves((pulses, up), (pulses, down))


def _responses(name, dtype):
    """Potentiation, depression and levels."""
    if name == "measured":
        curves = _measured(dtype)
        return curves.potentiation.to(dtype=dtype), curves.depression.to(dtype=dtype), curves.levels
    if name == "nonlinear":
        up, down = (nonlinear_response(s, depression=s < 0) for s in (2.4, -4.88))
        return up, down, (97, 100)
    if name == "soft bounds":
        return linear_response(1.0, 30), linear_response(0.4, 30), (30, 30)
    if name == "mixed":
        return CONSTANT_STEP, nonlinear_response(-1.0, depression=True), (40, 40)
    return CONSTANT_STEP, CONSTANT_STEP, (20, 30)


def _curve_write(response, mapping, seed, rounding, noise, fine, counted, dtype):
    crossbar = draw_crossbar(
        N,
        weight_range=1.5,
        mapping=mapping,
        device_to_device=0.3 * (seed % 2),
        stuck_low=0.1 * (seed % 3),
        generator=generator_for(seed, "crossbar"),
        dtype=dtype,
    )
    up, down, levels = _responses(response, dtype)
    return MemristorWrite(crossbar, up, down, None if fine else levels, noise, rounding, counted)


def _jumps(nodes=(0.05, 0.0503, 0.4, 0.41, 0.9)):
    """Nodes closer than a bucket, and far from the ends of the window; means of either sign."""
    columns = (nodes, (0.05, 0.03, 0.04, -0.01, 0.002), [0.01, 0.0, 0.02, 0.03, 0.01],
               (-0.01, -0.02, 0.005, -0.04, -0.06), [0.02] * 5)  # fmt: skip
    tensors = (torch.tensor(each[: len(nodes)], dtype=torch.float64) for each in columns)
    return JumpTable(0.0, 1.0, *tensors)


STEPS = {
    "jumps": _jumps(),
    "one jump": _jumps((0.3,)),
    "linear": LinearStep(0.3),
    "multiplicative": LinearStep(0.3, multiplicative=True),
    "silent": LinearStep(),
    "exponential": ExponentialStep(0.3, noise_offset=0.01, noise_slope=0.1),
    "power": PowerStep(0.2, 0.7),
}


def _pulse_write(step, one_sided, seed, rounding, most, known, dtype):
    nominal = NominalDevice(
        dw_min=0.01,
        dw_min_dtod=0.3 * (seed % 2),
        up_down=0.1,
        w_max_dtod=0.2,
        w_min_dtod=0.2,
        gamma=(0.4, 0.3) if seed % 4 else (-0.4, -0.3),
        reference_std=0.05 * (seed % 3),
        corrupt=0.1 * (seed % 2),
    )
    plus, minus = (
        draw_devices(nominal, N, generator_for(seed, "devices", k), dtype) for k in (0, 1)
    )
    dw_min = (0.011, 0.009) if known else 0.01
    step = STEPS[step]
    step = step.to(dtype=dtype) if isinstance(step, JumpTable) else step
    if one_sided:
        return OneSidedPair(step, plus, minus, dw_min, 1.3, rounding, most)
    return PulsedWrite(step, plus, dw_min, 1.3, rounding, most)


def _increments(size, seed, dtype):
    """Normal ones, a part of them 0, and the ends of what may be asked for."""
    generator = generator_for(seed, "increments")
    increment = size * torch.randn(N, generator=generator, dtype=torch.float64)
    increment[torch.rand(N, generator=generator) < 0.3] = 0.0
    increment[:3] = torch.tensor([math.inf, -math.inf, -0.0])
    return increment.to(dtype)


def _growth(write):
    """How far a pulse takes two devices apart that differ by rounding: a steep table by much."""
    table = getattr(write, "step", None)
    if not isinstance(table, JumpTable) or len(table.nodes) == 1:
        return 1.0
    columns = (table.up_mean, table.up_std, table.down_mean, table.down_std)
    steepest = max(float((each.diff() / table.nodes.diff()).abs().max()) for each in columns)
    return 1.0 + steepest


def _hold(write, size, seed, dtype):
    """The compiled write and the plain one agree to rounding, and a pulse makes a difference."""
    w = torch.randn(N, generator=generator_for(seed, "w"), dtype=torch.float64).to(dtype)
    w = write.program(0.8 * w)
    increment = _increments(size, seed, dtype)
    if getattr(write, "noisy", False):
        # Noise of infinitely many pulses is no number in either.
        increment[:2] = 0.0
    found = write.write(w, increment, generator_for(seed, "write"))
    expected = write.plain_write(w, increment, write.key_of(generator_for(seed, "write")))
    tolerance = 200 * torch.finfo(dtype).eps * _growth(write)
    assert found.dtype == expected.dtype == dtype
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    assert bool(torch.isfinite(found).all())
    assert not bool(found[increment == 0].any())


@settings(max_examples=40, deadline=None)
@given(
    response=st.sampled_from(["constant", "nonlinear", "soft bounds", "mixed", "measured"]),
    mapping=st.sampled_from(["differential_pair", "reference"]),
    seed=st.integers(0, 10_000),
    rounding=st.sampled_from(ROUNDINGS),
    noise=st.sampled_from([0.0, 0.03, (0.05, 0.01), (0.0, 0.02)]),
    fine=st.booleans(),
    counted=st.sampled_from([None, 25.0]),
    size=st.floats(1e-4, 3.0),
    dtype=st.sampled_from(list(dispatch.TYPES)),
)
def test_writes_along_curves(response, mapping, seed, rounding, noise, fine, counted, size, dtype):
    fine = fine and response != "measured"
    write = _curve_write(response, mapping, seed, rounding, noise, fine, counted, dtype)
    _hold(write, size, seed, dtype)


@settings(max_examples=40, deadline=None)
@given(
    step=st.sampled_from(list(STEPS)),
    one_sided=st.booleans(),
    seed=st.integers(0, 10_000),
    rounding=st.sampled_from(ROUNDINGS),
    most=st.sampled_from([40, 3, (2, 5)]),
    known=st.booleans(),
    size=st.floats(1e-4, 0.3),
    dtype=st.sampled_from(list(dispatch.TYPES)),
)
def test_writes_by_pulses(step, one_sided, seed, rounding, most, known, size, dtype):
    # Each kind of step is compiled for each type.
    dtype = torch.float32 if "jump" in step else dtype
    _hold(_pulse_write(step, one_sided, seed, rounding, most, known, dtype), size, seed, dtype)


def _states(mapping, rounding, states, seed, dtype, size=N):
    """Synapses whose windows differ, some of them stuck, or that are all the same."""
    crossbar = draw_crossbar(
        size, weight_range=1.5, mapping=mapping, device_to_device=0.3 * (seed % 2),
        stuck_low=0.1 * (seed % 2), generator=generator_for(seed, "crossbar"), dtype=dtype,
    )  # fmt: skip
    bounds, zero = crossbar.weight_bounds(), crossbar.state_zero()
    return ConductanceStates(MemristorWrite(crossbar), *bounds, zero, states, rounding)


@settings(max_examples=40, deadline=None)
@given(
    mapping=st.sampled_from([None, "differential_pair", "reference"]),
    stores=st.booleans(),
    rounding=st.sampled_from(ROUNDINGS),
    number=st.integers(2, 40),
    seed=st.integers(0, 10_000),
    size=st.floats(1e-4, 3.0),
    dtype=st.sampled_from(list(dispatch.TYPES)),
)
def test_writes_on_a_grid_are_the_plain_ones(mapping, stores, rounding, number, seed, size, dtype):
    """To the last digit: a number apart would be a whole step."""
    w = torch.randn(N, generator=generator_for(seed, "w"), dtype=torch.float64).to(dtype)
    increment, key = _increments(size, seed, dtype), draw_key(generator_for(seed))
    increment[4] = math.nan
    if mapping is None:
        write = UpdateRounding(FixedPointGrid(number % 20 + 1, 1.5), rounding, stores)
        found = write.write(w, increment, generator_for(seed))
        expected = write.plain_write(w, increment, write.key_of(generator_for(seed)))
    else:
        rounding = "nearest" if rounding == "none" else rounding
        write = _states(mapping, rounding, number, seed, dtype)
        found = fused_grids.land_fused(write, w, increment, key)
        expected = write.plain_landing(w, increment, key)
    assert found.dtype == expected.dtype == dtype
    assert torch.equal(found.isnan(), expected.isnan())
    assert torch.equal(found.nan_to_num(), expected.nan_to_num())


def _beside_whole(count, seed, dtype):
    """Whole numbers, those a few units in the last place beside them, and some further off."""
    generator = generator_for(seed, "whole")
    whole = torch.randint(-6, 7, (count,), generator=generator).double()
    units = torch.randint(-20, 21, (count,), generator=generator).double()
    return (whole * (1.0 + units * torch.finfo(dtype).eps)).to(dtype)


@pytest.mark.parametrize("states", [9, 17, 200])
@pytest.mark.parametrize("mapping", [None, "differential_pair", "reference"])
@pytest.mark.parametrize("dtype", dispatch.TYPES)
def test_truncation_of_what_is_nearly_whole_is_the_plain_one(mapping, states, dtype):
    """To the last digit, on either side of what counts as whole."""
    places, key = _beside_whole(N, states, dtype), draw_key(generator_for(0))
    if mapping is None:
        write = UpdateRounding(FixedPointGrid(6, 0.7 + states), "truncate", stores=False)
        w, increment = torch.zeros(N, dtype=dtype), places * write.grid.step
        found = write.write(w, increment, generator_for(0))
        expected, unit = write.plain_write(w, increment, key), write.grid.step
    else:
        write = _states(mapping, "truncate", states, states, dtype)
        unit = (write.high - write.zero) / (states - 1)
        w = write.program(torch.full((N,), 0.1, dtype=dtype))
        increment = places * unit
        found = fused_grids.land_fused(write, w, increment, key)
        expected = write.plain_landing(w, increment, key)
    assert torch.equal(found, expected)
    assert int((found.abs() > 0.5 * unit).sum()) > N // 3


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("dtype", dispatch.TYPES)
def test_truncation_loses_no_whole_pulse(one_sided, dtype):
    """Along curves and by pulses, in compiled loops and by tensor operations."""
    counts = torch.arange(N).fmod(15.0).to(dtype)
    alike = draw_devices(NominalDevice(dw_min=0.0007), N, generator_for(0), dtype)
    if one_sided:
        pulsed = OneSidedPair(LinearStep(), alike, alike, 0.0007, 0.9, "truncate")
    else:
        pulsed = PulsedWrite(LinearStep(), alike, 0.0007, 0.9, "truncate")
    crossbar = draw_crossbar(
        N, weight_range=0.9, mapping="reference", generator=generator_for(0), dtype=dtype
    )
    curves = MemristorWrite(crossbar, levels=(70, 70), rounding="truncate")
    missed = 0
    for write, unit in ((pulsed, 0.9 * 0.0007), (curves, 2 * 0.9 / 70)):
        increment, w = (7.0 * (counts * unit)) / 7.0, torch.zeros(N, dtype=dtype)
        missed += int(((increment.abs() / unit).trunc() < counts).sum())
        plain = write.plain_write(w, increment, write.key_of(generator_for(0)))
        for realized in (write.write(w, increment, generator_for(0)), plain):
            assert torch.equal((realized / unit).round(), counts)
    assert missed > 50


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("dtype", dispatch.TYPES)
def test_thousands_of_pulses(one_sided, dtype):
    """Those beyond the single ones are taken in the same blocks."""
    write = _pulse_write("linear", one_sided, 1, "stochastic", None, False, dtype)
    w = write.program(torch.linspace(-0.5, 0.5, N, dtype=dtype))
    increment = torch.linspace(-40.0, 40.0, N, dtype=dtype)
    found = write.write(w, increment, generator_for(5))
    expected = write.plain_write(w, increment, write.key_of(generator_for(5)))
    # A thousand pulses, each rounded.
    tolerance = 2000 * torch.finfo(dtype).eps
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_increments_that_are_no_numbers_ask_for_no_pulse():
    # Devices with many pulses are sorted by their numbers.
    write = _pulse_write("multiplicative", False, 1, "nearest", None, False, torch.float32)
    w, increment = write.program(torch.zeros(N)), torch.linspace(-0.1, 0.1, N)
    increment[::3] = math.nan
    found = write.write(w, increment, generator_for(8))
    expected = write.plain_write(w, increment, write.key_of(generator_for(8)))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert not bool(found[::3].any())
    assert bool(found[1::3].any())


def _both():
    curve = _curve_write(
        "nonlinear", "differential_pair", 1, "stochastic", 0.05, False, None, torch.float32
    )
    return [curve, _pulse_write("exponential", False, 1, "stochastic", 40, True, torch.float32)]


def _grids():
    states = _states("differential_pair", "stochastic", 9, 1, torch.float32)
    return [states, UpdateRounding(FixedPointGrid(6))]


@pytest.mark.parametrize(
    "write", [*_both(), *_grids()], ids=["curve", "pulses", "states", "rounding"]
)
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(write, threads, monkeypatch):
    w, increment = write.program(torch.zeros(N)), _increments(0.1, 0, torch.float32)
    increment[:2] = 0.1
    alone = write.write(w, increment, generator_for(6))
    monkeypatch.setattr(dispatch, "LEAST_OF_A_THREAD", 100)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert torch.equal(write.write(w, increment, generator_for(6)), alone)


@pytest.mark.parametrize(
    "write", [*_both(), *_grids()], ids=["curve", "pulses", "states", "rounding"]
)
def test_what_loops_do_not_take_is_written_plainly(write, monkeypatch):
    """Views of other strides, types that do not go together, and no compiler."""
    w, increment = write.program(torch.zeros(N)), _increments(0.1, 0, torch.float32)
    increment[:2] = 0.1
    found = write.write(w, increment, generator_for(7))
    strided = torch.stack([increment, increment], 1)[:, 0]
    again = write.write(w, strided, generator_for(7))
    torch.testing.assert_close(again, found, rtol=1e-5, atol=1e-5)
    wide = write.write(w.double(), increment.double(), generator_for(7))
    assert wide.dtype == torch.float64
    monkeypatch.setattr(dispatch, "available", lambda: False)
    torch.testing.assert_close(
        write.write(w, increment, generator_for(7)), found, rtol=1e-5, atol=1e-5
    )


def test_steps_and_responses_of_ones_own_are_written_plainly():
    class Own(LinearStep):
        """A subclass may do anything."""

    write = _both()[1]
    own = replace(write, step=Own(0.3))
    w, increment = torch.zeros(N), torch.full((N,), 0.02)
    key = draw_key(generator_for(0))
    assert fused_pulses.write_fused(own, w, increment, key) is None
    assert own.write(w, increment, generator_for(0)).any()

    class Half:
        """Half a constant step."""

        def step(self, position, pulses):
            return 0.5 * pulses

    curve = replace(_both()[0], potentiation=Half(), depression=Half())
    assert fused_curves.write_fused(curve, w, increment, key) is None
    assert curve.write(w, increment, generator_for(0)).any()
