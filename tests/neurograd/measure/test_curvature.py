"""Curvature against the dense Hessian."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from neurograd.measure.curvature import (
    exact_diagonal,
    has_exact_diagonal,
    hessian_trace,
    measure_spectrum,
)
from neurograd.measure.curvature.operator import HessianOperator
from neurograd.measure.curvature.spectrum import FULL, QUICK, Effort
from neurograd.measure.curvature.trace import stochastic_trace
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from tests.neurograd.cases import (
    classification,
    dense_hessian,
    linear_regression,
    regression,
    relu_network,
    smooth_network,
)


def _cnn(**kwargs):
    layers = [
        nn.Conv2d(1, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 2, 3, stride=2, dilation=1, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2, 3),
    ]
    return classification(layers, (1, 8, 8), 3, samples=20, **kwargs)


EXACT = {
    "linear regression": linear_regression,
    "relu": relu_network,
    "deep relu regression": lambda **kw: regression(
        [nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)], 4, 3, **kw
    ),
    "no bias": lambda **kw: classification(
        [nn.Linear(4, 6, bias=False), nn.LeakyReLU(0.1), nn.Linear(6, 3)], (4,), 3, **kw
    ),
    "average pooling": lambda **kw: classification(
        [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(18, 3)],
        (1, 8, 8),
        3,
        samples=15,
        **kw,
    ),
    "cnn": _cnn,
}


@pytest.mark.parametrize("case", EXACT.values(), ids=EXACT.keys())
def test_layerwise_diagonal_is_the_dense_hessians(case):
    problem = case()
    w = problem.initial_weights
    assert has_exact_diagonal(problem)
    diagonal = torch.diagonal(dense_hessian(problem, w))
    torch.testing.assert_close(exact_diagonal(problem, w), diagonal, rtol=1e-10, atol=1e-14)
    trace = hessian_trace(problem, w, seed=0)
    assert trace.value == pytest.approx(float(diagonal.sum()), rel=1e-12)
    assert (trace.error, trace.method) == (0.0, "exact")


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_chunks_do_not_change_the_diagonal(chunk_size):
    whole, parts = relu_network(), relu_network(chunk_size=chunk_size)
    w = whole.initial_weights
    torch.testing.assert_close(
        exact_diagonal(parts, w), exact_diagonal(whole, w), rtol=1e-12, atol=1e-16
    )


def test_other_networks_have_no_exact_diagonal():
    assert not has_exact_diagonal(smooth_network())
    shared = nn.Linear(4, 4)
    cases = [
        nn.Sequential(shared, nn.ReLU(), shared),
        nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=1), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
        nn.Linear(4, 3),
    ]
    for module in cases:
        problem = Problem(module, CrossEntropy(), torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1]))
        assert not has_exact_diagonal(problem)
    custom = Problem(
        nn.Sequential(nn.Linear(4, 3)),
        lambda out, target: (out.sum(1) - target) ** 4,
        torch.randn(5, 4),
        torch.randn(5),
    )
    assert not has_exact_diagonal(custom)
    with pytest.raises(ValueError, match="no exact Hessian diagonal"):
        exact_diagonal(custom, custom.initial_weights)


def test_stochastic_trace_holds_the_exact_one():
    """Within 5 standard errors (t with 5 degrees of freedom: 99.6 %) and to a few percent."""
    problem = regression([nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 6)], 12, 6)
    w = problem.initial_weights
    exact = float(dense_hessian(problem, w).trace())
    estimate = stochastic_trace(problem, w, seed=0)
    assert estimate.method == "hutch++"
    assert 0 < estimate.error < 0.1 * exact
    assert abs(estimate.value - exact) < 5 * estimate.error
    again = stochastic_trace(problem, w, seed=0)
    assert again == estimate
    assert stochastic_trace(problem, w, seed=1) != estimate


def test_stochastic_trace_leaves_the_global_generator_alone():
    problem = smooth_network()
    before = torch.random.get_rng_state()
    stochastic_trace(problem, problem.initial_weights, seed=0, products=9, repeats=2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_small_networks_have_an_exact_trace_whatever_they_are():
    problem = smooth_network()
    w = problem.initial_weights
    estimate = hessian_trace(problem, w, seed=0, products=300)
    assert estimate.method == "exact"
    assert estimate.value == pytest.approx(float(dense_hessian(problem, w).trace()), rel=1e-10)
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        stochastic_trace(problem, w, seed=0, repeats=1)


def test_operator_multiplies_like_the_dense_hessian():
    problem = smooth_network()
    w = problem.initial_weights
    hessian = dense_hessian(problem, w)
    vectors = torch.randn(problem.num_parameters, 3, dtype=torch.float64, generator=None)
    operator = HessianOperator(problem, w)
    torch.testing.assert_close(operator @ vectors, hessian @ vectors, rtol=1e-10, atol=1e-12)
    assert operator.device == w.device
    assert operator.dtype == w.dtype


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
