"""Devices with known numbers, measured with few pulses and many, fitted, and forecast from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from experiments.support.drawn_chips import AWAY, chip_cost
from experiments.support.fit_files import Source, curved_source
from experiments.support.forecasts.drawn_claims import trained_verdict
from experiments.support.verdicts import TrueCost
from neurograd.errors import NeurogradError
from neurograd.fit.device_fit import fit_device
from neurograd.fit.joint import joint_ranges
from neurograd.keys.ranges import Ranges, typical_values
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.check import train_clean
from neurograd.pipeline.limits.outlook import Outlook, PredictedCost
from neurograd.pipeline.ranges.draws import drawn
from neurograd.spec import Spec, spec_to_dict, validate_spec

RUNS: Mapping[int, tuple[int, int]] = {50: (25, 1), 500: (50, 5), 5000: (50, 50)}
"""Pulses of a run in either direction and runs of either direction, by all pulses of a file."""

FORM, MODEL = "soft bounds", "soft_bounds"
"""Curve of all devices, and the name of it that a fit is held to."""


@dataclass(frozen=True)
class Size:
    """How much is computed of each device.

    Attributes:
        draws: Of what the data allow.
        chips: That a forecast predicts.
        trained: Chips that are trained.
        training: Its section of the spec.
        samples: Training samples.
        hidden: Width of the hidden layer.
    """

    draws: int
    chips: int
    trained: int
    training: Mapping[str, Any]
    samples: int
    hidden: int


FULL = Size(9, 3, 12, {"step_size": 0.3, "steps": 150}, 200, 10)
QUICK = Size(4, 2, 2, {"step_size": 0.3, "steps": 30}, 60, 4)

TARGETS = {"max_accuracy_drop": 0.08, "confidence": 0.9}
"""Of forecasts; trained chips are judged at 95 %."""
TRAINED_CONFIDENCE = 0.95


def draw_device(rng: np.random.Generator) -> Source:
    """A device with soft bounds, from a good one to a bad one.

    30 to 100 levels; the noise of a pulse goes from 0.3 to 18 % of the window, evenly in its
    logarithm, with a factor of up to e^0.3 of its own in either direction. Pulses stop at the
    window's ends, as a chip's do.

    Args:
        rng: Source of its numbers.
    """
    low = float(10.0 ** rng.uniform(-7.0, -5.0))
    window = {
        "conductance.min": low,
        "conductance.max": low * float(rng.uniform(3.0, 30.0)),
        "read.noise": float(10.0 ** rng.uniform(-2.3, -1.7)),
    }
    noise = 0.003 * 60.0 ** rng.uniform() * np.exp(rng.uniform(-0.3, 0.3, 2))
    levels = rng.integers(30, 101, 2)
    source = curved_source(FORM, window, levels.tolist(), noise.tolist(), (0.0, 0.0))
    return replace(source, stops=True)


def block_of(truth: Mapping[str, float]) -> dict[str, Any]:
    """The section ``device`` of known numbers.

    Args:
        truth: The numbers, by key of ``device``.
    """
    block: dict[str, Any] = {"write": {"model": MODEL}}
    for key, value in truth.items():
        section = block
        *path, name = key.split(".")
        for part in path:
            section = section.setdefault(part, {})
        section[name] = int(value) if "levels" in path else value
    return block


def spec_of(size: Size, block: Mapping[str, Any], ranges: Mapping[str, Any] | None = None) -> Spec:
    """The spec of a device.

    Args:
        size: How much is computed.
        block: Its section ``device``.
        ranges: What is known of its numbers.
    """
    known = {} if ranges is None else {"ranges": {"draws": size.draws, **ranges}}
    return validate_spec(
        {
            # In pairs, as the true devices are here.
            "device": {
                **block,
                "conductance": {**block["conductance"], "mapping": "differential_pair"},
            },
            **known,
            "network": {"hidden": [size.hidden]},
            "task": {"name": "digits", "train_samples": size.samples},
            "training": {**size.training, "seeds": size.chips, "max_seeds": size.chips},
            "targets": TARGETS,
        }
    )


def truth_row(source: Source, size: Size, device: torch.device) -> dict[str, Any]:
    """What the true device costs, forecast and trained.

    Args:
        source: The device.
        size: How much is computed.
        device: Where to compute.
    """
    spec = spec_of(size, block_of(source.truth))
    outlook = Outlook(device, None)
    found = outlook.predict(spec)
    clean = train_clean(spec, device=device).result
    problem = outlook.problem(spec)
    true = TrueCost.of([chip_cost(spec, problem, clean, AWAY + k) for k in range(size.trained)])
    verdict = trained_verdict(true, found.allowed, TRAINED_CONFIDENCE)
    return {
        "truth": dict(source.truth),
        "forecast": _told(found),
        "trained": {**asdict(true), "verdict": verdict},
    }


def fitted_row(
    source: Source, pulses: int, size: Size, rng: np.random.Generator, device: torch.device
) -> dict[str, Any]:
    """What a file of the device allows, and what is forecast over it.

    Args:
        source: The device.
        pulses: Of the file, one of ``RUNS``.
        size: How much is computed.
        rng: Source of the file's noise.
        device: Where to compute.
    """
    length, cycles = RUNS[pulses]
    file = replace(source, pulses=(length, length)).file(rng, cycles)
    try:
        fit = fit_device(file, MODEL)
        spec = spec_of(size, fit.device_block(), joint_ranges(fit))
        return {"pulses": pulses, "refused": "", **_forecasts(spec, Outlook(device, None))}
    except NeurogradError as error:
        return {"pulses": pulses, "refused": " ".join(str(error).split())}


def _forecasts(spec: Spec, outlook: Outlook) -> dict[str, Any]:
    ranges = spec.ranges or Ranges()
    typical = typical_values(spec_to_dict(spec), ranges)
    known = {key: each.model_dump() for key, each in ranges.numbers.items()}
    draws = drawn(ranges, typical, spec.measure.seed)
    found = [outlook.predict(with_settings(spec.typical, dict(each))) for each in draws]
    return {
        "numbers": {key: {"typical": typical[key], **each} for key, each in known.items()},
        "fitted": spec_to_dict(spec.typical)["device"],
        "draws": [_told(each) for each in found],
    }


def _told(found: PredictedCost) -> dict[str, Any]:
    return {"cost": found.cost, "verdict": found.verdict.value}
