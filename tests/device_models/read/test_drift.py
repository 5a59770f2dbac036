"""Conductance drift of phase-change memory and with a given exponent."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import ConductanceDrift, ReadPath, draw_deviates
from device_models.read.drift import pcm_exponent
from neurograd.seeding import generator_for

W = torch.tensor([-0.9, -0.2, 0.0, 0.4, 1.0]).double()


def test_published_exponents():
    """Nandakumar et al., ICECS 2019: by hand inside, at and beyond the clips."""
    mean, std = pcm_exponent(torch.tensor([1.0, 0.1, 0.05, 1e-4]).double())
    log = math.log
    assert mean.tolist() == pytest.approx(
        [0.049, -0.0155 * log(0.1) + 0.0244, -0.0155 * log(0.05) + 0.0244, 0.1]
    )
    assert std.tolist() == pytest.approx(
        [0.008, -0.0125 * log(0.1) - 0.0059, -0.0125 * log(0.05) - 0.0059, 0.045]
    )


def test_drift_by_hand():
    deviate = torch.tensor([0.0, 1.0, 2.0, -1.0, -30.0]).double()
    effect = ConductanceDrift(180.0, deviate, full_scale=2.0)
    mean, std = pcm_exponent(W.abs() / 2)
    expected = W * 180.0 ** -(mean + std * deviate).abs()
    assert effect.read(W, generator_for(0)).equal(expected)
    assert bool((expected.abs() <= W.abs()).all()), "conductance falls, whatever the deviate"
    assert effect.deterministic
    assert isinstance(effect, ReadPath)
    assert effect.moments(W).mean.equal(expected)
    assert effect.moments(W).total_variance == 0


def test_given_exponent_and_no_time():
    still = ConductanceDrift(1.0, torch.zeros(5).double())
    assert still.read(W, generator_for(0)).equal(W)
    fixed = ConductanceDrift(100.0, torch.zeros(5).double(), exponent=(0.05, 0.0))
    torch.testing.assert_close(fixed.read(W, generator_for(0)), W * 100**-0.05)


def test_deviates_are_a_chips_own():
    a, b = (draw_deviates(5000, generator_for(seed)) for seed in (0, 1))
    assert a.equal(draw_deviates(5000, generator_for(0)))
    assert not a.equal(b)
    assert float(a.std()) == pytest.approx(1.0, abs=0.04)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"time over t0 is 0.5; allowed: 1 or more"):
        ConductanceDrift(0.5, W)
    with pytest.raises(ValueError, match="full_scale is 0"):
        ConductanceDrift(2.0, W, 0.0)
