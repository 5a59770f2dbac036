"""Updates in whole steps of a grid; stochastic reads of weights by the same closed form."""

from __future__ import annotations

import pytest
import torch

from device_models import (
    FixedPointGrid,
    UpdateRounding,
    WeightRounding,
)
from neurograd.seeding import generator_for


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["read", "write"])
def test_stochastic_rounding_agrees_with_its_closed_form(kind):
    """Every weight's mean at 99 % (Bonferroni over 6), cut at the ends of the grid too."""
    grid = FixedPointGrid(4)
    w = _tensor(-0.95, -0.3, 0.0, 0.21, 0.9, 0.875)
    increment = _tensor(-0.2, 0.04, 0.01, -0.07, 0.03, 0.4)
    if kind == "read":
        effect = WeightRounding(grid, "stochastic")
        exact = effect.moments(w)
        draws = torch.stack([effect.read(w, generator_for(0, k)) for k in range(4000)])
    else:
        effect = UpdateRounding(grid)
        exact = effect.moments(w, increment)
        draws = torch.stack([effect.write(w, increment, generator_for(0, k)) for k in range(4000)])
    assert not effect.deterministic
    error = (exact.variance / 4000).sqrt()
    assert bool(((draws.mean(0) - exact.mean).abs() <= 3.15 * error + 1e-12).all())
    torch.testing.assert_close(draws.var(0), exact.variance, rtol=0.1, atol=1e-12)


def test_stochastic_update_by_hand():
    """Unbiased, variance step²·p(1 − p)."""
    effect = UpdateRounding(FixedPointGrid(8))
    step = effect.grid.step
    moments = effect.moments(_tensor(0.0), _tensor(2.3 * step))
    assert float(moments.mean) == pytest.approx(2.3 * step)
    assert float(moments.variance) == pytest.approx(step**2 * 0.3 * 0.7)


def test_nearest_update_loses_small_increments_and_stays_on_the_grid():
    effect = UpdateRounding(FixedPointGrid(8), "nearest")
    step = effect.grid.step
    w = effect.program(_tensor(0.1234, -3.0, 3.0))
    assert effect.program(w).equal(w)
    realized = effect.write(w, _tensor(0.49 * step, 5.0, 1.6 * step), generator_for(0))
    torch.testing.assert_close(realized, _tensor(0.0, effect.grid.highest + 1, 0.0))
    assert effect.deterministic
    with pytest.raises(ValueError, match="rounding"):
        UpdateRounding(FixedPointGrid(8), "up")


@pytest.mark.parametrize("rounding", ["nearest", "stochastic", "truncate"])
def test_beside_devices_an_increment_is_rounded_and_the_weight_is_left_to_them(rounding):
    """Beyond the grid nothing is pulled back, and nothing is written where nothing is asked."""
    effect = UpdateRounding(FixedPointGrid(4), rounding, stores=False)
    step = effect.grid.step
    w = _tensor(1.4, 1.0, 0.9, -0.123, -1.4, 1.4, -1.4)
    assert effect.program(w).equal(w)
    increment = _tensor(0.0, 0.0, 2 * step, 3 * step, 0.0, -step, step)
    assert effect.write(w, increment, generator_for(0)).equal(increment)
    exact = effect.moments(w, increment)
    assert exact.mean.equal(increment)
    assert not bool(exact.variance.any())
    part = effect.moments(w, increment + 0.25 * step)
    draws = torch.stack(
        [effect.write(w, increment + 0.25 * step, generator_for(0, k)) for k in range(4000)]
    )
    error = (part.variance / 4000).sqrt()
    assert bool(((draws.mean(0) - part.mean).abs() <= 3.2 * error + 1e-12).all())
    torch.testing.assert_close(draws.var(0), part.variance, rtol=0.1, atol=1e-12)
    assert bool((draws * (increment + 0.25 * step) >= 0).all())
