"""Moments of the distributions that device models share."""

from __future__ import annotations

import pytest
import torch
from scipy import integrate, stats

from device_models.moments import clipped_normal, normal_nodes, two_point_mixture
from device_models.protocols import ElementMoments


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("center", "std", "low", "high"),
    [(0.3, 0.2, 0, 1), (0.99, 0.1, 0, 1), (1.4, 0.3, 0, 1), (-0.2, 0.01, 0, 1), (0.5, 1e-6, 0, 1)],
)
def test_clipped_normal_is_the_integral(center, std, low, high):
    moments = clipped_normal(_tensor(center), _tensor(std), _tensor(low), _tensor(high))
    density = stats.norm(center, std)

    def moment(power):
        # Only where the density is, so that the quadrature finds a narrow peak.
        a, b = max(low, center - 9 * std), min(high, center + 9 * std)
        inside = integrate.quad(lambda x: x**power * density.pdf(x), a, b)[0] if a < b else 0.0
        return inside + low**power * density.cdf(low) + high**power * density.sf(high)

    mean = moment(1)
    assert float(moments.mean) == pytest.approx(mean, rel=1e-7, abs=1e-12)
    assert float(moments.variance) == pytest.approx(moment(2) - mean**2, rel=1e-5, abs=1e-13)


def test_clipped_normal_without_noise_is_the_clipped_constant():
    moments = clipped_normal(_tensor(-1, 0.4, 3), _tensor(0, 0, 0), _tensor(0.0), _tensor(1.0))
    assert moments.mean.tolist() == [0, 0.4, 1]
    assert not moments.variance.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("std", [0.0, 0.1, 3.0])
def test_clipped_normal_of_a_center_far_beyond_a_bound_is_the_bound(std, dtype):
    center = torch.tensor([1e9, 1e30, torch.inf, -1e9, -1e30, -torch.inf], dtype=dtype)
    bounds = torch.tensor([-0.3, 0.7], dtype=dtype)
    moments = clipped_normal(center, bounds.new_tensor([std]), bounds[:1], bounds[1:])
    expected = bounds[[1, 1, 1, 0, 0, 0]]
    torch.testing.assert_close(moments.mean, expected)
    assert float(moments.variance.max()) < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clipped_normal_of_a_very_wide_deviation_goes_to_either_bound(dtype):
    std = torch.tensor([1e3, 1e12, 1e30], dtype=dtype)
    bounds = torch.tensor([-0.3, 0.7], dtype=dtype)
    moments = clipped_normal(2.0 * std, std, bounds[:1], bounds[1:])
    chance = stats.norm.sf(2.0)
    torch.testing.assert_close(
        moments.mean, torch.full_like(std, 0.7 - chance), rtol=0.0, atol=1e-3
    )
    expected = torch.full_like(std, chance * (1 - chance))
    digits = 1e-3 if dtype == torch.float64 else 1e-2
    torch.testing.assert_close(moments.variance, expected, rtol=0.0, atol=digits)


def test_two_point_mixture():
    first = ElementMoments(_tensor(1.0), _tensor(0.5))
    second = ElementMoments(_tensor(3.0), _tensor(2.0))
    mixed = two_point_mixture(first, second, _tensor(0.25))
    assert float(mixed.mean) == pytest.approx(1.5)
    # E[x²] − mean² with E[x²] = 0.75·(1 + 0.5) + 0.25·(9 + 2)
    assert float(mixed.variance) == pytest.approx(0.75 * 1.5 + 0.25 * 11 - 1.5**2)
    assert mixed.total_variance == float(mixed.variance)


def test_normal_nodes_are_cut_where_the_sign_changes():
    """|x| of a normal x: exact to rounding only if no node stands for values of both signs."""
    mean, std = _tensor(1.0, -0.3, 0.0), _tensor(1.0, 2.0, 0.5)
    found = sum(
        chance * value.abs() for chance, value in normal_nodes(ElementMoments(mean, std.square()))
    )
    exact = stats.foldnorm.mean((mean.abs() / std).numpy(), scale=std.numpy())
    assert found.tolist() == pytest.approx(exact.tolist(), rel=1e-9)
