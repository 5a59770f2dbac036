"""Rules that compare losses read the weights once a pass: what is new in each read stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip, ReadNoise, WhiteNoise
from device_models.protocols import ElementMoments
from device_models.rules.equilibrium_propagation import EquilibriumPropagation
from device_models.rules.minibatch import Minibatch
from device_models.rules.node_perturbation import NodePerturbation
from device_models.rules.weight_perturbation import WeightPerturbation
from device_models.updates.momentum import Momentum
from device_models.updates.recipe import Recipe
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, regression, smooth_network

DRAWS = 2000
SMALL = 1e-6
"""ε, and the unit of s: second derivatives add 1e-6 of what the first ones make."""


def _spread(chip, problem, draws=DRAWS):
    """Total variance of estimates about the gradient, and its error at 99 %, two-sided."""
    w = problem.initial_weights
    found = torch.stack(
        [chip.estimate(problem, w, generator_for(0, "draw", k)) for k in range(draws)]
    )
    squares = (found - problem.gradient(w)).square().sum(1)
    return float(squares.mean()), NormalDist().inv_cdf(0.995) * float(squares.std()) / draws**0.5


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("ratio", [2.0, 4.0])
def test_weight_perturbation_has_the_noise_of_two_reads(ratio, two_sided):
    """``N‖g‖²·2s²`` over ``(2ε)²``, or over ε² where one end is the weights themselves."""
    problem = regression([nn.Linear(2, 2)], 2, 2, samples=10)
    square = float(problem.gradient(problem.initial_weights).square().sum())
    rule = WeightPerturbation(SMALL, two_sided=two_sided)
    found, error = _spread(Chip(rule, 0.1, (ReadNoise(ratio * SMALL),)), problem)
    count, apart = problem.num_parameters, 2.0 if two_sided else 1.0
    expected = (count + 1) * square + count * square * 2 * ratio**2 / apart**2
    assert abs(found - expected) < error
    # Without the noise of the reads it is another number.
    assert error < 0.5 * (expected - (count + 1) * square)


def test_node_perturbation_has_the_noise_of_two_reads():
    """``1/n² Σ_i ‖g_i‖²·2s²/(2ε)²·D·(‖a_i‖² + 1)``: all samples share the reads of a pass."""
    problem = regression([nn.Linear(3, 2)], 3, 2, samples=6)
    w, rule = problem.initial_weights, NodePerturbation(SMALL)
    own = rule.total_variance(problem, w)
    activity = problem.data()[0].square().sum(1) + 1.0
    lengths = problem.per_sample_gradient_square_norms(w)
    reads = 3.0**2 / 2 * 2 * float((lengths * activity).sum()) / problem.num_samples**2
    found, error = _spread(Chip(rule, 0.1, (ReadNoise(3.0 * SMALL),)), problem)
    assert abs(found - (own + reads)) < error
    assert error < 0.5 * reads


@dataclass
class Counted:
    """A read that counts its calls."""

    calls: list[int] = field(default_factory=list)
    deterministic: bool = False

    def read(self, w, generator):
        self.calls.append(1)
        return w.clone()

    def moments(self, w):
        return ElementMoments.constant(w)


def _reads(rule, **parts):
    problem = smooth_network(samples=9, chunk_size=2)
    counted = Counted()
    chip = Chip(rule, 0.1, (counted,), **parts)
    chip.sample_update(problem, problem.initial_weights, generator_for(0))
    return len(counted.calls)


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        (WeightPerturbation(samples=3), 6),
        (WeightPerturbation(samples=3, two_sided=False), 4),
        (NodePerturbation(samples=3), 7),
        (Minibatch(WeightPerturbation(), 4), 2),
        (WhiteNoise(NodePerturbation(), total_variance=1.0), 3),
        (Minibatch(Backprop(), 4), 1),
        (EquilibriumPropagation(), 1),
    ],
)
def test_every_pass_reads_once_whatever_its_chunks(rule, passes):
    """Rules whose passes see the same weights read once, and a recipe for itself."""
    assert _reads(rule) == passes
    recipe = Recipe(Momentum(0.5))
    assert _reads(rule, recipe=recipe) == passes + (passes > 1)


def test_samples_that_are_written_alone_read_for_themselves():
    problem = classification([nn.Linear(3, 2)], (3,), 2, samples=5)
    counted = Counted()
    chip = Chip(Minibatch(WeightPerturbation(), 3), 0.1, (counted,))
    list(chip.sample_estimates(problem, problem.initial_weights, generator_for(0)))
    assert len(counted.calls) == 6


def test_reads_without_noise_change_nothing():
    problem = smooth_network(samples=9)
    w = problem.initial_weights
    for rule in (WeightPerturbation(), NodePerturbation()):
        fixed = Chip(rule, 0.1, (Counted(deterministic=True),))
        draws = [chip.estimate(problem, w, generator_for(3)) for chip in (fixed, Chip(rule, 0.1))]
        assert draws[0].equal(draws[1])
