"""Conductance states of a spec: the values of weights, what they contradict, and their knob."""

from __future__ import annotations

import pytest
import torch

from neurograd.effects.registry import knobs_of
from neurograd.errors import SpecError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.notes import notes
from neurograd.spec import validate_spec


def spec_of(conductance, **device):
    return validate_spec(
        {
            "device": {"conductance": conductance, **device},
            "network": {"hidden": [8]},
            "task": {"name": "teacher_student", "train_samples": 20, "test_samples": 4},
            "training": {"step_size": 0.5},
        }
    )


def values_of(spec):
    """Different weights after 20 updates."""
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    w = chip.program(problem.initial_weights)
    for seed in range(20):
        update = chip.sample_update(problem, w, torch.Generator().manual_seed(seed))
        w = w + spec.training.step_size * update
    return len(w.mul(1e9).round().unique()), len(w)


def test_states_are_the_values_of_weights_and_levels_are_not():
    pair, number = values_of(spec_of({"states": 4}))
    assert number > 80
    assert 4 <= pair <= 7
    assert values_of(spec_of({"states": 4, "mapping": "reference"}))[0] <= 4
    stepped = spec_of({"levels": 4})
    assert values_of(stepped)[0] > 0.9 * number
    (note,) = notes(stepped, build_problem(stepped), "check")
    assert "device.conductance.states" in note
    assert not notes(spec_of({"levels": 40}), build_problem(stepped), "check")


@pytest.mark.parametrize(
    "device",
    [
        {"endurance": {"cycles": 100, "age": 100, "fails": "held"}},
        {"write": {"device_to_device": 0.2}, "faults": {"stuck_high": 0.3}},
    ],
)
def test_a_pair_has_as_many_states_as_its_working_devices_give_it(device):
    """5 with one worn or stuck, 9 with none, 1 with two, all evenly spaced on each side."""
    spec = spec_of({"states": 5}, **device)
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    write = chip.writes[0]
    size, devices = problem.num_parameters, write.inner.crossbar.populations
    moves = torch.stack([each.movable.expand(size) for each in devices]).sum(0)
    aims = torch.linspace(-3, 3, 4001, dtype=torch.float64)
    found = torch.stack([write.program(aim.expand(size)) for aim in aims])
    counts = [len(each.mul(1e9).round().unique()) for each in found.T]
    assert counts == [(1, 5, 9)[int(n)] for n in moves]
    assert len(set(counts)) == 3


@pytest.mark.parametrize(
    ("key", "device"),
    [
        ("conductance.levels", {"conductance": {"states": 4, "levels": 4}}),
        ("pulsed", {"conductance": {"states": 4}, "pulsed": {}}),
        ("write.cycle_to_cycle", {"conductance": {"states": 4}, "write": {"cycle_to_cycle": 0.1}}),
        ("leakage", {"conductance": {"states": 4}, "leakage": {}}),
    ],
)
def test_what_moves_devices_off_their_states_is_refused(key, device):
    with pytest.raises(SpecError, match=rf"device\.{key}: .*conductance\.states"):
        validate_spec({"device": device})


def test_limits_turns_the_states_and_no_noise_that_is_refused():
    spec = spec_of({"states": 8})
    knobs = {knob.key: knob for knob in knobs_of(spec, 20)}
    states = knobs["device.conductance.states"]
    assert states.settings(5.3) == {"device.conductance.states": 5}
    assert "device.write.cycle_to_cycle" not in knobs
