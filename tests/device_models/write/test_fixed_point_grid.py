"""The grid of a fixed-point number."""

from __future__ import annotations

import pytest
import torch

from device_models import (
    FixedPointGrid,
)


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_grid_is_twos_complement():
    grid = FixedPointGrid(3, 2.0)
    assert (grid.step, grid.lowest, grid.highest) == (0.5, -2.0, 1.5)
    assert grid.clip(_tensor(-5, 0.1, 5)).tolist() == [-2.0, 0.1, 1.5]
    for bits, weight_range in ((0, 1.0), (60, 1.0), (4, 0.0)):
        with pytest.raises(ValueError, match="allowed"):
            FixedPointGrid(bits, weight_range)
