"""Training through a chip, step by step."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    MemristorWrite,
    ReadNoise,
    UnstableRuleError,
    WhiteNoise,
    draw_crossbar,
    linear_response,
)
from neurograd.forecast import forecast_chip
from neurograd.training.loop import train
from tests.neurograd.cases import linear_regression, relu_network, smooth_network


def test_clean_training_is_gradient_descent():
    problem = smooth_network()
    trained = train(problem, Chip(Backprop(), 0.3), 12, seed=0, snapshots=[0, 5, 12])
    w = problem.initial_weights
    for step in range(12):
        if step == 5:
            assert trained.snapshots[5].equal(w)
        w = torch.sub(w, problem.gradient(w), alpha=0.3)
    torch.testing.assert_close(trained.weights, w, rtol=1e-13, atol=1e-15)
    assert trained.snapshots[12].equal(trained.weights)
    assert trained.curve.steps == tuple(range(13))
    assert trained.curve.train_loss[-1] == trained.train_loss == problem.loss(trained.weights)
    assert trained.test_accuracy == trained.curve.test_accuracy[-1]
    with pytest.raises(ValueError, match="allowed: 0 or more"):
        train(problem, Chip(Backprop(), 0.3), -1, seed=0)


def test_no_steps_give_the_network_that_was_programmed():
    problem = smooth_network()
    crossbar = draw_crossbar(
        problem.num_parameters, weight_range=0.2, generator=torch.Generator().manual_seed(0)
    )
    write = MemristorWrite(crossbar, linear_response(0.0, None), linear_response(0.0, None))
    w = problem.initial_weights
    assert w.abs().max() > 0.2
    trained = train(problem, Chip(Backprop(), 0.3, writes=(write,)), 0, seed=0)
    assert torch.equal(trained.weights, w.clamp(-0.2, 0.2))
    assert trained.train_loss == problem.loss(trained.weights) != problem.loss(w)
    assert trained.curve.steps == (0,)


def test_noise_depends_on_seed_and_chip_alone():
    problem = smooth_network()
    chip = Chip(WhiteNoise(Backprop(), total_variance=0.1), 0.1)

    def run(**options):
        return train(problem, chip, 8, **{"seed": 0, "chip_index": 1, **options}).weights

    assert run().equal(run())
    assert not run().equal(run(seed=1))
    assert not run().equal(run(chip_index=2))


def test_divergence_stops_the_training():
    problem = linear_regression()
    trained = train(problem, Chip(Backprop(), 1e6), 5000, seed=0)
    assert trained.diverged
    assert trained.stopped_at < 5000
    assert not math.isfinite(trained.train_loss)


class _Failing:
    """A rule whose own dynamics diverge from one call on."""

    deterministic = True

    def __init__(self, calls: int) -> None:
        self.left = calls

    def gradient(self, problem, w, generator):
        self.left -= 1
        if self.left < 0:
            raise UnstableRuleError("it diverges")
        return problem.gradient(w)


def test_a_rule_that_diverges_on_the_way_is_a_chip_that_diverged():
    problem = smooth_network()
    trained = train(problem, Chip(_Failing(5), 0.1), 100, seed=0, curve_points=3)
    assert trained.diverged
    assert trained.stopped_at == trained.curve.steps[-1] == 6
    assert not math.isfinite(trained.train_loss)
    with pytest.raises(UnstableRuleError, match="it diverges"):
        train(problem, Chip(_Failing(0), 0.1), 100, seed=0)
    predicted = forecast_chip(problem, Chip(_Failing(5), 0.1), 100, 0)
    assert predicted.diverged
    assert not bool(predicted.weights.isfinite().any())


def test_a_noisy_reader_is_evaluated_as_it_reads():
    problem = smooth_network()
    chip = Chip(Backprop(), 1e-9, reads=(ReadNoise(1.0),))
    trained = train(problem, chip, 3, seed=0)
    assert abs(trained.train_loss - problem.loss(trained.weights)) > 0.01
    assert len(set(trained.curve.train_loss)) == 4


def test_curve_points_change_what_is_looked_at_and_nothing_else():
    problem, chip = relu_network(), Chip(Backprop(), 0.3)
    few = train(problem, chip, 40, seed=0, curve_points=2)
    many = train(problem, chip, 40, seed=0)
    assert few.curve.steps == (0, 40)
    assert len(many.curve.steps) == 25
    assert few.weights.equal(many.weights)
    with pytest.raises(ValueError, match="curve_points"):
        train(problem, chip, 40, seed=0, curve_points=1)


def test_initial_weights_are_those_of_the_problem():
    problem, chip = smooth_network(), Chip(Backprop(), 0.3)
    w = problem.initial_weights
    own = train(problem, chip, 2, seed=0).weights
    assert train(problem, chip, 2, seed=0, initial=w.clone()).weights.equal(own)
    for other in (w[:-1], w.float(), w.unsqueeze(0)):
        with pytest.raises(ValueError, match=r"initial has shape .*; allowed: "):
            train(problem, chip, 2, seed=0, initial=other)
