"""What an optimizer remembers is kept with the weights: interrupted work goes on from it."""

from __future__ import annotations

import pytest

from neurograd.pipeline.check import check
from neurograd.pipeline.limits import find_limits
from neurograd.spec import validate_spec

OPTIMIZERS = {
    "momentum": {"step_size": 0.02, "optimizer": {"momentum": 0.9, "weight_decay": 0.01}},
    "adam": {"step_size": 0.01, "optimizer": {"name": "adam"}, "clip": 1.0},
}


def spec_of(training):
    return validate_spec(
        {
            "device": {"write": {"cycle_to_cycle": 0.002}, "conductance": {"levels": 500}},
            "network": {"hidden": [4], "activation": "tanh"},
            "task": {"name": "digits", "train_samples": 60, "test_samples": 30},
            "training": {**training, "steps": 12, "seeds": 2, "max_seeds": 2},
            "measure": {"draws": 20, "loss_draws": 10, "points": 3, "seed": 2},
        }
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_points_are_measured_again_with_the_memory_that_was_kept(name, tmp_path):
    """Red when the memory is not kept, or comes back as another one."""
    spec = spec_of(OPTIMIZERS[name])
    first = check(spec, resume=tmp_path, mitigation=False).report
    points = list(tmp_path.glob("*/point-*.json"))
    assert len(points) == 3
    for path in points:
        path.unlink()
    again = check(spec, resume=tmp_path, mitigation=False).report
    assert again["points"] == first["points"]
    assert again["training"] == first["training"]


def test_limits_turn_numbers_of_a_chip_with_momentum():
    found = find_limits(spec_of(OPTIMIZERS["momentum"]), quick=True, confirm=False)
    assert {"device.write.cycle_to_cycle"} <= {each.key for each in found.record.numbers}
    assert found.record.now.cost == pytest.approx(found.record.trained.value, abs=0.2)
