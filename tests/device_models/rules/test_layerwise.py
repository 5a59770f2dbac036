"""What rules that teach every layer on its own share."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from device_models.rules.direct_feedback_alignment import (
    DirectFeedbackAlignment,
    draw_direct_feedback,
)
from device_models.rules.local_loss import LocalLoss, draw_readouts
from device_models.rules.sign_symmetric import SignSymmetric
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from tests.device_models.rules.cases import cnn, deep, named, repeated
from tests.neurograd.cases import (
    linear_regression,
    regression,
    smooth_network,
)

DRAWN = {
    "direct_feedback_alignment": draw_direct_feedback,
    "local_loss": draw_readouts,
    "sign_symmetric": lambda problem, w, generator: SignSymmetric(),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN.keys())
@pytest.mark.parametrize("network", [deep, cnn, repeated, smooth_network])
def test_last_layer_is_exact_and_earlier_ones_are_not(network, draw):
    problem = network()
    w = problem.initial_weights
    estimate = named(problem, draw(problem, w, generator_for(0)))
    exact = problem.parameters_of(problem.gradient(w))
    *_, weight, bias = exact
    torch.testing.assert_close(estimate[weight], exact[weight], rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(estimate[bias], exact[bias], rtol=1e-10, atol=1e-14)
    first = next(iter(exact))
    assert not torch.allclose(estimate[first], exact[first], rtol=1e-2)


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN.keys())
def test_single_layer_has_no_bias(draw):
    problem = linear_regression()
    w = problem.initial_weights
    rule = draw(problem, w, generator_for(0))
    estimate = rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("draw", [draw_direct_feedback, draw_readouts])
def test_projections_have_the_variance_of_xavier(draw):
    """At 99 %: the square of a uniform variable has relative variance 4/5."""
    problem = regression([nn.Linear(4, 400), nn.ReLU(), nn.Linear(400, 10)], 4, 10)
    rule = draw(problem, problem.initial_weights, generator_for(0), 2.0)
    ((name, values),) = (
        rule.feedback if isinstance(rule, DirectFeedbackAlignment) else rule.readouts
    ).items()
    assert name == "2.weight"
    assert values.shape == (10, 400)
    ratio = float(values.square().mean()) / (4 * 2 / 410)
    assert abs(ratio - 1) < 2.58 * math.sqrt(0.8 / 4000)
    with pytest.raises(ValueError, match="scale is 0; allowed: above 0"):
        draw(problem, problem.initial_weights, generator_for(0), 0.0)


class Shuffled(nn.Module):
    """A layer that sees features before samples, and one that sees two sizes of map."""

    def __init__(self, kind):
        super().__init__()
        generator = generator_for(0, "shuffled")
        self.kind = kind
        self.a, self.b = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)
        self.c = nn.Linear(6, 6)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator))

    def forward(self, x):
        h = self.b(self.b(self.a(x))) if self.kind == "sizes" else self.a(x)
        if self.kind == "order":
            h = self.c(h.permute(3, 1, 2, 0).expand(6, 1, 6, -1)[..., :1].expand(6, 1, 6, 6))
            h = h[:1, 0].expand(len(x), 6, 6)
        return h.flatten(1)


def test_layers_that_can_not_be_read_out_are_refused():
    x = torch.zeros(3, 1, 8, 8)
    for kind, message in (("sizes", "the same in every call"), ("order", "first dimension")):
        problem = Problem(Shuffled(kind), lambda out, y: out.sum(1), x, torch.zeros(3))
        with pytest.raises(ValueError, match=message):
            draw_direct_feedback(problem, problem.initial_weights, generator_for(0))


def test_layers_without_feedback_or_readout_get_nothing():
    problem = smooth_network()
    for rule in (DirectFeedbackAlignment({}), LocalLoss({})):
        estimate = named(problem, rule)
        assert not estimate["0.weight"].any()
        assert estimate["2.weight"].any()
