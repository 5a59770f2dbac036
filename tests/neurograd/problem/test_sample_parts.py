"""Parts of a training set: each sample in one of them, by the same network and loss."""

from __future__ import annotations

import pytest
import torch

from neurograd.problem.sample_parts import sample_parts
from tests.neurograd.cases import relu_network


def test_each_sample_is_in_one_part_and_shares_are_those_of_sizes():
    problem = relu_network()
    w = problem.initial_weights
    parts = sample_parts(problem, 17, 100, 3, "some")
    sizes = [part.problem.num_samples for part in parts]
    assert len(parts) == -(-problem.num_samples // 17)
    assert max(sizes) - min(sizes) <= 1
    assert [part.share for part in parts] == [size / problem.num_samples for size in sizes]
    seen = torch.cat([part.problem.per_sample_losses(w) for part in parts])
    assert seen.sort().values.allclose(problem.per_sample_losses(w).sort().values, rtol=1e-12)
    assert not seen.allclose(problem.per_sample_losses(w))
    gradient = sum(part.share * part.problem.gradient(w) for part in parts)
    assert gradient.allclose(problem.gradient(w), rtol=1e-10, atol=1e-14)
    # Only the training set is another one.
    assert parts[0].problem.accuracy(w) == problem.accuracy(w)


def test_parts_are_the_same_for_a_seed_and_others_for_another_purpose():
    problem = relu_network()

    def first(purpose, point=0):
        return sample_parts(problem, 10, 60, 0, purpose, point)[0].problem.data()[0]

    assert first("some").equal(first("some"))
    assert not first("some").equal(first("others"))
    assert not first("some").equal(first("some", 1))


def test_parts_have_two_draws_each_or_are_all_samples():
    problem = relu_network()
    assert len(sample_parts(problem, 1, 7, 0, "some")) == 3
    for samples, draws in ((None, 100), (problem.num_samples, 100), (1, 3), (1, 1)):
        (whole,) = sample_parts(problem, samples, draws, 0, "some")
        assert whole.problem is problem
        assert whole.share == 1.0
    with pytest.raises(ValueError, match="samples is 0; allowed: 1 or more"):
        sample_parts(problem, 0, 10, 0, "some")
