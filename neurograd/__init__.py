"""neurograd: learn before fabrication whether training on a neuromorphic chip will work.

The names below are imported when they are first used, so that the command line starts fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograd import theory
    from neurograd.errors import NeurogradError
    from neurograd.measure.curvature import exact_diagonal, hessian_trace, measure_spectrum
    from neurograd.measure.kinks import measure_kinks
    from neurograd.measure.loss_change import (
        covariance_trace,
        measure_loss_change,
        predict_loss_change,
    )
    from neurograd.measure.moments import Moments, measure_moments
    from neurograd.measure.point import MeasurementBudget as Budget
    from neurograd.measure.point import measure_point
    from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
    from neurograd.pipeline.check import CheckResult
    from neurograd.pipeline.own.front_door import check, limits, predict, sweep
    from neurograd.problem import Problem
    from neurograd.records.json_form import read_report
    from neurograd.spec import load_spec
    from neurograd.training.chip_optimizer import ChipOptimizer
    from neurograd.training.loop import train

__version__ = "0.1.0"

_PLACES = {
    "Budget": "measure.point",
    "CheckResult": "pipeline.check",
    "ChipOptimizer": "training.chip_optimizer",
    "Moments": "measure.moments",
    "NeurogradError": "errors",
    "Problem": "problem",
    "build_chip": "pipeline.build",
    "build_clean_chip": "pipeline.build",
    "build_problem": "pipeline.build",
    "check": "pipeline.own.front_door",
    "covariance_trace": "measure.loss_change",
    "exact_diagonal": "measure.curvature",
    "hessian_trace": "measure.curvature",
    "limits": "pipeline.own.front_door",
    "load_spec": "spec",
    "measure_kinks": "measure.kinks",
    "measure_loss_change": "measure.loss_change",
    "measure_moments": "measure.moments",
    "measure_point": "measure.point",
    "measure_spectrum": "measure.curvature",
    "predict": "pipeline.own.front_door",
    "predict_loss_change": "measure.loss_change",
    "read_report": "records.json_form",
    "sweep": "pipeline.own.front_door",
    "train": "training.loop",
}

__all__ = [
    "Budget",
    "CheckResult",
    "ChipOptimizer",
    "Moments",
    "NeurogradError",
    "Problem",
    "build_chip",
    "build_clean_chip",
    "build_problem",
    "check",
    "covariance_trace",
    "exact_diagonal",
    "hessian_trace",
    "limits",
    "load_spec",
    "measure_kinks",
    "measure_loss_change",
    "measure_moments",
    "measure_point",
    "measure_spectrum",
    "predict",
    "predict_loss_change",
    "read_report",
    "sweep",
    "theory",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "theory":
        return importlib.import_module("neurograd.theory")
    if name in _PLACES:
        return getattr(importlib.import_module(f"neurograd.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'neurograd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
