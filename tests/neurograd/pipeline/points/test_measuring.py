"""What points are measured with."""

from __future__ import annotations

import pytest

from device_models import ReadNoise
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.points.measuring import DEFAULT_SMOOTHING, smoothing_of
from neurograd.spec import validate_spec

LINEAR = {"model": "linear", "dw_min": 0.01, "w_min": -0.5, "w_max": 0.5}


def spiking_spec(device):
    return validate_spec(
        {
            "network": {"kind": "spiking", "hidden": [4], "time_steps": 3, "coding": "current"},
            "task": {"name": "teacher_student", "inputs": 3, "outputs": 2, "train_samples": 20},
            "device": device,
            "training": {"steps": 5},
        }
    )


@pytest.mark.parametrize(
    "device",
    [
        {},
        {"devices_per_weight": {"count": 4}},
        {"devices_per_weight": {"count": 2, "significance": [8, 1]}},
        {"conductance": {"mapping": "differential_pair"}},
        {"conductance": {"mapping": "differential_pair"}, "devices_per_weight": {"count": 4}},
        {"pulsed": LINEAR},
        {"conductance": {"weight_range": 3}, "pulsed": {**LINEAR, "w_max": 0.7}},
    ],
)
def test_a_spiking_networks_loss_is_smoothed_by_the_read_noise_of_its_chip(device):
    spec = spiking_spec({**device, "read": {"noise": 0.04}})
    (read,) = build_chip(spec, build_problem(spec)).reads
    assert isinstance(read, ReadNoise)
    assert smoothing_of(spec) == read.std


def test_without_read_noise_a_spiking_networks_loss_has_a_smoothing_of_its_own():
    assert smoothing_of(spiking_spec({})) == DEFAULT_SMOOTHING
