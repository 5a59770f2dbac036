"""Results as JSON types: the contract of the report's points and trainings."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurograd.measurement import PointMeasurement
from neurograd.training import Trained
from neurograd.verdict import mean_over_chips


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
            "trace_error": point.trace.standard_error,
            "trace_method": point.trace.method,
            "lambda_max": point.spectrum.lambda_max,
            "lambda_min": point.spectrum.lambda_min,
            "frobenius": point.spectrum.frobenius,
            "frobenius_error": point.spectrum.frobenius_error,
            "anisotropy": point.anisotropy,
            "spectrum": {
                "eigenvalues": point.spectrum.eigenvalues.tolist(),
                "weights": point.spectrum.weights.tolist(),
            },
        },
        "delta_loss": {
            "predicted": predicted.total,
            "predicted_ci": predicted.ci,
            "predicted_bias": predicted.bias,
            "predicted_variance": predicted.variance,
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


def trained_dict(trained: Trained) -> dict[str, Any]:
    """A training as a stage keeps it; ``correct`` has one digit for each test sample."""
    correct = trained.correct
    return {
        "loss": trained.train_loss,
        "test_loss": trained.test_loss,
        "test_accuracy": trained.test_accuracy,
        "correct": None if correct is None else "".join("01"[int(c)] for c in correct.tolist()),
        "diverged": trained.diverged,
        "curve": {
            "steps": list(trained.curve.steps),
            "train_loss": list(trained.curve.train_loss),
            "test_accuracy": list(trained.curve.test_accuracy),
        },
    }


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
