"""Tiny specs whose checks and limits are compared between pools."""

from __future__ import annotations

from typing import Any

from neurograd.spec import validate_spec

_MEASURE = {"draws": 6, "loss_draws": 4, "points": 2, "seed": 1}

CHECKED = validate_spec(
    {
        "network": {"hidden": [3]},
        "task": {"name": "digits", "train_samples": 40, "test_samples": 20},
        "device": {"write": {"cycle_to_cycle": 0.02}, "conductance": {"levels": 64}},
        "learning_rule": {"batch_size": 20},
        "training": {"step_size": 0.3, "steps": 6, "seeds": 2, "max_seeds": 3},
        "measure": _MEASURE,
        "targets": {"max_accuracy_drop": 0.01},
    }
)

LIMITED = validate_spec(
    {
        "network": {"hidden": [4], "activation": "tanh"},
        "task": {
            "name": "teacher_student",
            "train_samples": 40,
            "test_samples": 10,
            "inputs": 4,
            "outputs": 1,
        },
        "quantization": {"weight_bits": 6},
        "training": {"step_size": 0.5, "steps": 20, "seeds": 2, "max_seeds": 2},
        "measure": _MEASURE,
        "targets": {"max_excess_loss": 0.05},
    }
)


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """A report without how long it took, which is another number each time."""
    return {key: value for key, value in report.items() if key != "timing"}
