"""How many updates one step of a forecast takes together: its length.

Lengths grow along the training, because a network learns fastest at its beginning, and shrink to
single updates at its end, so that the last spread is that of the chip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

REFRESH_INTERVAL = 4
"""Updates over which curvature and noise count as unchanged.

A count. Tuned with ``experiments.agreement`` on its 63 chips: steps up to it cost no more gradients
than updates. Larger lets a network in its fast beginning outrun what is known of it; smaller costs
gradients.
"""

MAX_GROWTH = 1.5
"""Most that a step may be longer than the one before.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips. Larger takes the fast beginning
of a training in steps that are too long for first order; smaller costs steps.
"""

MAX_FRACTION = 1.0 / 6.0
"""Most updates that are taken together, as a part of the training.

Tuned with ``experiments.agreement`` on its 63 chips. Larger makes losses come out lower, as long
steps of first order do; smaller costs steps.
"""

RATE_AGE = 1.0 / 30.0
"""Part of a training after which the largest decay rate is measured again.

Tuned with ``experiments.agreement`` on its 63 chips. Larger lets curvature grow unseen, which the
stages then meet and take the step again for; smaller costs gradients.
"""

END_RATIO = 4
"""Ratio of neighbouring lengths at the end of the training.

A pure number above 1. Tuned with ``experiments.agreement`` on its 63 chips. Larger leaves noise of
long steps to the last updates, whose spread is then not that of the chip; smaller costs steps.
"""

MAX_NOISE_RATIO = 0.35
"""Largest noise of the updates of one step, as a part of the weights' length.

Tuned with ``experiments.agreement`` on its 63 chips. Larger lets noise pile up that gradients would
have held back meanwhile: losses come out too high; smaller costs steps.
"""

MAX_NOISY_STEPS = 50
"""Steps into which noise, or a loss that rises, may cut a training of ``MOST_FORCED`` times as many
updates or fewer; longer ones are cut into as many steps as ``MOST_FORCED`` asks for.

A count. Tuned with ``experiments.agreement`` on its 63 chips: it bounds what a forecast of a
hopeless chip costs. Fewer make the forecast of noisy chips too pessimistic; more make it as long as
training.
"""

MOST_FORCED = 400
"""Most updates that noise, or a loss that rises, leaves together however long the training is.

A count. Not tuned: a step of so many costs next to nothing of them. Larger throws noisy chips off
that are trained for 100,000 updates or more: noise of thousands of updates in one draw is more than
their gradients can take back. Smaller costs steps.
"""

_EARLY_FRACTION = 8
"""A step after ``done`` updates may be as short as ``done`` over this.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips, so that noisy chips get shorter
steps while they learn fastest. Smaller makes these too long; larger costs steps.
"""


@dataclass(frozen=True)
class Pace:
    """How a path goes on, where it is known.

    Attributes:
        most: Most updates that are taken together, as a part of the training.
        before: Updates that count as taken together before the first step.
        rate_age: Part of a training after which the largest decay rate is measured again.
        longest: Most updates that are taken together; infinite where only a part of the training
            bounds them.
        long_part: The same as a part of the training, where that is more.
        overshoots: Whether a single stage may overshoot, which sees no curvature: not where its
            own measurements are rare.
    """

    most: float = MAX_FRACTION
    before: int = 0
    rate_age: float = RATE_AGE
    longest: float = math.inf
    long_part: float = 0.0
    overshoots: bool = True

    def longest_step(self, steps: int) -> int:
        """Most updates that are taken together of ``steps``."""
        longest = max(self.longest, self.long_part * steps)
        return max(1, round(min(self.most * steps, longest)))


_PACE = Pace()


def next_step_length(
    done: int, steps: int, before: int, noise_ratio: float, pace: Pace = _PACE
) -> int:
    """How many updates to take together.

    Args:
        done: Updates taken.
        steps: All updates.
        before: How many were taken together last, 0 at the beginning.
        noise_ratio: Length of one update's noise over that of the weights.
        pace: How the path goes on.
    """
    rest = steps - done
    limits = [
        max(2, int(MAX_GROWTH * before + 0.5)),
        pace.longest_step(steps),
        # Ever shorter towards the end: a part of what is left.
        max(1, int(rest * (1.0 - 1.0 / END_RATIO))),
    ]
    if noise_ratio > 0:
        # The noise of n independent updates is √n times as long as that of one.
        by_noise = int((MAX_NOISE_RATIO / noise_ratio) ** 2)
        limits.append(max(min_step_length(done, steps), by_noise))
    return min(limits)


def min_step_length(done: int, steps: int) -> int:
    """Fewest updates that noise, or a loss that rises, may leave together after ``done`` ones."""
    return max(1, min(steps // MAX_NOISY_STEPS, done // _EARLY_FRACTION, MOST_FORCED))
