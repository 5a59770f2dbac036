"""What a predicted cost may be off by beside what chance leaves open of it."""

from __future__ import annotations

import math
from dataclasses import replace

from neurograd.judge.verdict import Cost
from neurograd.measure.intervals import Interval

MODEL_ERROR = 0.25
"""Part of the damage by which a predicted cost may be off, below 1 (``error_of_prediction``).

Tuned with ``experiments.drawn_tuning`` on chips that judge nothing: the bound of split conformal
prediction at 5 % on what the intervals over chips of prediction and training leave unexplained (a
test holds it against the kept record). One of them has led to a change of the method
(docs/forecast.md). Smaller promises chips that fail, larger leaves more of them inconclusive. Chips
and twins whose every update was drawn as in training have no such error.
"""

SMALL_COST = 0.01
"""A cost that is added to every other before its part that may be off is taken.

A part of the test samples, or of the decrease of the loss. Not tuned: where effects cancel, or a
chip's noise does as much good as harm, a cost near 0 is no damage near 0. Smaller makes the tuned
error that of a few chips that cost next to nothing; larger widens intervals around 0.
"""

LOSS_ERROR = 0.7
"""The same of a predicted training loss above the clean twin's, a part of it.

Not tuned: losses of chips that lose much have no end, and are further off than what they cost.
Smaller makes intervals that do not hold; larger says less.
"""

KNOWN = 0.7
"""Part of a predicted cost that chance may leave open where its damage is shared out.

A pure number, not tuned. Smaller asks for more chips or test samples before any effect is looked
into; larger gives shares that could be anything.
"""


def error_of_prediction(
    cost: float,
    error: float = MODEL_ERROR,
    most: float = math.inf,
    small: float = SMALL_COST,
) -> float:
    """What a predicted cost c may be off by, ``e(|c|(1 − c/M) + c₀)``; 0 where it has no end.

    An accuracy that is lost is lost, however far the damage is off: to first order a cost
    ``u/(1 + u)`` of a damage u that is known to a part e is known to this. Of a chip that loses the
    whole accuracy C of its twin, ``e·C(1 − C)`` is left: the twin's errors are predicted as well.
    Without a largest cost, and where the chip is better than its twin, it is a part of the cost.

    Args:
        cost: The cost c.
        error: The part e of the damage.
        most: The largest cost M that there can be: 1 of an accuracy; infinite for a loss, which is
            no less off where it is large.
        small: The cost c₀ that is as uncertain where nothing is lost; 0 for a loss.
    """
    if not math.isfinite(cost):
        return 0.0
    left = 1.0 - cost / most if 0.0 < most < math.inf else 1.0
    return error * (abs(cost) * min(1.0, max(0.0, left)) + small)


def arm_with_error(arm: float, extra: float) -> float:
    """Arm of an interval that covers chance and the error of the prediction: they add in squares.

    The two are independent: chips and test samples are drawn anew, and the error is the method's.
    ``MODEL_ERROR`` is tuned on what is left of distances by the same sum of squares.

    Args:
        arm: Distance of a bound from the mean by chance alone, 0 or more, infinite without end.
        extra: What the prediction may be off, from ``error_of_prediction``.
    """
    return math.hypot(arm, extra)


def ends_with_error(value: float, ends: Interval, extra: float) -> Interval:
    """Bounds of a predicted cost by chance, each moved to ``arm_with_error`` from the cost.

    Args:
        value: The cost. One without an end keeps its bounds.
        ends: Its lower and upper bound. Of several looks they are those of an earlier one where the
            last adds nothing: one that the cost has passed since has no arm.
        extra: What the prediction may be off; 0 keeps the bounds to their last digit.
    """
    if extra == 0.0 or not math.isfinite(value):
        return ends
    below, above = max(0.0, value - ends[0]), max(0.0, ends[1] - value)
    return value - arm_with_error(below, extra), value + arm_with_error(above, extra)


def widened(
    cost: Cost,
    error: float = MODEL_ERROR,
    most: float = math.inf,
    small: float = SMALL_COST,
) -> Cost:
    """A predicted cost whose interval covers the error of the prediction as well.

    Args:
        cost: The cost, with the interval that chance leaves.
        error: Part by which the damage may be off, as ``error_of_prediction`` has it.
        most: The largest cost that there can be.
        small: The cost that is as uncertain where nothing is lost; 0 for a loss.
    """
    if not math.isfinite(cost.value):
        return cost
    extra = error_of_prediction(cost.value, error, most, small)
    return replace(cost, ci=ends_with_error(cost.value, cost.ci, extra), chance=cost.ci)


def error_of(*drawn: bool) -> float:
    """Part of a cost, or of a difference, by which it may be off: 0 where all is drawn.

    Args:
        drawn: Of each forecast that it is made of, whether every update was drawn.
    """
    return 0.0 if all(drawn) else MODEL_ERROR


def error_in(cost: Cost) -> float:
    """Part of its damage by which a widened cost may be off: 0 where its interval is chance's."""
    return 0.0 if cost.chance == cost.ci else MODEL_ERROR


def sign_known(cost: Cost) -> bool:
    """Whether chance, and what a cost of nothing may be off by, leave the sign of a widened cost.

    The part of it that may be off is below 1, and changes no sign.
    """
    if not math.isfinite(cost.value):
        return cost.value in (math.inf, -math.inf)
    nothing = error_of_prediction(0.0, error_in(cost))
    low, high = ends_with_error(cost.value, _chance(cost), nothing)
    return low > 0 or high < 0


def is_known(cost: Cost) -> bool:
    """Whether chance leaves no more than ``KNOWN`` of a widened cost open."""
    if not math.isfinite(cost.value):
        return sign_known(cost)
    return cost.value - _chance(cost)[0] <= KNOWN * abs(cost.value)


def _chance(cost: Cost) -> Interval:
    """What chance leaves of a finite widened cost.

    Records keep the wide interval alone: it is taken back to chance's. One that was cut to what is
    possible tells no longer where chance ends.
    """
    if cost.chance is not None:
        return cost.chance
    extra = error_of_prediction(cost.value)
    below, above = (math.sqrt(max(0.0, (end - cost.value) ** 2 - extra**2)) for end in cost.ci)
    return cost.value - below, cost.value + above
