"""What the losses along a predicted path say of it: whether it was thrown off or learns nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

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

MOST_FORCED_PART = 0.25
"""Part of a training in steps that noise raises too far, above which no path describes it.

A pure number. Set between what paths of drawn chips have whose updates a path describes (0.06 at
most, ``experiments.drawn_tuning``) and of chips in batches whose network knows its samples by heart
(0.5 and more), whose losses end many times above those of training. Larger keeps such paths,
smaller draws the updates of noisy chips.
"""


def untrained_loss(loss: Callable[[Tensor], float], start: Tensor) -> float:
    """Loss of a network that has learned nothing.

    That of the start or of a network of zeros, which says nothing, whichever is larger: trained
    start weights have little to lose by their own measure.

    Args:
        loss: Of weights of shape ``(N,)``.
        start: Where the training begins, shape ``(N,)``.
    """
    nothing = loss(torch.zeros_like(start))
    return max(loss(start), nothing) if math.isfinite(nothing) else loss(start)


class PathLosses:
    """The losses of one path.

    Args:
        loss: Of weights of shape ``(N,)``.
        start: Where it begins, shape ``(N,)``.

    Attributes:
        forced: Updates in steps whose noise raises the loss too far, but that may not be shorter.
    """

    def __init__(self, loss: Callable[[Tensor], float], start: Tensor) -> None:
        self._untrained = untrained_loss(loss, start)
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
        return growth * self._losses[-1][1] + LOSS_ALLOWANCE * self._untrained

    @property
    def rise(self) -> float:
        """The loss over the lowest one so far.

        That counts as ``SMALL_LOSS`` of an untrained network's at least. Losses are known of the
        start and after steps of more than ``REFRESH_INTERVAL`` updates.
        """
        losses = [loss for _, loss in self._losses]
        return losses[-1] / max(min(losses), SMALL_LOSS * self._untrained, 1e-300)

    def stay_untrained(self, done: int, steps: int) -> bool:
        """Whether nothing was learned in a part of a training after which that is clear."""
        late = [loss for at, loss in self._losses if at > done // 2]
        late_enough = done >= GIVE_UP_AFTER * steps
        return late_enough and bool(late) and min(late) > GIVE_UP_ABOVE * self._untrained
