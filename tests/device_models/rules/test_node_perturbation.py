"""Node perturbation."""

from __future__ import annotations

from statistics import NormalDist

import pytest
import torch
from torch import nn

from device_models.passes.converters import Converters
from device_models.rules.node_perturbation import NodePerturbation
from device_models.rules.weight_perturbation import WeightPerturbation
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.problem.networks import mlp, small_cnn
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification

DRAWS = 1500


def _z(tests=1):
    """Quantile of a two-sided test at 99 %, Bonferroni over ``tests``."""
    return NormalDist().inv_cdf(1 - 0.005 / tests)


def _draws(rule, problem, draws=DRAWS, index=None):
    w = problem.initial_weights
    return torch.stack(
        [rule.gradient(problem, w, generator_for(0, "draw", k), index) for k in range(draws)]
    )


def _assert_mean(draws, expected):
    error = draws.std(0) / len(draws) ** 0.5
    worst = ((draws.mean(0) - expected).abs() / error).max()
    assert float(worst) < _z(expected.numel())


def test_node_noise_has_less_variance_than_weight_noise_on_a_wide_network():
    """Widths instead of weights: the reason for the rule (Werfel et al. 2005)."""
    network = mlp(20, [60, 60], 3, activation="tanh", generator=generator_for(0))
    problem = _with_random_data(network, (20,), 3, 200)
    w = problem.initial_weights
    node = NodePerturbation().total_variance(problem, w)
    weight = WeightPerturbation().total_variance(problem, w)
    assert 0 < node < 0.2 * weight
    # The mean of four independent draws has a quarter of the variance.
    assert NodePerturbation(samples=4).total_variance(problem, w) == pytest.approx(node / 4)
    assert WeightPerturbation(samples=4).total_variance(problem, w) == pytest.approx(weight / 4)


class Recurrent(nn.Module):
    """A linear layer that is called three times: quadratic in all its pre-activations."""

    def __init__(self):
        super().__init__()
        self.first, self.again, self.last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = self.first(x)
        for _ in range(3):
            h = self.again(h) + 0.5 * h
        return self.last(h)


def _with_random_data(network, shape, classes, samples, loss=None):
    generator = generator_for(0, "data")
    x = torch.randn(samples, *shape, generator=generator, dtype=torch.float64)
    if loss is not None:
        y = torch.randn(samples, classes, generator=generator, dtype=torch.float64)
        return Problem(network, loss, x, y)
    y = torch.randint(classes, (samples,), generator=generator)
    return Problem(network, CrossEntropy(), x, y)


def _recurrent():
    network = Recurrent()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=generator_for(0, p.numel())) / 2)
    return _with_random_data(network, (3,), 2, 4, MeanSquaredError())


def _cnn():
    network = small_cnn((1, 6, 6), (2, 2), 3, activation="tanh", generator=generator_for(0))
    return _with_random_data(network, (1, 6, 6), 3, 4)


def _in_time():
    """A linear layer over (samples, time steps, inputs)."""
    network = nn.Sequential(nn.Linear(3, 2), nn.Flatten(), nn.Linear(8, 2))
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=generator_for(0, p.numel())) / 2)
    return _with_random_data(network, (4, 3), 2, 4, MeanSquaredError())


@pytest.mark.parametrize("network", [_recurrent, _cnn, _in_time])
def test_node_perturbation_of_repeated_and_convolution_layers(network):
    problem = network()
    w = problem.initial_weights
    rule = NodePerturbation()
    _assert_mean(_draws(rule, problem), problem.gradient(w))
    with pytest.raises(ValueError, match="allowed: linear layers, each called once"):
        rule.total_variance(problem, w)


class _Folded(nn.Module):
    """The layers of ``_in_time``, of which the first gets all time steps as so many samples."""

    def __init__(self, layers, *, samples_first):
        super().__init__()
        self.first, self.last, self.samples_first = layers[0], layers[2], samples_first

    def forward(self, x):
        samples, steps = x.shape[:2]
        if self.samples_first:
            h = self.first(x.flatten(0, 1)).unflatten(0, (samples, steps))
        else:
            h = self.first(x.transpose(0, 1).flatten(0, 1)).unflatten(0, (steps, samples))
            h = h.transpose(0, 1)
        return self.last(h.flatten(1))


def _folded(chunk_size=4096, **options):
    plain = _in_time()
    module = _Folded(plain.module, **options)
    return Problem(module, MeanSquaredError(), *plain.data(), chunk_size=chunk_size)


@pytest.mark.parametrize("chunk_size", [4096, 3])
def test_rows_of_time_steps_that_follow_each_other_are_those_of_samples(chunk_size):
    plain, folded = _in_time(), _folded(chunk_size, samples_first=True)
    w, rule = plain.initial_weights, NodePerturbation(samples=2)
    NodePerturbation.check_rows(folded, w)
    for index in (None, torch.tensor([2, 0, 3])):
        found = rule.gradient(folded, w, generator_for(0), index)
        torch.testing.assert_close(found, rule.gradient(plain, w, generator_for(0), index))
    with pytest.raises(ValueError, match="allowed: linear layers, each called once"):
        rule.total_variance(folded, w)


def test_time_steps_before_samples_are_refused():
    problem, rule = _folded(samples_first=False), NodePerturbation()
    w, said = problem.initial_weights, r"gives shape \(16, 2\) for 4 samples; allowed: samples in"
    with pytest.raises(ValueError, match=said):
        rule.gradient(problem, w, generator_for(0))
    with pytest.raises(ValueError, match=r"gives shape \(8, 2\) for 2 samples; allowed: samples"):
        NodePerturbation.check_rows(problem, w)


def test_parameters_outside_layers_are_left_alone():
    network = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=generator_for(0, p.numel())) / 2)
    problem = _with_random_data(network, (3,), 2, 4)
    w = problem.initial_weights
    estimate = problem.parameters_of(NodePerturbation().gradient(problem, w, generator_for(0)))
    assert not estimate["1.weight"].any()
    assert estimate["0.weight"].any()
    with pytest.raises(ValueError, match="parameters outside layers"):
        NodePerturbation().total_variance(problem, w)


def test_biases_learn_behind_converters():
    """The mean over perturbations is the gradient through the converters, biases included."""
    network = mlp(3, [4], 2, activation="tanh", generator=generator_for(0))
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=generator_for(0, p.numel())) / 2)
    problem = _with_random_data(network, (3,), 2, 6)
    seen = problem.through(Converters(dac_bits=8, adc_bits=12).applied)
    rule, w = NodePerturbation(0.05), problem.initial_weights
    draws = torch.stack([rule.gradient(seen, w, generator_for(0, k)) for k in range(DRAWS)])
    found, expected = (seen.parameters_of(v) for v in (draws.mean(0), seen.gradient(w)))
    error = seen.parameters_of(draws.std(0) / len(draws) ** 0.5)
    for name, gradient in expected.items():
        # Fine converters are no straight line: a hundredth of the gradient on top.
        slack = _z(w.numel()) * error[name] + 0.01 * gradient.norm()
        assert bool(((found[name] - gradient).abs() <= slack).all()), name
        assert float(found[name].norm()) > 0.5 * float(gradient.norm()), name
    assert rule.total_variance(seen, w) == pytest.approx(float(draws.var(0).sum()), rel=0.1)


def test_layers_in_place_have_the_same_estimates():
    found = []
    for inplace in (False, True):
        layers = [nn.Linear(6, 9), nn.ReLU(inplace=inplace), nn.Linear(9, 4)]
        problem = classification(layers, (6,), 4)
        w, rule = problem.initial_weights, NodePerturbation(1e-3)
        found.append((rule.gradient(problem, w, generator_for(1)), rule.total_variance(problem, w)))
    torch.testing.assert_close(*(estimate for estimate, _ in found))
    assert found[0][1] == pytest.approx(found[1][1])


def test_the_mean_is_0_where_no_layer_learns():
    """Gains and offsets of a normalization get no update, and no forecast moves them."""
    layers = [nn.Linear(6, 9), nn.LayerNorm(9), nn.ReLU(), nn.Linear(9, 4)]
    problem = classification(layers, (6,), 4)
    w, rule = problem.initial_weights, NodePerturbation(1e-3)
    drawn = problem.parameters_of(rule.gradient(problem, w, generator_for(0)))
    mean = problem.parameters_of(rule.expected(problem, w, generator_for(0)))
    exact = problem.parameters_of(problem.gradient(w))
    for name, value in mean.items():
        still = name.startswith("1.")
        assert bool((drawn[name] == 0).all()) == still
        torch.testing.assert_close(value, torch.zeros_like(value) if still else exact[name])
