"""Which forecasts draw every update for itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from device_models import (
    Backprop,
    Chip,
    Manhattan,
    Minibatch,
    ReadNoise,
    WeightPerturbation,
    WhiteNoise,
)
from neurograd.forecast.chip_end import (
    forecast_chip,
    way_of,
)
from neurograd.forecast.costs.subsets import subset_passes
from neurograd.forecast.costs.updates import drawn_passes, path_passes, update_passes
from neurograd.forecast.small_batches.estimates.layer_estimates import LOOK
from neurograd.forecast.small_batches.path import SmallBatchPath
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from tests.neurograd.cases import smooth_network

SAMPLES, STEPS = 4000, 6


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Many samples and few weights: a batch of them is next to nothing."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Linear(60, 4)
    nn.init.xavier_uniform_(network.weight, generator=generator)
    inputs = torch.randn(SAMPLES, 60, generator=generator)
    return Problem(network, nn.CrossEntropyLoss(), inputs, torch.arange(SAMPLES) % 4)


def _chip(batch: int = 10) -> Chip:
    return Chip(Minibatch(Backprop(), batch), 0.1, reads=(ReadNoise(0.05),))


def test_short_trainings_in_small_batches_are_taken_update_by_update(problem: Problem) -> None:
    chip = _chip()
    assert way_of(problem, chip, STEPS) == "every_update"
    found = forecast_chip(problem, chip, STEPS, seed=3, index=2)
    w = chip.program(problem.initial_weights)
    for step in range(STEPS):
        generator = generator_for(3, "forecast", 2, step)
        w = w + 0.1 * chip.sample_update(problem, w, generator)
    torch.testing.assert_close(found.weights, w, rtol=0, atol=1e-14)
    assert found.gradients == STEPS


def test_paths_are_followed_where_they_cost_less(problem: Problem) -> None:
    """Long trainings, large batches, and gradients of all samples; drawn chips have drawn twins."""
    chip = _chip()
    update = update_passes(problem, chip)
    for steps in (200, 2_000, 20_000, 1_000_000):
        costs_less = 2.0 * steps * update > subset_passes(problem, chip, steps, update, LOOK)
        assert way_of(problem, chip, steps) == ("small_batches" if costs_less else "every_update")
    assert way_of(problem, chip, 32) == "every_update"
    assert way_of(problem, chip, 1_000_000) == "small_batches"
    assert way_of(problem, replace(chip, rule=Backprop()), STEPS) == "whole_set"


def test_a_path_of_whole_gradients_is_compared_by_these(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurograd.forecast.chip_end.update_estimates", lambda *_: None)
    chip = _chip()
    crossing = (path_passes(problem, 1) / drawn_passes(problem, chip, 1)) ** 2
    assert drawn_passes(problem, chip, 7) == 14.0 * update_passes(problem, chip)
    exact = replace(chip, rule=Backprop())
    assert drawn_passes(problem, exact, 7) == 7.0 * update_passes(problem, exact)
    assert way_of(problem, chip, int(0.9 * crossing)) == "every_update"
    assert way_of(problem, chip, int(1.1 * crossing) + 1) == "whole_set"
    assert way_of(problem, _chip(batch=SAMPLES), STEPS) == "whole_set"


def test_signs_are_taken_update_by_update_in_whole_batches_too(problem: Problem) -> None:
    """A path of long steps ended at a loss of 0.22 where a chip's training ends at 0.06."""
    for rule in (Manhattan(0.01), WhiteNoise(Manhattan(0.01), 0.0, 0.1)):
        chip = Chip(rule, 0.1)
        assert way_of(problem, chip, 1000) == "every_update"
        assert forecast_chip(problem, chip, 40, 0).gradients == 40
    assert way_of(problem, Chip(WhiteNoise(Backprop(), 0.0, 0.1), 0.1), 1000) == "whole_set"


@pytest.mark.parametrize(("noise", "way"), [(0.01, "whole_set"), (0.6, "every_update")])
def test_strong_reads_are_taken_update_by_update(noise: float, way: str) -> None:
    """What pairs of such reads do to a gradient is no small part of it: a path follows chance."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 3))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    inputs = torch.randn(60, 12, generator=generator)
    problem = Problem(network, nn.CrossEntropyLoss(), inputs, torch.arange(60) % 3)
    chip = Chip(Backprop(), 0.1, reads=(ReadNoise(noise),))
    assert way_of(problem, chip, 200) == way
    taken = forecast_chip(problem, chip, 200, seed=0).gradients
    assert (taken == 200) is (way == "every_update")


@pytest.mark.parametrize("failure", [None, OverflowError, torch.linalg.LinAlgError])
def test_a_path_that_is_thrown_is_left_for_real_updates(
    problem: Problem, monkeypatch: pytest.MonkeyPatch, failure: type[Exception] | None
) -> None:
    """Thrown to where the loss is larger than at first, or to numbers that are none."""
    chip, steps = _chip(), 80

    def thrown(path: SmallBatchPath, done: int, steps: int) -> int:
        if failure is not None:
            raise failure
        path._path.w = 100.0 * path.w
        return steps - done

    drawn = forecast_chip(problem, chip, steps, seed=3, way="every_update")
    with monkeypatch.context() as patched:
        patched.setattr(SmallBatchPath, "advance", thrown)
        found = forecast_chip(problem, chip, steps, seed=3, way="small_batches")
    assert found.thrown
    assert torch.equal(found.weights, drawn.weights)
    assert not forecast_chip(problem, chip, steps, seed=3, way="small_batches").thrown


def test_a_path_is_left_as_soon_as_its_loss_rises(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times as high as it was, after half of the training, though lower than at first."""
    chip, steps, places = _chip(), 80, []
    advance = SmallBatchPath.advance

    def rising(path: SmallBatchPath, done: int, steps: int) -> int:
        taken = advance(path, done, steps)
        places.append(done + taken)
        start, losses = path.losses._losses[0][1], path.losses._losses
        losses.append((done + taken, start * (0.2 if done + taken < 40 else 0.8)))
        return taken

    monkeypatch.setattr(SmallBatchPath, "advance", rising)
    assert forecast_chip(problem, chip, steps, seed=3, way="small_batches").thrown
    assert 40 <= places[-1] < 70


@pytest.mark.parametrize(("step_size", "thrown"), [(0.3, False), (2.0, True)])
def test_a_chip_whose_perturbations_let_it_learn_nothing_is_trained(
    step_size: float, thrown: bool
) -> None:
    """Its noise goes with the gradient: the loss stays where it was, which real updates tell."""
    network, steps = smooth_network(), 200
    chip = Chip(WeightPerturbation(), step_size)
    found = forecast_chip(network, chip, steps, seed=5)
    assert found.thrown is thrown
    drawn = forecast_chip(network, chip, steps, seed=5, way="every_update")
    assert torch.equal(found.weights, drawn.weights) is thrown
    assert (network.loss(found.weights) > network.loss(network.initial_weights)) is thrown
