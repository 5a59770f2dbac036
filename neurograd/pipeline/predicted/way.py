"""Which way the forecasts of a spec's networks take."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from device_models import Chip
from neurograd.forecast.bursts import EVERY_UPDATE
from neurograd.forecast.chip_end import Way, path_and_regime
from neurograd.forecast.regimes import Regime
from neurograd.problem import Problem
from neurograd.records.training import PredictedNetwork
from neurograd.spec import Spec

FEWEST_DRAWN = 5
"""Fewest ``training.seeds`` of which every update is drawn in a regime of large writes.

A count. Not tuned: an interval at 99 % over three chips is 2.8 times as wide as over five that
differ as much. Fewer draw chips that decide nothing, more leave forecasts open.
"""


@dataclass(frozen=True, eq=False)
class _Asked:
    """A spec's problem and one of its chips, equal where they are the same or replicas of them."""

    problem: Problem
    chip: Chip

    @property
    def _parts(self) -> tuple[int, ...]:
        return id(self.chip), *map(id, (self.problem.initial_weights, *self.problem.data()))

    def __hash__(self) -> int:
        return hash(self._parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self._parts == other._parts


_ONE_AT_A_TIME = threading.Lock()


def known_way(problem: Problem, chip: Chip, steps: int) -> tuple[Way, Regime | None]:
    """``path_and_regime``, looked at once for a chip.

    Args:
        problem: The spec's problem, or a replica.
        chip: A chip of the spec.
        steps: Number of updates.
    """
    # Forecasts that begin together wait for the first of them.
    with _ONE_AT_A_TIME:
        return _known_way(_Asked(problem, chip), steps)


@lru_cache(2)
def _known_way(asked: _Asked, steps: int) -> tuple[Way, Regime | None]:
    return path_and_regime(asked.problem, asked.chip, steps)


def forecast_way(
    spec: Spec, problem: Problem, chip: Chip
) -> tuple[Way, Regime | None] | tuple[None, None]:
    """Which way the forecast of a spec's chips takes, and the regime that no path describes.

    Both are None where there is no training. Few chips follow their path in a regime of large
    writes, and are left open: three that differ, drawn one by one, tell less.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        chip: The spec's chip.
    """
    steps = spec.count_updates(problem.num_samples)
    if not steps:
        return None, None
    path, regime = known_way(problem, chip, steps)
    if regime is None:
        return path, None
    chips = spec.training.seeds
    if regime.name == "strong_reads" or chips >= FEWEST_DRAWN:
        told = f"{regime.reason}: {EVERY_UPDATE}"
        return "every_update", replace(regime, reason=told)
    told = f"{regime.reason}, and {chips} chips are too few to draw every update of"
    return path, replace(regime, reason=told)


def off_path_by(way: Way | None, regime: Regime | None) -> str:
    """Why no path describes a training that is predicted along one; empty where that is not so.

    Args:
        way: Which way it takes, from ``forecast_way``.
        regime: The regime, likewise.
    """
    return "" if regime is None or way == "every_update" else regime.reason


def path_thrown(
    spec: Spec, networks: Sequence[PredictedNetwork], way: Way | None
) -> tuple[Way | None, Regime] | None:
    """The way of a forecast of which some path was thrown off, and that regime; None without one.

    What was thrown off is drawn already. The other chips are to be drawn as well, so that all of
    them are real and have real twins; few decide nothing that way, and stay as they are.

    Args:
        spec: The validated spec.
        networks: The clean twin and the chips.
        way: Which way they went.
    """
    thrown, paths = _thrown_of(networks)
    if not thrown:
        return None
    chips = spec.training.seeds
    told = (
        f"{thrown} of {paths} paths of chips and clean twin lose what they learned or are thrown "
        "by noise: "
    )
    if chips >= FEWEST_DRAWN:
        told += EVERY_UPDATE
        way = "every_update"
    else:
        told += f"updates of these are drawn, and {chips} chips are too few to draw every update of"
    return way, Regime("path_thrown", told, thrown / paths, 0.0)


def thrown_off(networks: Sequence[PredictedNetwork]) -> str:
    """How many paths were thrown off beside others that are kept; empty where nothing is mixed.

    Nothing is where no path was thrown off, nor where every chip was drawn, with a drawn twin.

    Args:
        networks: The clean twin and the chips.
    """
    thrown, paths = _thrown_of(networks)
    if not thrown or all(chip.drawn for chip in networks[1:]):
        return ""
    return f"{thrown} of {paths} paths are thrown off, and only their updates are drawn"


def _thrown_of(networks: Sequence[PredictedNetwork]) -> tuple[int, int]:
    """How many paths were thrown off, and how many were followed."""
    own = [chip.twin for chip in networks if chip.twin is not None and not chip.drawn]
    every = [*networks, *(twin for each in networks for twin in each.beside), *own]
    thrown = sum(network.thrown for network in every)
    return thrown, thrown + sum(not network.drawn for network in every)
