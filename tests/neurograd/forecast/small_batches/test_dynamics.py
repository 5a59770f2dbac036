"""Mean and noise of updates of a subset, against writes of single updates in closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    MemristorWrite,
    Minibatch,
    ReadNoise,
    draw_crossbar,
    linear_response,
)
from neurograd.forecast.noise.shuffled_epochs import EpochPart
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.small_batches import dynamics
from neurograd.forecast.small_batches.dynamics import SubsetDynamics
from neurograd.forecast.small_batches.estimates.of_chip import update_estimates
from neurograd.forecast.small_batches.path import SmallBatchPath
from neurograd.forecast.small_batches.response import SubsetResponse
from neurograd.forecast.small_batches.subset import subset_part
from neurograd.forecast.write_response import SINGLE_UPDATES, WriteResponse
from neurograd.seeding import generator_for
from neurograd.training.course import Course
from neurograd.training.schedules import ConstantStep
from tests.neurograd.cases import relu_network

STEP_SIZE = 0.01


def _chip(problem, rounding="stochastic", batch=1, step_size=STEP_SIZE):
    curve = linear_response(1.0, 60)
    crossbar = draw_crossbar(problem.num_parameters, generator=generator_for(0, "crossbar"))
    write = MemristorWrite(crossbar, curve, curve, (60, 60), 0.002, rounding)
    return Chip(Minibatch(Backprop(), batch), step_size, (), (write,))


def _begun(problem, chip, length=4):
    estimates = update_estimates(problem, chip)
    assert estimates is not None
    found = SubsetDynamics(problem, chip, estimates, 0, StiffModes())
    w = chip.program(problem.initial_weights)
    found.begin(w, 0, length, generator_for(0, "begin"))
    return found, w


def _subset(found):
    """The samples of the step that has begun at 0."""
    return found._order("forecast subset", 0, 0)[: found._size]


def _after_own_steps(problem, chip, w, batch):
    """Mean gradient of samples, each where half of its own part of the update moves it uphill."""
    scale = 0.5 * chip.step_size / chip.rule.batch_size
    moved = [w + scale * problem.gradient(w, each) for each in batch.split(1)]
    parts = zip(moved, batch.split(1), strict=True)
    return torch.stack([problem.gradient(there, each) for there, each in parts]).mean(0)


def _single(problem, chip, w, found):
    """Moments of the writes of the subset's single updates, shape ``(M, N)``."""
    some = _subset(found).view(-1, chip.rule.batch_size)
    flow = torch.stack([_after_own_steps(problem, chip, w, each) for each in some])
    return chip.write_stack(w, -chip.step_size * flow)


@pytest.mark.parametrize("batch", [1, 4])
def test_mean_and_noise_through_an_asymmetric_write(batch):
    """Also away from where the step began: what pulls weights back is in the slopes."""
    problem = relu_network()
    chip = _chip(problem, batch=batch)
    found, w = _begun(problem, chip)
    assert found._response.is_linear
    exact = _single(problem, chip, w, found)
    drift = found.drift(w, generator_for(0)) * STEP_SIZE
    scale = float(exact.mean.square().mean().sqrt())
    assert float((drift - exact.mean.mean(0)).abs().max()) < 0.02 * scale
    asked = -STEP_SIZE * problem.gradient(w, _subset(found))
    # The asymmetry is no small part of it.
    assert float((exact.mean.mean(0) - asked).norm() / asked.norm()) > 0.3
    beside = chip.program(w + 0.3 * w.abs().mean())
    there = _single(problem, chip, beside, found)
    drift = found.drift(beside, generator_for(0)) * STEP_SIZE
    assert float((drift - there.mean.mean(0)).norm() / there.mean.mean(0).norm()) < 0.03

    own, spread = found._noise(w, found._here)
    assert float(own.sum()) == pytest.approx(float(exact.variance.mean(0).sum()), rel=0.05)
    # Its expected square over ξ is the trace of the covariance of what is realized.
    draws = torch.stack([spread(generator_for(0, k)) for k in range(300)])
    squares = draws.square().sum(1)
    error = float(squares.std()) / math.sqrt(len(squares))
    total = float(exact.mean.var(0).sum())
    assert error < 0.08 * total
    # 99 %.
    assert abs(float(squares.mean()) - total) < 2.6 * error


def test_a_few_samples_follow_the_change_of_the_subset(monkeypatch):
    """Beside the start of a step, the drift of all of the subset, looked at by a quarter of it."""
    problem = relu_network()
    chip = _chip(problem)
    monkeypatch.setattr(dynamics, "followed", lambda rule, size: 16)
    found, w = _begun(problem, chip)
    assert found._few.count == 16 < found._size
    passed = found._passed
    beside = chip.program(w + 0.3 * w.abs().mean())
    drift = found.drift(beside, generator_for(0)) * STEP_SIZE
    assert found._passed == passed + 16
    written = _single(problem, chip, beside, found).mean
    exact, alone = written.mean(0), written[:16].mean(0)
    assert float((drift - exact).norm()) < 0.6 * float((alone - exact).norm())
    found._few_here = None
    ignored = found.drift(beside, generator_for(0)) * STEP_SIZE
    assert float((ignored - alone).norm()) < 0.05 * float(alone.norm())


def test_responses_are_measured_again_only_where_they_do_not_hold(monkeypatch):
    """The same weights and increments take none; others do, and longer trains as well."""
    problem = relu_network()
    chip = _chip(problem)
    w = chip.program(problem.initial_weights)
    calls = []
    stack = Chip.write_stack
    monkeypatch.setattr(Chip, "write_stack", lambda *a: (calls.append(1), stack(*a))[1])
    found, typical = SubsetResponse(chip, w), torch.full_like(w, 1e-3)

    def measured(where, size):
        calls.clear()
        found.prepare(where, size, torch.zeros_like(w))
        return len(calls)

    assert measured(w, typical) == 3
    assert measured(w + 0.01 * w.abs().mean(), 1.1 * typical) == 0
    far = chip.program(0.4 * w)
    assert measured(far, typical) == 2
    assert measured(far, 1.4 * typical) == 0
    assert measured(far, 2.0 * typical) == 3
    line, exact = found.at(far), WriteResponse(chip).measured(far, typical)
    torch.testing.assert_close(line.up_gain, exact.up_gain, rtol=0.02, atol=0.0)
    torch.testing.assert_close(line.down_variance, exact.down_variance, rtol=0.05, atol=0.0)
    asked, size = 1e-3 * torch.linspace(-1.0, 1.0, len(w)).double(), torch.full_like(w, 1.2e-3)
    beside = far + 0.1 * w.abs().mean()
    torch.testing.assert_close(
        found.mean(beside, asked, size), found.at(beside).moments(asked, size).mean
    )


def test_mean_of_a_write_that_is_not_linear():
    """Single updates with their known mean as a control variate, of half of the subset."""
    problem = relu_network()
    chip = _chip(problem, "nearest", step_size=0.1)
    found, w = _begun(problem, chip)
    assert not found._response.is_linear
    exact = _single(problem, chip, w, found).mean
    drift = found.drift(w, generator_for(0)) * chip.step_size
    some = exact[: len(exact) // 2]
    error = math.sqrt(float(some.var(0).sum()) * 2.0 / len(exact))
    assert float((drift - exact.mean(0)).norm()) < 1.5 * error
    assert float(exact.mean(0).norm()) > 2.0 * error


def test_the_known_mean_of_single_updates_is_a_control_variate():
    """What a part of the subset is off by goes through the slope of what is realized."""
    problem = relu_network()
    chip = _chip(problem)
    found, w = _begun(problem, chip)
    found._response.is_linear = False
    exact = _single(problem, chip, w, found).mean
    assert len(exact) > SINGLE_UPDATES
    off = float((exact[:SINGLE_UPDATES].mean(0) - exact.mean(0)).norm())
    drift = found.drift(w, generator_for(0)) * STEP_SIZE
    assert float((drift - exact.mean(0)).norm()) < 0.6 * off


def test_what_the_subset_has_of_the_noise_is_not_drawn_again():
    problem = relu_network()
    chip = _chip(problem)
    found, _ = _begun(problem, chip)
    part = found.known(None, 4)
    size = found._size
    seen = subset_part(chip.rule, problem.num_samples, size, 4)
    flat = np.zeros(1)
    assert part.ratio(flat).item() == pytest.approx(1.0 - seen)
    # Held for a whole step, it is forgotten faster than noise that is drawn in every update.
    z = np.array([6.0 / 4])
    assert part.ratio(z).item() == pytest.approx(1.0 - seen * math.tanh(3.0) / 3.0)
    shuffled = EpochPart(4, 0.5, 10.0 / 9.0, 0.0)
    both = found.known(shuffled, 4)
    assert both.ratio(flat).item() == pytest.approx(max(0.0, 5.0 / 9.0 - seen))


def _shuffled(problem, batch=3):
    return replace(_chip(problem), rule=Minibatch(Backprop(), batch, order="shuffled"))


def test_a_step_of_shuffled_epochs_visits_their_samples_in_order():
    """Those of its updates, the last of which is smaller, and nothing is drawn beside them."""
    problem = relu_network()
    chip = _shuffled(problem, 7)
    estimates = update_estimates(problem, chip)
    found = SubsetDynamics(problem, chip, estimates, 0, StiffModes())
    w = chip.program(problem.initial_weights)
    order = Course(chip, problem.num_samples, ConstantStep(), 0, dynamics.ORDER, 0)
    epoch = found.epochs.length
    done, length = epoch - 7, 7
    found.begin(w, done, length, generator_for(0, "begin"))
    batches = [order.at(step, w.device).rule.batch for step in range(done, done + length)]
    assert len(batches[-1]) < len(batches[0])
    visited = torch.cat(batches)
    assert found._size == len(visited)
    quiet = replace(chip, writes=())
    silent = SubsetDynamics(problem, quiet, update_estimates(problem, quiet), 0, StiffModes())
    silent.begin(w, done, length, generator_for(0, "begin"))
    asked = -_after_own_steps(problem, chip, w, visited)
    torch.testing.assert_close(silent.drift(w, generator_for(0)), asked)
    # What the write makes of it is no rounding.
    drift = found.drift(w, generator_for(0))
    assert float((drift - asked).norm() / asked.norm()) > 0.1
    part = found.known(found.epochs.part(done, length), length)
    assert part.undamped == 0.0
    assert part.ratio(np.zeros(1)).item() == 0.0
    # In stiff modes the order within the step is left of the noise.
    assert part.ratio(np.array([6.0 / 7])).item() == pytest.approx(
        part.scale * (1.0 - math.tanh(3.0) / 3.0)
    )


def test_a_chip_and_its_twin_see_the_samples_that_no_other_pair_sees():
    """In shuffled epochs and by subsets of any other order; real updates at the ends likewise."""
    problem = relu_network()

    def seen(chip, index):
        estimates = update_estimates(problem, chip)
        found = SubsetDynamics(problem, chip, estimates, 0, StiffModes(), index=index)
        return found._samples_of(2, 3).tolist()

    def batch(chip, index):
        path = SmallBatchPath(problem, chip, update_estimates(problem, chip), 0, index, None)
        return path._course.at(2, problem.device).rule.batch.tolist()

    for chip in (_chip(problem), _shuffled(problem)):
        twin = replace(chip, writes=())
        assert seen(chip, 1) == seen(twin, 1) != seen(chip, 2)
    assert batch(chip, 1) == batch(twin, 1) != batch(chip, 2)
    assert seen(chip, 1)[:3] == batch(chip, 1)


@pytest.mark.parametrize(("order", "length", "left"), [("fresh", 900, 400), ("shuffled", 90, 70)])
def test_a_step_that_is_cut_has_the_samples_of_fewer_updates(order, length, left):
    problem = relu_network()
    chip = replace(_chip(problem), rule=Minibatch(Backprop(), 1, order=order))
    cut, w = _begun(problem, chip, length)
    cut.draw_noise(w, generator_for(0))
    whole, size = cut.first_drift(w, 0, length, generator_for(0)), cut._size
    before = cut.shorten(left, cut.before_noise)
    short = cut.first_drift(w, 0, left, generator_for(0))
    planned, _ = _begun(problem, chip, left)
    assert planned._size == cut._size < size
    torch.testing.assert_close(short, planned.drift(w, generator_for(0)), rtol=1e-3, atol=1e-6)
    assert not short.allclose(whole, rtol=1e-2)
    torch.testing.assert_close(before, short)
    assert cut.shorten(left, before) is before
    beside = chip.program(w + 0.1 * w.abs().mean())
    torch.testing.assert_close(
        cut.drift(beside, generator_for(0)),
        planned.drift(beside, generator_for(0)),
        rtol=1e-3,
        atol=1e-6,
    )
    assert cut.known(None, left) == planned.known(None, left)


def test_random_reads_are_in_the_mean():
    """The drift is the mean over mirrored reads, both of which see the same samples."""
    problem = relu_network()
    chip = Chip(Minibatch(Backprop(), 1), 0.1, (ReadNoise(1.0),))
    found, w = _begun(problem, chip)
    offsets = found._offsets
    assert len(offsets) == 4
    assert float((offsets[0] + offsets[1]).abs().max()) == 0.0
    half = _subset(found)[: found._size].split(found._size // 2)
    parts = [half[0], half[0], half[1], half[1]]
    pairs = zip(offsets, parts, strict=True)
    mean = [_after_own_steps(problem, chip, w + r, some) for r, some in pairs]
    drift = found.drift(w, generator_for(0))
    torch.testing.assert_close(drift, -torch.stack(mean).mean(0))


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("batch", [1, 10, 40])
def test_noise_of_reads_is_as_large_as_it_is_in_updates(batch, writes):
    """Total variance of an update within 15 %: what samples spread by, and reads beside it.

    Each is off by 5 % of its size or less at 99 %, by 400 draws, steps and reads of other seeds.
    """
    problem, count = relu_network(samples=200), 400
    (write,) = _chip(problem).writes
    fine = replace(write, levels=(4000, 4000), cycle_to_cycle=0.0)
    chip = Chip(
        Minibatch(Backprop(), batch), STEP_SIZE, (ReadNoise(0.3),), (fine,) if writes else ()
    )
    quiet, w = replace(chip, reads=()), problem.initial_weights

    def real(some: Chip) -> float:
        ends = [some.advance(problem, w, None, generator_for(5, k))[0] for k in range(4 * count)]
        return float(torch.stack(ends).var(0).sum())

    def drawn(some: Chip) -> float:
        found = SubsetDynamics(problem, some, update_estimates(problem, some), 0, StiffModes())
        draws = []
        found.diffusion.take = lambda before, after, w: draws.append(before.whole) or 0.0
        for k in range(count):
            found.begin(w, k, 8, generator_for(0, "begin", k))
            found.draw_noise(w, generator_for(0, "noise", k))
        return sum(float(draw.square().sum()) for draw in draws) / count

    found = drawn(chip)
    assert found == pytest.approx(real(chip), rel=0.15)
    assert drawn(quiet) < 0.8 * found


def test_which_chips_have_estimates_by_layers():
    problem = relu_network()
    assert update_estimates(problem, _chip(problem)) is not None
    assert update_estimates(problem, Chip(Backprop(), 0.1)) is None
    by_sample = Chip(Minibatch(Backprop(), 4), 0.1, (), _chip(problem).writes, write_each="sample")
    assert update_estimates(problem, by_sample) is None


@pytest.mark.parametrize("batch", [11, 28])
def test_paths_of_shuffled_batches_that_end_in_single_updates_stay_finite(batch):
    """What is left of an epoch may be one update, which has no spread."""
    problem = relu_network()
    chip = replace(_chip(problem), rule=Minibatch(Backprop(), batch, order="shuffled"))
    path = SmallBatchPath(problem, chip, update_estimates(problem, chip), 0, 0, None)
    done, lengths = 0, []
    while done < 200:
        lengths.append(path.advance(done, 200))
        done += lengths[-1]
    assert done == 200
    assert len(lengths) < 150
    assert bool(torch.isfinite(path.w).all())


def test_noise_that_updates_behind_one_read_share():
    """Its mean square over 40 steps is that of the mean gradient over 2000 reads, within 15 %."""
    problem, together = relu_network(samples=100), 8
    reads = (ReadNoise(0.05),)
    chip = replace(_chip(problem), reads=reads, writes=())
    estimates = update_estimates(problem, chip)
    found = SubsetDynamics(problem, chip, estimates, 0, StiffModes(), together)
    w, squares = problem.initial_weights, []
    for k in range(40):
        found.begin(w, 0, 4, generator_for(0, "begin", k))
        squares.append(
            float(found._noise_of_reads(w, found._here, generator_for(1, k)).square().sum())
        )
    means = torch.stack([problem.gradient(chip.read(w, generator_for(2, k))) for k in range(2000)])
    each = STEP_SIZE**2 * float(means.var(0).sum())
    assert np.mean(squares) == pytest.approx(together * each, rel=0.15)
