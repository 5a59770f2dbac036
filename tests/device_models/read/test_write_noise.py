"""Write noise."""

from __future__ import annotations

import pytest
import torch

from device_models import (
    WriteNoise,
)
from neurograd.seeding import generator_for


def test_write_noise_is_read_and_does_not_add_up():
    effect = WriteNoise(0.2)
    w = torch.zeros(20000).double()
    seen = effect.read(w, generator_for(0))
    assert float(seen.std()) == pytest.approx(0.2, rel=0.02)
    assert effect.moments(w).total_variance == pytest.approx(20000 * 0.04)
    assert not effect.deterministic
    with pytest.raises(ValueError, match="allowed: 0 or more"):
        WriteNoise(-1.0)
