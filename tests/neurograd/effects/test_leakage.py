"""Leaking synapses as a spec asks for them: every device has a lifetime of its own."""

from __future__ import annotations

import pytest
import torch

from device_models import Leakage, PairLeakage
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec


def chip_of(device, hidden=3):
    spec = validate_spec(
        {
            "device": device,
            "network": {"hidden": [hidden]},
            "task": {"name": "teacher_student", "train_samples": 8, "test_samples": 4},
        }
    )
    problem = build_problem(spec)
    return build_chip(spec, problem), problem


def leak_of(device):
    return chip_of(device)[0].writes[-1]


def test_both_devices_of_a_pair_have_a_lifetime():
    leakage = {"lifetime": 100, "spread": "20 %"}
    pair = leak_of({"leakage": leakage})
    assert pair.positive.shape == pair.negative.shape
    assert float((pair.positive - pair.negative).abs().min()) > 0
    one_sided = leak_of({"leakage": leakage, "pulsed": {"model": "one_sided_pair"}})
    assert isinstance(one_sided, PairLeakage)
    for single in (
        {"conductance": {"mapping": "reference"}},
        {"pulsed": {"model": "soft_bounds"}},
    ):
        leak = leak_of({"leakage": leakage, **single})
        assert isinstance(leak, Leakage)
        # What is drawn for the first device stays.
        assert leak.lifetime.equal(pair.positive)


STUCK = {
    "stuck": {"preset": "capacitor", "faults": {"stuck_high": "20 %", "stuck_low": "10 %"}},
    "stuck, of a curve": {
        "conductance": {"mapping": "reference"},
        "faults": {"stuck_high": "20 %", "stuck_low": "10 %"},
    },
    "stuck pairs of a curve": {"faults": {"stuck_high": "30 %", "stuck_low": "30 %"}},
    "stuck one-sided pairs": {"preset": "pcm", "faults": {"stuck_high": "20 %"}},
    "corrupt": {"preset": "capacitor", "pulsed": {"corrupt": "30 %"}},
    "worn": {"preset": "capacitor", "endurance": {"age": 1e6, "fails": "held"}},
    "worn, of a curve": {
        "conductance": {"mapping": "reference"},
        "endurance": {"age": 1e6, "fails": "held"},
    },
}


@pytest.mark.parametrize("device", STUCK.values(), ids=STUCK)
def test_devices_that_hold_one_weight_only_keep_it(device):
    """After as many updates as a weight lives, programming finds them where they are."""
    chip, problem = chip_of({**device, "leakage": {"lifetime": 50, "spread": "10 %"}}, hidden=40)
    ends = [chip.program(torch.full_like(problem.initial_weights, end)) for end in (-9.0, 9.0)]
    still = (ends[0] == ends[1]) & (ends[0] != 0)
    assert 10 < int(still.sum()) < problem.num_parameters - 10
    w = begun = chip.program(problem.initial_weights)
    for k in range(50):
        realized = torch.zeros_like(w)
        for write in chip.writes:
            realized = write.write(w, realized, generator_for(0, "write", k))
        w = w + realized
    assert w[still].equal(begun[still])
    # The others come closer to 0, or to what is left where one of a pair is stuck.
    rest = torch.as_tensor(getattr(chip.writes[-1], "rest", 0.0)).expand_as(w)
    works = (ends[1] > ends[0]) & (begun != rest)
    assert bool(((w - rest)[works].abs() < 0.6 * (begun - rest)[works].abs()).all())


@pytest.mark.parametrize(
    "fails",
    [
        {"faults": {"stuck_high": "20 %", "stuck_low": "5 %"}},
        {"endurance": {"cycles": 100, "age": 60}},
    ],
)
def test_of_pairs_with_a_stuck_device_the_other_one_leaks(fails):
    """All weights stay where their pairs can hold them, and end where working devices are empty."""
    spread = {"write": {"device_to_device": "20 %"}}
    chip, problem = chip_of({**spread, **fails, "leakage": {"lifetime": 5}}, hidden=40)
    w = chip.program(problem.initial_weights)
    for k in range(200):
        w = w + chip.write(w, torch.zeros_like(w), generator_for(0, "write", k)) * chip.step_size
        torch.testing.assert_close(chip.program(w), w, rtol=0.0, atol=1e-9)
    crossbar = chip.writes[0].crossbar
    low, high = crossbar.weight_bounds()
    plus, minus = (population.low for population in crossbar.populations)
    empty = torch.where(low == high, w, plus - minus)
    assert int((empty != 0).sum()) > 20
    torch.testing.assert_close(w, empty, rtol=0.0, atol=1e-9)
