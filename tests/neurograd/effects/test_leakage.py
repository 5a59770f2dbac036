"""Leaking synapses as a spec asks for them: every device has a lifetime of its own."""

from __future__ import annotations

from device_models import Leakage, PairLeakage
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import validate_spec


def leak_of(device):
    spec = validate_spec(
        {
            "device": device,
            "network": {"hidden": [3]},
            "task": {"name": "teacher_student", "train_samples": 8, "test_samples": 4},
        }
    )
    return build_chip(spec, build_problem(spec)).writes[-1]


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
