"""Samples written one by one, as a spec asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_models import ReadNoise
from neurograd.effects import write_each
from neurograd.effects.registry import active_in
from neurograd.errors import SpecError
from neurograd.forecast.chip_end import forecast_chip
from neurograd.measure.arrays import measure_cancellation
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import validate_spec
from neurograd.training.loop import train

COUNTED = {"conductance": {"levels": 30}}


def spec_of(rule, device=COUNTED, **sections):
    return validate_spec(
        {
            "device": device,
            "learning_rule": {"write_each": "sample", **rule},
            "network": {"hidden": [3]},
            "task": {"train_samples": 20, "test_samples": 10},
            **sections,
        }
    )


def names(spec):
    return [effect.name for effect in active_in(spec, 20)]


def test_a_batch_is_the_default():
    spec = validate_spec({"device": COUNTED, "learning_rule": {"batch_size": 4}})
    assert spec.learning_rule.write_each == "batch"
    assert "write_each" not in names(spec)


def test_it_reaches_the_chip():
    spec = spec_of({"batch_size": 4})
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    assert "write_each" in names(spec)
    assert chip.writes_samples
    assert not build_chip(spec, problem, without=[write_each.EFFECT]).writes_samples
    assert measure_cancellation(problem, chip, problem.initial_weights, 0).samples == 4


@pytest.mark.parametrize(
    ("rule", "device", "digital"),
    [({"batch_size": 1}, COUNTED, None), ({"batch_size": 4}, None, None)],
)
def test_it_is_none_where_it_changes_nothing(rule, device, digital):
    spec = spec_of(rule, device, quantization=digital)
    assert "write_each" not in names(spec)
    assert not build_chip(spec, build_problem(spec)).writes_samples


def test_a_digital_memory_is_written_too():
    assert "write_each" in names(spec_of({"batch_size": 4}, None, quantization={"update_bits": 6}))


def test_trains_of_pulses_are_written_sample_by_sample():
    """What a crossbar does: every sample's trains coincide at the devices on their own."""
    device = {"pulsed": {"dw_min": 0.01}, "pulse_train": {}}
    spec = spec_of({"batch_size": 4}, device)
    problem = build_problem(spec)
    assert build_chip(spec, problem).writes_samples
    trained = train(problem, build_chip(spec, problem), 3, 0)
    assert not trained.diverged


def test_a_rule_that_is_no_mean_over_samples_is_refused_in_one_line():
    with pytest.raises(SpecError) as caught:
        spec_of({"name": "manhattan", "batch_size": 4})
    message = str(caught.value)
    assert "learning_rule.write_each: sample is not there for manhattan" in message
    assert "allowed: batch (batch_size 1 takes and writes them one by one)" in message
    assert len(message.splitlines()) == 1
    assert "write_each" not in names(spec_of({"name": "manhattan", "write_each": "batch"}))


@pytest.mark.parametrize(
    ("noise", "steps", "drawn"), [(0, 15, True), (0, 30, False), (0.3, 30, True)]
)
def test_a_forecast_follows_writes_where_they_are_many_and_reads_are_not_random(
    noise, steps, drawn
):
    spec = spec_of({"batch_size": 4})
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    if noise:
        chip = replace(chip, reads=(*chip.reads, ReadNoise(noise)))
    found = forecast_chip(problem, chip, steps, 0)
    assert (found.gradients == steps) is drawn
