"""How many real updates a check of a path spends, and where."""

from __future__ import annotations

from dataclasses import dataclass

PLACES = 6
"""Places along a path. More leave fewer updates at each of them."""

SPENT = 0.02
"""Part of the updates of a training that its bursts may take."""

SPENT_OF_LONG = 0.005
"""The same of a training of ``LONG`` updates or more."""

LONG = 100_000

FEWEST = 4
"""Updates of a burst below which it says nothing: half of them only settle."""

LEAST_PLACES = 3
"""Places below which a path is not checked."""


@dataclass(frozen=True)
class BurstPlan:
    """Bursts of one path.

    Attributes:
        length: Updates of each.
        targets: Updates after which a place is looked for, one a place, ascending.
    """

    length: int
    targets: tuple[int, ...]


def plan_bursts(steps: int) -> BurstPlan | None:
    """The bursts of a path; None where the training is too short for any.

    Places lie in the middle of equal parts of the training.

    Args:
        steps: Updates of the training.
    """
    spent = int((SPENT if steps < LONG else SPENT_OF_LONG) * steps)
    places = min(PLACES, spent // FEWEST)
    if places < LEAST_PLACES:
        return None
    targets = tuple((2 * k + 1) * steps // (2 * places) for k in range(places))
    return BurstPlan(spent // places, targets)
