"""Noise of shuffled epochs, whose batches share no sample: over an epoch most of it cancels.

n of an epoch's E batches are drawn without replacement, so that the sum of their gradients has the
covariance n·C·(E − n)/(E − 1), with C that of one batch (Cochran, Sampling Techniques, 1977,
Theorem 2.2); given what the epoch has shown so far, S less its mean, the rest of its batches have
the mean −S/(E − k) each. In a mode of curvature λ the weights forget early updates, and what n
updates leave of the variance n·C is

    F(z) − n/R·G(z)²,   G(z) = (1 − e^{−z})/z,   z = nΔtλ,

times E/(E − 1), with R the updates that are left of the epoch and F(z) that of independent ones
(``splitting.remaining_variance``): F(z)·(1 − n/R·tanh(z/2)/(z/2)). For n = R = E and small z this
is z²/12. Whole epochs are independent of each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from device_models import Chip, Minibatch
from neurograd.problem import Problem
from neurograd.training.course import epoch_of


@dataclass(frozen=True)
class EpochPart:
    """Updates that are taken together, as a part of their epoch.

    Attributes:
        updates: n, or E of whole epochs.
        part: n/R, above 0 and up to 1; 1 of whole epochs.
        scale: E/(E − 1).
        leftover: What a last batch of fewer samples leaves uncancelled at the end of its epoch,
            spread over the updates, as a part of the variance of one.
    """

    updates: int
    part: float
    scale: float
    leftover: float

    def ratio(self, step: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance that is left over that of independent batches, like ``step``.

        Args:
            step: Δtλ of modes; 0 or less where nothing holds noise back.
        """
        half = 0.5 * self.updates * np.maximum(step, 0.0)
        hold = np.where(half > 1e-6, np.tanh(half) / np.maximum(half, 1e-300), 1.0)
        return np.maximum(self.scale * (1.0 - self.part * hold) + self.leftover, 0.0)

    def beside(self, seen: float) -> EpochPart:
        """The same beside a drift that has a part of the noise of independent batches itself.

        Args:
            seen: That part, held for all of the updates.
        """
        return replace(self, part=self.part + seen / self.scale)

    @property
    def undamped(self) -> float:
        """The part of the variance that later batches pay back, in modes without curvature."""
        return max(0.0, self.scale * (1.0 - self.part))


class ShuffledEpochs:
    """What the batches of the running epoch have left for its other batches to pay back.

    Args:
        num_samples: Size n of the training set.
        batch_size: Samples of a batch, below n.
    """

    def __init__(self, num_samples: int, batch_size: int) -> None:
        self.length = -(-num_samples // batch_size)
        last = num_samples - (self.length - 1) * batch_size
        squares = (self.length - 1) / batch_size + 1.0 / last
        spare = num_samples * squares - self.length**2
        independent = self.length * (num_samples - batch_size) / batch_size
        self._leftover = max(0.0, spare / independent)
        self._debt: Tensor | float = 0.0

    def align(self, done: int, length: int) -> int:
        """The nearest smaller number of updates that ends with its epoch, or in it."""
        place = done % self.length
        if place == 0 and length >= self.length:
            return length - length % self.length
        return min(length, self.length - place)

    def part(self, done: int, length: int) -> EpochPart:
        """What updates that ``align`` allows are of their epoch."""
        updates = min(length, self.length)
        left = self.length - done % self.length
        scale = self.length / (self.length - 1)
        leftover = self._leftover * self.length / updates if updates == left else 0.0
        return EpochPart(updates, updates / left, scale, leftover)

    def shift(self, done: int) -> Tensor | float:
        """Mean of an update in gradient units by what the epoch has shown, shape ``(N,)``."""
        return -self._debt / (self.length - done % self.length)

    def take(self, done: int, length: int, noise: Tensor | float) -> None:
        """Remember the noise of updates that are done.

        Args:
            done: Updates before them.
            length: Their number.
            noise: Their summed noise that is to be paid back, in gradient units, shape ``(N,)``.
        """
        if (done + length) % self.length == 0:
            self._debt = 0.0
            return
        self._debt = self._debt + noise + length * self.shift(done)


class VisitedEpochs(ShuffledEpochs):
    """Epochs whose samples the drift itself visits in their order: nothing of it is drawn.

    What is left of the noise of a step is that of the order within it.
    """

    def part(self, done: int, length: int) -> EpochPart:
        """What updates leave beside the mean of the samples that they visit."""
        whole = length >= self.length
        leftover = self._leftover if whole else 0.0
        scale = self.length / (self.length - 1)
        return EpochPart(min(length, self.length), 1.0, scale, leftover)


def shuffled_epochs(problem: Problem, chip: Chip) -> ShuffledEpochs | None:
    """The epochs of a chip's training, None where batches are drawn for themselves.

    Args:
        problem: Network, loss and data.
        chip: The chip.
    """
    sizes = _epoch_sizes(problem, chip)
    return None if sizes is None else ShuffledEpochs(*sizes)


def visited_epochs(problem: Problem, chip: Chip) -> VisitedEpochs | None:
    """Likewise where the drift visits their samples.

    Arguments as for ``shuffled_epochs``.
    """
    sizes = _epoch_sizes(problem, chip)
    return None if sizes is None else VisitedEpochs(*sizes)


def _epoch_sizes(problem: Problem, chip: Chip) -> tuple[int, int] | None:
    """Samples of an epoch and of a batch; None without epochs."""
    if epoch_of(chip, problem.num_samples) is None:
        return None
    assert isinstance(chip.rule, Minibatch)
    return problem.num_samples, chip.rule.batch_size
