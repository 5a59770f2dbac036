"""What the specs of drawn forecasts are drawn from: sizes of batches, steps and tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.neurograd.chip_specs import Regime

TUNING, JUDGING = 15, 35
"""Specs of each size of batches to tune a forecast on, and to judge it."""

TUNING_SEED = 20261128
"""Of the specs to tune on: another one whenever the forecast's method was changed by looking at
them. Those of 20261126 and nine of 20261127 have guided it before."""

_ORDERS = ("fresh", "with_replacement", "shuffled", "shuffled")
"""Half of the trainings in batches shuffle."""

_TASKS: tuple[Mapping[str, Any], ...] = (
    {"name": "digits", "train_samples": 600, "test_samples": 1100},
    {"name": "mnist_5k", "train_samples": 600, "test_samples": 3000, "crop": 20},
    {
        "name": "teacher_student",
        "train_samples": 600,
        "test_samples": 2000,
        "inputs": 16,
        "outputs": 4,
        "teacher_hidden": [12],
    },
)
"""With large tests: on 360 samples a drop of 2 % cannot be told, whatever the forecast."""

REGIMES: Mapping[str, Regime] = {
    "full": Regime("full", 600, (0.1, 0.4), _TASKS),
    "64": Regime(64, 1000, (0.1, 0.3), _TASKS, _ORDERS),
    "8": Regime(8, 2000, (0.03, 0.1), _TASKS, _ORDERS),
    "1": Regime(1, 4000, (0.005, 0.02), _TASKS, _ORDERS),
}
"""By name, with trainings that are long enough to learn."""
