"""A problem that a program hands over, as a spec whose other keys are those of a chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from neurograd.errors import NeurogradError
from neurograd.problem import Problem
from neurograd.spec import Spec, list_presets, spec_to_dict, validate_spec

CHIP_KEYS = (
    "name", "device", "quantization", "learning_rule", "training", "deployment", "targets",
    "measure",
)  # fmt: skip
"""Sections of a spec that say nothing of network and data."""

_PRECISIONS = {torch.float64: "float64", torch.float32: "float32"}


def spec_for(
    problem: Problem, chip: Spec | Mapping[str, Any] | str | None, settings: Mapping[str, Any]
) -> Spec:
    """The spec of a problem of one's own on a chip.

    Args:
        problem: Network, loss and data.
        chip: A preset's name; a mapping with keys of a spec, all but ``network`` and ``task``; a
            spec, of which network and task are left out; None for ideal synapses.
        settings: Sections that lie over those of the chip, such as ``training``.

    Raises:
        NeurogradError: If a key is wrong, or the problem is no network for its data.
    """
    keys = _chip_keys(chip)
    for name, section in settings.items():
        keys[name] = {**(keys.get(name) or {}), **section}
    keys["measure"] = {**(keys.get("measure") or {}), **_measure_of(problem)}
    name = type(problem.module).__name__
    keys["network"] = {"kind": "module", "factory": name}
    counts = {"train_samples": problem.num_samples}
    if problem.has_test:
        counts["test_samples"] = len(problem.data("test")[0])
    keys["task"] = {"name": "python", **counts}
    spec = validate_spec(keys, "chip")
    problem.check_network()
    return spec.beside(problem)


def _chip_keys(chip: Spec | Mapping[str, Any] | str | None) -> dict[str, Any]:
    if chip is None:
        return {}
    if isinstance(chip, str):
        if chip not in list_presets():
            raise NeurogradError(
                f"chip {chip!r} is no preset; allowed: {', '.join(list_presets())}, or a mapping "
                "with keys of a spec"
            )
        return {"name": chip, "device": {"preset": chip}}
    if isinstance(chip, Spec):
        return {key: value for key, value in spec_to_dict(chip).items() if key in CHIP_KEYS}
    if not isinstance(chip, Mapping):
        raise NeurogradError(
            f"chip is {type(chip).__name__}; allowed: a preset's name, a mapping with keys of a "
            "spec, or a spec"
        )
    for key in chip:
        if key not in CHIP_KEYS:
            raise NeurogradError(
                f"chip: {key} is no key of a chip; allowed: {', '.join(CHIP_KEYS)}"
            )
    return dict(chip)


def _measure_of(problem: Problem) -> dict[str, Any]:
    """Keys that the problem itself has decided."""
    if problem.dtype not in _PRECISIONS:
        raise NeurogradError(f"the problem is {problem.dtype}; allowed: float64 or float32")
    return {"precision": _PRECISIONS[problem.dtype], "chunk_size": problem.chunk_size}


def handed_over(spec: Spec, device: torch.device) -> Problem:
    """The problem of a spec from ``spec_for``, with a module of its own.

    Raises:
        NeurogradError: If it lies on another kind of device.
    """
    problem: Problem = spec.handed_over
    if problem.device.type != device.type:
        raise NeurogradError(
            f"the problem lies on {problem.device} and the work is to be on {device}; allowed: "
            "Problem(..., device=...) and the same device here"
        )
    return problem.replica()
