"""Sizes of subsets, and what part of the noise of updates their error is."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from device_models import Backprop, Minibatch
from neurograd.forecast.small_batches.subset import (
    FEWEST,
    FEWEST_BATCHES,
    LARGEST_PART,
    noise_of_batch,
    subset_part,
    subset_size,
)

VALUES = torch.tensor([0.3, -1.2, 2.0, 0.7, -0.1, 1.5], dtype=torch.float64)


def _variance_of_means(size: int) -> float:
    """Of the mean of ``size`` values drawn without replacement, by enumeration."""
    means = [float(VALUES[list(some)].mean()) for some in combinations(range(len(VALUES)), size)]
    return float(torch.tensor(means, dtype=torch.float64).var(correction=0))


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_error_of_a_subset_over_the_noise_of_batches_by_enumeration(batch):
    updates, subset = 4, 5
    rule = Minibatch(Backprop(), batch)
    sums = updates**2 * _variance_of_means(subset)
    noise = updates * _variance_of_means(batch)
    assert subset_part(rule, len(VALUES), subset, updates) == pytest.approx(sums / noise)
    single = float(VALUES.var())
    assert noise_of_batch(rule, len(VALUES)) * single == pytest.approx(_variance_of_means(batch))
    with_replacement = Minibatch(Backprop(), batch, order="with_replacement")
    assert noise_of_batch(with_replacement, len(VALUES)) == pytest.approx(1.0 / batch)


@pytest.mark.parametrize("order", ["fresh", "with_replacement"])
@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("updates", [1, 20, 3000])
def test_no_subset_has_more_noise_than_its_updates(order, batch, updates):
    samples = 4000
    rule = Minibatch(Backprop(), batch, order=order)
    size = subset_size(rule, samples, updates, None)
    assert max(FEWEST, FEWEST_BATCHES * batch) <= size <= samples
    assert subset_part(rule, samples, size, updates) <= LARGEST_PART * (1 + 1e-12)
    # No more samples than that takes.
    if size > max(FEWEST, FEWEST_BATCHES * batch):
        assert subset_part(rule, samples, size - 1, updates) > LARGEST_PART


def test_whole_epochs_look_at_all_samples():
    rule = Minibatch(Backprop(), 8, order="shuffled")
    assert subset_size(rule, 4000, 500, 500) == 4000
    assert subset_size(rule, 4000, 20, 500) < 400
