"""Analog SGD on soft bounds: the window in which it is lost.

Wu, Gokmen, Rasch and Chen, NeurIPS 2024, figure 5, and the program that they published with it:
784-256-128-10 with sigmoids, batches of 10 in shuffled epochs, every sample written for itself,
a step size of 0.05 and a tenth of it after 35 of 80 epochs, which are 480,000 updates; aihwkit's
soft bounds against a reference with its defaults and a window of ±τ. Weights start as torch's do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.predicted.network import CLEAN, forecast_network
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec import Spec, validate_spec
from neurograd.training.loop import train

PUBLISHED: Mapping[float, float] = {0.70: 11.35, 0.78: 97.71, 0.80: 97.78}
"""Test accuracy of analog SGD in percent, by τ."""

IMAGES, EPOCHS, DROP_AFTER = 4000, 1200, 525
"""As many updates as 80 epochs of 60,000 images, and the step size falls after as many."""
PART = 24_000
"""Updates of a training beside the forecast: those of four of the 80 epochs."""
_SMALL_EPOCHS, _SMALL_PART = 12, 20

CONVERTERS: Mapping[str, Any] = {
    "dac_bits": 7,
    "adc_bits": 9,
    "output_noise": 0.06,
    "output_range": 12,
    "noise_management": "abs_max",
    "bound_management": "iterative",
}
"""aihwkit's defaults, which the published runs had."""


def spec_of(tau: float, *, quick: bool, converters: bool = False, seed: int = 0) -> Spec:
    """The published training on fewer images.

    Args:
        tau: Mean bound of the devices.
        quick: Whether it is the small form.
        converters: Whether passes go through aihwkit's converters.
        seed: Of all draws.
    """
    pulsed = {
        "model": "soft_bounds",
        "dw_min": 0.001,
        "dw_min_dtod": 0.3,
        "dw_min_std": 0.3,
        "up_down_dtod": 0.01,
        "w_max": tau,
        "w_min": -tau,
        "w_max_dtod": 0.3,
        "w_min_dtod": 0.3,
        "known_step": "mean",
    }
    device: dict[str, Any] = {"pulsed": pulsed}
    if converters:
        device["converters"] = dict(CONVERTERS)
    small = {"name": "digits", "train_samples": 60, "test_samples": 40}
    epochs, drop = (_SMALL_EPOCHS, _SMALL_EPOCHS // 2) if quick else (EPOCHS, DROP_AFTER)
    return validate_spec(
        {
            "name": f"analog SGD, a window of ±{tau:g}",
            "device": device,
            "network": {
                "hidden": [8, 6] if quick else [256, 128],
                "activation": "sigmoid",
                "biases": "digital",
            },
            "task": small if quick else {"name": "mnist_5k"},
            "learning_rule": {"batch_size": 10, "write_each": "sample"},
            "training": {
                "step_size": 0.05,
                "epochs": epochs,
                "order": "shuffled",
                "schedule": {"kind": "step", "every": f"{drop} epochs", "factor": 0.1},
                "seeds": 3,
            },
            "measure": {"precision": "float32", "seed": seed},
        }
    )


def problem_of(spec: Spec, index: int, device: torch.device | str = "cpu") -> Problem:
    """The data, and a network whose weights start as torch's linear layers do.

    Args:
        spec: The training.
        index: Which of several starts.
        device: Where to compute.
    """
    generator = generator_for(spec.measure.seed, "start", index)
    return build_problem(spec, device).changed(partial(_start, generator=generator))


def _start(module: nn.Module, generator: torch.Generator) -> None:
    """Weights and biases even between ±1/√inputs."""
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                reach = 1.0 / math.sqrt(layer.in_features)
                for parameter in layer.parameters():
                    drawn = torch.rand(parameter.shape, generator=generator)
                    parameter.copy_(reach * (2.0 * drawn - 1.0))


def predicted(
    tau: float, index: int, seed: int, device: torch.device | str, *, quick: bool
) -> dict[str, Any]:
    """The forecast of one chip, or of its clean twin with the index ``CLEAN``."""
    spec = spec_of(tau, quick=quick, seed=seed)
    problem = problem_of(spec, max(index, 0), device)
    found = forecast_network(spec, problem, index)
    assert found.test_accuracy is not None
    return {
        "tau": tau,
        "clean": index == CLEAN,
        "loss": found.loss,
        "accuracy": 100.0 * found.test_accuracy,
        "every_update": found.drawn or found.thrown,
    }


def trained_part(
    tau: float, seed: int, device: torch.device | str, *, converters: bool, quick: bool
) -> dict[str, Any]:
    """The first updates of one training: loss and accuracy along them."""
    spec = spec_of(tau, quick=quick, converters=converters, seed=seed)
    problem = problem_of(spec, 0, device)
    steps = _SMALL_PART if quick else PART
    found = train(problem, build_chip(spec, problem), steps, seed, curve_points=9)
    return {
        "tau": tau,
        "converters": converters,
        "steps": found.curve.steps,
        "loss": found.curve.train_loss,
        "looks": [100.0 * accuracy for accuracy in found.curve.test_accuracy],
    }
