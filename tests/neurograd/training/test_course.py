"""Which chip takes each update: its step size, and its samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import nn

from device_models import Backprop, Chip, Minibatch, PulseTrains, ReadNoise
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.training.course import Course, chip_at, epoch_of, with_step_size
from neurograd.training.loop import train
from neurograd.training.schedules import ConstantStep, CosineDecay, StepDecay
from tests.neurograd.cases import relu_network

CPU = torch.device("cpu")


def _batches(order, steps, samples=11, size=4, seed=0, path=("order", 0)):
    chip = Chip(Minibatch(Backprop(), size, order=order), 0.1)
    course = Course(chip, samples, ConstantStep(), seed, *path)
    return [course.at(t, CPU).rule.batch for t in steps]


def test_a_shuffled_epoch_has_every_sample_once():
    """11 samples in batches of 4: two of 4 and one of 3, in another order every epoch."""
    first, second = _batches("shuffled", range(3)), _batches("shuffled", range(3, 6))
    for batches in (first, second):
        assert [len(batch) for batch in batches] == [4, 4, 3]
        assert sorted(torch.cat(batches).tolist()) == list(range(11))
    assert not torch.cat(first).equal(torch.cat(second))


def test_an_order_depends_on_seed_path_and_epoch_alone():
    """A training can be split anywhere, and chip and clean twin see the same batches."""
    whole = _batches("shuffled", range(9))
    for step in (7, 2, 8, 0):
        (alone,) = _batches("shuffled", [step])
        assert alone.equal(whole[step])
    assert not _batches("shuffled", [0], path=("order", 1))[0].equal(whole[0])
    assert not _batches("shuffled", [0], seed=1)[0].equal(whole[0])


def test_other_orders_are_drawn_by_each_update_for_itself():
    for order in ("fresh", "with_replacement"):
        assert _batches(order, range(4)) == [None] * 4
    assert _batches("shuffled", range(2), size=11) == [None] * 2
    generator = torch.Generator().manual_seed(0)
    drawn = Minibatch(Backprop(), 9, order="with_replacement").sample_batch(11, generator)
    assert len(drawn) == 9 > len(set(drawn.tolist()))
    with pytest.raises(ValueError, match="allowed: fresh, shuffled, with_replacement"):
        Minibatch(Backprop(), 4, order="sorted")


def test_chip_and_clean_twin_train_on_the_same_batches():
    """A chip whose noise is 0 is its twin, draw by draw; another chip is not."""
    problem = relu_network(samples=30)
    rule = Minibatch(Backprop(), 8, order="shuffled")
    clean, noisy = Chip(rule, 0.2), Chip(rule, 0.2, (ReadNoise(0.0),))
    twin = train(problem, clean, 10, 0, chip_index=1).weights
    assert train(problem, noisy, 10, 0, chip_index=1).weights.equal(twin)
    assert not train(problem, clean, 10, 0, chip_index=2).weights.equal(twin)


def test_step_sizes_fall_along_a_training():
    problem, chip = relu_network(), Chip(Backprop(), 0.4)
    found = train(problem, chip, 7, 0, schedule=StepDecay(3, 0.5)).weights
    w = problem.initial_weights
    for step_size in (0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1):
        w = w - step_size * problem.gradient(w)
    torch.testing.assert_close(found, w, rtol=1e-13, atol=1e-15)


def test_a_rule_that_counts_pulses_knows_the_step_size():
    """In batches as well; a chip of the same step size is the chip itself."""
    trains = PulseTrains(0.01, 0.4)
    for rule in (trains, Minibatch(trains, 4)):
        chip = Chip(rule, 0.4)
        later = chip_at(chip, CosineDecay(10), 5)
        inner = later.rule.rule if isinstance(later.rule, Minibatch) else later.rule
        assert later.step_size == inner.step_size == pytest.approx(0.2)
        assert with_step_size(chip, 0.4) is chip
    assert epoch_of(Chip(Minibatch(Backprop(), 4, order="shuffled"), 0.1), 10) == 3
    assert epoch_of(Chip(Minibatch(Backprop(), 4), 0.1), 10) is None


class _Offset(nn.Module):
    """Outputs that are the weights: the loss is a quadratic whose gradients differ by sample."""

    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter(torch.full((1,), 10.0, dtype=torch.float64))

    def forward(self, x):
        return x + self.offset


def quadratic(samples):
    """Its problem, and the variance of single samples' gradients."""
    targets = torch.randn(
        samples, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    problem = Problem(
        _Offset(),
        MeanSquaredError(),
        torch.zeros_like(targets),
        targets - targets.mean() + 10.0,
    )
    w = problem.initial_weights
    single = [problem.gradient(w, torch.tensor([k])) for k in range(samples)]
    return problem, float(torch.stack(single).var(correction=0))


@pytest.mark.parametrize(
    ("order", "covariance"), [("fresh", 0.0), ("shuffled", -1.0), ("with_replacement", 0.0)]
)
def test_the_spread_of_weights_is_that_of_the_order(order, covariance):
    """Weights after 3 of an epoch's 4 updates, and after 8: exact for a quadratic, at 99.9 %.

    The variance is Δt²·Σ_st q^(T−s) q^(T−t) C_st. C is σ²/B·(n − B)/(n − 1) on the diagonal, with
    replacement σ²/B; of two shuffled batches of one epoch it is −σ²/(n − 1).
    """
    samples, size, step_size, chips = 8, 2, 0.05, 150
    problem, variance = quadratic(samples)
    w = problem.initial_weights
    curvature = float(problem.gradient(w + 1.0) - problem.gradient(w))
    q = 1.0 - step_size * curvature
    chip = Chip(Minibatch(Backprop(), size, order=order), step_size)
    own = 1.0 if order == "with_replacement" else (samples - size) / (samples - 1)
    low, high = chi2.ppf([0.0005, 0.9995], chips) / chips
    ends = [train(problem, chip, 8, 0, chip_index=k, snapshots=[3]) for k in range(chips)]
    for steps in (3, 8):
        epoch = np.arange(steps) // 4
        c = np.where(epoch[:, None] == epoch, covariance / (samples - 1), 0.0)
        np.fill_diagonal(c, own / size)
        kept = q ** np.arange(steps)[::-1]
        exact = step_size**2 * variance * kept @ c @ kept
        away = [float(e.weights - w) if steps == 8 else float(e.snapshots[3] - w) for e in ends]
        assert low < np.square(away).mean() / exact < high
    if order == "shuffled":
        assert exact < 0.02 * step_size**2 * variance * own / size * 8
    assert math.isfinite(exact)
