"""Rounding to whole numbers."""

from __future__ import annotations

import math

import pytest
import torch

from device_models.write.rounding import (
    check_rounding,
    normal_rounding_outcomes,
    round_whole,
    rounding_outcomes,
)
from neurograd.seeding import generator_for


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_rounding_modes():
    x = _tensor(-1.7, -0.4, 0.5, 1.5, 2.6)
    generator = generator_for(0)
    assert round_whole(x, "nearest", generator).tolist() == [-2, 0, 0, 2, 3]
    assert round_whole(x, "truncate", generator).tolist() == [-1, 0, 0, 1, 2]
    assert round_whole(x, "none", generator).equal(x)
    for mode in ("nearest", "truncate", "none"):
        low, p = rounding_outcomes(x, mode)
        assert low.equal(round_whole(x, mode, generator))
        assert not p.any()
    with pytest.raises(ValueError, match="nearest, stochastic, truncate"):
        check_rounding("up")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_truncation_keeps_what_is_whole_but_for_the_rounding_of_real_numbers(dtype):
    """Whole numbers times a step, divided by it again; fractions are cut, and mirrored below 0."""
    generator, eps = generator_for(0), torch.finfo(dtype).eps
    steps = torch.rand(500, 1, generator=generator, dtype=dtype) + 0.01
    whole = torch.arange(-40, 41).to(dtype)
    places = whole * (7.0 * steps) / 7.0 / steps
    assert int((places.trunc() != whole).sum()) > 1000
    assert torch.equal(round_whole(places, "truncate", generator), whole.expand_as(places))
    # The largest parts that are taken for a whole are 8 units in the last place.
    x = torch.tensor([2.999, 2.99999, 3.0 - 100 * eps, 1e-3, 0.9999, 30.9999], dtype=dtype)
    assert round_whole(x, "truncate", generator).tolist() == [2, 2, 2, 0, 0, 30]
    assert round_whole(-x, "truncate", generator).tolist() == [-2, -2, -2, 0, 0, -30]
    strange = torch.tensor([math.inf, -math.inf, math.nan], dtype=dtype)
    assert str(round_whole(strange, "truncate", generator).tolist()) == "[inf, -inf, nan]"


@pytest.mark.parametrize("mode", ["nearest", "stochastic", "truncate"])
@pytest.mark.parametrize("std", [0.0, 0.05, 0.7])
def test_normal_numbers_reach_whole_ones_by_the_integral_of_their_density(mode, std):
    """Every chance against a sum over 100,000 places; a constant is rounded like any number."""
    for mean in (-1.3, -0.4, 0.0, 0.2, 0.5, 2.9, 3.0):
        quantiles = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
        places = mean + std * torch.special.ndtri(quantiles)
        low, above = rounding_outcomes(places, mode)
        outcomes = normal_rounding_outcomes(_tensor(mean), _tensor(std), mode)
        found = {float(whole): float(chance) for chance, whole in outcomes}
        assert sum(found.values()) == pytest.approx(1.0, abs=1e-9)
        for whole, chance in found.items():
            exact = torch.where(low == whole, 1 - above, above * (low + 1 == whole)).mean()
            assert chance == pytest.approx(float(exact), abs=2e-5)


def test_too_many_whole_numbers_are_not_listed():
    assert normal_rounding_outcomes(_tensor(0.0), _tensor(1e3), "nearest") is None
    assert normal_rounding_outcomes(_tensor(0.0), _tensor(0.1), "none") is None


def test_stochastic_rounding_keeps_the_mean():
    """Mean and variance p(1 − p) at 99 %, for positive and negative numbers."""
    x = _tensor(-1.3, 0.2, 2.9)
    low, p = rounding_outcomes(x, "stochastic")
    torch.testing.assert_close(low + p, x)
    draws = torch.stack([round_whole(x, "stochastic", generator_for(0, k)) for k in range(4000)])
    assert bool(((draws - x).abs() < 1).all())
    error = (p * (1 - p) / 4000).sqrt()
    assert bool(((draws.mean(0) - x).abs() < 2.9 * error).all())
    # The sample variance of a coin has variance (m4 − m2²)/n, m4 = p(1−p)(1 − 3p(1−p)).
    m2 = p * (1 - p)
    spread = ((m2 * (1 - 3 * m2) - m2.square()) / 4000).sqrt()
    assert bool(((draws.var(0) - m2).abs() < 2.94 * spread).all())
