"""Conductance drift of phase-change memory and with a given exponent."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import ConductanceDrift, ReadPath, WeightCells, draw_deviates
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
    effect = ConductanceDrift(180.0, deviate, WeightCells(2.0))
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


def test_a_given_exponent_with_a_spread_is_the_magnitude_of_a_normal_number():
    """Mean of a folded normal number of 0.05 and 0.1, as the key says: 0.09, and none below 0."""
    n = 200_000
    deviate = draw_deviates(n, generator_for(3))
    read = ConductanceDrift(math.e, deviate, exponent=(0.05, 0.1)).read(
        torch.ones(n, dtype=torch.float64), generator_for(0)
    )
    exponent = -read.log()
    assert float(exponent.min()) >= 0
    by_hand = 0.1 * math.sqrt(2 / math.pi) * math.exp(-0.125) + 0.05 * math.erf(0.5 / math.sqrt(2))
    assert by_hand == pytest.approx(0.0896, abs=1e-4)
    # Six standard errors of 0.067 each.
    assert float(exponent.mean()) == pytest.approx(by_hand, abs=6 * 0.067 / math.sqrt(n))


def test_both_devices_of_a_pair_drift():
    """Each by its own exponent, from its own conductance: that at the bottom of the window too."""
    deviate = torch.tensor([[0.0, 1.0, 2.0, -1.0, 0.5], [0.3, -1.0, 0.0, 2.0, 1.0]]).double()
    cells = WeightCells(2.0, smallest=0.5)
    for exponent in (None, (0.05, 0.02)):
        expected = []
        for w, first, second in zip(W.tolist(), *deviate.tolist(), strict=True):
            seen = []
            for held, xi in ((max(w, 0), first), (max(-w, 0), second)):
                g = 0.5 + 0.5 * held / 2.0
                mean, std = exponent or [float(v) for v in pcm_exponent(torch.tensor(g).double())]
                seen.append(g * 180.0 ** -abs(mean + std * xi))
            expected.append((seen[0] - seen[1]) * 2.0 / 0.5)
        read = ConductanceDrift(180.0, deviate, cells, exponent).read(W, generator_for(0))
        assert read.tolist() == pytest.approx(expected, rel=1e-12)
        assert float(read[2]) != 0, "two devices at the bottom of their windows drift apart"


def test_which_device_of_a_pair_holds_a_weight_tells_how_it_drifts():
    deviate = torch.tensor([[0.0] * 5, [2.0] * 5]).double()
    read = ConductanceDrift(100.0, deviate, exponent=(0.1, 0.03)).read(W, generator_for(0))
    torch.testing.assert_close(read, W * torch.where(W > 0, 100**-0.1, 100**-0.16))


def test_a_reference_does_not_drift():
    """A weight of 0 is half a window that falls against half a window that stays."""
    deviate = torch.zeros(5).double()
    cells = WeightCells(span=2.0, smallest=0.2, reference=0.5)
    read = ConductanceDrift(100.0, deviate, cells, (0.05, 0.0)).read(W, generator_for(0))
    device = 0.2 + 0.8 * (1 + W) / 2
    torch.testing.assert_close(read, (device * 100**-0.05 - 0.6) * 2 / 0.8)
    still = ConductanceDrift(1.0, deviate, cells).read(W, generator_for(0))
    torch.testing.assert_close(still, W)


def test_a_weight_below_the_window_does_not_drift_below_it():
    cells = WeightCells(span=2.0, reference=0.5)
    w = torch.tensor([-1.5, -1.0]).double()
    read = ConductanceDrift(100.0, torch.zeros(2).double(), cells, (0.05, 0.0))
    torch.testing.assert_close(read.read(w, generator_for(0)), w)


def test_deviates_are_a_chips_own():
    a, b = (draw_deviates(5000, generator_for(seed)) for seed in (0, 1))
    assert a.equal(draw_deviates(5000, generator_for(0)))
    assert not a.equal(b)
    assert float(a.std()) == pytest.approx(1.0, abs=0.04)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"time over t0 is 0.5; allowed: 1 or more"):
        ConductanceDrift(0.5, W)
