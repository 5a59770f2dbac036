"""Pulse trains against their closed form and against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import nn

from device_models.chip import Chip
from device_models.passes.converters import Converters
from device_models.protocols import LearningRule
from device_models.rules.minibatch import Minibatch
from device_models.updates.pulse_trains import PulseTrains
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, regression, relu_network

DRAWS = 3000


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _small(samples=8, **kwargs):
    return classification(
        [nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)], (4,), 3, samples=samples, **kwargs
    )


def _draws(rule, problem, w, draws=DRAWS, index=None):
    return torch.stack(
        [rule.gradient(problem, w, generator_for(1, k), index) for k in range(draws)]
    )


# A quantum that leaves every probability below 1, and one that cuts many.
FINE, SATURATED = 0.02, 3e-4


@pytest.mark.parametrize("quantum", [FINE, SATURATED], ids=["fine", "saturated"])
def test_samples_agree_with_the_closed_form(quantum):
    """Every weight's mean (Bonferroni) and the total variance, at 99 %."""
    problem = _small()
    w = problem.initial_weights
    rule = PulseTrains(quantum, 0.1, length=10)
    exact = rule.moments(problem, w)
    table = _draws(rule, problem, w)
    still = exact.variance < 1e-20
    assert bool(((table - exact.mean).abs()[:, still] < 1e-9).all())
    quantile = float(stats.norm.ppf(1 - 0.005 / problem.num_parameters))
    z = (table.mean(0) - exact.mean)[~still] / (exact.variance[~still] / DRAWS).sqrt()
    assert bool((z.abs() < quantile).all())
    square = (table - exact.mean).square().sum(1)
    error = float(square.std()) / math.sqrt(DRAWS)
    assert abs(float(square.mean()) - exact.total_variance) < 2.58 * error
    counts = table * rule.step_size / quantum
    torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-6)


def test_mean_is_the_gradient_without_saturation_and_less_with_it():
    problem = _small()
    w = problem.initial_weights
    g = problem.gradient(w)
    fine = PulseTrains(FINE, 0.1, length=10).moments(problem, w).mean
    torch.testing.assert_close(fine, g, rtol=1e-9, atol=1e-13)
    cut = PulseTrains(SATURATED, 0.1, length=10).moments(problem, w).mean
    gain = float(cut @ g / (g @ g))
    assert 0.05 < gain < 0.8
    # A train of twice the slots carries larger products.
    longer = PulseTrains(SATURATED, 0.1, length=20).moments(problem, w).mean
    assert gain < float(longer @ g / (g @ g)) < 1


def test_one_weight_by_hand():
    """p = q = √(Δt·|x·δ|/(length·quantum)): a binomial count of ``length`` slots."""
    problem = regression([nn.Linear(1, 1, bias=False)], 1, 1, samples=1)
    w = problem.initial_weights
    g = float(problem.gradient(w))
    quantum, step, length = 0.3 * abs(g), 1.0, 7
    moments = PulseTrains(quantum, step, length).moments(problem, w)
    product = abs(g) * step / (length * quantum)
    assert float(moments.mean) == pytest.approx(g)
    assert float(moments.variance) == pytest.approx(length * product * (1 - product) * quantum**2)


def test_update_management_makes_the_largest_probabilities_equal():
    rule = PulseTrains(0.1, 0.1, length=5)
    x, error = _tensor(3.0, -0.2, 0.0)[None], _tensor(1e-4, -4e-4)[None]
    p, q = rule._probabilities(x, error, 1)
    assert float(p.abs().max()) == pytest.approx(float(q.abs().max()))
    torch.testing.assert_close(5 * q.T @ p, error.T @ x, rtol=1e-10, atol=1e-18)
    zero, same = rule._probabilities(0 * x, error, 1)
    assert not zero.any()
    assert bool(torch.isfinite(same).all())


def test_noise_of_weights_on_one_line_is_correlated():
    """Two weights of a row share the pulses of their output line: length·p·p'·q·(1 − q)."""
    problem = regression([nn.Linear(2, 1, bias=False)], 2, 1, samples=1)
    w = problem.initial_weights
    g = problem.gradient(w)
    rule = PulseTrains(0.3 * float(g.abs().max()), 1.0, length=6)
    x, y = problem.data()
    error = 2 * (x @ w[:, None] - y)
    p, q = rule._probabilities(x, error, 1)
    expected = float(6 * p[0, 0] * p[0, 1] * (q[0, 0].abs() - q[0, 0] ** 2).sum()) * rule.quantum**2
    table = _draws(rule, problem, w, 6000)
    products = (table - g).prod(1)
    spread = float(products.std()) / math.sqrt(6000)
    assert abs(float(products.mean()) - expected) < 2.58 * spread
    assert abs(expected) > 5 * spread


def test_deterministic_trains_round_to_whole_coincidences():
    problem = _small()
    w = problem.initial_weights
    g = problem.gradient(w)
    fine = PulseTrains(2e-4, 0.1, length=1000, kind="deterministic")
    assert fine.deterministic
    estimate = fine.gradient(problem, w, generator_for(0))
    assert float((estimate - g).norm()) < 0.02 * float(g.norm())
    moments = fine.moments(problem, w)
    assert moments.mean.equal(estimate)
    assert moments.total_variance == 0.0
    coarse = PulseTrains(10.0, 0.1, length=10, kind="deterministic")
    assert not coarse.gradient(problem, w, generator_for(0)).any()


def test_deterministic_trains_by_hand():
    rule = PulseTrains(1.0, 1.0, length=10, kind="deterministic")
    p, q = _tensor(0.52, -1.0, 0.04)[None], _tensor(-0.76, 0.31)[None]
    # Pulses 5, −10, 0 against −8, 3: coincidences round(−40/10), …
    counts = rule._rounded_counts(p, q)
    torch.testing.assert_close(counts, _tensor(-4, 8, 0, 2, -3, 0).view(2, 3))


def test_batches_are_respected():
    problem = _small(samples=20)
    w = problem.initial_weights
    index = torch.tensor([3, 11, 7])
    rule = PulseTrains(FINE, 0.1, length=10)
    exact = rule.moments(problem, w, index)
    torch.testing.assert_close(exact.mean, problem.gradient(w, index), rtol=1e-9, atol=1e-13)
    table = _draws(rule, problem, w, 1500, index)
    total = (table - exact.mean).square().sum(1)
    error = float(total.std()) / math.sqrt(1500)
    assert abs(float(total.mean()) - exact.total_variance) < 2.58 * error
    batched = Minibatch(rule, 3)
    estimate = batched.gradient(problem, w, generator_for(5))
    assert estimate.shape == w.shape
    assert estimate.equal(batched.gradient(problem, w, generator_for(5)))
    assert not estimate.equal(batched.gradient(problem, w, generator_for(6)))


def test_chunks_bound_the_memory_not_the_moments(monkeypatch):
    problem = _small(samples=20)
    w = problem.initial_weights
    for kind in ("stochastic", "deterministic"):
        rule = PulseTrains(FINE, 0.1, length=10, kind=kind)
        whole = rule.moments(problem, w)
        with monkeypatch.context() as patch:
            patch.setattr("device_models.updates.pulse_trains._CHUNK_ELEMENTS", 300)
            parts = rule.moments(problem, w)
            draw = rule.gradient(problem, w, generator_for(0))
        torch.testing.assert_close(parts.mean, whole.mean)
        torch.testing.assert_close(parts.variance, whole.variance)
        assert bool(((draw - whole.mean).abs() <= 6 * whole.variance.sqrt() + 1e-9).all())


def test_layers_in_place_and_without_bias_and_normalization():
    """Digital parameters have the exact gradient; in-place layers do not spoil what was read."""
    problem = classification(
        [nn.Linear(4, 5, bias=False), nn.LayerNorm(5), nn.ReLU(inplace=True), nn.Linear(5, 3)],
        (4,),
        3,
        samples=6,
    )
    w = problem.initial_weights
    g = problem.gradient(w)
    rule = PulseTrains(1.0, 0.01, length=10)
    moments = rule.moments(problem, w)
    torch.testing.assert_close(moments.mean, g, rtol=1e-9, atol=1e-13)
    digital = slice(20, 30)
    assert not moments.variance[digital].any()
    estimate = rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate[digital], g[digital], rtol=1e-9, atol=1e-13)
    assert not torch.allclose(estimate, g)


def test_sequences_are_one_update_a_vector():
    problem = classification(
        [nn.Linear(4, 5), nn.Tanh(), nn.Flatten(), nn.Linear(10, 3)], (2, 4), 3, samples=6
    )
    w = problem.initial_weights
    mean = PulseTrains(1.0, 0.01, length=10).moments(problem, w).mean
    torch.testing.assert_close(mean, problem.gradient(w), rtol=1e-9, atol=1e-13)


def test_through_converters_the_mean_is_what_they_let_through():
    problem = relu_network(samples=10)
    w = problem.initial_weights
    seen = problem.through(Converters(4, 4).applied)
    mean = PulseTrains(1.0, 0.01, length=10).moments(seen, w).mean
    torch.testing.assert_close(mean, seen.gradient(w), rtol=1e-9, atol=1e-13)
    assert not torch.allclose(mean, problem.gradient(w), rtol=1e-3)


def test_is_a_learning_rule_of_a_chip():
    problem = _small()
    w = problem.initial_weights
    rule = PulseTrains(FINE, 0.1)
    assert isinstance(rule, LearningRule)
    assert not rule.deterministic
    update = Chip(rule, 0.1).sample_update(problem, w, generator_for(2))
    assert update.equal(-rule.gradient(problem, w, generator_for(2)))
    assert Chip(rule, 0.1).closed_form(problem, w) is None
    single = _small(dtype=torch.float32)
    assert rule.gradient(single, single.initial_weights, generator_for(0)).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantum": 0.0}, "quantum is 0; allowed: above 0"),
        ({"step_size": math.nan}, "step_size is nan; allowed: above 0"),
        ({"length": 0}, "length is 0; allowed: 1 or more"),
        ({"kind": "random"}, "kind is 'random'; allowed: stochastic, deterministic"),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        PulseTrains(**{"quantum": 0.1, "step_size": 0.1} | arguments)


def test_refuses_networks_of_other_layers():
    problem = classification(
        [nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)], (1, 4, 4), 3, samples=6
    )
    with pytest.raises(ValueError, match=r"weight 0\.weight is used 0 times .* allowed: once"):
        PulseTrains(0.1, 0.1).gradient(problem, problem.initial_weights, generator_for(0))
    twice = nn.Linear(4, 4)
    shared = regression([twice, nn.Tanh(), twice], 4, 4, samples=6)
    with pytest.raises(ValueError, match="is used 2 times by a linear layer"):
        PulseTrains(0.1, 0.1).moments(shared, shared.initial_weights)
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.bias = first.bias
    tied = regression([first, nn.Tanh(), second], 4, 4, samples=6)
    with pytest.raises(ValueError, match=r"bias 0\.bias is used by two layers; allowed: one"):
        PulseTrains(0.1, 0.1).moments(tied, tied.initial_weights)


def test_weights_of_any_strides_have_the_same_estimate():
    problem = _small()
    w, rule = problem.initial_weights, PulseTrains(FINE, 0.1, length=10)
    column = torch.zeros(len(w), 3, dtype=w.dtype)
    column[:, 1] = w
    found = rule.moments(problem, column[:, 1])
    expected = rule.moments(problem, w)
    assert torch.equal(found.mean, expected.mean)
    assert torch.equal(found.variance, expected.variance)
