"""Kinks in closed form against Monte Carlo of the same tangents, and against losses."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.estimate import Estimate
from neurograd.measure.kinks import (
    RandomStep,
    closed_form,
    closed_form_kinks,
    has_closed_form_kinks,
    kinks_of_steps,
)
from neurograd.measure.kinks.closed_form import _Spread
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, regression, relu_network

NETWORKS = {
    "relu": [nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4)],
    "leaky": [nn.Linear(6, 9), nn.LeakyReLU(0.2), nn.Linear(9, 5), nn.LeakyReLU(), nn.Linear(5, 4)],
    "deep": [
        *(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU()),
        *(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)),
    ],
    "hard tanh": [nn.Linear(6, 9), nn.Hardtanh(-0.5, 0.5), nn.Linear(9, 4)],
    "two linear": [nn.Linear(6, 7), nn.Linear(7, 8), nn.ReLU(), nn.Linear(8, 4)],
    "no biases": [nn.Linear(6, 9, bias=False), nn.ReLU(), nn.Linear(9, 4, bias=False)],
}


def normal(problem, name, k=0):
    """A vector of standard normals."""
    generator = generator_for(0, name, k)
    return torch.randn(problem.num_parameters, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_mean_over_noise_is_the_closed_form(name):
    """At 99.9 %, with noise of another size in every weight; a wrong sign is far outside."""
    problem = classification(NETWORKS[name], (6,), 4)
    w = problem.initial_weights
    mean = 0.05 * normal(problem, "mean")
    variance = (0.1 * normal(problem, "size")).square()
    drawn = [mean + variance.sqrt() * normal(problem, "noise", k) for k in range(1500)]
    values, _ = closed_form_kinks(problem, w, [RandomStep(step) for step in drawn])
    (exact,), places = closed_form_kinks(problem, w, [RandomStep(mean, variance)])
    low, high = Estimate.mean_of(values).interval(0.999)
    assert low <= exact <= high
    assert not low <= -exact <= high
    assert high - low < abs(exact)
    assert places.calls == sum(type(m) not in (nn.Linear,) for m in NETWORKS[name])
    assert places.at_kink == 0 < places.units


@pytest.mark.parametrize("name", ["relu", "hard tanh", "no biases"])
def test_units_next_to_the_input_move_by_their_tangent(name):
    """With one hidden layer a forward pass after the step crosses just what the tangents do."""
    problem = classification(NETWORKS[name], (6,), 4)
    w, step = problem.initial_weights, 0.2 * normal(problem, "step")
    (exact,), places = closed_form_kinks(problem, w, [RandomStep(step)])
    (found,), seen = kinks_of_steps(problem, w, [step])
    assert found == pytest.approx(exact, rel=1e-12)
    assert found != 0
    assert seen == places


@pytest.mark.parametrize("name", ["leaky", "deep", "two linear"])
def test_deeper_units_move_by_their_tangent_to_first_order(name):
    """The rest, by units that crossed before and products of changes, goes away with the step."""
    problem = classification(NETWORKS[name], (6,), 4, samples=2000)
    w, rest = problem.initial_weights, []
    for size in (0.1, 0.01, 0.0001):
        steps = [size * normal(problem, "step", k) for k in range(12)]
        exact, _ = closed_form_kinks(problem, w, [RandomStep(step) for step in steps])
        found, _ = kinks_of_steps(problem, w, steps)
        rest.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
    assert rest[0] > rest[1] > rest[2]
    assert rest[1] < 0.1
    assert rest[2] < 0.005


@pytest.mark.parametrize(
    "activation", [nn.ReLU, partial(nn.LeakyReLU, 0.2), partial(nn.Hardtanh, -0.5, 0.5)]
)
def test_activations_in_place_and_under_two_names_are_those_of_plain_ones(activation):
    """An activation in place overwrites its input; one object may be every layer's activation."""

    def kinks(*activations):
        first, second = activations
        layers = [nn.Linear(6, 9), first, nn.Linear(9, 7), second, nn.Linear(7, 4)]
        problem = classification(layers, (6,), 4)
        step = RandomStep(0.05 * normal(problem, "mean"), 0.01 * normal(problem, "size").square())
        (value,), places = closed_form_kinks(problem, problem.initial_weights, [step])
        return value, places

    plain, shared = kinks(activation(), activation()), activation()
    assert plain[0] != 0
    assert plain[1].calls == 2
    assert kinks(activation(inplace=True), activation(inplace=True)) == plain
    assert kinks(shared, shared) == plain


def trained(layers, seed=0):
    """A classifier after some descent, where kinks cost about as much as curvature."""
    problem = classification(layers, (6,), 4, samples=150, seed=seed)
    w = problem.initial_weights
    for _ in range(300):
        w = w - 0.3 * problem.gradient(w)
    return problem, w


@pytest.mark.parametrize("name", ["relu", "leaky", "hard tanh"])
def test_white_noise_costs_curvature_and_kinks(name):
    """Measured over predicted is 1 within 5 %, and is not without the kinks."""
    problem, w = trained(NETWORKS[name])
    std = 0.003 * float(w.norm()) / math.sqrt(len(w))
    white = RandomStep(torch.zeros_like(w), torch.full_like(w, std**2))
    (kinks,), _ = closed_form_kinks(problem, w, [white])
    curvature = 0.5 * std**2 * float(exact_diagonal(problem, w).sum())
    base, product = problem.per_sample_losses(w), problem.hessian_product(w)
    rest = []
    for k in range(400):
        noise = std * normal(problem, "white", k)
        both = problem.per_sample_losses(w + noise) + problem.per_sample_losses(w - noise)
        rest.append(float((0.5 * both - base).mean() - 0.5 * noise @ product(noise)))
    measured = Estimate.mean_of(rest).plus(Estimate.exact(curvature))
    predicted = curvature + kinks
    low, high = (end / predicted for end in measured.interval(0.999))
    assert low <= 1.0 <= high
    assert high - low < 0.2
    assert not low <= curvature / predicted <= high


def test_chunks_precision_flattening_and_frozen_weights_change_nothing():
    layers = NETWORKS["deep"]
    problem = classification(layers, (6,), 4)
    w = problem.initial_weights
    step = RandomStep(0.1 * normal(problem, "step"), (0.1 * normal(problem, "size")).square())
    whole, places = closed_form_kinks(problem, w, [step])
    parts = classification(layers, (6,), 4, chunk_size=17)
    found, seen = closed_form_kinks(parts, w, [step])
    assert np.allclose(found, whole, rtol=1e-12)
    assert seen == places
    flat = Problem(
        nn.Sequential(nn.Flatten(), *problem.module),
        CrossEntropy(),
        problem.data()[0].view(-1, 2, 3),
        problem.data()[1],
    )
    assert np.allclose(closed_form_kinks(flat, w, [step])[0], whole, rtol=1e-12)
    single = classification(layers, (6,), 4, dtype=torch.float32)
    half = RandomStep(step.mean.float(), step.variance.float())
    found, _ = closed_form_kinks(single, w.float(), [half])
    assert np.allclose(found, whole, rtol=1e-4)
    frozen = nn.Sequential(*problem.module)
    frozen[0].bias.requires_grad_(False)
    fixed = Problem(frozen, CrossEntropy(), *problem.data())
    named = problem.parameters_of(torch.arange(len(w), dtype=torch.float64))
    kept = torch.cat([v.reshape(-1) for n, v in named.items() if n != "0.bias"]).long()
    still = [torch.zeros_like(w), torch.zeros_like(w)]
    for whole_part, part in zip(still, (step.mean, step.variance), strict=True):
        whole_part[kept] = part[kept]
    expected, _ = closed_form_kinks(problem, w, [RandomStep(*still)])
    found, _ = closed_form_kinks(fixed, w[kept], [RandomStep(step.mean[kept], step.variance[kept])])
    assert np.allclose(found, expected, rtol=1e-12)


def test_the_covariances_of_a_chunk_fit_into_the_memory_for_them(monkeypatch):
    """Three matrices of float64 over the widest layer's 9 units for every sample: room for two."""
    problem = classification(NETWORKS["relu"], (6,), 4, samples=7)
    w, sizes, made = problem.initial_weights, [], closed_form._pass
    step = RandomStep(0.05 * normal(problem, "mean"), torch.full_like(w, 0.01))
    whole = closed_form_kinks(problem, w, [step])[0]

    def counted(problem, layers, weights, x, y):
        sizes.append(len(x))
        return made(problem, layers, weights, x, y)

    monkeypatch.setattr(closed_form, "_pass", counted)
    monkeypatch.setattr(closed_form, "COVARIANCE_BYTES", 2 * 3 * 8 * 9**2)
    parts = closed_form_kinks(problem, w, [step])[0]
    assert sizes == [2, 2, 2, 1]
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_pre_activations_at_a_kink_are_counted():
    """A blank sample with biases of 0 leaves every unit of the first layer at its kink."""
    problem = relu_network()
    x, y = problem.data()
    blank = Problem(
        problem.module, CrossEntropy(), torch.cat([x, 0 * x[:1]]), torch.cat([y, y[:1]])
    )
    named = blank.parameters_of(blank.initial_weights.clone())
    named["0.bias"].zero_()
    w = blank.flatten(named)
    step = RandomStep(torch.zeros_like(w), torch.full_like(w, 1e-6))
    (found,), places = closed_form_kinks(blank, w, [step])
    assert places.at_kink == 9
    assert kinks_of_steps(blank, w, [step.mean])[1] == places
    # Only the noise of the bias moves such a unit: s·φ(0) each, with the gradients there.
    assert math.isfinite(found)


@pytest.mark.parametrize(
    ("layers", "known"),
    [
        (NETWORKS["relu"], True),
        ([nn.Linear(6, 9), nn.Identity(), nn.ReLU(), nn.Dropout(), nn.Linear(9, 4)], True),
        ([nn.Linear(6, 4)], True),
        ([nn.Linear(6, 9), nn.ReLU()], True),
        ([nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 4)], False),
        ([nn.ReLU(), nn.Linear(6, 4)], False),
        ([nn.Linear(6, 9), nn.ReLU(), nn.Hardtanh(), nn.Linear(9, 4)], False),
        ([nn.Linear(6, 9), nn.ReLU(), nn.LayerNorm(9), nn.Linear(9, 4)], False),
        ([nn.Linear(6, 9), nn.ReLU6(), nn.Linear(9, 4)], False),
    ],
)
def test_which_networks_have_one(layers, known):
    problem = regression(layers, 6, 9 if len(layers) == 2 and known else 4)
    assert has_closed_form_kinks(problem) == known
    step = RandomStep(torch.zeros_like(problem.initial_weights))
    if known:
        closed_form_kinks(problem, problem.initial_weights, [step])
    else:
        with pytest.raises(ValueError, match="no closed form of its kinks"):
            closed_form_kinks(problem, problem.initial_weights, [step])


def test_shared_weights_have_none():
    layer = nn.Linear(6, 6)
    problem = regression([layer, nn.ReLU(), layer], 6, 6)
    assert not has_closed_form_kinks(problem)


def test_variances_are_those_of_the_whole_covariance():
    """Four layers with any slopes, against the dense covariance of each sample."""
    generator = torch.Generator().manual_seed(0)

    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    widths, samples, spread = (5, 4, 6, 3), 7, _Spread()
    dense = torch.zeros(samples, 2, 2, dtype=torch.float64)
    before = 2
    for k, width in enumerate(widths):
        weight, own, slope = rand(width, before) - 0.5, rand(samples, width), rand(samples, width)
        found = spread.through(weight, own, whole=k < len(widths) - 1)
        dense = weight @ dense @ weight.T + torch.diag_embed(own)
        assert torch.allclose(found, dense.diagonal(dim1=1, dim2=2), rtol=1e-12)
        if k < len(widths) - 1:
            spread.gate(slope)
        dense = torch.diag_embed(slope) @ dense @ torch.diag_embed(slope)
        before = width
