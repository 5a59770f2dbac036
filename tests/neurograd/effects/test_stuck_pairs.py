"""Devices of a pair stick and wear out each for itself."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from device_models import OneSidedPair, WornDevices
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec


def _chip(device):
    spec = validate_spec(
        {"device": device, "network": {"hidden": [16]}, "task": {"name": "digits"}}
    )
    problem = build_problem(spec)
    return build_chip(spec, problem), problem


def _is_part(mask, part):
    """Whether as many are in a mask as a part of all would be, at 99.9 %."""
    test = stats.binomtest(int(mask.sum()), len(mask), part)
    return test.pvalue > 1e-3


def _reached(chip, problem, sign):
    """Weights after updates that ask for far more than the window, shape ``(N,)``."""
    write, w = chip.writes[0], chip.program(problem.initial_weights).clone()
    for k in range(60):
        w = w + write.write(w, torch.full_like(w, sign * 0.2), generator_for(0, "write", k))
    return w


PCM = {"preset": "pcm", "pulsed": {"w_max_dtod": 0, "dw_min_dtod": 0, "dw_min_std": 0}}


def test_one_device_stuck_low_leaves_a_one_sided_pair_weights_of_the_other_sign():
    chip, problem = _chip({**PCM, "faults": {"stuck_low": 0.2}})
    up, down = _reached(chip, problem, 1.0), _reached(chip, problem, -1.0)
    without_up, without_down = up <= 0, down >= 0
    assert _is_part(without_up, 0.2)
    assert _is_part(without_down, 0.2)
    assert _is_part(without_up & without_down, 0.04)
    # No weight stands at the end that a stuck device of a single one would be at.
    assert bool((down[without_up & ~without_down] < -1.0).all())
    assert bool((up[without_down & ~without_up] > 1.0).all())


def test_one_device_stuck_high_holds_a_one_sided_pair_at_its_end():
    chip, problem = _chip({**PCM, "faults": {"stuck_high": 0.2}})
    write = chip.writes[0]
    assert isinstance(write, WornDevices)
    assert isinstance(write.inner, OneSidedPair)
    assert _is_part(write.worn, 1 - 0.8**2)
    held = write.held[write.worn]
    assert _is_part(held == 2.0, 0.16 / 0.36)
    assert _is_part(held == 0.0, 0.04 / 0.36)
    assert set(held.unique().tolist()) == {-2.0, 0.0, 2.0}
    still = _reached(chip, problem, 1.0)[write.worn]
    torch.testing.assert_close(still, held)


def test_corrupt_devices_hold_a_one_sided_pair_at_their_difference():
    """Of a pair that no pulse moves there is one weight, whatever is programmed."""
    device = {**PCM, "pulsed": {**PCM["pulsed"], "corrupt": 0.2}}
    chip, problem = _chip(device)
    write = chip.writes[0]
    assert isinstance(write, WornDevices)
    assert _is_part(write.worn, 1 - 0.8**2)
    positive, negative = write.inner.lines
    both = (positive.low == positive.high) & (negative.low == negative.high)
    assert _is_part(both, 0.04)
    held = write.inner.weight_range * (positive.low - negative.low)
    torch.testing.assert_close(write.held[both], held[both])
    for sign in (1.0, -1.0):
        reached = _reached(chip, problem, sign)
        torch.testing.assert_close(reached[write.worn], write.held[write.worn])
        assert bool((reached[~write.worn].abs() > 1.0).all())


def test_a_pair_that_is_stuck_stays_so_where_it_wears_out_as_well():
    device = {**PCM, "faults": {"stuck_high": 0.2}}
    held = _chip(device)[0].writes[0]
    worn = _chip({**device, "endurance": {"age": 1e12, "fails": "low"}})[0].writes[0]
    torch.testing.assert_close(worn.held[held.worn], held.held[held.worn])
    assert bool((worn.inner.positive.high == 0).all())


@pytest.mark.parametrize("fails", ["low", "high"])
def test_every_device_of_a_differential_pair_wears_out_for_itself(fails):
    """At the median lifetime half of the devices are worn, and half of the pairs keep one."""
    chip, _ = _chip({"endurance": {"cycles": 1e6, "age": 1e6, "fails": fails}})
    low, high = chip.writes[0].crossbar.weight_bounds()
    width = high - low
    for size, part in ((0.0, 0.25), (1.0, 0.5), (2.0, 0.25)):
        assert _is_part((width - size).abs() < 1e-9, part)
    # What is left of a pair reaches from 0 to the side of the device that works, or that is high.
    half = (width - 1.0).abs() < 1e-9
    assert _is_part(low[half].abs() < 1e-9, 0.5)


def test_worn_devices_of_a_pair_can_hold_what_they_were_programmed_to():
    chip, problem = _chip({"endurance": {"cycles": 1e6, "age": 1e6, "fails": "held"}})
    w = problem.initial_weights
    torch.testing.assert_close(chip.program(w), w)
    low, high = chip.writes[0].crossbar.weight_bounds()
    width = high - low
    assert _is_part(width < 1e-9, 0.25)
    assert _is_part((width - 1.0).abs() < 1e-9, 0.5)
    assert bool((low <= w + 1e-12).all() and (w <= high + 1e-12).all())


def test_worn_devices_beside_a_reference_are_as_many_as_are_worn():
    device = {"conductance": {"mapping": "reference"}, "endurance": {"cycles": 1e6, "age": 2e6}}
    low, high = _chip(device)[0].writes[0].crossbar.weight_bounds()
    worn = (high - low).abs() < 1e-9
    assert _is_part(worn, float(stats.norm.cdf(2 * 0.6931471805599453)))
    torch.testing.assert_close(high[worn], torch.ones_like(high[worn]))
