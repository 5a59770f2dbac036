"""check, limits, sweep and the forecast as functions: of a spec, or of a problem and a chip."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import device_models
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.changed import quick_spec
from neurograd.pipeline.check import CheckResult
from neurograd.pipeline.check import check as run_check
from neurograd.pipeline.forecasting import forecast
from neurograd.pipeline.identity import Surroundings
from neurograd.pipeline.limits.command import LimitsResult, find_limits
from neurograd.pipeline.own.content import content_of
from neurograd.pipeline.own.handed_over import (
    BESIDE_A_CHIP,
    check_beside,
    check_open,
    check_sections,
    spec_for,
)
from neurograd.pipeline.own.written_keys import plain, point_name, with_keys, written_keys
from neurograd.pipeline.pool.inline import Inline
from neurograd.pipeline.sweep.command import SweepResult
from neurograd.pipeline.sweep.modes import Row, check_mode
from neurograd.pipeline.sweep.run import evaluate_points, notes_of, prepare
from neurograd.pipeline.sweep.work import Settings
from neurograd.problem import Problem
from neurograd.progress import Reporter, Silent
from neurograd.records.cost import ForecastResult
from neurograd.spec import Spec

Chip = device_models.Chip | Spec | Mapping[str, Any] | str
"""A preset's name, a mapping with keys of a spec without ``network`` and ``task``, a spec, or a
chip of ``device_models``."""


def check(
    spec: Spec | None = None,
    *,
    problem: Problem | None = None,
    chip: Chip | None = None,
    device: torch.device | str | None = None,
    quick: bool = False,
    reporter: Reporter | None = None,
    resume: Path | str | None = None,
    mitigation: bool | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    **sections: Mapping[str, Any],
) -> CheckResult:
    """Measure along a clean training, train chips beside it, and judge, as ``neurograd check``.

    Args:
        spec: A spec; with ``problem`` its network and task are left out.
        problem: Network, loss and data of your own.
        chip: The chip that trains it: a preset's name, a mapping with keys of a spec such as
            ``{"device": {"preset": "alox-hfo2"}, "targets": {"max_accuracy_drop": 0.03}}``, or a
            ``device_models.Chip``.
        device: Where to compute; where the problem lies when None, the CPU without one.
        quick: Take a smaller version of the spec.
        reporter: Shows progress; silent when None.
        resume: Folder that keeps finished stages.
        mitigation: Whether a chip that is not tolerated gets a guide to its effects; where it is
            not too much work beside the training of the chips when None.
        jobs: Processes that compute, of a spec alone; the threads of this one when None.
        scheduler: Address of a dask scheduler whose workers compute in their place.
        sections: More keys of the chip, ``training={"step_size": 0.2, "steps": 300}``.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    folder = _resumed(chip, problem, resume)
    spec, place = _settled(spec, problem, chip, device, sections)
    return run_check(
        spec,
        device=place,
        quick=quick,
        reporter=reporter,
        resume=folder,
        mitigation=mitigation,
        jobs=jobs,
        scheduler=scheduler,
    )


def limits(
    spec: Spec | None = None,
    *,
    problem: Problem | None = None,
    chip: Chip | None = None,
    device: torch.device | str | None = None,
    quick: bool = False,
    confirm: bool = True,
    numbers: Mapping[str, tuple[float, float]] | None = None,
    reporter: Reporter | None = None,
    resume: Path | str | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    **sections: Mapping[str, Any],
) -> LimitsResult:
    """How far each number of the chip may move, as ``neurograd limits``.

    Of a ``device_models.Chip`` the numbers are fields of the frozen dataclasses that it is made of,
    by their paths (``writes.0.cycle_to_cycle``): those whose names call them a noise, a spread or
    an error, from 0 on, or those of ``numbers``. The notes say what was not turned.

    Arguments and errors as for ``check``; ``confirm`` trains chips at both numbers of every limit,
    and ``numbers`` names numbers of a ``device_models.Chip`` with the least and the largest value
    that each may have, ``{"reads.0.std": (0.0, 0.2)}``: either way may harm, and all others stay.
    """
    folder = _resumed(chip, problem, resume)
    if numbers and not isinstance(chip, device_models.Chip):
        raise NeurogradError(
            "numbers: is for a device_models.Chip; allowed: no numbers, as a chip of keys has its "
            "own"
        )
    spec, place = _settled(spec, problem, chip, device, sections)
    if numbers:
        spec = spec.beside(replace(spec.handed_over, numbers=plain(dict(numbers))))
    return find_limits(
        spec,
        device=place,
        quick=quick,
        confirm=confirm,
        reporter=reporter,
        resume=folder,
        jobs=jobs,
        scheduler=scheduler,
    )


def predict(
    spec: Spec | None = None,
    *,
    problem: Problem | None = None,
    chip: Chip | None = None,
    device: torch.device | str | None = None,
    quick: bool = False,
    **sections: Mapping[str, Any],
) -> ForecastResult:
    """The forecast alone: the verdict that is predicted without training through a chip.

    Arguments and errors as for ``check``; ``training.seeds`` chips are predicted.
    """
    spec, place = _settled(spec, problem, chip, device, sections)
    spec = quick_spec(spec) if quick else spec
    own = build_problem(spec, place)
    own.check_finite(own.initial_weights)
    return ForecastResult.of(forecast(spec, own))


def sweep(
    spec: Spec | None = None,
    *,
    over: Mapping[str, Iterable[Any]],
    problem: Problem | None = None,
    chip: Chip | None = None,
    mode: str = "train",
    device: torch.device | str | None = None,
    quick: bool = False,
    reporter: Reporter | None = None,
    resume: Path | str | None = None,
    **sections: Mapping[str, Any],
) -> SweepResult:
    """One row for each point of a grid, one after the other in this process.

    Args:
        spec: As for ``check``.
        over: Values of each swept key, ``{"device.read.noise": [0, 0.05]}``; the last varies first.
        problem: As for ``check``.
        chip: As for ``check``.
        mode: ``train``, ``check`` or ``predict``.
        device: As for ``check``.
        quick: Take smaller versions of the specs.
        reporter: Shows progress; silent when None.
        resume: Folder of finished points; the same call goes on from there.
        sections: More keys of the chip.

    Returns:
        Its ``rows`` have the swept keys and the columns of the mode.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    check_mode(mode)
    if isinstance(chip, device_models.Chip):
        _check_own_sweep(over)
    folder = _resumed(chip, problem, resume)
    spec, place = _settled(spec, problem, chip, device, sections)
    over = _listed(over)
    if problem is not None:
        for key in over:
            check_open(key, "over")
    points: list[dict[str, Any]] = [{}]
    for key, values in over.items():
        points = [{**point, key: value} for point in points for value in values]
    written = written_keys(spec)
    specs = [(point_name(point), with_keys(spec, written, point, "over")) for point in points]
    for _, changed in specs:
        check_beside(changed)
    settings = Settings(mode, quick, Surroundings.of(place))
    with tempfile.TemporaryDirectory() as passing:
        ready = prepare(specs, settings)
        found = evaluate_points(
            ready, settings, folder or Path(passing), Inline, reporter or Silent()
        )
    rows: list[Row] = [{**point, **row} for point, row in zip(points, found, strict=True)]
    return SweepResult(tuple(over), rows, [], notes_of(ready))


def _listed(over: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """The values of each swept key as Python's own; arrays and iterators are read once."""
    found: dict[str, list[Any]] = {}
    for key, values in over.items():
        several = plain(values)
        if isinstance(several, str | Mapping) or not isinstance(several, Iterable):
            raise NeurogradError(f"over: {key} has {several!r}; allowed: a list of values")
        found[key] = [plain(value) for value in several]
    if not found or not all(found.values()):
        raise NeurogradError("over: has no values; allowed: a key of the chip with its values")
    return found


def _check_own_sweep(over: Iterable[str]) -> None:
    """Raise NeurogradError for keys that a chip object has not."""
    for key in over:
        if key.partition(".")[0] not in BESIDE_A_CHIP:
            raise NeurogradError(
                f"over: {key} is no key of a chip object; allowed: keys of "
                f"{', '.join(BESIDE_A_CHIP)}"
            )


def _resumed(chip: Chip | None, problem: Problem | None, resume: Path | str | None) -> Path | None:
    """The folder of finished work, or NeurogradError where that could be of other things."""
    if resume is None:
        return None
    if not isinstance(resume, str | os.PathLike):
        raise NeurogradError(f"resume: is {type(resume).__name__}; allowed: the path of a folder")
    if isinstance(chip, device_models.Chip):
        raise NeurogradError(
            "resume: finished work of a chip object cannot be told from that of another one; "
            "allowed: a chip of keys"
        )
    unknown = [] if problem is None else content_of(problem).unknown
    if unknown:
        raise NeurogradError(
            f"resume: finished work of a problem cannot be told from that of another one by "
            f"{unknown[0]}; allowed: numbers, texts, tensors, functions, and objects of these"
        )
    return Path(resume)


def _settled(
    spec: Spec | None,
    problem: Problem | None,
    chip: Chip | None,
    device: torch.device | str | None,
    sections: Mapping[str, Mapping[str, Any]],
) -> tuple[Spec, torch.device]:
    """The spec that is meant, and where to compute."""
    check_sections(sections)
    if not isinstance(spec, Spec | None):
        raise NeurogradError(
            f"spec: is {type(spec).__name__}; allowed: a spec, as neurograd.load_spec reads one"
        )
    if not isinstance(problem, Problem | None):
        raise NeurogradError(f"problem: is {type(problem).__name__}; allowed: a neurograd.Problem")
    if spec is not None and chip is not None:
        raise NeurogradError("spec and chip: both are given; allowed: one of them")
    if problem is None:
        if spec is None:
            raise NeurogradError("problem: is missing; allowed: a spec, or a problem and a chip")
        if sections:
            raise NeurogradError(
                f"{next(iter(sections))}: is in the spec already; allowed: beside problem only"
            )
        return spec, _place("cpu" if device is None else device)
    place = problem.device if device is None else _place(device)
    return spec_for(problem, spec if chip is None else chip, sections), place


def _place(device: torch.device | str) -> torch.device:
    """A device by its name in torch, or NeurogradError where there is none of that name."""
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError):
        raise NeurogradError(
            f"device: {device!r} is no device of torch; allowed: cpu, cuda, cuda:0 ..."
        ) from None
    if place.type == "cuda" and not torch.cuda.is_available():
        raise NeurogradError("device: no CUDA device is available here; allowed: cpu")
    return place
