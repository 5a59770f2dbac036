"""neurograd: learn before fabrication whether training on a neuromorphic chip will work.

The names below are imported when they are first used, so that the command line starts fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograd import theory
    from neurograd.checking import CheckResult, check
    from neurograd.curvature import exact_diagonal, hessian_trace, measure_spectrum
    from neurograd.errors import NeurogradError
    from neurograd.loss_change import covariance_trace, measure_loss_change, predict_loss_change
    from neurograd.measurement import Budget, measure_point
    from neurograd.moments import Moments, measure_moments
    from neurograd.optimizer import ChipOptimizer
    from neurograd.problem import Problem
    from neurograd.spec import load_spec
    from neurograd.training import train

_PLACES = {
    "Budget": "measurement",
    "CheckResult": "checking",
    "ChipOptimizer": "optimizer",
    "Moments": "moments",
    "NeurogradError": "errors",
    "Problem": "problem",
    "check": "checking",
    "covariance_trace": "loss_change",
    "exact_diagonal": "curvature",
    "hessian_trace": "curvature",
    "load_spec": "spec",
    "measure_loss_change": "loss_change",
    "measure_moments": "moments",
    "measure_point": "measurement",
    "measure_spectrum": "curvature",
    "predict_loss_change": "loss_change",
    "train": "training",
}

__all__ = [
    "Budget",
    "CheckResult",
    "ChipOptimizer",
    "Moments",
    "NeurogradError",
    "Problem",
    "check",
    "covariance_trace",
    "exact_diagonal",
    "hessian_trace",
    "load_spec",
    "measure_loss_change",
    "measure_moments",
    "measure_point",
    "measure_spectrum",
    "predict_loss_change",
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
