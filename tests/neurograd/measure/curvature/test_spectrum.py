"""The spectrum against the dense Hessian's eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from neurograd.measure.curvature import measure_spectrum
from neurograd.measure.curvature.spectrum import FULL, QUICK, Effort, _bulk_quadrature
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, dense_hessian, smooth_network


def _checked(problem, effort=FULL):
    w = problem.initial_weights
    values = np.linalg.eigvalsh(dense_hessian(problem, w).numpy())
    return values, measure_spectrum(problem, w, 0, effort)


def test_small_spectrum_is_exact():
    values, spectrum = _checked(smooth_network())
    np.testing.assert_allclose(spectrum.eigenvalues, values, rtol=1e-8, atol=1e-12)
    assert spectrum.lambda_max == pytest.approx(values[-1], rel=1e-10)
    assert spectrum.lambda_min == pytest.approx(values[0], rel=1e-8)
    assert spectrum.frobenius.value == pytest.approx(np.linalg.norm(values), rel=1e-10)
    assert spectrum.frobenius.error == 0.0
    assert spectrum.weights.sum() == len(values)


def test_large_spectrum_by_lanczos():
    """Extreme eigenvalues to their tolerance; Frobenius norm and trace within 99 % intervals."""
    problem = classification(
        [nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 5)], (10,), 5, samples=150
    )
    values, spectrum = _checked(problem, Effort(probes=4))
    assert len(values) > 200
    assert spectrum.lambda_max == pytest.approx(values[-1], rel=1e-3)
    assert spectrum.lambda_min == pytest.approx(values[0], rel=0.05)
    norm = np.linalg.norm(values)
    # t with 3 degrees of freedom at 99 %
    assert abs(spectrum.frobenius.value - norm) < 5.84 * spectrum.frobenius.error
    assert spectrum.frobenius.error < 0.03 * norm
    assert spectrum.weights.sum() == pytest.approx(len(values))
    trace = float(spectrum.eigenvalues @ spectrum.weights)
    # Four normalized Gaussian probes: their spread is below sqrt(2)·‖bulk‖/sqrt(4); 99 %.
    assert abs(trace - values.sum()) < 2.6 * np.sqrt(2 / 4) * np.linalg.norm(values[:-10])
    # The number of eigenvalues above a threshold in the bulk, as a distribution function.
    middle = float(np.quantile(values, 0.9))
    share = float(spectrum.weights[spectrum.eigenvalues > middle].sum()) / len(values)
    assert share == pytest.approx(0.1, abs=0.03)
    assert spectrum.products > 0


def test_a_lanczos_run_ends_with_the_spectral_measure_of_its_probe():
    """Four different eigenvalues beside two that are left out: four nodes, and their weights."""
    values = torch.tensor(
        [9.0, 7.0] + [3.0] * 4 + [1.0] * 3 + [0.01] * 2 + [-2.0], dtype=torch.float64
    )
    size = len(values)
    rotation = torch.linalg.qr(torch.randn(size, size, generator=generator_for(0)).double())[0]
    matrix = rotation @ torch.diag(values) @ rotation.T
    probe = torch.randn(size, generator=generator_for(1)).double()
    nodes, weights = _bulk_quadrature(lambda v: matrix @ v, probe, rotation[:, :2], 40)
    parts = (rotation.T @ probe).square()[2:]
    expected = [float(parts[values[2:] == each].sum() / parts.sum()) for each in (-2, 0.01, 1, 3)]
    np.testing.assert_allclose(nodes, [-2.0, 0.01, 1.0, 3.0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-9)


def test_quick_spectrum_finds_the_ends():
    problem = classification(
        [nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 5)], (10,), 5, samples=150
    )
    values, spectrum = _checked(problem, QUICK)
    assert spectrum.lambda_max == pytest.approx(values[-1], rel=1e-3)
    assert values[0] * (1 + 1e-9) <= spectrum.lambda_min < 0.5 * values[0]


def test_spectrum_is_the_same_for_the_same_seed():
    problem = classification([nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 5)], (10,), 5)
    first, second = (measure_spectrum(problem, problem.initial_weights, seed=1) for _ in range(2))
    assert np.array_equal(first.eigenvalues, second.eigenvalues)
    assert first.lambda_min == second.lambda_min


def test_flat_loss_has_a_zero_spectrum():
    """A loss that does not depend on the weights: nothing to divide by."""
    problem = Problem(
        nn.Sequential(nn.Linear(15, 15)),
        lambda out, target: (0.0 * out).sum(1) + target,
        torch.randn(6, 15, generator=generator_for(0, "x")),
        torch.zeros(6),
    )
    spectrum = measure_spectrum(problem, problem.initial_weights, seed=0)
    assert spectrum.lambda_max == pytest.approx(0.0, abs=1e-12)
    assert spectrum.frobenius.value == pytest.approx(0.0, abs=1e-12)


def test_too_few_probes_are_refused():
    problem = smooth_network()
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        measure_spectrum(problem, problem.initial_weights, 0, Effort(probes=1))
