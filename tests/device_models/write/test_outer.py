"""Samples written as outer products against a write of all weights for each of them.

Without stochastic rounding they are the same numbers, with it they have the same distribution.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from device_models import (
    Backprop,
    Chip,
    LinearStep,
    MemristorWrite,
    Minibatch,
    NominalDevice,
    PulsedWrite,
    draw_crossbar,
    draw_devices,
)
from device_models.kernels import dispatch
from device_models.outer_products import OuterProducts, sample_gradients
from neurograd.seeding import generator_for
from tests.device_models.write.outer_cases import (
    ROWS,
    STEPS,
    N,
    curves,
    products_of,
    pulses,
)
from tests.neurograd.cases import classification


def hold(write, samples, size, seed, dtype):
    layers = products_of(samples, size, seed, dtype)
    w = write.program(0.5 * torch.randn(N, generator=generator_for(seed, "w")).to(dtype))
    found, expected = w.clone(), w.clone()
    assert write.write_outer(found, layers, -0.7, generator_for(seed))
    generator = generator_for(seed)
    for gradient in sample_gradients(layers, w):
        expected += write.write(expected, -0.7 * gradient, generator)
    assert torch.equal(found, expected)
    return found, w


@settings(max_examples=25, deadline=None)
@given(
    step=st.sampled_from(list(STEPS)),
    one_sided=st.booleans(),
    rounding=st.sampled_from(["nearest", "truncate", "none"]),
    most=st.sampled_from([None, 3]),
    samples=st.integers(1, 4),
    size=st.floats(1e-4, 0.3),
    seed=st.integers(0, 10_000),
    double=st.booleans(),
)
def test_pulses_are_those_of_writes_of_all_weights(
    step, one_sided, rounding, most, samples, size, seed, double
):
    # Each kind of step is compiled for each type: for the slower kinds, one is enough.
    one_type = {"exponential": torch.float32, "power": torch.float64, "jumps": torch.float64}
    dtype = one_type.get(step, torch.float64 if double else torch.float32)
    hold(pulses(step, one_sided, rounding, most, dtype), samples, size, seed, dtype)


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
@pytest.mark.parametrize("step", ["linear", "exponential"])
def test_devices_that_share_slopes_and_reference(step, rounding):
    """They lie in a shorter table: the same numbers as where each has its own."""
    drawn = pulses(step, False, rounding, None, torch.float32)
    shared = {"slope_up": -0.4, "slope_down": 0.7, "reference": 0.1}
    found = []
    for size in (1, N):
        values = {name: torch.full((size,), value) for name, value in shared.items()}
        write = replace(drawn, devices=replace(drawn.devices, **values))
        table = write.for_outer_loops.arguments[0]
        assert table.size == (4 * N + 3 if size == 1 else 8 * N)
        w = write.program(0.5 * torch.randn(N, generator=generator_for(1, "w")))
        assert write.write_outer(w, products_of(3, 0.1, 2, torch.float32), -0.7, generator_for(3))
        found.append(w)
    assert torch.equal(*found)


@pytest.mark.parametrize("dtype", dispatch.TYPES)
def test_devices_that_are_all_the_same(dtype):
    """A number of each property is enough, and one's own or that of all gives the same."""
    alike = draw_devices(NominalDevice(dw_min=0.01, gamma=(0.4, 0.3)), N, generator_for(0), dtype)
    assert {each.numel() for each in vars(alike).values()} == {1}
    own = type(alike)(*(each.expand(N).contiguous() for each in vars(alike).values()))
    found = [
        hold(PulsedWrite(LinearStep(0.3), each, 0.01, rounding="nearest"), 2, 0.05, 3, dtype)[0]
        for each in (alike, own)
    ]
    assert torch.equal(*found)


@settings(max_examples=25, deadline=None)
@given(
    mapping=st.sampled_from(["differential_pair", "reference"]),
    fine=st.booleans(),
    rounding=st.sampled_from(["nearest", "none"]),
    noise=st.sampled_from([0.0, 0.03]),
    samples=st.integers(1, 4),
    size=st.floats(1e-4, 0.3),
    seed=st.integers(0, 10_000),
    dtype=st.sampled_from(list(dispatch.TYPES)),
)
def test_curves_are_those_of_writes_of_all_weights(
    mapping, fine, rounding, noise, samples, size, seed, dtype
):
    hold(curves(mapping, fine, rounding, noise, dtype), samples, size, seed, dtype)


DRAWS = 1500


def _mostly(statistic, degrees):
    """A sum of squares of standardized numbers lies in the interval of 99 % of a χ²."""
    low, high = stats.chi2.ppf([0.005, 0.995], degrees)
    assert low < statistic < high, (low, statistic, high)


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("size", [0.3, 0.003], ids=["many visited", "few visited"])
@pytest.mark.parametrize("down", [0.5, 0.7])
def test_pulses_by_chance_come_as_often_as_is_asked_for(one_sided, size, down):
    """Weight by weight, in all that are left, and in how much their number spreads."""
    dtype = torch.float64
    write = replace(pulses("silent", one_sided, "stochastic", None, dtype), dw_min=(0.5, down))
    layers = products_of(1, size, 1, dtype)
    # Powers of 2 from 1 down to 2⁻³⁹, and biases.
    layers[1].errors.mul_(torch.exp2(-torch.arange(ROWS, dtype=dtype)))
    w = torch.zeros(N, dtype=dtype)
    increment = -0.7 * next(sample_gradients(layers, w))
    asked = increment.abs() / (1.3 * torch.where(increment > 0, 0.5, down))
    chance = asked.clamp_max(1.0)
    changed = torch.zeros(N, dtype=dtype)
    numbers = []
    for k in range(DRAWS):
        now = w.clone()
        assert write.write_outer(now, layers, -0.7, generator_for(8, k))
        changed += now != 0
        numbers.append(int((now != 0).sum()))
    spread = DRAWS * chance * (1.0 - chance)
    counted = spread > 10.0
    assert not bool(changed[chance == 0].any())
    squares = (changed - DRAWS * chance)[counted].square() / spread[counted]
    _mostly(float(squares.sum()), int(counted.sum()))
    rest = ~counted & (chance > 0) & (chance < 1)
    low, high = stats.poisson.ppf([0.005, 0.995], DRAWS * float(chance[rest].sum()))
    assert low <= float(changed[rest].sum()) <= high
    variance = float((chance * (1.0 - chance)).sum())
    _mostly((DRAWS - 1) * torch.tensor(numbers).double().var().item() / variance, DRAWS - 1)


@pytest.mark.parametrize("dtype", dispatch.TYPES)
def test_requests_for_several_pulses_are_rounded_by_chance(dtype):
    """Up to a few tens of pulses a weight, and how many more than the whole ones it gets."""
    devices = draw_devices(NominalDevice(dw_min=2.0**-10), N, generator_for(0), dtype)
    write = PulsedWrite(LinearStep(), devices, dw_min=2.0**-10)
    layers = products_of(1, 0.01, 2, dtype)
    w = torch.zeros(N, dtype=dtype)
    asked = (0.7 * next(sample_gradients(layers, w))).double().abs() * 2.0**10
    assert 20.0 < float(asked.max()) < 100.0
    total = torch.zeros(N, dtype=torch.float64)
    for k in range(DRAWS):
        now = w.clone()
        assert write.write_outer(now, layers, -0.7, generator_for(11, k))
        pulses = now.double().abs() * 2.0**10
        assert bool(((pulses - asked).abs() < 1.001).all())
        total += pulses
    part = asked - asked.floor()
    spread = DRAWS * part * (1.0 - part)
    counted = spread > 10.0
    squares = (total - DRAWS * asked)[counted].square() / spread[counted]
    _mostly(float(squares.sum()), int(counted.sum()))


def test_the_total_of_pulses_is_as_asked_for():
    """Of 70,000 pulses drawn by jumps, in the interval of 99 %: 2 % more or fewer are outside."""
    dtype, side, samples = torch.float32, 150, 128
    generator = generator_for(10)
    inputs = torch.rand(samples, side, generator=generator, dtype=dtype)
    errors = 0.1 * torch.rand(samples, side, generator=generator, dtype=dtype)
    devices = draw_devices(NominalDevice(dw_min=1e-3), side**2, generator, dtype)
    write = PulsedWrite(LinearStep(), devices, dw_min=0.5)
    w = torch.zeros(side**2, dtype=dtype)
    assert write.write_outer(w, [OuterProducts(0, None, inputs, errors)], -0.5, generator)
    counted = (-w / devices.step_down).round().sum()
    chance = torch.einsum("nr,nc->nrc", errors, inputs).double()
    assert float(chance.max()) < 0.125
    variance = float((chance * (1.0 - chance)).sum())
    bound = stats.norm.ppf(0.995) * variance**0.5
    assert abs(float(counted - chance.sum())) < bound
    assert 0.02 * float(chance.sum()) > bound - stats.norm.ppf(0.01) * variance**0.5


def test_both_devices_of_a_pair_are_pulsed_by_chance():
    """Mean and variance of every weight, and how often both of its devices get a pulse."""
    dtype, levels = torch.float64, 20
    crossbar = draw_crossbar(
        N, weight_range=1.0, mapping="differential_pair", generator=generator_for(0), dtype=dtype
    )
    write = MemristorWrite(crossbar, levels=(levels, levels))
    layers = products_of(1, 0.03, 1, dtype)
    w = torch.zeros(N, dtype=dtype)
    increment = -0.7 * next(sample_gradients(layers, w))
    expected = write.moments(w, increment)
    chance = increment.abs() / 2.0 * levels
    assert 0.5 < float(chance.max()) < 1.0
    changes = []
    for k in range(DRAWS):
        now = w.clone()
        assert write.write_outer(now, layers, -0.7, generator_for(9, k))
        changes.append(now)
    change = torch.stack(changes)
    often = DRAWS * chance > 20.0
    scaled = (change.mean(0) - expected.mean)[often].square() / expected.variance[often] * DRAWS
    _mostly(float(scaled.sum()), int(often.sum()))
    step = float(change[change != 0].abs().min())
    both = int((change.abs() > 1.5 * step).sum())
    low, high = stats.poisson.ppf([0.005, 0.995], DRAWS * float(chance.square().sum()))
    assert low <= both <= high


def test_a_sample_finds_what_those_before_have_left():
    """The same sample twice: soft bounds make the second step smaller, without any noise."""
    write = replace(pulses("silent", False, "none", None, torch.float64), dw_min=0.01)
    soft = NominalDevice(dw_min=0.01, soft_bounds=True)
    write = replace(write, devices=draw_devices(soft, N, generator_for(0), torch.float64))
    found, w = hold(write, 1, 0.1, 0, torch.float64)
    twice = products_of(1, 0.1, 0, torch.float64)
    twice = [
        replace(each, inputs=each.inputs.repeat(2, 1), errors=each.errors.repeat(2, 1))
        for each in twice
    ]
    after = w.clone()
    assert write.write_outer(after, twice, -0.7, generator_for(0))
    away = (found.abs() > w.abs()) & (found != w)
    assert bool(((after - found).abs() < (found - w).abs())[away].all())
    assert int(away.sum()) > 50


def unusual():
    """Weights and layers that are left to writes of all weights."""
    w, layers = torch.zeros(N), products_of(2, 0.1, 0, torch.float32)
    last = layers[-1]
    wide = [layers[0], replace(last, inputs=last.inputs.double())]
    many = [layers[0], replace(last, errors=last.errors + 20.0)]
    unknown = [layers[0], replace(last, errors=last.errors * float("nan"))]
    errors = layers[0].errors.clone()
    errors[0, 3] = float("nan")
    one_unknown = [replace(layers[0], errors=errors), last]
    return {
        "another type": (w, wide),
        "more pulses than are applied one by one": (w, many),
        "no numbers": (w, unknown),
        "one that is no number": (w, one_unknown),
        "weights with a gradient": (w.clone().requires_grad_(), layers),
        "weights of other strides": (torch.zeros(N, 2)[:, 0], layers),
    }


@pytest.mark.parametrize("name", unusual())
def test_of_what_is_not_taken_nothing_is_drawn_or_changed(name):
    w, layers = unusual()[name]
    generator = generator_for(0)
    before, state = w.detach().clone(), generator.get_state()
    write = pulses("linear", False, "stochastic", None, torch.float32)
    assert not write.write_outer(w, layers, -0.7, generator)
    assert torch.equal(w.detach(), before)
    assert torch.equal(generator.get_state(), state)


def test_an_update_of_one_sample_makes_no_increment_of_all_weights(monkeypatch):
    """The weights of a training are those of a write of all weights, which is not called."""
    problem = classification(
        [torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)], (4,), 3, samples=12
    )
    w = problem.initial_weights
    write = pulses("linear", False, "none", None, torch.float64, len(w))
    chip = Chip(Minibatch(Backprop(), 1), 0.4, writes=(write,))
    generator = generator_for(3)
    index = torch.randperm(12, generator=generator)[:1]
    expected = w + write.write(w, -0.4 * problem.gradient(w, index), generator)
    assert not torch.equal(expected, w)
    monkeypatch.setattr(PulsedWrite, "write", lambda *given: pytest.fail("a write of all weights"))
    assert torch.equal(chip.advance(problem, w, None, generator_for(3))[0], expected)
    update = chip.sample_update(problem, w, generator_for(3))
    torch.testing.assert_close(w + 0.4 * update, expected, rtol=0, atol=1e-14)
