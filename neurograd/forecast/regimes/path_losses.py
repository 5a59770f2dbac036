"""What the losses along a predicted path say of it: whether it was thrown off or learns nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from neurograd.problem import Problem

LOSS_ALLOWANCE = 0.02
"""Part of an untrained network's loss by which noise or a step may always raise the loss.

Tuned with ``experiments.agreement`` on its 63 chips. Smaller shortens steps near a loss of 0, where
any growth is large; larger hides growth that matters for the accuracy.
"""

SMALL_LOSS = 0.05
"""Part of an untrained network's loss below which the loss does not count as lower.

A pure number. Not tuned: rises of the loss of a network that has learned all there is are no fault.
Smaller takes such rises for one, larger sees only paths that lose most of what they learned.
"""

GIVE_UP_AFTER = 0.15
"""Part of a training after which a chip can be given up.

Tuned with ``experiments.agreement`` on its 63 chips. Smaller gives up chips that start slowly;
larger costs steps on hopeless ones.
"""

GIVE_UP_ABOVE = 0.9
"""Part of an untrained network's loss below which a chip that is given up was never in the second
half of its path.

Tuned with ``experiments.agreement`` on its 63 chips. Smaller gives up chips that do learn a little;
larger costs steps on hopeless ones.
"""

PATIENCE = 3.0
"""Time that a chip is given to learn something, over that which it takes without its noise.

A pure number. Not tuned: a training may be so short that even the clean network has learned next
to nothing in ``GIVE_UP_AFTER`` of it. Larger costs steps on hopeless chips, smaller gives up slow
ones.
"""

MOST_FORCED_PART = 0.25
"""Part of a training in steps that noise raises too far, above which no path describes it.

A pure number. Set between what paths of drawn chips have whose updates a path describes (0.06 at
most, ``experiments.drawn_tuning``) and of chips in batches whose network knows its samples by heart
(0.5 and more), whose losses end many times above those of training. Larger keeps such paths,
smaller draws the updates of noisy chips.
"""


NOTHING_LEARNED = 0.9
"""Part of the initial loss above which a path in small batches ends that was thrown off, or whose
chip learns next to nothing.

A pure number. Set by one training when normal noise stood for batches: 784-256-128-10 on MNIST's
images, batches of 10, a step size of 0.05, whose clean network ended at 0.98 on a path, as the best
constant output does, and learns. Larger keeps paths that were thrown off, smaller draws the updates
of slow trainings.
"""


LARGEST_RISE = 3.5
"""Largest loss along a path in small batches, over the lowest one before it.

The lowest one counts as 5 % of an untrained network's at least (``SMALL_LOSS``), and losses are
known after steps of more than four updates only.

A pure number. Set by one training when normal noise stood for batches: 784-256-128-10 on MNIST's
images, batches of 10, a step size of 0.05, whose losses fell to 0.26 and 0.17 on paths, rose to 0.9
and 2, and went on to 27 and to nothing finite. Paths that end where trainings do rise by up to 3.1
(digits, 64-32-10, alox-hfo2, batches of 8). Larger follows lost paths for longer, smaller draws
updates of trainings that a path describes.
"""


def loss_without_learning(loss: Callable[[Tensor], float], start: Tensor) -> float:
    """Loss of a network that has learned nothing.

    That of the start or of a network of zeros, which says nothing, whichever is larger: trained
    start weights have little to lose by their own measure.

    Args:
        loss: Of weights of shape ``(N,)``.
        start: Where the training begins, shape ``(N,)``.
    """
    nothing = loss(torch.zeros_like(start))
    return max(loss(start), nothing) if math.isfinite(nothing) else loss(start)


def small_loss(problem: Problem) -> float | None:
    """A small loss of a problem whose losses may be negative; None where they cannot.

    Those of a function of one's own may.
    """
    if problem.loss_function.name != "custom":
        return None
    nothing = loss_without_learning(problem.loss, problem.initial_weights)
    return max(SMALL_LOSS * abs(nothing), torch.finfo(torch.float64).tiny)


def raised(loss: float, part: float) -> float:
    """A loss that is higher by a part of its size: losses of one's own may be below 0."""
    return loss + part * abs(loss)


def has_learned(loss: Callable[[Tensor], float], start: Tensor, end: Tensor) -> bool:
    """Whether a path in small batches ends with more than next to nothing learned.

    Args:
        loss: Of weights of shape ``(N,)``.
        start: Where the training begins, shape ``(N,)``.
        end: Where the path ends, shape ``(N,)``.
    """
    nothing = loss_without_learning(loss, start)
    return loss(end) < raised(nothing, NOTHING_LEARNED - 1.0)


class PathLosses:
    """The losses of one path.

    Args:
        loss: Of weights of shape ``(N,)``.
        start: Where it begins, shape ``(N,)``.

    Attributes:
        forced: Updates in steps whose noise raises the loss too far, but that may not be shorter.
    """

    def __init__(self, loss: Callable[[Tensor], float], start: Tensor) -> None:
        self._untrained = loss_without_learning(loss, start)
        self._losses = [(0, loss(start))]
        self.forced = 0

    def add(self, done: int, loss: float) -> None:
        """Remember the loss after some updates."""
        self._losses.append((done, loss))

    def bound(self, growth: float) -> float:
        """Loss from which a step counts as too long.

        Args:
            growth: Growth of the last loss that it may have.
        """
        return raised(self._losses[-1][1], growth - 1.0) + LOSS_ALLOWANCE * abs(self._untrained)

    @property
    def rise(self) -> float:
        """The loss over the lowest one so far.

        That counts as ``SMALL_LOSS`` of an untrained network's at least. Losses are known of the
        start and after steps of more than ``REFRESH_INTERVAL`` updates.
        """
        losses = [loss for _, loss in self._losses]
        return losses[-1] / max(min(losses), SMALL_LOSS * abs(self._untrained), 1e-300)

    def stay_untrained(self, done: int, steps: int) -> bool:
        """Whether nothing was learned in a part of a training after which that is clear."""
        late = [loss for at, loss in self._losses if at > done // 2]
        late_enough = done >= GIVE_UP_AFTER * steps
        return late_enough and bool(late) and min(late) > self._untrained_from

    def has_left_untrained(self) -> bool:
        """Whether the last loss is one of a network that has learned something."""
        return self._losses[-1][1] <= self._untrained_from

    @property
    def _untrained_from(self) -> float:
        return raised(self._untrained, GIVE_UP_ABOVE - 1.0)

    def lost(self, steps: int) -> bool:
        """Whether a path in batches lost what it learned, or is forced up in too many updates."""
        return self.rise > LARGEST_RISE or self.forced > MOST_FORCED_PART * steps
