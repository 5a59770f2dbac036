"""MLP+NeuroSim V3.0's training on 5,000 images: what it reached, and the same training here.

400-100-10 on the middle of black and white images, sigmoids, squared error, no biases, single
samples drawn at random. Its source sums the squares over the ten outputs, d/da = 2(a − t), where
the loss here is their mean: step sizes of 0.4 and 0.2 are 4 and 2 of the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from experiments.support.published.passes import Cell, read_network
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec import Spec, validate_spec
from neurograd.training.loop import train

PUBLISHED: Mapping[str, tuple[float, ...]] = {
    "epiram": (73.0, 77.3, 81.6, 83.2, 84.3, 87.5, 86.3, 88.7, 87.9, 87.7),
    "ag-asi": (60.2, 59.5, 69.1, 73.0, 69.1, 72.6, 71.2, 70.1, 77.2, 77.0),
    "alox-hfo2": (15.3, 15.8, 25.0, 10.1, 16.3, 10.9, 22.1, 15.2, 17.3, 22.7),
}
"""Accuracies in percent after each tenth of the updates, one run of MLP+NeuroSim V3.0 a device, the
best device first: built from its source, nothing changed but the numbers of images and of the
devices."""

UPDATES, LOOKS = 40_000, 10
LAST = 5
"""Looks whose mean is the accuracy of a run: one look alone moves by several percent."""


@dataclass(frozen=True)
class Variant:
    """One reading of the training.

    Attributes:
        keys_only: Whether keys of a spec alone say all; else the arrays are those of ``passes``.
        rounding: How a requested increment becomes whole pulses.
        told: What sets it apart, as a part of a sentence.
    """

    keys_only: bool
    rounding: str
    told: str


VARIANTS: Mapping[str, Variant] = {
    "source": Variant(
        False,
        "nearest",
        "its arrays' passes as a network of torch (1-bit inputs, hidden ones as well, currents "
        "behind 15 kΩ read by 8 bits, start weights of seven values), devices, writes and order by "
        "keys; pulses rounded to the nearest number, as its source does by a threshold of 0.5 in "
        "what it calls truncation",
    ),
    "truncated": Variant(False, "truncate", "the same with pulses truncated toward zero"),
    "keys": Variant(
        True,
        "nearest",
        "keys of a spec alone, which cannot say 1-bit hidden values, the transistor's 15 kΩ, and "
        "two truncated sums instead of one rounded difference, and read errors by 8 bits as well",
    ),
}

_TASK: Mapping[str, Any] = {"name": "mnist_5k", "crop": 20, "binarise": True}
_SMALL_TASK: Mapping[str, Any] = {"name": "digits", "train_samples": 200, "test_samples": 100}
HIDDEN, SMALL_HIDDEN, SMALL_UPDATES = 100, 8, 20


def spec_of(device: str, variant: Variant, *, quick: bool) -> Spec:
    """The training of one reading.

    With keys alone a stored weight is w/2, so that sums are those of the arrays: the window and the
    step of the last layer are half as large, and the errors of the first one half as well.
    """
    hidden, task = (SMALL_HIDDEN, _SMALL_TASK) if quick else (HIDDEN, _TASK)
    conductance: dict[str, Any] = {"mapping": "reference"}
    keys: dict[str, Any] = {"preset": device, "conductance": conductance}
    step, layers = {"first": 4.0, "last": 2.0}, {}
    if variant.keys_only:
        conductance["weight_range"] = 0.5
        step["last"] = 1.0
        rows = 64 if quick else 400
        # 254 steps of a signed converter of 8 bits, each as large as one of 255 over all rows.
        keys["converters"] = {"adc_bits": 8, "output_range": rows * 127 / 255}
        last = {"converters": {"output_range": hidden * 127 / 255}}
        layers["last"] = {"device": last}
    return validate_spec(
        {
            "name": f"MLP+NeuroSim on {device}",
            "device": keys,
            "layers": layers,
            "quantization": {"update_rounding": variant.rounding},
            "network": {
                "hidden": [hidden],
                "activation": "sigmoid",
                "output_activation": "sigmoid",
                "biases": "none",
            },
            "task": dict(task),
            "learning_rule": {"batch_size": 1},
            "training": {
                "step_size": step,
                "steps": SMALL_UPDATES if quick else UPDATES,
                "order": "with_replacement",
            },
            "measure": {"precision": "float32"},
        }
    )


def cell_of(spec: Spec) -> Cell:
    """The device of a spec, behind its transistor."""
    assert spec.device is not None
    window = spec.device.conductance
    assert window.min is not None
    assert window.max is not None
    return Cell(window.min, window.max)


def problem_of(spec: Spec, variant: Variant, device: torch.device | str = "cpu") -> Problem:
    """Network and data of one reading."""
    problem = build_problem(spec, device)
    if variant.keys_only:
        return problem
    (x, y), (test_x, test_y) = problem.data("train"), problem.data("test")
    widths = (x.shape[1], spec.network.hidden[0], 10)
    return Problem(
        read_network(widths, cell_of(spec)),
        problem.loss_function,
        x,
        y,
        test_inputs=test_x,
        test_targets=test_y,
        dtype=problem.dtype,
        device=device,
    )


def trained(
    name: str, variant: str, seed: int, index: int, device: torch.device | str, *, quick: bool
) -> dict[str, Any]:
    """One run: accuracies in percent after each tenth of the updates.

    Args:
        name: The device, a preset.
        variant: The reading.
        seed: Of all draws.
        index: Which run of the seed: start weights, order and noise are its own.
        device: Where to compute.
        quick: Whether it is the small form.
    """
    told = VARIANTS[variant]
    spec = spec_of(name, told, quick=quick)
    problem = problem_of(spec, told, device)
    generator = generator_for(seed, "start", index)
    start = cell_of(spec).start(problem.num_parameters, generator)
    # Of keys alone a weight is stored as w/2.
    start = start * (0.5 if told.keys_only else 1.0)
    found = train(
        problem,
        build_chip(spec, problem, index=index),
        spec.count_updates(problem.num_samples),
        seed,
        chip_index=index,
        initial=start.to(problem.initial_weights),
        curve_points=LOOKS + 1,
    )
    looks = [100.0 * accuracy for accuracy in found.curve.test_accuracy]
    return {
        "device": name,
        "variant": variant,
        "run": index,
        "start": looks[0],
        "looks": looks[1:],
        "accuracy": sum(looks[-LAST:]) / LAST,
        "diverged": found.diverged,
    }
