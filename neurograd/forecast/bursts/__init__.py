"""Short bursts of real updates from places on a predicted path: does the path hold?

For any function f of the weights, the mean of its rate of change under real updates, taken over the
states of a path at one time, is the rate at which the path's own mean of f changes there (Dynkin's
formula), if the path has the distribution that the chip's weights have. So a few real updates from
states of the path, set beside the path's own slope, look at everything at once: mean and noise of
an update, and how the path carried both along steps of many updates. f is the logarithm of the
loss, which the answer hangs on, and of the squared length of the weights, to which noise adds in
every direction.

* ``plan`` says how many updates are spent, and where.
* ``watch`` follows a path and takes the bursts.
* ``path_check`` sets them beside the path and tests.

Source: Dynkin, Markov Processes (1965), chapter 5; its use here is ours.
"""

from neurograd.forecast.bursts.path_check import LEVEL, PathCheck, PlaceCheck, check_path, unchecked
from neurograd.forecast.bursts.plan import BurstPlan, plan_bursts
from neurograd.forecast.bursts.watch import (
    EVERY_UPDATE,
    STATES_OF_BURST,
    Burst,
    BurstWatch,
    why_unwatched,
)

__all__ = [
    "EVERY_UPDATE",
    "LEVEL",
    "STATES_OF_BURST",
    "Burst",
    "BurstPlan",
    "BurstWatch",
    "PathCheck",
    "PlaceCheck",
    "check_path",
    "plan_bursts",
    "unchecked",
    "why_unwatched",
]
