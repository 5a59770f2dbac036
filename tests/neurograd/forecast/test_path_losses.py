"""What losses tell of paths: thrown off, held by noise, or of a network that was trained before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from device_models import Backprop, Chip, MemristorWrite, Minibatch, draw_crossbar, linear_response
from neurograd.forecast.chip_end import forecast_chip
from neurograd.forecast.path import PredictedPath
from neurograd.forecast.regimes.path_losses import (
    PATIENCE,
    PathLosses,
    has_learned,
    loss_without_learning,
)
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec
from neurograd.training.loop import train
from tests.neurograd.cases import classification, relu_network


def _of(losses):
    """The losses of a path that begins at the first of them, and of a network of zeros at 2."""
    values = iter([losses[0], losses[0]])
    found = PathLosses(lambda w: next(values) if bool(w.any()) else 2.0, torch.ones(1))
    for k, loss in enumerate(losses[1:], 1):
        found.add(100 * k, loss)
    return found


def test_the_lowest_loss_counts_as_a_part_of_an_untrained_one():
    assert _of([2.4, 0.5, 1.0]).rise == pytest.approx(2.0)
    assert _of([2.4, 0.01, 0.36]).rise == pytest.approx(3.0)
    # Trained before: 0.01 is not 1 % of what there was to lose, but next to nothing of it.
    assert _of([0.01, 0.2]).rise == pytest.approx(2.0)


def test_only_an_untrained_loss_is_one_that_noise_holds_a_chip_at():
    assert _of([2.4, 2.3, 2.2]).stay_untrained(200, 1000)
    assert not _of([2.4, 2.3, 2.2]).stay_untrained(200, 2000)
    assert not _of([2.4, 2.3, 2.1]).stay_untrained(200, 1000)
    assert not _of([0.1, 0.2, 0.3]).stay_untrained(200, 1000)


def test_an_untrained_loss_is_that_of_the_start_or_of_a_network_that_says_nothing():
    problem = relu_network()
    w = problem.initial_weights
    nothing = problem.loss(torch.zeros_like(w))
    assert loss_without_learning(problem.loss, w) == max(problem.loss(w), nothing)
    trained = train(problem, Chip(Backprop(), 0.5), 200, 0).weights
    assert problem.loss(trained) < 0.5 * nothing
    assert loss_without_learning(problem.loss, trained) == nothing


def _trained_before(steps=400):
    problem = relu_network()
    w = train(problem, Chip(Backprop(), 0.5), steps, 0).weights
    layers = [nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4)]
    module = nn.Sequential(*layers).double()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(problem.parameters_of(w)[name])
    return Problem(module, CrossEntropy(), *problem.data())


def test_losses_below_0_rise_and_are_bounded_upwards():
    """A likelihood of one's own: what is no less than the last loss is never too much."""
    losses = PathLosses(lambda w: float(w.sum()) - 5.0, torch.zeros(1))
    assert losses.bound(1.5) == pytest.approx(-5.0 + 2.5 + 0.02 * 5.0)
    losses.add(100, -8.0)
    assert losses.bound(1.5) == pytest.approx(-8.0 + 4.0 + 0.1)
    assert not losses.lost(200)
    assert not losses.stay_untrained(200, 200)
    losses.add(200, 3.0)
    assert losses.lost(200)
    held = PathLosses(lambda w: float(w.sum()) - 5.0, torch.zeros(1))
    held.add(200, -5.2)
    assert held.stay_untrained(200, 200)
    shifted = [torch.zeros(1), torch.full((1,), -0.4), torch.full((1,), -0.6)]
    found = [has_learned(lambda w: float(w.sum()) - 5.0, shifted[0], end) for end in shifted]
    assert found == [False, False, True]


def test_a_network_that_was_trained_before_follows_its_path():
    """It has little more to learn, and ends at nine tenths of its own start or above."""
    problem = _trained_before()
    start = problem.loss(problem.initial_weights)
    found = forecast_chip(problem, Chip(Minibatch(Backprop(), 8), 0.02), 200, 0)
    assert not found.thrown
    assert 0.5 * start < problem.loss(found.weights) < 1.1 * start


def test_a_chip_that_noise_drives_from_its_start_is_followed_to_the_end():
    """Its loss rises all along: at a part of the training it is not what it ends with."""
    problem = _trained_before()
    curve = linear_response(1.0, 100)
    devices = draw_crossbar(
        problem.num_parameters, weight_range=2.0, generator=generator_for(0, "devices")
    )
    write = MemristorWrite(devices, curve, curve, (100, 100), 0.05, "stochastic")
    chip = Chip(Backprop(), 0.05, (), (write,))
    path, done = PredictedPath(problem, chip, 0, 0, None), 0
    while done < 1000:
        done += path.advance(done, 1000)
        assert not path.is_held_by_noise(done, 1000)
    assert problem.loss(path.w) > 2.5 * problem.loss(problem.initial_weights)


def test_a_network_that_knows_its_samples_by_heart_leaves_a_path_of_normal_noise():
    """Batches of 2 of 60 samples: normal noise unlearns what the batches themselves do not."""
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 4)]
    problem = classification(layers, (1, 6, 6), 4, samples=60)
    chip = Chip(Minibatch(Backprop(), 2), 0.2)
    found = forecast_chip(problem, chip, 400, 0)
    assert found.thrown
    real = forecast_chip(problem, chip, 400, 0, way="every_update")
    torch.testing.assert_close(found.weights, real.weights)
    whole = replace(chip, rule=Backprop())
    assert not forecast_chip(problem, whole, 400, 0).thrown


def _noisy(noise):
    """A chip on digits that has 60 updates, of which its clean twin takes 14 to learn anything."""
    sections = {
        "device": {
            "conductance": {"min": "4 uS", "max": "60 uS", "levels": 64},
            "write": {"cycle_to_cycle": noise},
        },
        "network": {"hidden": [8]},
        "task": {"name": "digits", "train_samples": 300, "test_samples": 100},
        "training": {"step_size": 0.2, "steps": 60},
    }
    spec = validate_spec(sections)
    problem = build_problem(spec)
    return problem, [build_chip(spec, problem, index=k) for k in range(6)]


def test_a_chip_is_not_given_up_before_its_clean_twin_has_learned_anything():
    """Mean final loss of 6 forecasts within 5 % and three errors of that of 6 trainings (99 %)."""
    problem, chips = _noisy("4 %")
    ends = [forecast_chip(problem, chip, 60, 0, index=k) for k, chip in enumerate(chips)]
    trained = [train(problem, chip, 60, 0, chip_index=k) for k, chip in enumerate(chips)]
    found, true = (
        np.array([problem.loss(each.weights) for each in group]) for group in (ends, trained)
    )
    error = float(np.hypot(found.std(ddof=1), true.std(ddof=1))) / 6**0.5
    margin = 0.05 * true.mean() + 3.0 * error
    assert abs(found.mean() - true.mean()) < margin
    # At 15 % of the training noise alone holds none of them.
    assert true.mean() + margin < 0.9 * problem.loss(problem.initial_weights)


def test_a_chip_that_learns_nothing_in_three_times_its_twins_time_is_given_up():
    problem, (chip, *_) = _noisy("60 %")
    path, done, at = PredictedPath(problem, chip, 0, 0, None), 0, []
    while done < 300:
        done += path.advance(done, 300)
        if path.is_held_by_noise(done, 300):
            at.append(done)
    assert path._learning_time is not None
    assert at
    assert at[0] >= PATIENCE * path._learning_time > 0
