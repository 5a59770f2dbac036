"""Noise before and after a step, against the many-steps theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import eval_legendre

from neurograd.forecast.noise.splitting import part_after_drift, split_variance
from neurograd.forecast.runge_kutta_legendre import (
    stage_count,
)
from neurograd.theory import many_steps


def split(z, stages):
    span = np.array(z)
    return split_variance(span, part_after_drift(span, stages))


def test_noise_before_and_after_a_step_leaves_what_theory_says():
    """Against the many-steps theory with updates so short that its limit is reached."""
    steps, step_size = 20_000, 1e-3
    for z in (0.05, 0.3, 0.9, 1.5, 4.0, 30.0):
        exact = many_steps([z / (steps * step_size)], step_size, steps, 1.0).variance[0]
        exact /= steps * step_size**2
        stages = stage_count(z) + 2
        kept = eval_legendre(stages, 1.0 - 2.0 * z / (stages * stages + stages)) ** 2
        before, after = (float(part) for part in split(z, stages))
        assert before * kept + after == pytest.approx(exact, rel=0.02 if z < 1 else 1e-2)
        assert before == 0.0 if z > 1 else before + after == pytest.approx(1.0)
        loose = float(part_after_drift(np.array(z), stages))
        if 0.0 < loose < 0.5:
            assert (1.0 - loose) * kept + loose == pytest.approx(exact, rel=0.02)
    # Nothing holds noise back where there is no curvature, or a negative one.
    assert [float(part) for part in split(-1.0, 3)] == [0.5, 0.5]
