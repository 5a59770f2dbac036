"""Weights as they are seen on a grid."""

from __future__ import annotations

import torch

from device_models import (
    FixedPointGrid,
    WeightRounding,
)
from neurograd.seeding import generator_for


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_nearest_weights_lie_on_the_grid():
    grid = FixedPointGrid(4)
    w = _tensor(-2, -0.99, 0.06, 0.07, 0.4, 2)
    read = WeightRounding(grid).read(w, generator_for(0))
    assert read.tolist() == [-1, -1, 0, 0.125, 0.375, 0.875]
    moments = WeightRounding(grid).moments(w)
    assert moments.mean.equal(read)
    assert not moments.variance.any()
