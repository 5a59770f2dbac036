"""Chips that write every sample of a batch for itself, followed as chips on single samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from device_models import (
    Backprop,
    Chip,
    Leakage,
    MemristorWrite,
    Minibatch,
    PulseTrains,
    ReadNoise,
    WeightPerturbation,
    draw_crossbar,
    linear_response,
)
from device_models.write.by_layer import LayerWritesOnce, PartWrites
from device_models.write.retention import PairLeakage
from neurograd.forecast.chip_end import Way, forecast_chip, forecast_passes, way_of
from neurograd.forecast.costs.updates import drawn_passes
from neurograd.forecast.path import PredictedPath
from neurograd.forecast.small_batches.estimates.of_chip import update_estimates
from neurograd.forecast.small_batches.path import SmallBatchPath
from neurograd.forecast.small_batches.single_writes import SingleWrites
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.training.loop import train
from neurograd.training.schedules import StepDecay
from tests.neurograd.cases import classification, relu_network

BATCH, STEPS, SAMPLES = 8, 900, 124
"""Epochs end with a batch of 4."""


@pytest.fixture(scope="module")
def problem() -> Problem:
    return relu_network(samples=SAMPLES)


def _chip(problem: Problem, order: str = "shuffled", lifetime: float = 250.0) -> Chip:
    """Soft bounds, noisy pulses, and a leak that costs about as much as both."""
    curve = linear_response(1.0, 60)
    crossbar = draw_crossbar(
        problem.num_parameters, weight_range=2.0, generator=generator_for(0, "crossbar")
    )
    write = MemristorWrite(crossbar, curve, curve, (60, 60), cycle_to_cycle=0.01)
    rule = Minibatch(Backprop(), BATCH, order=order)
    return Chip(rule, 0.2, (), (write, Leakage(lifetime)), write_each="sample")


def _forecasts(problem: Problem, chip: Chip, steps: int, count: int = 8) -> list[float]:
    """Final losses of forecasts along paths."""
    way: Way = "small_batches"
    ends = (forecast_chip(problem, chip, steps, 0, index=k, way=way) for k in range(count))
    return [problem.loss(end.weights) for end in ends]


def _near_trainings(problem: Problem, chip: Chip, steps: int) -> tuple[float, float]:
    """Mean final loss of 8 trainings, and how far 8 forecasts may be off, within which they are.

    That is 5 % and three standard errors of the difference (99 %).
    """
    found = _forecasts(problem, chip, steps)
    true = [problem.loss(train(problem, chip, steps, 0, chip_index=k).weights) for k in range(8)]
    error = float(np.hypot(np.std(found, ddof=1), np.std(true, ddof=1))) / 8**0.5
    margin = 0.05 * np.mean(true) + 3.0 * error
    assert abs(np.mean(found) - np.mean(true)) < margin
    return float(np.mean(true)), float(margin)


def test_its_end_is_forecast_near_its_training(problem: Problem) -> None:
    """Mean final loss of 8 forecasts within 5 % and three errors of that of 8 trainings (99 %).

    Forecasts of writes of sums of batches, and of chips without a leak, miss it by half as much
    again.
    """
    chip = _chip(problem)
    true, margin = _near_trainings(problem, chip, STEPS)
    summed = _forecasts(problem, replace(chip, write_each="batch"), STEPS, 2)
    assert abs(np.mean(summed) - true) > 1.5 * margin
    still = _forecasts(problem, replace(chip, writes=chip.writes[:1]), STEPS, 2)
    assert abs(np.mean(still) - true) > 1.5 * margin


def test_writes_and_updates_are_counted_along_epochs(problem: Problem) -> None:
    """By the batches of an epoch, one after the other, with the smaller one at its end."""
    turns = SingleWrites.of(problem, _chip(problem))
    assert turns is not None
    sizes = [BATCH] * 15 + [4]
    ends = np.cumsum(sizes * 3)
    assert [turns.writes(k + 1) for k in range(48)] == list(ends)
    writes = range(3 * SAMPLES + 1)
    assert [turns.updates(k) for k in writes] == [int((ends <= k).sum()) for k in writes]
    factors = turns.schedule(StepDecay(5, 0.5)).factors(np.arange(3.0 * SAMPLES))
    assert list(factors) == [
        0.5 ** (k // 5) for k, size in enumerate(sizes * 3) for _ in range(size)
    ]
    assert turns.chip.step_size * SAMPLES == pytest.approx(0.2 * len(sizes))


def test_other_orders_count_by_batches(problem: Problem) -> None:
    turns = SingleWrites.of(problem, _chip(problem, "fresh"))
    assert turns is not None
    assert turns.writes(7) == 7 * BATCH
    assert [turns.updates(k) for k in (0, 7, 8, 17)] == [0, 0, 1, 2]
    assert turns.chip.step_size * BATCH == pytest.approx(0.2)
    assert turns.chip.rule == Minibatch(Backprop(), 1)


def test_what_is_told_along_a_path_are_whole_updates(problem: Problem) -> None:
    turns = SingleWrites.of(problem, _chip(problem, "fresh"))
    assert turns is not None
    done: list[int] = []
    seen: list[tuple[int, float]] = []
    progress = turns.progress(done.append)
    watch = turns.watch(lambda k, w: seen.append((k, float(w))))
    assert progress is not None
    assert watch is not None
    for step in (3, 6, 1, 14):
        progress(step)
    assert done == [0, 1, 0, 2]
    for writes in (3, 9, 10, 24):
        watch(writes, torch.tensor(float(writes)))
    assert seen == [(1, 9.0), (3, 24.0)]
    assert turns.progress(None) is None
    assert turns.watch(None) is None


def test_a_leak_over_its_writes_leaves_what_one_of_an_update_does() -> None:
    w, still = torch.tensor([0.8, -0.5]), torch.zeros(2)
    generator = torch.Generator()
    leaks = Leakage(200.0), PairLeakage(torch.tensor(150.0), 80.0)
    for leak in (*leaks, LayerWritesOnce((PartWrites((slice(0, 2),), (leaks[1],)),))):
        once, now = w + leak.write(w, still, generator), w
        for _ in range(BATCH):
            now = now + leak.over_writes(BATCH).write(now, still, generator)
        torch.testing.assert_close(now, once, rtol=1e-4, atol=0)
        assert not torch.allclose(now, w, rtol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"write_each": "batch"},
        {"writes": ()},
        {"rule": Backprop()},
        {"rule": Minibatch(Backprop(), SAMPLES)},
    ],
)
def test_chips_that_are_not_followed_as_single_samples(problem: Problem, change: dict) -> None:
    """Sums of batches are no writes of samples, and whole sets are no noise of them."""
    assert SingleWrites.of(problem, replace(_chip(problem), **change)) is None


def test_the_cheaper_way_is_taken(problem: Problem) -> None:
    chip = _chip(problem)
    assert way_of(problem, chip, STEPS) == "small_batches"
    assert way_of(problem, chip, 8) == "every_update"
    path = forecast_passes(problem, chip, STEPS, "small_batches")
    assert path < drawn_passes(problem, chip, STEPS)
    assert way_of(problem, replace(chip, reads=(ReadNoise(0.05),)), STEPS) == "small_batches"


def test_writes_behind_one_read_are_forecast_near_their_training(problem: Problem) -> None:
    """Mean final loss of 8 forecasts within 5 % and three errors of that of 8 trainings (99 %).

    A forecast of the chip without its reads is out of this margin.
    """
    chip = replace(_chip(problem, "fresh", 1e9), reads=(ReadNoise(0.3),), step_size=0.05)
    true, margin = _near_trainings(problem, chip, 2 * STEPS)
    exact = _forecasts(problem, replace(chip, reads=()), 2 * STEPS, 2)
    assert abs(np.mean(exact) - true) > margin


def test_single_updates_of_a_path_share_a_read_as_writes_do(problem: Problem) -> None:
    chip = replace(_chip(problem, "fresh"), reads=(ReadNoise(0.2),))
    turns = SingleWrites.of(problem, chip)
    assert turns is not None
    assert turns.writes_a_read == BATCH
    quiet = SingleWrites.of(problem, replace(chip, reads=()))
    assert quiet is not None
    assert quiet.writes_a_read == 1.0
    rule = Minibatch(WeightPerturbation(0.01, 1), BATCH)
    each = SingleWrites.of(problem, replace(chip, rule=rule))
    assert each is not None
    assert each.writes_a_read == 1.0, "every loss has a read of its own"
    estimates = update_estimates(problem, turns.chip)
    assert estimates is not None
    path = SmallBatchPath(problem, turns.chip, estimates, 0, 0, None, turns.writes_a_read)
    offsets = [path._read_of(turns.chip, done).offset for done in range(2 * BATCH)]
    assert all(each.equal(offsets[0]) for each in offsets[:BATCH])
    assert all(each.equal(offsets[BATCH]) for each in offsets[BATCH:])
    assert not offsets[0].equal(offsets[BATCH])
    assert float(offsets[0].std()) == pytest.approx(0.2, rel=0.3)


def test_trains_of_one_sample_are_those_of_its_part_of_the_step(problem: Problem) -> None:
    """Single samples of a batch have trains of their part of Δt, whose mean is known."""
    trains = PulseTrains(quantum=0.002, step_size=0.2, length=10)
    rule = Minibatch(trains, BATCH, order="fresh")
    chip = Chip(rule, 0.2, (), _chip(problem).writes[:1], write_each="sample")
    turns = SingleWrites.of(problem, chip)
    assert turns is not None
    single = turns.chip.rule
    assert isinstance(single, Minibatch)
    assert single.rule == trains.of_one_in(BATCH)
    assert turns.chip.step_size == pytest.approx(0.2 / BATCH)
    assert way_of(problem, chip, 50 * STEPS) == "whole_set"


def test_a_path_of_whole_gradients_has_the_noise_that_writes_behind_one_read_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a network whose samples are not looked at one by one."""
    monkeypatch.setattr("neurograd.forecast.chip_end.update_estimates", lambda *_: None)
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)]
    problem = classification(layers, (1, 4, 4), 3, samples=40)
    chip = replace(_chip(problem, "fresh"), reads=(ReadNoise(0.2),))
    turns = SingleWrites.of(problem, chip)
    assert turns is not None
    updates = 4
    found = forecast_chip(problem, chip, updates, 0, way="small_batches")
    assert not found.thrown

    def followed(writes_a_read: float) -> torch.Tensor:
        schedule = turns.schedule(None)
        path = PredictedPath(problem, turns.chip, 0, 0, schedule, writes_a_read=writes_a_read)
        done, end = 0, turns.writes(updates)
        while done < end:
            done += path.advance(done, end)
        return path.w

    assert found.weights.equal(followed(BATCH))
    assert not found.weights.equal(followed(1.0))
