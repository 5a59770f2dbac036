"""The devices that hold a weight."""

from __future__ import annotations

import pytest
import torch

from device_models.write.crossbar import draw_crossbar
from neurograd.seeding import generator_for

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
