"""Device-to-device variation."""

from __future__ import annotations

import pytest
import torch

from device_models.write.device_to_device import draw_window_scale
from neurograd.seeding import generator_for


@pytest.mark.parametrize("spread", [0.05, 0.3, 1.0])
def test_window_scale_has_mean_one_and_the_given_spread(spread):
    """99 % intervals; the variance of the sample variance comes from the draws."""
    scale = draw_window_scale(40_000, spread, generator_for(0), torch.float64)
    assert bool((scale > 0).all())
    assert abs(float(scale.mean()) - 1) < 2.6 * spread / 200
    deviation = (scale - 1).square()
    assert abs(float(deviation.mean()) - spread**2) < 2.6 * float(deviation.std()) / 200
