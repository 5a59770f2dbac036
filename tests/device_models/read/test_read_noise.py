"""Read noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from device_models.read.read_noise import ReadNoise
from neurograd.seeding import generator_for


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
