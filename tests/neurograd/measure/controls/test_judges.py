"""Which samples judge which draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from neurograd.measure.controls.judges import FLOOR, judged_parts, shared_out
from neurograd.problem import Problem
from neurograd.problem.sample_parts import FEWEST
from tests.neurograd.cases import regression, relu_network


def test_draws_are_shared_out_in_proportion_with_two_each_at_least():
    assert shared_out(np.array([1.0, 1.0, 2.0]), 40).tolist() == [10, 10, 20]
    assert shared_out(np.array([1.0, 100.0]), 5).tolist() == [2, 3]
    assert shared_out(np.array([1.0, 1.0, 1.0]), 6).tolist() == [2, 2, 2]
    for draws in range(14, 60):
        found = shared_out(np.array([0.1, 0.5, 1.0, 1.0, 3.0, 0.2, 9.0]), draws)
        assert found.sum() == draws
        assert found.min() >= FEWEST


def test_every_sample_is_in_one_part_and_every_draw_judges_one():
    problem = relu_network()
    w = problem.initial_weights
    parts = judged_parts(problem, w, 7, 100, seed=0)
    assert len(parts) == 18
    inputs = torch.cat([each.part.problem.data()[0] for each in parts])
    assert torch.equal(inputs.sort(0).values, problem.data()[0].sort(0).values)
    assert sum(each.part.share for each in parts) == pytest.approx(1.0)
    assert [k for each in parts for k in each.draws] == list(range(100))
    for each in parts:
        assert torch.allclose(each.before, each.part.problem.per_sample_losses(w))


def test_most_draws_go_where_the_loss_is_steepest_in_the_outputs():
    problem = relu_network()
    w = 3.0 * problem.initial_weights
    parts = judged_parts(problem, w, 10, 1200, seed=0)
    slopes = []
    for each in parts:
        x, y = each.part.problem.data()
        outputs = problem.outputs(problem.parameters_of(w), x).softmax(1)
        slopes.append(float((outputs - torch.eye(4, dtype=w.dtype)[y]).norm(dim=1).mean()))
    expected = np.array(slopes) / np.mean(slopes) + FLOOR
    found = np.array([len(each.draws) for each in parts])
    assert found.max() > 1.5 * found.min()
    np.testing.assert_allclose(found, 1200 * expected / expected.sum(), atol=1.0)


def test_outputs_without_a_dimension_of_their_own_are_judged_alike():
    """Outputs (n,) have the parts of outputs (n, 1)."""
    column = regression([nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)], 4, 1)
    x, y = column.data()
    flat = Problem(nn.Sequential(*column.module, nn.Flatten(0)), nn.MSELoss(), x, y[:, 0])
    w = flat.initial_weights
    one, other = (judged_parts(each, w, 10, 100, seed=0) for each in (column, flat))
    assert [each.draws for each in one] == [each.draws for each in other]
    for each, its in zip(one, other, strict=True):
        torch.testing.assert_close(each.before, its.before)


def test_all_samples_are_one_part_where_there_are_too_few_draws():
    problem = relu_network()
    w = problem.initial_weights
    for samples, draws in ((None, 50), (10**6, 50), (1, 3)):
        (whole,) = judged_parts(problem, w, samples, draws, seed=0)
        assert whole.part.share == 1.0
        assert whole.draws == range(draws)
    with pytest.raises(ValueError, match="samples is 0; allowed: 1 or more"):
        judged_parts(problem, w, 0, 50, seed=0)
