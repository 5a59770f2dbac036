"""Linear responses of writes, against their closed forms."""

from __future__ import annotations

import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    Crossbar,
    MemristorWrite,
)
from device_models.write.crossbar import draw_crossbar
from neurograd.forecast.write_response import WriteResponse
from neurograd.seeding import generator_for


@pytest.mark.parametrize(
    ("rounding", "size", "linear"), [("stochastic", 0.005, True), ("nearest", 0.5, False)]
)
def test_a_linear_response_is_recognised_and_exact(rounding, size, linear):
    crossbar: Crossbar = draw_crossbar(40, generator=generator_for(0, "crossbar"))
    write = MemristorWrite(crossbar, levels=(40, 40), cycle_to_cycle=0.03, rounding=rounding)
    chip = Chip(Backprop(), 0.1, (), (write,))
    w = torch.linspace(-0.8, 0.8, 40, dtype=torch.float64)
    estimate = size * torch.linspace(-0.8, 1.2, 40, dtype=torch.float64)
    response = WriteResponse(chip)
    response.linearize(w, estimate)
    assert response._is_linear is linear
    for factor in (1.0, 0.4):
        found = response.mean(w, factor * estimate)
        noise = response.noise(w, factor * estimate)
        exact = write.moments(w, -0.1 * factor * estimate)
        assert found.tolist() == pytest.approx(exact.mean.tolist(), rel=0.01, abs=1e-9)
        assert float(noise.own_variance.sum()) == pytest.approx(exact.total_variance, rel=0.01)
        assert noise.deviations is None
