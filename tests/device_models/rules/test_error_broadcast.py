"""Rules that replace the error's way back: direct feedback, local losses, sign symmetry."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from device_models.rules.direct_feedback_alignment import (
    DirectFeedbackAlignment,
    draw_direct_feedback,
)
from device_models.rules.feedback_alignment import FeedbackAlignment
from device_models.rules.local_loss import LocalLoss, draw_readouts
from device_models.rules.sign_symmetric import SignSymmetric
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for
from tests.neurograd.cases import (
    classification,
    linear_regression,
    regression,
    relu_network,
    smooth_network,
)

DRAWN = {
    "direct_feedback_alignment": draw_direct_feedback,
    "local_loss": draw_readouts,
    "sign_symmetric": lambda problem, w, generator: SignSymmetric(),
}


def _deep(**kwargs):
    layers = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)]
    return regression(layers, 4, 3, samples=20, **kwargs)


def _cnn():
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(18, 3)]
    return classification(layers, (1, 8, 8), 3, samples=12)


class Repeated(nn.Module):
    """One layer that is called at each of three steps, as in a recurrent network."""

    def __init__(self):
        super().__init__()
        generator = generator_for(0, "repeated")
        self.first, self.again, self.last = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 2)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator) / 2)

    def forward(self, x):
        h = torch.tanh(self.first(x))
        for _ in range(3):
            h = torch.tanh(self.again(h))
        return self.last(h)


def _repeated():
    generator = generator_for(0, "repeated-data")
    x = torch.randn(15, 4, generator=generator, dtype=torch.float64)
    y = torch.randn(15, 2, generator=generator, dtype=torch.float64)
    return Problem(Repeated(), MeanSquaredError(), x, y)


def _named(problem, rule):
    w = problem.initial_weights
    return problem.parameters_of(rule.gradient(problem, w, generator_for(1)))


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN.keys())
@pytest.mark.parametrize("network", [_deep, _cnn, _repeated, smooth_network])
def test_last_layer_is_exact_and_earlier_ones_are_not(network, draw):
    problem = network()
    w = problem.initial_weights
    estimate = _named(problem, draw(problem, w, generator_for(0)))
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


# -- direct feedback --------------------------------------------------------------------------


@pytest.mark.parametrize("network", [relu_network, smooth_network, _cnn])
def test_direct_feedback_through_the_last_weights_is_backpropagation(network):
    """On two layers B = W2 sends back what backpropagation does."""
    problem = network()
    w = problem.initial_weights
    (name,) = draw_direct_feedback(problem, w, generator_for(0)).feedback
    rule = DirectFeedbackAlignment({name: problem.parameters_of(w)[name]})
    estimate = rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-10, atol=1e-14)


def test_direct_feedback_through_all_following_weights_of_a_linear_network():
    problem = regression([nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3)], 4, 3, samples=20)
    w = problem.initial_weights
    p = problem.parameters_of(w)
    rule = DirectFeedbackAlignment(
        {"1.weight": p["2.weight"] @ p["1.weight"], "2.weight": p["2.weight"]}
    )
    estimate = rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-10, atol=1e-14)


def test_direct_feedback_by_hand():
    """Three layers: each hidden layer gets the output's error through its own matrix."""
    problem = _deep()
    rule = draw_direct_feedback(problem, problem.initial_weights, generator_for(0), 0.7)
    p = problem.parameters_of(problem.initial_weights)
    x, y = problem.data()
    h1 = torch.tanh(x @ p["0.weight"].T + p["0.bias"])
    h2 = torch.relu(h1 @ p["2.weight"].T + p["2.bias"])
    error = 2 * (h2 @ p["4.weight"].T + p["4.bias"] - y) / y.numel()
    back1 = error @ rule.feedback["2.weight"] * (1 - h1**2)
    back2 = error @ rule.feedback["4.weight"] * (h2 > 0)
    expected = {
        "0.weight": back1.T @ x,
        "0.bias": back1.sum(0),
        "2.weight": back2.T @ h1,
        "2.bias": back2.sum(0),
        "4.weight": error.T @ h2,
        "4.bias": error.sum(0),
    }
    estimate = _named(problem, rule)
    for name, value in expected.items():
        torch.testing.assert_close(estimate[name], value, rtol=1e-10, atol=1e-14)


def test_direct_feedback_sums_over_the_calls_of_a_layer():
    problem = _repeated()
    w = problem.initial_weights
    rule = draw_direct_feedback(problem, w, generator_for(0))
    assert set(rule.feedback) == {"again.weight", "last.weight"}
    p = problem.parameters_of(w)
    x, y = problem.data()
    h = [torch.tanh(functional.linear(x, p["first.weight"], p["first.bias"]))]
    for _ in range(3):
        h.append(torch.tanh(functional.linear(h[-1], p["again.weight"], p["again.bias"])))
    error = 2 * (functional.linear(h[3], p["last.weight"], p["last.bias"]) - y) / y.numel()
    # Activations 1 and 2 enter the repeated layer again, activation 3 enters the last.
    back = [
        error @ rule.feedback[name] * (1 - h[k] ** 2)
        for k, name in ((1, "again.weight"), (2, "again.weight"), (3, "last.weight"))
    ]
    expected = sum(b.T @ a for b, a in zip(back, h, strict=False))
    torch.testing.assert_close(_named(problem, rule)["again.weight"], expected, rtol=1e-10, atol=0)


# -- local losses -----------------------------------------------------------------------------


@pytest.mark.parametrize("network", [_deep, smooth_network])
def test_local_losses_by_hand(network):
    """Each layer alone, on the loss of the readout of its own activation."""
    problem = network()
    w = problem.initial_weights
    rule = draw_readouts(problem, w, generator_for(0))
    layers = list(problem.module)
    estimate = _named(problem, rule)
    h, targets = problem.data()
    for k in range(0, len(layers) - 1, 2):
        signal = layers[k + 1](layers[k](h))
        readout = rule.readouts[f"{k + 2}.weight"]
        loss = problem.sample_losses(signal @ readout.T, targets).mean()
        for name, p in layers[k].named_parameters():
            (expected,) = torch.autograd.grad(loss, p, retain_graph=True)
            torch.testing.assert_close(estimate[f"{k}.{name}"], expected, rtol=1e-10, atol=1e-14)
        h = signal.detach()


def test_local_loss_of_a_repeated_layer_is_the_mean_over_its_calls():
    problem = _repeated()
    w = problem.initial_weights
    rule = draw_readouts(problem, w, generator_for(0))
    p = {n: t.clone().requires_grad_() for n, t in problem.parameters_of(w).items()}
    x, y = problem.data()
    h = [torch.tanh(functional.linear(x, p["first.weight"], p["first.bias"]))]
    for _ in range(3):
        h.append(torch.tanh(functional.linear(h[-1].detach(), p["again.weight"], p["again.bias"])))
    loss = sum(
        MeanSquaredError().per_sample(h[k] @ rule.readouts[name].T, y).mean() / calls
        for k, name, calls in (
            (0, "again.weight", 3),
            (1, "again.weight", 3),
            (2, "again.weight", 3),
            (3, "last.weight", 1),
        )
    )
    estimate = _named(problem, rule)
    for name in ("first.weight", "again.weight"):
        (expected,) = torch.autograd.grad(loss, p[name], retain_graph=True)
        torch.testing.assert_close(estimate[name], expected, rtol=1e-10, atol=1e-14)


# -- sign symmetry ----------------------------------------------------------------------------


@pytest.mark.parametrize("network", [_deep, _cnn, _repeated])
def test_sign_symmetry_is_backpropagation_where_weights_are_equal_in_size(network):
    problem = network()
    p = problem.parameters_of(problem.initial_weights)
    w = problem.flatten({n: 0.3 * t.sign() if t.ndim > 1 else t for n, t in p.items()})
    estimate = SignSymmetric().gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-9, atol=1e-13)


def test_sign_symmetry_is_alignment_with_the_signs_of_the_weights():
    """Signs and mean size by hand on a layer of four weights."""
    problem = regression([nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2)], 3, 2, samples=9)
    p = dict(problem.parameters_of(problem.initial_weights))
    p["2.weight"] = torch.tensor([[0.1, -0.5], [-0.2, 0.0]], dtype=torch.float64)
    w = problem.flatten(p)
    feedback = torch.tensor([[0.2, -0.2], [-0.2, 0.0]], dtype=torch.float64)
    expected = FeedbackAlignment({"2.weight": feedback}).gradient(problem, w, generator_for(0))
    estimate = SignSymmetric().gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, expected, rtol=1e-10, atol=1e-14)


# -- drawing ----------------------------------------------------------------------------------


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
        estimate = _named(problem, rule)
        assert not estimate["0.weight"].any()
        assert estimate["2.weight"].any()
