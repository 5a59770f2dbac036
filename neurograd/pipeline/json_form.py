"""Results as JSON types: the contract of the report's points and trainings."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurograd.judge.verdict import mean_over_chips
from neurograd.measure.point import PointMeasurement
from neurograd.measure.smoothed_point import SmoothedPoint
from neurograd.measure.smoothed_reference import Reference
from neurograd.problem import Problem
from neurograd.theory import white_variance_term
from neurograd.training.loop import Trained


def point_dict(point: PointMeasurement) -> dict[str, Any]:
    """One point of the JSON report."""
    moments, closed = point.moments, point.closed_form
    predicted, measured = point.predicted, point.measured
    closed_bias = None if closed is None else closed.mean + moments.gradient
    return {
        "step": point.step,
        "loss": point.loss,
        "programmed_loss": point.programmed_loss,
        "grad_norm": moments.grad_norm,
        "smoothing": None,
        "moments": {
            "b": moments.b,
            "b_ci": moments.b_ci,
            "total_variance": moments.total_variance,
            "total_variance_ci": moments.total_variance_ci,
            "inverse_noise_ratio": moments.inverse_noise_ratio,
            "gain": moments.gain,
            "gain_ci": moments.gain_ci,
            "cosine": moments.cosine,
            "bias_parallel": moments.bias_parallel,
            "bias_orthogonal": moments.bias_orthogonal,
            "draws": moments.draws,
            "closed_form": None
            if closed is None or closed_bias is None
            else {
                "b": float(closed_bias.norm()) / moments.num_parameters**0.5,
                "total_variance": closed.total_variance,
            },
        },
        "curvature": {
            "trace": point.trace.value,
            "trace_error": point.trace.error,
            "trace_method": point.trace.method,
            "lambda_max": point.spectrum.lambda_max,
            "lambda_min": point.spectrum.lambda_min,
            "frobenius": point.spectrum.frobenius.value,
            "frobenius_error": point.spectrum.frobenius.error,
            "anisotropy": point.anisotropy,
            "spectrum": {
                "eigenvalues": point.spectrum.eigenvalues.tolist(),
                "weights": point.spectrum.weights.tolist(),
            },
        },
        "delta_loss": {
            "relative_to": "clean step",
            "predicted": predicted.total,
            "predicted_ci": predicted.ci,
            "predicted_bias": predicted.bias,
            "predicted_variance": predicted.variance.value,
            "predicted_variance_white": predicted.variance_white,
            "measured": measured.value,
            "measured_ci": measured.ci,
            "difference_ci": point.difference_ci,
            "agree": point.agree,
            "draws": measured.draws,
        },
        "descent": {
            "exact_margin": predicted.exact_margin,
            "exact_margin_ci": predicted.exact_margin_ci,
            "noise_threshold": point.noise_threshold,
            "bias_ratio": point.bias_ratio,
            "bias_ratio_ci": point.bias_ratio_ci,
            "bias_threshold_published": point.bias_threshold_published,
            "bias_threshold_safe": point.bias_threshold_safe,
        },
        "contributions": [
            {
                "effect": part.name,
                "label": part.label,
                "predicted_without": part.predicted_without,
                "share": part.share,
            }
            for part in point.contributions
        ],
    }


def smoothed_dict(point: SmoothedPoint) -> dict[str, Any]:
    """One point of a spiking network, in the same form; what is not measured is None."""
    moments, reference, predicted = point.moments, point.reference, point.predicted
    margin = predicted.times(1.0 / point.step_size)
    orthogonal = max(0.0, 1.0 - reference.cosine**2) if np.isfinite(reference.cosine) else np.nan
    length = float(moments.mean.norm())
    return {
        "step": point.step,
        "loss": point.loss,
        "programmed_loss": point.programmed_loss,
        "grad_norm": reference.grad_norm,
        "smoothing": {
            "s": reference.std,
            "loss": point.smoothed_loss.value,
            "series": [
                _reference_dict(each)
                for each in sorted((reference, *point.series), key=lambda r: r.std)
            ],
        },
        "moments": {
            "b": reference.b,
            "b_ci": reference.b_ci,
            "total_variance": moments.total_variance,
            "total_variance_ci": moments.total_variance_ci
            if moments.total_variance > 0
            else (0.0, 0.0),
            "inverse_noise_ratio": moments.total_variance**0.5 / reference.grad_norm,
            "gain": reference.gain,
            "gain_ci": reference.gain_ci,
            "cosine": reference.cosine,
            "cosine_ci": reference.cosine_ci,
            "bias_parallel": (reference.gain - 1.0) * reference.grad_norm,
            "bias_orthogonal": orthogonal**0.5 * length,
            "draws": moments.draws,
            "closed_form": None,
        },
        "curvature": {
            "trace": point.trace.value,
            "trace_error": point.trace.error,
            "trace_method": point.trace.method,
            "lambda_max": None,
            "lambda_min": None,
            "frobenius": None,
            "frobenius_error": None,
            "anisotropy": point.anisotropy,
            "spectrum": None,
        },
        "delta_loss": {
            "relative_to": "start",
            "predicted": predicted.value,
            "predicted_ci": predicted.ci,
            "predicted_bias": None,
            "predicted_mean": point.predicted_mean.value,
            "predicted_variance": point.predicted_variance.value,
            "predicted_variance_white": white_variance_term(
                moments.total_variance, point.trace.value, moments.num_parameters, point.step_size
            ),
            "measured": point.measured.value,
            "measured_ci": point.measured.ci,
            "difference_ci": point.difference_ci,
            "agree": point.agree,
            "draws": int(point.measured.degrees) + 1,
        },
        "descent": {
            "exact_margin": margin.value,
            "exact_margin_ci": margin.ci,
            "noise_threshold": point.noise_threshold,
            "bias_ratio": point.bias_ratio,
            "bias_ratio_ci": point.bias_ratio_ci,
            "bias_threshold_published": None,
            "bias_threshold_safe": None,
        },
        "contributions": [],
    }


def _reference_dict(reference: Reference) -> dict[str, Any]:
    return {
        "s": reference.std,
        "grad_norm": reference.grad_norm,
        "b": reference.b,
        "b_ci": reference.b_ci,
        "gain": reference.gain,
        "gain_ci": reference.gain_ci,
        "cosine": reference.cosine,
        "cosine_ci": reference.cosine_ci,
    }


def trained_dict(trained: Trained) -> dict[str, Any]:
    """A training as a stage keeps it; ``correct`` has one digit for each test sample."""
    correct = trained.correct
    return {
        "loss": trained.train_loss,
        "test_loss": trained.test_loss,
        "test_accuracy": trained.test_accuracy,
        "correct": None if correct is None else digits(correct),
        "diverged": trained.diverged,
        "curve": {
            "steps": list(trained.curve.steps),
            "train_loss": list(trained.curve.train_loss),
            "test_accuracy": list(trained.curve.test_accuracy),
        },
    }


def evaluated_dict(problem: Problem, w: Tensor) -> dict[str, Any]:
    """Losses and accuracy at weights as they are read, in the form of ``trained_dict``."""
    classified = problem.has_test and problem.is_classification
    correct = problem.correct(w) if classified else None
    return {
        "loss": problem.loss(w),
        "test_loss": problem.loss(w, "test") if problem.has_test else float("nan"),
        "test_accuracy": None if correct is None else float(correct.to(torch.float64).mean()),
        "correct": None if correct is None else digits(correct),
    }


def digits(correct: Tensor) -> str:
    """One digit for each test sample, 1 where it is classified correctly."""
    return "".join("01"[int(c)] for c in correct.tolist())


def public(trained: dict[str, Any]) -> dict[str, Any]:
    """The part of a training that the report shows."""
    return {key: value for key, value in trained.items() if key not in ("correct", "diverged")}


def chips_dict(chips: list[dict[str, Any]], confidence: float) -> dict[str, Any]:
    """All trained chips: means, the interval of their accuracy, and every curve."""
    classified = chips[0]["correct"] is not None
    accuracy = mean_over_chips(correct_table(chips), confidence) if classified else None
    return {
        "loss": float(np.mean([number(chip["loss"]) for chip in chips])),
        "test_loss": float(np.mean([number(chip["test_loss"]) for chip in chips])),
        "test_accuracy": None if accuracy is None else accuracy.value,
        "test_accuracy_ci": None
        if accuracy is None
        else (max(0.0, accuracy.ci[0]), min(1.0, accuracy.ci[1])),
        "chips": len(chips),
        "diverged": sum(bool(chip["diverged"]) for chip in chips),
        "curves": [chip["curve"] for chip in chips],
    }


def correct_table(trained: list[dict[str, Any]]) -> np.ndarray:
    """1 where a test sample is classified correctly, one row a training, shape ``(S, n)``."""
    return np.array([[int(c) for c in row["correct"]] for row in trained], dtype=float)


def number(value: Any) -> float:
    """A number of a stage; null stands for one that was not finite."""
    return float("inf") if value is None else float(value)
