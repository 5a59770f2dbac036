"""Stuck-at faults."""

from __future__ import annotations

import math

import pytest

from device_models.write.stuck_at import draw_stuck
from neurograd.seeding import generator_for


def test_stuck_devices_are_as_many_as_asked_for_and_never_both():
    low, high = draw_stuck(20_000, 0.1, 0.05, generator_for(0))
    assert not bool((low & high).any())
    for mask, p in ((low, 0.1), (high, 0.05)):
        assert abs(float(mask.double().mean()) - p) < 2.6 * math.sqrt(p * (1 - p) / 20_000)
    low, high = draw_stuck(100, 0.4, 0.6, generator_for(0))
    assert bool((low | high).all())
    with pytest.raises(ValueError, match="sum up to 1"):
        draw_stuck(10, 0.7, 0.5, generator_for(0))
