"""What the workers of a sweep do: pure functions of what they are sent, on one core each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from neurograd.errors import DivergenceError, ModelError, NeurogradError
from neurograd.pipeline.check import CleanTraining
from neurograd.pipeline.identity import Surroundings
from neurograd.pipeline.pool.workers import check_surroundings
from neurograd.pipeline.sweep.modes import MODES, Row, evaluate
from neurograd.spec import Spec


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
        check_surroundings(settings.surroundings)
        clean = MODES[settings.mode].clean(spec, settings.device, settings.quick)
    except NeurogradError as error:
        return _failure(error)
    kept = clean.snapshots if MODES[settings.mode].needs_snapshots else {}
    return replace(clean, snapshots={step: weights.cpu() for step, weights in kept.items()})


def evaluate_point(spec: Spec, settings: Settings, clean: CleanTraining) -> Row | Failure:
    """The row of one point."""
    try:
        check_surroundings(settings.surroundings)
        return evaluate(
            spec, settings.mode, device=settings.device, quick=settings.quick, clean=clean
        )
    except NeurogradError as error:
        return _failure(error)


def _failure(error: NeurogradError) -> Failure:
    # Errors travel as text: some of them cannot be pickled.
    return Failure(
        " ".join(str(error).split()), is_result=isinstance(error, DivergenceError | ModelError)
    )
