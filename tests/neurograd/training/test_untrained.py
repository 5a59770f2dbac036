"""What start weights are held against, by losses whose best constant output is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

import neurograd
from neurograd.problem import Problem
from neurograd.problem.losses import ClassSquaredError, CrossEntropy, MeanSquaredError
from neurograd.training.untrained import untrained_loss

TARGETS = torch.tensor([0] * 5 + [1] * 3 + [3] * 2)
PARTS = torch.tensor([0.5, 0.3, 0.0, 0.2], dtype=torch.float64)


def _classes(loss, targets=TARGETS):
    inputs = torch.ones(len(targets), 2, dtype=torch.float64)
    return Problem(nn.Linear(2, 4).double(), loss, inputs, targets)


def _values(loss, targets):
    inputs = torch.ones(len(targets), 2, dtype=torch.float64)
    return Problem(nn.Linear(2, targets.shape[1]).double(), loss, inputs, targets)


def test_known_losses_of_classes():
    """Class 2 has no samples, and is an output all the same."""
    known = PARTS[PARTS > 0]
    entropy = -float((known * known.log()).sum())
    assert untrained_loss(_classes(CrossEntropy())) == pytest.approx(entropy, rel=1e-12)
    squared = float((PARTS * (1 - PARTS)).sum()) / 4
    assert untrained_loss(_classes(ClassSquaredError())) == pytest.approx(squared, rel=1e-12)


def test_own_losses_of_classes_are_minimised():
    """Also where neither frequencies nor their logarithms are best."""

    def halved(outputs, targets):
        return functional.cross_entropy(0.5 * outputs, targets, reduction="none")

    def squashed(outputs, targets):
        wanted = functional.one_hot(targets, 4).to(outputs.dtype)
        return (outputs.sigmoid() - wanted).square().mean(1)

    plain = untrained_loss(_classes(CrossEntropy()))
    assert untrained_loss(_classes(halved)) == pytest.approx(plain, abs=1e-3)
    squared = untrained_loss(_classes(ClassSquaredError()))
    assert untrained_loss(_classes(squashed)) == pytest.approx(squared, abs=1e-3)


def test_losses_of_values():
    """The mean is best for squares, the median for sizes."""
    targets = torch.tensor([[0.0], [0.0], [1.0], [9.0], [0.0]], dtype=torch.float64)
    squared = float(targets.var(correction=0))
    assert untrained_loss(_values(MeanSquaredError(), targets)) == pytest.approx(squared)
    size = untrained_loss(_values(lambda o, t: (o - t).abs().mean(1), targets))
    assert size == pytest.approx(2.0, abs=0.1)
    assert size < float((targets - targets.mean()).abs().mean()) - 0.5


def test_own_losses_with_other_outputs_or_without_a_slope():
    def likelihood(outputs, targets):
        """Of a normal distribution whose mean and log variance are the outputs."""
        mean, spread = outputs[:, :1], outputs[:, 1:]
        return (spread + (targets - mean).square() / spread.exp()).mean(1)

    targets = torch.tensor([[0.0], [2.0], [4.0]], dtype=torch.float64)
    inputs = torch.ones(3, 2, dtype=torch.float64)
    two = Problem(nn.Linear(2, 2).double(), likelihood, inputs, targets)
    assert untrained_loss(two) == pytest.approx(math.log(8.0 / 3.0) + 1.0, abs=1e-6)

    def wrong(outputs, targets):
        return (outputs.argmax(1) != targets).to(outputs.dtype)

    assert untrained_loss(_classes(wrong)) == 0.5


def test_a_deployment_is_judged_by_the_problems_own_loss():
    """Cross-entropy of the classes, 2.3, would make nothing of a loss of a tenth."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(300, 8, generator=generator, dtype=torch.float64)
    targets = (inputs @ torch.randn(8, 10, generator=generator, dtype=torch.float64)).argmax(1)
    module = nn.Sequential(nn.Linear(8, 10)).double()
    wanted = functional.one_hot(targets, 10).to(torch.float64)
    rows = torch.cat([inputs, torch.ones(300, 1, dtype=torch.float64)], dim=1)
    best = torch.linalg.lstsq(rows, wanted).solution
    with torch.no_grad():
        module[0].weight.copy_(best[:-1].T)
        module[0].bias.copy_(best[-1])
    problem = Problem(module, ClassSquaredError(), inputs, targets)
    clean = problem.loss(problem.initial_weights)
    chip = {
        "device": {},
        "deployment": {"program_error": 0.06, "times": [0]},
        "training": {"steps": 0, "seeds": 3, "max_seeds": 3},
        "targets": {"max_excess_loss": 0.2},
    }
    (row,) = neurograd.check(problem=problem, chip=chip).report["deployment"]
    start = float((torch.bincount(targets) / 300 * (1 - torch.bincount(targets) / 300)).sum()) / 10
    assert 0.5 * start < clean < start
    assert row["cost"]["value"] > 0.2
    assert row["verdict"] == "not tolerated"
