"""Pulse responses against NeuroSim's table and the published recursions."""

from __future__ import annotations

import math

import pytest
import torch

from device_models.write.pulse_response import (
    PulseResponse,
    curve_constant,
    linear_response,
    nonlinear_response,
    nonlinearity_gap,
    nonlinearity_label,
)

# NeuroSim's table of nonlinearity labels and A/P_max.
TABLE = [
    (0.01, 126.268958),
    (0.02, 63.134314),
    (0.1, 12.625807),
    (0.3, 4.205668),
    (0.6, 2.097877),
]


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(("label", "constant"), TABLE)
def test_labels_are_those_of_the_table(label, constant):
    assert curve_constant(label) == pytest.approx(constant, rel=1e-5)
    assert curve_constant(-label) == -curve_constant(label)


@pytest.mark.parametrize("label", [0.01, 0.6, 3.7, -2.0, 9.0])
def test_the_label_of_a_constant_is_the_inverse(label):
    assert nonlinearity_label(curve_constant(label)) == pytest.approx(label, rel=1e-9)
    assert nonlinearity_label(1e-4 * label) == math.copysign(9.0, label)


def test_the_last_label_of_the_table():
    assert curve_constant(9.0) == pytest.approx(0.02281, rel=1e-4)


@pytest.mark.parametrize("a", [0.05, 0.5, 5.0])
def test_gap_is_the_largest_distance_from_the_line(a):
    t = torch.linspace(0, 1, 200001, dtype=torch.float64)
    curve = torch.expm1(-t / a) / math.expm1(-1 / a)
    assert nonlinearity_gap(a) == pytest.approx(float((curve - t).max()), rel=1e-8)


@pytest.mark.parametrize("label", [1.94, -2.0, 0.0])
@pytest.mark.parametrize("levels", [40, 97])
def test_potentiation_follows_the_published_curve_pulse_by_pulse(label, levels):
    """G(P) = B(1 − e^{−P/A}) + G_min, B = (G_max − G_min)/(1 − e^{−P_max/A})."""
    response = nonlinear_response(label, depression=False)
    u = _tensor(0.0)
    for pulse in range(1, levels + 1):
        u = u + response.step(u, _tensor(1.0 / levels))
        if label == 0:
            expected = pulse / levels
        else:
            a = curve_constant(label) * levels
            expected = (1 - math.exp(-pulse / a)) / (1 - math.exp(-levels / a))
        assert float(u) == pytest.approx(expected, rel=1e-10)
    assert float(u) == pytest.approx(1.0, rel=1e-12)


def test_signs_of_published_devices_mean_large_steps_first():
    nu = _tensor(0.1)
    for response in (
        nonlinear_response(2.4, depression=False),
        nonlinear_response(-4.88, depression=True),
    ):
        assert float(response.step(_tensor(0.0), nu)) > 0.1
        assert float(response.step(_tensor(0.9), nu)) < 0.1
    for response in (
        nonlinear_response(-2.4, depression=False),
        nonlinear_response(4.88, depression=True),
    ):
        assert float(response.step(_tensor(0.0), nu)) < 0.1
        assert float(response.step(_tensor(0.9), nu)) > 0.1


@pytest.mark.parametrize(
    "response",
    [
        nonlinear_response(3.68, depression=False),
        nonlinear_response(-6.76, depression=True),
        linear_response(0.4, 100),
        linear_response(1.0, None),
        PulseResponse(),
    ],
)
def test_trains_compose(response):
    u = _tensor(0.2)
    first = u + response.step(u, _tensor(0.15))
    both = first + response.step(first, _tensor(0.25))
    assert float(both) == pytest.approx(float(u + response.step(u, _tensor(0.4))), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.05, 0.5085, 1.0])
def test_linear_step_is_the_published_recursion(gamma):
    """Δw = dw_min(1 − γ w) up on [−1, 1], with dw_min = 2/levels (aihwkit, symmetric window)."""
    levels = 50
    w = -0.7
    u = _tensor((w + 1) / 2)
    response = linear_response(gamma, levels)
    for _ in range(20):
        w += 2 / levels * (1 - gamma * w)
        u = u + response.step(u, _tensor(1 / levels))
    assert 2 * float(u) - 1 == pytest.approx(w, rel=1e-12)


def test_soft_bounds_never_cross():
    response = linear_response(1.0, 10)
    u = _tensor(0.0, 0.5, 0.999)
    assert bool((u + response.step(u, torch.full_like(u, 50.0)) <= 1).all())
    assert linear_response(1.0, 2).step(u, torch.full_like(u, 0.5)).isfinite().all()


def test_tiny_labels_and_slopes_approach_the_straight_line():
    u, nu = _tensor(0.1, 0.8), _tensor(0.02, 0.3)
    for response in (nonlinear_response(1e-4, depression=False), linear_response(1e-5, 100)):
        torch.testing.assert_close(response.step(u, nu), nu, rtol=1e-4, atol=0)


def test_bad_values_are_refused():
    for label in (0.0, 9.5, math.nan):
        with pytest.raises(ValueError, match="allowed"):
            curve_constant(label)
    with pytest.raises(ValueError, match="allowed: 0 to 1"):
        linear_response(1.2, 10)
