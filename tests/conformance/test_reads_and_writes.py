"""Reads and writes: samples against the closed forms that they state, in both types."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from device_models import Backprop, Chip, ReadPath, WritePath
from device_models.protocols import PulseWise
from tests.conformance.cases import DEVICES, DTYPES, READS, WRITES, N, Place
from tests.conformance.matrix import hold, rounding

DRAWS = 600

places = pytest.mark.parametrize(
    "place",
    [
        pytest.param(
            Place(dtype, device.values[0] if hasattr(device, "values") else device),
            marks=getattr(device, "marks", ()),
            id=f"{dtype}, {device}",
        )
        for dtype in DTYPES
        for device in DEVICES
    ],
)


def _weights(place):
    return 0.6 * place.uniform(N, name="weights")


def _samples(draw, deterministic):
    count = 2 if deterministic else DRAWS
    return torch.stack([draw(k) for k in range(count)])


def _hold(samples, moments, deterministic):
    if deterministic:
        tolerance = rounding(samples.dtype)
        assert torch.equal(samples[0], samples[1])
        torch.testing.assert_close(samples[0], moments.mean, rtol=tolerance, atol=tolerance)
        assert not bool(moments.variance.any())
    else:
        assert not torch.equal(samples[0], samples[1])
        hold(samples, moments.mean, moments.variance)


@places
@pytest.mark.parametrize("name", READS)
def test_reads_have_the_moments_that_they_state(name, place):
    effect, w = READS[name](place), _weights(place)
    assert isinstance(effect, ReadPath)
    before = w.clone()
    samples = _samples(lambda k: effect.read(w, place.generator(name, k)), effect.deterministic)
    moments = effect.moments(w)
    assert samples.dtype == moments.mean.dtype == moments.variance.dtype == place.dtype
    assert torch.equal(w, before)
    _hold(samples, moments, effect.deterministic)


def _increments(case, place):
    return (case.single or 0.1) * 0.98 * place.uniform(N, name="increments")


@places
@pytest.mark.parametrize("name", WRITES)
def test_writes_have_the_moments_that_they_state(name, place):
    case = WRITES[name]
    effect = case.make(place)
    assert isinstance(effect, WritePath)
    w, increment = effect.program(_weights(place)), _increments(case, place)
    before = w.clone()
    samples = _samples(
        lambda k: effect.write(w, increment, place.generator(name, k)), effect.deterministic
    )
    moments = effect.moments(w, increment)
    assert samples.dtype == moments.mean.dtype == moments.variance.dtype == place.dtype
    assert torch.equal(w, before)
    _hold(samples, moments, effect.deterministic)


@places
@pytest.mark.parametrize("name", WRITES)
def test_what_is_programmed_stays_and_what_is_written_can_be_held(name, place):
    effect = WRITES[name].make(place)
    programmed = effect.program(_weights(place))
    tolerance = rounding(place.dtype)
    again = effect.program(programmed)
    torch.testing.assert_close(again, programmed, rtol=tolerance, atol=tolerance)
    w = programmed
    for k in range(20):
        w = w + effect.write(w, 0.2 * place.normal(N, name="step"), place.generator(name, k))
    torch.testing.assert_close(effect.program(w), w, rtol=tolerance, atol=tolerance)


PULSE_WISE = [name for name, case in WRITES.items() if case.single is not None]


@places
@pytest.mark.parametrize("name", PULSE_WISE)
def test_many_pulses_have_moments(name, place):
    """Trains of up to ten pulses, in every type: their mean within 5 % of sampled writes.

    The closed forms of trains are approximate where noise meets a bound.
    """
    case = WRITES[name]
    effect = case.make(place)
    assert isinstance(effect, PulseWise)
    w, increment = effect.program(_weights(place)), 10.0 * _increments(case, place)
    moments = Chip(Backprop(), 0.1, writes=(effect,)).write_moments(w, increment)
    assert moments.mean.dtype == moments.variance.dtype == place.dtype
    samples = _samples(lambda k: effect.write(w, increment, place.generator(name, k)), False)
    found, spread = samples.double().mean(0), samples.double().var(0)
    error = spread.sum().sqrt() / len(samples) ** 0.5
    assert float((found - moments.mean.double()).norm()) < 3.0 * error + 0.05 * found.norm()
    assert moments.total_variance == pytest.approx(float(spread.sum()), rel=0.1)


@places
@pytest.mark.parametrize("name", ["jump_table", "pulsed_write, at most 3"])
def test_a_request_beyond_the_most_pulses_has_moments(name, place):
    """Those of the most pulses that it gets, however large the request is."""
    if name == "jump_table":
        effect = WRITES[name].make(place)
        rise, _ = effect.step.typical_steps()
        most, pulse = math.ceil(1.0 / rise), 2.0 * rise
    else:
        effect = replace(WRITES["pulsed_write, linear"].make(place), max_pulses=3)
        most, pulse = 3, effect.dw_min
    w = effect.program(_weights(place))
    chip = Chip(Backprop(), 0.1, writes=(effect,))
    increment = torch.full_like(w, pulse * most * (1 + 1e-6))
    samples = _samples(lambda k: effect.write(w, increment, place.generator(name, k)), False)
    error = float(samples.var(0).sum().sqrt()) / len(samples) ** 0.5
    for request in (4.0, 1e6, math.inf):
        moments = chip.write_moments(w, torch.full_like(w, request))
        assert float((samples.mean(0) - moments.mean).norm()) < 3.0 * error
        assert moments.mean.dtype == place.dtype


@places
@pytest.mark.parametrize("name", PULSE_WISE)
@pytest.mark.parametrize("request_size", [1e9, math.inf])
def test_a_request_for_any_number_of_pulses_ends(name, place, request_size):
    """At the end of what the synapses can hold, but for their noise there."""
    effect = WRITES[name].make(place)
    w, far = effect.program(_weights(place)), torch.full((N,), 1e9, dtype=place.dtype)
    low, high = (effect.program(sign * far.to(w.device)) for sign in (-1.0, 1.0))
    for sign, end in ((1.0, high), (-1.0, low)):
        realized = effect.write(w, torch.full_like(w, sign * request_size), place.generator(name))
        assert bool(torch.isfinite(realized).all())
        free = ~getattr(effect, "worn", torch.zeros_like(w, dtype=torch.bool))
        gap = (w + realized - end).abs()[free] / (high - low).abs()[free].clamp_min(1e-6)
        assert float(gap.median()) < 0.2
