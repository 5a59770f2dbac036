"""Samples written one by one, against explicit loops of single writes and closed forms of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch import nn

from device_models import (
    Backprop,
    Chip,
    Converters,
    Leakage,
    LinearStep,
    Manhattan,
    Minibatch,
    NominalDevice,
    PulsedWrite,
    PulseTrains,
    ReadNoise,
    WeightPerturbation,
    draw_devices,
    draw_feedback,
)
from device_models.updates import sample_writes
from device_models.updates.sample_writes import samples_written, write_one_by_one
from neurograd.seeding import generator_for
from tests.conformance import cases as conformance
from tests.neurograd.cases import classification

STEP_SIZE = 0.4


def problem_of(samples=12, **kwargs):
    layers = [nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)]
    return classification(layers, (4,), 3, samples=samples, **kwargs)


def device_of(problem, dw_min=0.02, noise=0.3, rounding="stochastic", **options):
    nominal = NominalDevice(dw_min=dw_min, w_max=3.0, w_min=-3.0, **options)
    devices = draw_devices(nominal, problem.num_parameters, generator_for(0, "devices"))
    return PulsedWrite(LinearStep(noise), devices, dw_min, rounding=rounding)


def chip_of(problem, rule, *writes, **options):
    writes = writes or (device_of(problem, soft_bounds=True),)
    return Chip(rule, STEP_SIZE, writes=writes, write_each="sample", **options)


@pytest.mark.parametrize("chunk_size", [1, 5, 1000])
def test_against_an_explicit_loop_of_single_writes(chunk_size):
    """Every sample's increment finds the weights where the writes before it have left them."""
    problem = problem_of(chunk_size=chunk_size)
    device = device_of(problem, soft_bounds=True, rounding="none")
    chip = chip_of(problem, Minibatch(Backprop(), 4), device)
    w = problem.initial_weights
    found = chip.sample_update(problem, w, generator_for(3))
    generator, now = generator_for(3), w.clone()
    for sample in torch.randperm(problem.num_samples, generator=generator)[:4]:
        gradient = problem.gradient(w, sample.reshape(1))
        now = now + chip.writes[0].write(now, -STEP_SIZE * gradient / 4, generator)
    torch.testing.assert_close(found, (now - w) / STEP_SIZE, rtol=0, atol=1e-12)
    whole = replace(chip, write_each="batch").sample_update(problem, w, generator_for(3))
    assert not torch.allclose(found, whole)


@pytest.mark.parametrize("chunk_size", [1, 1000])
@pytest.mark.parametrize("write_each", ["batch", "sample"])
@pytest.mark.parametrize("leaks", [False, True])
def test_in_place_weights_are_the_same(chunk_size, write_each, leaks):
    """Even where samples are passed after others have been written."""
    problem = problem_of(chunk_size=chunk_size)
    writes = (device_of(problem), *([Leakage(20.0)] if leaks else []))
    rule = Minibatch(Backprop(), 4)
    clean = Chip(rule, STEP_SIZE)
    w = problem.initial_weights
    for chip in (clean, Chip(rule, STEP_SIZE, writes=writes, write_each=write_each)):
        before = w.clone()
        expected, _ = chip.advance(problem, w, None, generator_for(5))
        assert torch.equal(w, before)
        found, _ = chip.advance(problem, w.clone(), None, generator_for(5), in_place=True)
        assert torch.equal(found, expected)


def test_the_whole_set_is_written_in_the_order_of_the_data():
    problem = problem_of()
    chip = chip_of(problem, Backprop(), device_of(problem, rounding="none"))
    w = problem.initial_weights
    generator, now = generator_for(3), w.clone()
    for n in range(problem.num_samples):
        gradient = problem.gradient(w, torch.tensor([n])) / problem.num_samples
        now = now + chip.writes[0].write(now, -STEP_SIZE * gradient, generator)
    found = chip.sample_update(problem, w, generator_for(3))
    torch.testing.assert_close(found, (now - w) / STEP_SIZE, rtol=0, atol=1e-12)
    assert samples_written(chip.rule, problem) == problem.num_samples


RULES = {
    "backprop": lambda p: Backprop(),
    "weight perturbation": lambda p: WeightPerturbation(),
    "feedback alignment": lambda p: draw_feedback(p, p.initial_weights, generator_for(5)),
    "pulse trains": lambda p: PulseTrains(0.02, STEP_SIZE),
}


@pytest.mark.parametrize("make", RULES.values(), ids=RULES)
def test_a_batch_of_one_sample_is_the_same_either_way(make):
    problem = problem_of()
    options = {"reads": (ReadNoise(0.05),), "passes": (Converters(adc_bits=5),)}
    one_by_one = chip_of(problem, Minibatch(make(problem), 1), **options)
    whole = replace(one_by_one, write_each="batch")
    w = problem.initial_weights
    for k in range(3):
        pair = (each.sample_update(problem, w, generator_for(7, k)) for each in (one_by_one, whole))
        assert torch.equal(*pair)


@pytest.mark.parametrize("make", RULES.values(), ids=RULES)
def test_the_estimates_of_the_samples_have_the_mean_of_the_batch(make):
    """Their sum over the whole set, averaged over draws, is the rule's mean, at 99 % over all."""
    problem = problem_of(samples=5)
    rule, w, draws = make(problem), problem.initial_weights, 150
    chip = chip_of(problem, rule)
    sums = torch.stack(
        [
            torch.stack(list(chip.sample_estimates(problem, w, generator_for(2, k)))).sum(0)
            for k in range(draws if not rule.deterministic else 2)
        ]
    )
    expected = rule.gradient(problem, w, generator_for(1))
    if rule.deterministic:
        torch.testing.assert_close(sums[0], expected)
        return
    judged = torch.ones(len(w), dtype=torch.bool)
    if isinstance(rule, PulseTrains):
        expected = rule.expected(problem, w, generator_for(1))
        # A few coincidences are no normal number.
        judged = expected.abs() * draws >= 5.0 * rule.quantum / rule.step_size
        assert judged.sum() > len(w) / 2
    else:
        expected = problem.gradient(w)
    error = sums.std(0) / math.sqrt(draws) + 1e-9
    worst = float(((sums.mean(0) - expected).abs() / error)[judged].max())
    # Perturbations have a bias of their own size squared, far below the error.
    assert worst < stats.t.ppf(1.0 - 0.005 / len(w), draws - 1)


@pytest.mark.parametrize("name", conformance.RULES)
def test_of_every_rule_without_noise_the_samples_sum_to_the_batch(name):
    case, place = conformance.RULES[name], conformance.Place(torch.float64, "cpu")
    problem = case.problem(place)
    rule = case.make(problem, place)
    inner = rule.rule if isinstance(rule, Minibatch) else rule
    if not (rule.deterministic and case.batches and inner.mean_over_samples):
        pytest.skip("random, or no mean over samples")
    w = problem.initial_weights
    parts = list(Chip(rule, 0.1).sample_estimates(problem, w, generator_for(0)))
    assert len(parts) == problem.num_samples
    torch.testing.assert_close(sum(parts), rule.gradient(problem, w, generator_for(0)))


def test_trains_of_single_samples_are_those_of_the_batch():
    """Mean and variance of the trains of all samples sum to those of the batch, exactly."""
    problem = problem_of(samples=6)
    rule, w = PulseTrains(0.003, STEP_SIZE), problem.initial_weights
    whole = rule.moments(problem, w)
    parts = [rule.of_one_in(6).moments(problem, w, torch.tensor([n])) for n in range(6)]
    torch.testing.assert_close(sum(part.mean for part in parts) / 6, whole.mean)
    torch.testing.assert_close(sum(part.variance for part in parts) / 36, whole.variance)
    # What a sample writes is whole pulses, not a part of a pulse for each of the batch.
    estimates = chip_of(problem, rule).sample_estimates(problem, w, generator_for(0))
    pulses = torch.stack(list(estimates)) * (STEP_SIZE / 0.003)
    torch.testing.assert_close(pulses, pulses.round())
    assert int(pulses.abs().max()) >= 1


def test_pulses_and_noise_grow_with_cancellation():
    """Constant steps: Σₙ(Δ|xₙ|(1 + σ²) − xₙ²) a weight, κ times that of the sum or more.

    The trace of the covariance of 3,000 updates within its interval of 99 %; a batch written whole
    is far outside.
    """
    problem, draws, step, noise = problem_of(samples=6), 3000, 0.5, 0.4
    w = problem.initial_weights
    chip = chip_of(problem, Backprop(), device_of(problem, step, noise))
    parts = torch.stack(list(chip.sample_estimates(problem, w, generator_for(0)))) * STEP_SIZE

    def variance(requested):
        assert float(requested.abs().max()) < step
        return step * requested.abs() * (1.0 + noise**2) - requested.square()

    expected = float(variance(parts).sum())
    summed = float(variance(parts.sum(0)).sum())
    ratio = float(parts.abs().sum() / parts.sum(0).abs().sum())
    assert ratio > 1.4
    # The noise grows as the pulses do, and a little more: large requests are rounded less.
    assert ratio < expected / summed < 1.15 * ratio
    sample = chip.sampler(problem, w)
    draw = STEP_SIZE * torch.stack([sample(generator_for(4, k)) for k in range(draws)])
    squares = (draw - draw.mean(0)).square().sum(1)
    error = float(squares.std()) / math.sqrt(draws)
    assert abs(float(squares.mean()) * draws / (draws - 1) - expected) < 2.58 * error
    assert 2.58 * error < 0.08 * expected
    assert expected > 1.3 * summed
    mean_error = draw.std(0) / math.sqrt(draws) + 1e-12
    worst = float(((draw.mean(0) + parts.sum(0)).abs() / mean_error).max())
    assert worst < stats.norm.ppf(1.0 - 0.005 / len(w))


def test_a_leak_acts_once_an_update():
    """However many samples are written, a weight loses one lifetime's part of itself."""
    problem = problem_of()
    w = problem.initial_weights
    chip = chip_of(problem, Backprop(), device_of(problem, rounding="none", noise=0), Leakage(50.0))
    wanted = -STEP_SIZE * problem.gradient(w)
    found = STEP_SIZE * chip.sample_update(problem, w, generator_for(0))
    torch.testing.assert_close(found, wanted - (w + wanted) / 50.0)


def test_writes_without_rounding_or_noise_are_those_of_the_sum():
    problem = problem_of()
    chip = chip_of(problem, Backprop(), device_of(problem, rounding="none", noise=0))
    found = chip.sample_update(problem, problem.initial_weights, generator_for(0))
    torch.testing.assert_close(found, -problem.gradient(problem.initial_weights))


def test_estimates_that_are_kept_are_those_that_are_computed_again(monkeypatch):
    problem = problem_of()
    chip, w = chip_of(problem, Backprop()), problem.initial_weights
    kept = chip.sampler(problem, w)(generator_for(1))
    monkeypatch.setattr(sample_writes, "KEPT_ELEMENTS", 0)
    assert torch.equal(chip.sampler(problem, w)(generator_for(1)), kept)
    assert torch.equal(chip.sample_update(problem, w, generator_for(1)), kept)


def test_a_sequence_of_writes_has_no_closed_form():
    problem = problem_of()
    chip = chip_of(problem, Backprop())
    assert chip.writes_samples
    assert chip.closed_form(problem, problem.initial_weights) is None
    assert not replace(chip, writes=()).writes_samples


def test_what_acts_once_comes_last():
    w = torch.ones(3, dtype=torch.float64)
    parts = [torch.full_like(w, 0.5)] * 2
    found = write_one_by_one((Leakage(4.0),), w, parts, 2.0, generator_for(0))
    torch.testing.assert_close(found, torch.full_like(w, 3.0 - 3.0 / 4.0))


@pytest.mark.parametrize(
    ("rule", "mode", "message"),
    [
        (Manhattan(), "sample", "write_each is 'sample' for Manhattan, whose"),
        (Minibatch(Manhattan(), 4), "sample", "or batches of one sample"),
        (Backprop(), "weight", "write_each is 'weight'; allowed: batch, sample"),
    ],
)
def test_what_cannot_be_written_alone_is_refused(rule, mode, message):
    with pytest.raises(ValueError, match=message):
        Chip(rule, 0.1, write_each=mode)
