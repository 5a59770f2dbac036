"""Deployments of chips whose layers differ: digital weights stay, each device errs and ages."""

from __future__ import annotations

import pytest
import torch

from neurograd.deployment import deploy, program_chip
from neurograd.deployment.programming import layer_of
from neurograd.deployment.trials import variants
from neurograd.errors import SpecError
from neurograd.pipeline.build import build_problem
from neurograd.spec import validate_spec

DRIFT = {"t0": "20 s", "exponent": 0.2}
BASE = {
    "device": {"drift": DRIFT},
    "layers": {
        "first": {"device": None},
        "last": {"device": {"drift": {"t0": "20 s", "exponent": 0.1}, "read": {"noise": 0.01}}},
    },
    "deployment": {"program_error": 0.05, "times": [0, "1 y"], "compensation": "global"},
    "network": {"hidden": [6, 5], "biases": "digital"},
    "task": {
        "name": "teacher_student", "train_samples": 30, "test_samples": 10, "inputs": 4,
        "outputs": 3, "teacher_hidden": [4],
    },
}  # fmt: skip
YEAR = 31557600.0


def spec_of(**keys):
    return validate_spec({**BASE, **keys})


def programmed(spec):
    problem = build_problem(spec)
    w = problem.initial_weights + 0.1
    return problem, w, program_chip(spec, problem, 0, w)


def test_digital_weights_stay_and_devices_err_and_age_each_by_its_law():
    spec = spec_of()
    problem, w, chip = programmed(spec)
    generator = torch.Generator().manual_seed(0)
    start, late = (problem.parameters_of(chip.read(time, generator)) for time in (0.0, YEAR))
    exact = problem.parameters_of(w)
    for name in ("0.weight", "0.bias", "2.bias", "4.bias"):
        assert torch.equal(start[name], exact[name])
        assert torch.equal(late[name], exact[name])
    assert (start["2.weight"] != exact["2.weight"]).all()
    # (t/t0)^-nu of devices whose exponents do not vary, with the window from 0 on.
    aged = (YEAR / 20.0) ** -0.2
    torch.testing.assert_close(late["2.weight"], aged * start["2.weight"])
    ratio = late["4.weight"].norm() / start["4.weight"].norm()
    assert float(ratio) == pytest.approx((YEAR / 20.0) ** -0.1, rel=0.1)


def test_compensation_acts_on_arrays_and_not_on_digital_weights():
    spec = spec_of(layers={"first": {"device": None}}, deployment={
        "times": [0, "1 y"], "compensation": "global"
    })  # fmt: skip
    problem = build_problem(spec)
    before, after = deploy(spec, problem, 0, problem.initial_weights + 0.1).networks
    assert before.loss == pytest.approx(after.loss, rel=1e-9)
    arrays = problem.parameters_of(layer_of(spec, problem))
    assert len({int(part.reshape(-1)[0]) for part in arrays.values()}) == 6
    plain = spec_of(layers={}, network={"hidden": [6, 5]})
    together = problem.parameters_of(layer_of(plain, problem))
    assert int(together["2.weight"][0, 0]) == int(together["2.bias"][0]) == 1


def test_trials_leave_an_effect_out_of_every_layer():
    spec = spec_of()
    found = {each.name: each.spec.views() for each in variants(spec, build_problem(spec), [])}
    assert all(view.device is None or view.device.drift is None for view in found["still"].values())
    assert found["quiet"]["last"].device.read.noise == 0.0
    assert found["quiet"]["last"].device.drift is not None
    assert found["quiet"]["first"].device is None


def test_times_are_checked_for_each_layer():
    drift = {"device": {"drift": {"exponent": 0.1}}}
    with pytest.raises(SpecError, match=r"layers.last.device.drift.time: is missing; allowed: t0"):
        spec_of(device={}, layers={"last": drift}, deployment=None)
    late = {"device": {"drift": {"t0": "2 h"}}}
    with pytest.raises(SpecError, match=r"3600 s is before layers.last.device.drift.t0, 7200 s"):
        spec_of(layers={"last": late}, deployment={"times": ["1 h"]})
    with pytest.raises(SpecError, match="deployment: needs devices to be programmed"):
        spec_of(device=None, layers={"last": {"device": None}})
    assert spec_of(device=None, layers={"last": {"device": {}}}).deployment is not None
