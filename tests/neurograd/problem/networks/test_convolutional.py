"""Convolutional networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from neurograd.problem import networks
from neurograd.seeding import generator_for


@pytest.mark.parametrize("pool", ["average", "max"])
def test_cnn_pools_until_the_map_is_one_wide(pool):
    network = networks.small_cnn((3, 5, 8), (4, 4, 4, 2), 7, pool=pool, generator=generator_for(0))
    pools = [m for m in network if isinstance(m, nn.AvgPool2d | nn.MaxPool2d)]
    assert len(pools) == 2
    assert network(torch.zeros(2, 3, 5, 8, dtype=torch.float64)).shape == (2, 7)
