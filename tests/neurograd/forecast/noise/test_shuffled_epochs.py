"""Noise of shuffled epochs, against sums over the batches themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from device_models import Backprop, Chip, Minibatch
from neurograd.forecast import forecast_chip
from neurograd.forecast.noise.shuffled_epochs import ShuffledEpochs, VisitedEpochs, shuffled_epochs
from neurograd.forecast.noise.splitting import remaining_variance
from neurograd.training.loop import train
from tests.neurograd.cases import relu_network
from tests.neurograd.training.test_course import quadratic


def _left(updates, first, epoch, step):
    """Variance that is left in one mode of updates of one epoch, over that of one update.

    The exact sum with q = 1 − step, given what the epoch has shown before ``first``.
    """
    left = epoch - first
    covariance = np.full((updates, updates), -1.0 / left)
    np.fill_diagonal(covariance, 1.0 - 1.0 / left)
    kept = (1.0 - step) ** np.arange(updates)[::-1]
    return epoch / (epoch - 1) * float(kept @ covariance @ kept)


@pytest.mark.parametrize(("updates", "first"), [(200, 0), (60, 0), (60, 100), (100, 100)])
@pytest.mark.parametrize("step", [0.0, 1e-3, 0.02])
def test_what_is_left_of_a_part_of_an_epoch(updates, first, step):
    """Against the exact sum, to the order of one update in which the sum and its limit differ."""
    part = ShuffledEpochs(1000, 5).part(first, updates)
    found = float(part.ratio(np.array(step)))
    found *= updates * float(remaining_variance(np.array(updates * step)))
    assert found == pytest.approx(_left(updates, first, 200, step), rel=0.03, abs=1e-9)


def test_whole_epochs_leave_next_to_nothing_where_curvature_is_small():
    """z²/12 of independent batches, for z of an epoch; all of it in stiff modes."""
    epochs = ShuffledEpochs(1000, 5)
    part = epochs.part(0, 600)
    z = np.array([0.0, 0.1, 2e3])
    none, little, most = part.ratio(z / 200).tolist()
    assert none == pytest.approx(0.0, abs=1e-12)
    assert little == pytest.approx(0.1**2 / 12 * 200 / 199, rel=2e-3)
    assert most == pytest.approx(200 / 199, rel=2e-3)
    assert part.undamped == 0.0


def test_a_smaller_last_batch_leaves_what_the_sums_of_batches_leave():
    """Variance of the sum of an epoch's batch means, by enumeration of 7 samples in 2, 2, 2, 1."""
    values = torch.randn(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values -= values.mean()
    sums = []
    for last in range(7):
        sums.append(float((values.sum() - values[last]) / 2 + values[last]))
    exact = np.var(sums)
    one = float(values.square().mean()) / 2 * 5 / 6
    part = ShuffledEpochs(7, 2).part(0, 4)
    assert 4 * one * float(part.ratio(np.zeros(()))) == pytest.approx(exact, rel=1e-9)
    # Of the updates of an epoch, those that end it have it.
    assert ShuffledEpochs(7, 2).part(0, 3).leftover == 0.0
    assert ShuffledEpochs(7, 2).part(3, 1).leftover == pytest.approx(4 * part.leftover)


def test_steps_are_parts_of_an_epoch_or_whole_ones():
    epochs = ShuffledEpochs(40, 4)
    assert [epochs.align(0, n) for n in (1, 9, 10, 29)] == [1, 9, 10, 20]
    assert [epochs.align(13, n) for n in (1, 7, 8, 29)] == [1, 7, 7, 7]


def test_steps_that_visit_the_samples_themselves():
    """Nothing but the order within them is left of their noise."""
    epochs = VisitedEpochs(23, 4)
    for done, length in ((0, 3), (1, 5), (6, 6)):
        part = epochs.part(done, length)
        assert part.undamped == 0.0
        assert part.updates == length
    assert epochs.part(1, 5).leftover == 0.0
    assert epochs.part(6, 6).leftover == pytest.approx(ShuffledEpochs(23, 4).part(6, 6).leftover)


def test_what_was_shown_is_paid_back_by_the_end_of_the_epoch():
    epochs = ShuffledEpochs(40, 4)
    noise = torch.tensor([3.0, -1.0])
    epochs.take(0, 4, noise)
    torch.testing.assert_close(epochs.shift(4), -noise / 6)
    epochs.take(4, 3, 0.0 * noise)
    torch.testing.assert_close(epochs.shift(7), -noise / 6)
    epochs.take(7, 3, noise)
    assert epochs.shift(10) == 0.0


def test_only_shuffled_batches_have_epochs():
    problem = relu_network(samples=30)
    for order, known in (("shuffled", True), ("fresh", False), ("with_replacement", False)):
        chip = Chip(Minibatch(Backprop(), 7, order=order), 0.1)
        assert (shuffled_epochs(problem, chip) is not None) is known
    assert shuffled_epochs(problem, Chip(Backprop(), 0.1)) is None


@pytest.mark.parametrize(("steps", "part"), [(60, 1.0), (65, None)])
def test_forecast_spread_of_a_shuffled_quadratic(steps, part):
    """30 forecasts after 6 epochs of 10 updates, and after half of another, against the exact sum.

    Their variance lies within the 99.9 % interval about 0.7 to 1.6 of the exact one; after whole
    epochs that is 0.9 % of what independent batches leave.
    """
    problem, variance = quadratic(40)
    w, step_size, chips = problem.initial_weights, 0.02, 30
    curvature = float(problem.gradient(w + 1.0) - problem.gradient(w))
    chip = Chip(Minibatch(Backprop(), 4, order="shuffled"), step_size)
    ends = [forecast_chip(problem, chip, steps, 0, index=k).weights for k in range(chips)]
    epoch = np.arange(steps) // 10
    c = np.where(epoch[:, None] == epoch, -1.0 / 39, 0.0)
    np.fill_diagonal(c, 36 / 39 / 4)
    kept = (1.0 - step_size * curvature) ** np.arange(steps)[::-1]
    exact = step_size**2 * variance * kept @ c @ kept
    found = np.mean([float(end - w) ** 2 for end in ends]) / exact
    low, high = chi2.ppf([0.0005, 0.9995], chips) / chips
    assert 0.7 * low < found < 1.6 * high
    if part is not None:
        independent = step_size**2 * variance * 36 / 39 / 4 * (kept**2).sum()
        assert exact < 0.02 * independent


def test_forecast_of_shuffled_training_is_what_chips_train_to():
    """Mean final loss of 10 forecasts within 10 % of that of 10 chips, and three errors (99 %)."""
    problem = relu_network()
    chip = Chip(Minibatch(Backprop(), 8, order="shuffled"), 0.3)
    steps = 12 * chip.rule.epoch_length(problem.num_samples)
    found = [
        problem.loss(forecast_chip(problem, chip, steps, 0, index=k).weights) for k in range(10)
    ]
    true = [
        problem.loss(train(problem, chip, steps, 0, chip_index=k, curve_points=2).weights)
        for k in range(10)
    ]
    error = float(np.hypot(np.std(found, ddof=1), np.std(true, ddof=1))) / 10**0.5
    assert abs(np.mean(found) - np.mean(true)) < 0.1 * np.mean(true) + 3.0 * error
    assert error < 0.1 * np.mean(true)
