"""Crossbar, variation, faults, read noise, rounding and the distributions that they share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from device_models.moments import clipped_normal, two_point_mixture
from device_models.protocols import ElementMoments
from device_models.read.read_noise import ReadNoise
from device_models.write.conductance import ConductanceRange
from device_models.write.crossbar import draw_crossbar
from device_models.write.cycle_to_cycle import cycle_to_cycle_std
from device_models.write.device_to_device import draw_window_scale
from device_models.write.rounding import check_rounding, round_whole, rounding_outcomes
from device_models.write.stuck_at import draw_stuck
from neurograd.seeding import generator_for


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


def test_two_point_mixture():
    first = ElementMoments(_tensor(1.0), _tensor(0.5))
    second = ElementMoments(_tensor(3.0), _tensor(2.0))
    mixed = two_point_mixture(first, second, _tensor(0.25))
    assert float(mixed.mean) == pytest.approx(1.5)
    # E[x²] − mean² with E[x²] = 0.75·(1 + 0.5) + 0.25·(9 + 2)
    assert float(mixed.variance) == pytest.approx(0.75 * 1.5 + 0.25 * 11 - 1.5**2)
    assert mixed.total_variance == float(mixed.variance)


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


def test_conductance_window():
    window = ConductanceRange(2e-6, 10e-6)
    assert window.on_off_ratio == pytest.approx(5)
    torch.testing.assert_close(window.conductance(_tensor(0, 0.5, 1)), _tensor(2e-6, 6e-6, 10e-6))
    torch.testing.assert_close(window.fraction(_tensor(2e-6, 10e-6)), _tensor(0, 1))
    assert math.isinf(ConductanceRange().on_off_ratio)
    with pytest.raises(ValueError, match="allowed"):
        ConductanceRange(2e-6, 1e-6)
    with pytest.raises(ValueError, match="weight_range"):
        ConductanceRange(weight_range=0)


def test_cycle_to_cycle_noise_grows_with_the_root_of_the_pulses():
    torch.testing.assert_close(
        cycle_to_cycle_std(_tensor(0, 1, 4, 9), 0.05), _tensor(0, 0.05, 0.1, 0.15)
    )


@pytest.mark.parametrize("spread", [0.05, 0.3, 1.0])
def test_window_scale_has_mean_one_and_the_given_spread(spread):
    """99 % intervals; the variance of the sample variance comes from the draws."""
    scale = draw_window_scale(40_000, spread, generator_for(0), torch.float64)
    assert bool((scale > 0).all())
    assert abs(float(scale.mean()) - 1) < 2.6 * spread / 200
    deviation = (scale - 1).square()
    assert abs(float(deviation.mean()) - spread**2) < 2.6 * float(deviation.std()) / 200


def test_stuck_devices_are_as_many_as_asked_for_and_never_both():
    low, high = draw_stuck(20_000, 0.1, 0.05, generator_for(0))
    assert not bool((low & high).any())
    for mask, p in ((low, 0.1), (high, 0.05)):
        assert abs(float(mask.double().mean()) - p) < 2.6 * math.sqrt(p * (1 - p) / 20_000)
    low, high = draw_stuck(100, 0.4, 0.6, generator_for(0))
    assert bool((low | high).all())
    with pytest.raises(ValueError, match="sum up to 1"):
        draw_stuck(10, 0.7, 0.5, generator_for(0))


OPTIONS = {
    "nominal": {},
    "varied": {"device_to_device": 0.4},
    "faulty": {"stuck_low": 0.3, "stuck_high": 0.3},
    "both": {"device_to_device": 0.4, "stuck_low": 0.3, "stuck_high": 0.3},
}


@pytest.mark.parametrize("mapping", ["differential_pair", "reference"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_fractions_rebuild_the_weight(mapping, options):
    crossbar = draw_crossbar(
        200, weight_range=1.5, mapping=mapping, generator=generator_for(0), **options
    )
    w = crossbar.program(2 * torch.randn(200, generator=generator_for(1), dtype=torch.float64))
    assert crossbar.program(w).equal(w)
    low, high = crossbar.weight_bounds()
    assert bool((w >= low).all())
    assert bool((w <= high).all())
    rebuilt = -crossbar.offset + crossbar.gain * sum(
        p.polarity * x for p, x in zip(crossbar.populations, crossbar.fractions(w), strict=True)
    )
    torch.testing.assert_close(rebuilt, w, rtol=1e-12, atol=1e-12)
    for population, x in zip(crossbar.populations, crossbar.fractions(w), strict=True):
        assert bool((x >= population.low - 1e-12).all())
        assert bool((x <= population.high + 1e-12).all())


def test_nominal_bounds_are_the_weight_range():
    for mapping in ("differential_pair", "reference"):
        low, high = draw_crossbar(
            3, weight_range=0.7, mapping=mapping, generator=generator_for(0)
        ).weight_bounds()
        assert (float(low), float(high)) == pytest.approx((-0.7, 0.7))


def test_the_same_devices_are_stuck_with_and_without_variation():
    plain, varied = (
        draw_crossbar(300, stuck_low=0.2, device_to_device=d, generator=generator_for(0))
        for d in (0.0, 0.3)
    )
    for a, b in zip(plain.populations, varied.populations, strict=True):
        assert torch.equal(a.movable, b.movable)


def test_crossbar_refuses_bad_values():
    with pytest.raises(ValueError, match="differential_pair, reference"):
        draw_crossbar(3, mapping="triple", generator=generator_for(0))
    with pytest.raises(ValueError, match="weight_range"):
        draw_crossbar(3, weight_range=-1, generator=generator_for(0))


def test_read_noise():
    """Mean and variance over weights at 99 %; a pair adds the noise of two devices."""
    w = torch.linspace(-1, 1, 20_000, dtype=torch.float64)
    noise = ReadNoise.of_range(0.02, gain=1.0, devices_per_weight=2)
    assert noise.std == pytest.approx(0.02 * math.sqrt(2))
    error = noise.read(w, generator_for(0)) - w
    assert abs(float(error.mean())) < 2.6 * noise.std / math.sqrt(20_000)
    spread = float(error.var()) / noise.std**2
    assert abs(spread - 1) < 2.6 * math.sqrt(2 / 20_000)
    moments = noise.moments(w)
    assert moments.mean.equal(w)
    np.testing.assert_allclose(moments.variance, noise.std**2)
    assert not noise.deterministic
    silent = ReadNoise(0.0)
    assert silent.deterministic
    assert silent.read(w, generator_for(0)).equal(w)
    with pytest.raises(ValueError, match="allowed: 0 or more"):
        ReadNoise(-1.0)
