"""Stabilized steps against Legendre polynomials."""

from __future__ import annotations

import pytest
import torch
from scipy.special import eval_legendre

from neurograd.forecast.runge_kutta_legendre import (
    legendre_step,
    stability_polynomial,
    stage_count,
)


@pytest.mark.parametrize("stages", [1, 2, 5, 9])
def test_a_step_multiplies_a_decay_by_its_legendre_polynomial(stages):
    rates = torch.tensor([0.0, 0.3, 2.0, 17.0, float(stages * stages + stages)])
    rates = rates.double()
    start = torch.ones(5, dtype=torch.float64)
    end = legendre_step(lambda y: -rates * y, start, -rates, 1.0, stages, lambda a, b: None)
    x = 1.0 - 2.0 * rates.numpy() / (stages * stages + stages)
    assert end.numpy() == pytest.approx(eval_legendre(stages, x), rel=1e-12)
    polynomial = stability_polynomial(stages, rates.numpy())
    assert polynomial == pytest.approx(end.numpy(), rel=1e-12)


def test_stages_are_the_fewest_that_are_stable():
    for z in (0.0, 1.0, 2.1, 40.0, 1e4):
        s = stage_count(z)
        assert s * s + s >= z
        assert s == 1 or (s - 1) * s < z


def test_no_single_stage_overshoots():
    """Beyond a stiffness of 1 a plain step changes a mode's sign; of two stages little is left."""
    for z in (1.01, 1.5, 2.0):
        assert stage_count(z) == 1
        assert stage_count(z, overshoots=False) == 2
        left = abs(float(stability_polynomial(2, torch.tensor(z).numpy())))
        assert left < 0.4
