"""Products that a sample's pass takes, by hand."""

from __future__ import annotations

import pytest
from torch import nn

from device_models import Converters
from tests.neurograd.cases import classification


def _convolution():
    # 3x3 kernels at 2x2 places, from 1 to 2 channels; then 8 numbers to 3.
    return [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)], (1, 4, 4)


class _Twice(nn.Module):
    """A layer that every sample goes through twice."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 5)

    def forward(self, x):
        return self.layer(self.layer(x))


def test_products_of_a_pass_are_counted():
    layers, shape = _convolution()
    problem = classification(layers, shape, 3)
    assert problem.products_of_pass == 2 * 9 * 4 + 8 * 3
    assert problem.through(Converters(dac_bits=4).applied).products_of_pass == 96
    assert classification([_Twice(), nn.Linear(5, 3)], (5,), 3).products_of_pass == 2 * 25 + 15


@pytest.mark.parametrize("bias", [True, False])
def test_of_linear_layers_they_are_the_weights(bias):
    problem = classification([nn.Linear(5, 4, bias=bias), nn.Tanh(), nn.Linear(4, 3)], (5,), 3)
    assert problem.products_of_pass == problem.num_parameters
