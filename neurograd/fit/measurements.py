"""A measured device, whatever file it came in: runs of pulses, or samples of single jumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Direction = Literal["potentiation", "depression"]
"""Pulses that raise the conductance, and pulses that lower it."""

DIRECTIONS: tuple[Direction, Direction] = ("potentiation", "depression")
"""Both, in the order of all pairs."""


@dataclass(frozen=True)
class Run:
    """Readings of one device in one direction, one after the other.

    Attributes:
        direction: Whether the pulses raise or lower the conductance.
        conductance: The readings in the order of the pulses, in siemens or in relative units, shape
            ``(P,)``. Between one and the next lies one pulse, unless ``pulses`` says otherwise.
        device: Number of the device, 0 where there is one.
        cycle: Number of the cycle, from 0; up and down of one cycle have the same.
        start: The reading one pulse before ``conductance[0]``, where another run ended with it (a
            trace that turns round); None where ``conductance[0]`` is the first that is known.
        pulses: Pulses from the first reading to each, whole and rising from 0, shape ``(P,)``;
            None where every reading is one pulse behind the one before.
    """

    direction: Direction
    conductance: NDArray[np.float64]
    device: int = 0
    cycle: int = 0
    start: float | None = None
    pulses: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Jumps:
    """Samples of the change that one pulse makes, against the conductance before it.

    Attributes:
        direction: Whether the pulses raise or lower the conductance on average.
        conductance: Before the pulse, in siemens or in relative units, shape ``(P,)``.
        change: What the pulse added to it, same unit, shape ``(P,)``.
    """

    direction: Direction
    conductance: NDArray[np.float64]
    change: NDArray[np.float64]

    @property
    def of_readings(self) -> bool:
        """Whether conductances differ as readings do; states of a table come again and again."""
        return 2 * len(np.unique(self.conductance)) > len(self.conductance)


@dataclass(frozen=True)
class Measurements:
    """A file of measured data, understood.

    Attributes:
        runs: Every run of pulses; empty where the file is a table of jumps that are no runs.
        unit: ``S`` where conductances are in siemens, ``relative`` where the file has no unit.
        understood: What was read, in words, a line each.
        notes: What a reader has to know before a fit is trusted, a line each.
        jumps: Samples of single pulses, up and down, where the file is a table of them; beside runs
            where its rows follow each other.
    """

    runs: tuple[Run, ...]
    unit: Literal["S", "relative"]
    understood: tuple[str, ...]
    notes: tuple[str, ...]
    jumps: tuple[Jumps, ...] = ()
