"""Eq. 1."""

from __future__ import annotations

import pytest
import torch

from device_models import (
    Backprop,
    WhiteNoise,
)
from neurograd.seeding import generator_for
from tests.neurograd.cases import linear_regression


def test_white_noise_is_equation_one():
    problem = linear_regression()
    w = problem.initial_weights
    rule = WhiteNoise(Backprop(), bias=0.1)
    assert rule.deterministic
    update = -rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(update, -problem.gradient(w) + 0.1)
    assert not WhiteNoise(Backprop(), total_variance=1.0).deterministic
    with pytest.raises(ValueError, match="allowed: 0 or more"):
        WhiteNoise(Backprop(), total_variance=-1.0)
