"""What the workers of a sweep do: pure functions of what they are sent, on one core each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from neurograd.compute_device import choose_device
from neurograd.errors import DivergenceError, ModelError, NeurogradError
from neurograd.pipeline.check import CleanTraining
from neurograd.pipeline.identity import CODE_NAME, Surroundings
from neurograd.pipeline.sweep.modes import MODES, Row, evaluate
from neurograd.spec import Spec

WORK = __name__
"""What workers import before they begin."""


@dataclass(frozen=True)
class Settings:
    """What all points of a sweep share.

    Attributes:
        mode: A name of ``modes.MODES``.
        quick: Whether the specs are the smaller version of what the user wrote.
        surroundings: Where the points compute; a worker with other versions or code refuses.
    """

    mode: str
    quick: bool
    surroundings: Surroundings

    @property
    def device(self) -> str:
        """Kind of device, ``cpu`` or ``cuda``."""
        return self.surroundings.device


@dataclass(frozen=True)
class Failure:
    """Why there is no result.

    Attributes:
        text: One line.
        is_result: Whether the line is what the point has to say (its training diverged); otherwise
            the sweep cannot go on.
    """

    text: str
    is_result: bool


def train_clean_twin(spec: Spec, settings: Settings) -> CleanTraining | Failure:
    """The clean training that points share."""
    try:
        _prepare(settings)
        clean = MODES[settings.mode].clean(spec, settings.device, settings.quick)
    except NeurogradError as error:
        return _failure(error)
    kept = clean.snapshots if MODES[settings.mode].needs_snapshots else {}
    return replace(clean, snapshots={step: weights.cpu() for step, weights in kept.items()})


def evaluate_point(spec: Spec, settings: Settings, clean: CleanTraining) -> Row | Failure:
    """The row of one point."""
    try:
        _prepare(settings)
        return evaluate(
            spec, settings.mode, device=settings.device, quick=settings.quick, clean=clean
        )
    except NeurogradError as error:
        return _failure(error)


def _prepare(settings: Settings) -> None:
    """One core for each point, so that sums are taken in one order whatever the machine has."""
    torch.set_num_threads(1)
    choose_device(settings.device)
    differs = settings.surroundings.difference(Surroundings.of(settings.device))
    if differs is not None:
        name, here, there = differs
        found = f"other code ({there})" if name == CODE_NAME else f"{name} {there}"
        raise NeurogradError(f"--scheduler: a worker has {found}; allowed: the one here, {here}")


def _failure(error: NeurogradError) -> Failure:
    # Errors travel as text: some of them cannot be pickled.
    return Failure(
        " ".join(str(error).split()), is_result=isinstance(error, DivergenceError | ModelError)
    )
