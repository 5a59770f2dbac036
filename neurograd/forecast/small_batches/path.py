"""The predicted path of a chip that trains in small batches.

Its first and its last updates are drawn as the chip draws them: networks learn fastest at the
beginning, and the spread of the end is then that of the chip. All between them are taken together
as ``forecast.path`` takes them, with means and noise from subsets of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from device_models import Chip, ElementMoments
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.path import PredictedPath
from neurograd.forecast.regimes.path_losses import PathLosses
from neurograd.forecast.small_batches.dynamics import ORDER, SubsetDynamics
from neurograd.forecast.small_batches.estimates.single_updates import UpdateEstimates
from neurograd.forecast.step_length import Pace
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.training.course import Course
from neurograd.training.schedules import ConstantStep, Schedule

SINGLE_FIRST = 32
"""Updates at the beginning that are taken one by one.

A count. Not tuned: about as many as cost what one step of a small network does. Fewer take the
fastest part of a training in steps; more cost updates.
"""

SINGLE_LAST = 32
"""Updates at the end that are taken one by one.

A count. Not tuned, as ``SINGLE_FIRST``. Fewer end with the noise of steps.
"""


MAX_FRACTION = 1.0 / 12.0
"""Most updates that are taken together, as a part of the training.

A pure number. Chosen on digits, 64-32-10, batches of 1 and 8, five presets, none of them chips of
``experiments.agreement``: how these do is no test of it. With strongly asymmetric soft bounds,
w/0.3 and w/0.6 (64-64-10, 5,000 single samples), losses end 1.6 and 3 % above those of training,
with steps of a 24th 0.8 and 1.2 % (known to 1 %). Smaller costs steps.
"""


LONGEST = 1.0 / 3.0
"""Most updates of a step, as a part of the number of samples; but see ``LONG_PART``.

A pure number. Before samples took own steps, losses of clean 784-256-128-10 on MNIST's images after
30,000 single samples in fresh order, step size 0.01, by steps of up to 1/8, 1/4, 3/8 and 1/2 of its
4,000 samples, and of up to a twelfth of the training: 0.012, 0.013, 0.014, 0.023 and 0.03 to 0.06
(trained 0.009 to 0.018). Larger learns the samples of a step by heart and forgets the rest; smaller
costs steps.
"""

LONG_PART = 0.01
"""Most updates of a step where that is more, as a part of the training.

A pure number. Not tuned: it bounds the cost of long trainings on few samples. Larger gives up what
``LONGEST`` is for; smaller costs steps.
"""


@dataclass(frozen=True)
class HeldRead:
    """A random read that is drawn already: what it adds stays as it is.

    Attributes:
        offset: That, shape ``(N,)``.
    """

    offset: Tensor

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """See ``ReadPath``."""
        return w + self.offset

    def moments(self, w: Tensor) -> ElementMoments:
        """See ``ReadPath``."""
        return ElementMoments.constant(w + self.offset)


_PACE = Pace(
    MAX_FRACTION,
    before=SINGLE_FIRST // 3,
    rate_age=1.0 / 10.0,
    long_part=LONG_PART,
    overshoots=False,
)


def pace_of(samples: int) -> Pace:
    """How a path in small batches goes on.

    Lengths grow from those of the first updates on. Stages tell of curvature as well, so that its
    own measurements may be rare.

    Args:
        samples: Size n of the training set.
    """
    return replace(_PACE, longest=LONGEST * samples)


class SmallBatchPath:
    """Where a chip stands, as ``PredictedPath``.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        estimates: Its estimates of single updates.
        seed: Seed of subsets and noise.
        index: Which of several chips with one seed this is.
        schedule: Factors on the chip's step size along the training; 1 when None.
        writes_a_read: Updates behind one random read, 1 or more.
    """

    def __init__(
        self,
        problem: Problem,
        chip: Chip,
        estimates: UpdateEstimates,
        seed: int,
        index: int,
        schedule: Schedule | None,
        writes_a_read: float = 1.0,
    ) -> None:
        def dynamics(modes: StiffModes) -> SubsetDynamics:
            return SubsetDynamics(problem, chip, estimates, seed, modes, writes_a_read, index)

        pace = pace_of(problem.num_samples)
        self._path = PredictedPath(problem, chip, seed, index, schedule, dynamics, pace)
        self._problem, self._seed, self._index = problem, seed, index
        factors = schedule or ConstantStep()
        self._course = Course(chip, problem.num_samples, factors, seed, ORDER, index)
        self._writes_a_read = writes_a_read
        self._held: tuple[int, HeldRead] | None = None

    @property
    def w(self) -> Tensor:
        """Stored weights, shape ``(N,)``."""
        return self._path.w

    @property
    def gradients(self) -> int:
        """Samples that were looked at, in training sets."""
        return self._path.gradients

    @property
    def losses(self) -> PathLosses:
        """Its losses so far."""
        return self._path.losses

    def is_held_by_noise(self, done: int, steps: int) -> bool:
        """Whether noise holds the chip at its initial loss: the rest would not change that."""
        return self._path.is_held_by_noise(done, steps)

    def advance(self, done: int, steps: int) -> int:
        """Take some updates after ``done`` ones; returns how many."""
        if SINGLE_FIRST <= done < steps - SINGLE_LAST:
            return self._path.advance(done, steps)
        path, device = self._path, self._path.w.device
        generator = generator_for(self._seed, "forecast", self._index, done, device=device)
        chip = self._course.at(done, device)
        if self._writes_a_read > 1.0:
            chip = replace(chip, reads=(self._read_of(chip, done),))
        path.w, _ = chip.advance(self._problem, path.w, None, generator)
        return 1

    def _read_of(self, chip: Chip, done: int) -> HeldRead:
        """The read that the update after ``done`` ones shares with others."""
        turn, w = int(done / self._writes_a_read), self._path.w
        if self._held is None or self._held[0] != turn:
            generator = generator_for(
                self._seed, "forecast read", self._index, turn, device=w.device
            )
            self._held = turn, HeldRead(chip.read(w, generator) - w)
        return self._held[1]
