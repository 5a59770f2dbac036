"""Ensembles of trainings, the dense Hessian, anisotropy, and the enumerated loss as a problem."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from device_models import Backprop, Chip
from device_models.rules.white_noise import WhiteNoise
from experiments.support.anisotropy import anisotropy_from_parts, measure_anisotropy
from experiments.support.ensemble import train_ensemble
from neurograd.measure.curvature import dense_hessian, exact_diagonal, hessian_trace
from neurograd.measure.estimate import Estimate
from neurograd.measure.intervals import t_quantile
from neurograd.measure.moments import measure_moments
from neurograd.seeding import generator_for
from neurograd.theory import many_steps
from neurograd.training.loop import train
from tests.neurograd.cases import linear_regression, relu_network, smooth_network

DT = 0.05


def normal(size: int, *path: int | str) -> Tensor:
    return torch.randn(size, generator=generator_for(0, *path), dtype=torch.float64)


def test_dense_hessian_is_what_products_say():
    problem = smooth_network()
    w = problem.initial_weights
    hessian = dense_hessian(problem, w)
    v = normal(len(w), "v")
    assert torch.equal(hessian, hessian.T)
    torch.testing.assert_close(hessian @ v, problem.hvp(w, v))


def test_dense_hessian_refuses_large_networks(monkeypatch):
    monkeypatch.setattr("neurograd.measure.curvature.dense.DENSE_LIMIT", 10)
    problem = smooth_network()
    with pytest.raises(ValueError, match="allowed: 10 or fewer"):
        dense_hessian(problem, problem.initial_weights)


def test_without_noise_all_replicas_follow_the_single_training():
    problem = smooth_network()
    found = train_ensemble(problem, problem.initial_weights, DT, (0, 7), 3, seed=0, bias=0.01)
    single = train(problem, Chip(WhiteNoise(Backprop(), bias=0.01), DT), 7, seed=0)
    assert found.steps == (0, 7)
    assert found.losses.shape == (2, 3)
    for row in found.weights:
        torch.testing.assert_close(row, single.weights)
    assert found.losses[1].tolist() == pytest.approx([single.train_loss] * 3)


def test_a_replica_does_not_depend_on_the_others():
    problem = relu_network()
    w = problem.initial_weights

    def run(replicas: int, seed: int) -> Tensor:
        return train_ensemble(problem, w, DT, (40,), replicas, seed, total_variance=2.0).weights

    few, many = run(2, 0), run(4, 0)
    torch.testing.assert_close(few, many[:2])
    assert not torch.allclose(many[0], many[1])
    assert not torch.allclose(few, run(2, 1))


def test_on_a_quadratic_the_mean_excess_loss_is_the_closed_form():
    """Noise and bias for 0 to 300 steps, at 99.9 % each; half the noise is well outside."""
    problem = linear_regression()
    w = problem.initial_weights
    values, vectors = torch.linalg.eigh(dense_hessian(problem, w))
    start = (vectors.T @ problem.gradient(w)) / values
    minimum = w - vectors @ start
    floor = problem.loss(minimum)
    bias, variance = 0.02 * torch.ones_like(w), 20.0
    record = (0, 3, 30, 300)
    found = train_ensemble(problem, w, DT, record, 48, seed=0, total_variance=variance, bias=bias)

    def predicted(steps: int, total_variance: float) -> float:
        return many_steps(
            values.numpy(),
            DT,
            steps,
            total_variance / len(w),
            bias_components=(vectors.T @ bias).numpy(),
            initial=start.numpy(),
        ).excess_loss

    for steps, losses in zip(record, found.losses, strict=True):
        mean = float(losses.mean()) - floor
        half = t_quantile(47, 0.999) * float(losses.std()) / math.sqrt(48)
        assert mean == pytest.approx(predicted(steps, variance), abs=half + 1e-12)
    assert abs(mean - predicted(300, 0.5 * variance)) > 3 * half


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"step_size": 0.0}, "step_size"),
        ({"replicas": 0}, "replicas"),
        ({"total_variance": -1.0}, "total_variance"),
        ({"record": (-1,)}, "record"),
        ({"record": ()}, "record"),
    ],
)
def test_ensemble_refuses(wrong, message):
    problem = linear_regression()
    given = {"step_size": DT, "record": (1,), "replicas": 1, "seed": 0, **wrong}
    with pytest.raises(ValueError, match=message):
        train_ensemble(problem, problem.initial_weights, **given)


# -- anisotropy --------------------------------------------------------------------------------


def gauss(std: Tensor, g: Tensor):
    """Noise of known standard deviation of every weight on top of −g."""
    return lambda generator: -g + std * torch.randn(len(g), generator=generator, dtype=g.dtype)


@pytest.mark.parametrize("exact", [True, False])
def test_anisotropy_of_known_noise(exact):
    """White noise has 1; noise of variance ∝ H_ii has N·ΣH²/(ΣH)²; both within 99.9 %."""
    problem = relu_network()
    w = problem.initial_weights
    g, diagonal = problem.gradient(w), exact_diagonal(problem, w)
    trace = hessian_trace(problem, w, 0)
    expected = float(len(w) * diagonal.square().sum() / diagonal.sum() ** 2)
    assert expected > 1.5
    for std, truth in ((torch.ones_like(w), 1.0), (diagonal.sqrt(), expected)):
        sample = gauss(std, g)
        moments = measure_moments(sample, g, 40, 0)
        found = measure_anisotropy(
            problem,
            w,
            moments,
            sample,
            trace,
            diagonal=diagonal if exact else None,
            draws=400,
            seed=0,
        )
        scale = t_quantile(19, 0.999) / t_quantile(19)
        assert abs(found.value - truth) < scale * (found.ci[1] - found.value)
        assert found.ci[1] - found.value < 0.3 * truth


def test_anisotropy_without_noise_is_undefined():
    problem = relu_network()
    w = problem.initial_weights
    g = problem.gradient(w)
    moments = measure_moments(lambda generator: -g, g, 2, 0)
    found = measure_anisotropy(
        problem,
        w,
        moments,
        lambda generator: -g,
        hessian_trace(problem, w, 0),
        diagonal=None,
        draws=2,
        seed=0,
    )
    assert math.isnan(found.value)
    assert found.draws == 0
    parts = anisotropy_from_parts(Estimate(1.0, 0.1, 9), Estimate(1.0, 0.1, 9), moments)
    assert math.isnan(parts.value)
    with pytest.raises(ValueError, match="draws"):
        measure_anisotropy(
            problem,
            w,
            moments,
            lambda generator: -g,
            hessian_trace(problem, w, 0),
            diagonal=None,
            draws=1,
            seed=0,
        )


def test_anisotropy_from_parts_covers_the_truth():
    """300 experiments with normal errors of 5 %: at least 96 % of the 99 % intervals hold it."""
    size, generator = 50, np.random.default_rng(0)
    g = torch.zeros(size, dtype=torch.float64)
    held = 0
    for k in range(300):
        moments = measure_moments(gauss(torch.ones_like(g), g), g, 40, k)
        covariance = Estimate(2.0 * size * (1 + 0.05 * generator.standard_normal()), 0.1 * size, 99)
        trace = Estimate(size * (1 + 0.05 * generator.standard_normal()), 0.05 * size, 99)
        low, high = anisotropy_from_parts(covariance, trace, moments).ci
        held += low <= 2.0 <= high
        assert high - low < 2.0
    assert held >= 288
    lost = anisotropy_from_parts(Estimate(1.0, 0.1, 9), Estimate(0.1, 0.1, 9), moments)
    assert lost.ci == (-math.inf, math.inf)
