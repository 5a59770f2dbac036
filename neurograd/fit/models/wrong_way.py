"""Runs that go against their pulses: left out where that is clear, kept where noise explains it.

The steps of a device with much noise carry some of its runs the wrong way by chance. These belong
to the data: without them a fit would find steps that are too large and noise that is too small. A
run goes clearly against its pulses where noise alone, of as many steps, would bring it as far with
a chance below ``LEVEL``: by the mean of its steps, or since no single one goes the right way. Steps
that are all the same have no noise. Such a run is another device's, or written or labelled the
wrong way round. A short one that is bent may not be told from noise.

Steps are ``d = μ + e``, e with the noise of pulses, variance q each, which adds up, and that of
reads, r, of which neighbours share one: covariances q + 2r and −r. How the noise is shared out is
taken, with a mean and without, as makes the steps likeliest (the likelihood ratio of the local
level model with a drift: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter,
Cambridge 1989, section 2.3), and the ratio is told as Student's t. All steps are taken for those of
one pulse, also where blank cells or several pulses lie between two readings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dst
from scipy.special import stdtrit

from neurograd import words
from neurograd.errors import DataError
from neurograd.fit.measurements import DIRECTIONS, Direction, Run

Array = NDArray[np.float64]

LEVEL = 1.3e-4
"""Chance at which a run of noise alone goes clearly against its pulses."""

_EVEN = 1e-9
"""Part of the largest reading by which steps that are the same may differ, by rounding."""

_SHARES = np.append(10.0 ** -np.arange(0.0, 3.5, 0.5), 0.0)
"""Parts of the noise of steps, q in q + r, that are tried."""

ONE_OF = 3
"""A direction is refused where more than one of so many of its runs would be left out."""


def right_way(runs: Sequence[Run]) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """The runs without those that go clearly against their pulses, and what is to be known.

    A device of which a direction would have no run left is left out as a whole.

    Args:
        runs: Of all devices and both directions.

    Raises:
        DataError: If the runs of a direction end on the wrong side of their start in the mean, or
            more than a third of them are left out.
    """
    values = [_readings(run) for run in runs]
    gone = {place for direction in DIRECTIONS for place in _against(direction, runs, values)}
    emptied = _emptied(runs, gone)
    for direction in DIRECTIONS:
        _check_devices(direction, runs, values, emptied)
    kept = [k for k, run in enumerate(runs) if k not in gone and run.device not in emptied]
    notes = [*_left_in_words(runs, gone), *_emptied_in_words(emptied)]
    for direction in DIRECTIONS:
        own = _places(direction, runs)
        falling = [k for k in own if k in kept and _rise(direction, values[k]) < 0]
        notes += _kept_in_words(direction, len(falling), len(own))
    return tuple(runs[k] for k in kept), tuple(notes)


def clearly_against(direction: Direction, runs: Sequence[Array]) -> list[int]:
    """Places of the runs that go clearly against their pulses.

    Args:
        direction: Of all runs.
        runs: Readings of each, shape ``(P,)``.
    """
    return [place for place, values in enumerate(runs) if _is_clear(direction, values)]


def mean_rise(direction: Direction, runs: Sequence[Array]) -> float:
    """How far runs get in the direction of their pulses, in the mean.

    Args:
        direction: Of all runs.
        runs: Readings of each, shape ``(P,)``.
    """
    return float(np.mean([_rise(direction, values) for values in runs]))


def too_many(left_out: int, runs: int) -> bool:
    """Whether so many runs of a direction cannot be left out."""
    return ONE_OF * left_out > runs


def _places(direction: Direction, runs: Sequence[Run]) -> list[int]:
    return [place for place, run in enumerate(runs) if run.direction == direction]


def _against(direction: Direction, runs: Sequence[Run], values: Sequence[Array]) -> list[int]:
    """Places of the runs of a direction that go clearly against their pulses.

    Raises:
        DataError: If the mean run does not go the right way, or too many would be left out.
    """
    places = _places(direction, runs)
    own = [values[place] for place in places]
    wrong = clearly_against(direction, own)
    if own and (mean_rise(direction, own) < 0 or too_many(len(wrong), len(own))):
        raise DataError(_refusal(direction, own, len(wrong)))
    return [places[k] for k in wrong]


def _check_devices(
    direction: Direction, runs: Sequence[Run], values: Sequence[Array], emptied: set[int]
) -> None:
    """Raise DataError where too many runs would be left out with their devices."""
    places = _places(direction, runs)
    lost = sum(runs[place].device in emptied for place in places)
    if too_many(lost, len(places)):
        raise DataError(_refusal(direction, [values[place] for place in places], lost))


def _readings(run: Run) -> Array:
    values = run.conductance if run.start is None else np.append(run.start, run.conductance)
    return values[np.isfinite(values)]


def _ends(values: Array) -> tuple[float, float]:
    """Means of the first and the last quarter of the readings."""
    quarter = max(len(values) // 4, 1)
    return float(values[:quarter].mean()), float(values[-quarter:].mean())


def _rise(direction: Direction, values: Array) -> float:
    begin, end = _ends(values)
    return end - begin if direction == "potentiation" else begin - end


def _is_clear(direction: Direction, values: Array) -> bool:
    rise = _rise(direction, values)
    if rise >= 0:
        return False
    steps = np.diff(values) if direction == "potentiation" else -np.diff(values)
    count = len(steps)
    if count < 2:
        return False
    if np.ptp(steps) <= _EVEN * np.abs(values).max():
        return True
    if (steps <= 0).all() and 0.5**count < LEVEL:
        return True
    return _drift(steps) < float(stdtrit(count - 1, LEVEL))


def _drift(steps: Array) -> float:
    """Mean step over its standard error, for two steps or more that are not all the same."""
    count = len(steps)
    # Sines are the eigenvectors of covariances of neighbours alone.
    data, ones = (dst(each, type=1, norm="ortho") for each in (steps, np.ones(count)))
    waves = 1.0 - np.cos(np.pi * np.arange(1, count + 1) / (count + 1))
    sizes = _SHARES[:, None] + 2.0 * (1.0 - _SHARES[:, None]) * waves
    along, weight = (data * ones / sizes).sum(axis=1), (ones**2 / sizes).sum(axis=1)
    whole = (data**2 / sizes).sum(axis=1)
    rest = whole - along**2 / weight
    volume = np.log(sizes).sum(axis=1)
    without, best = count * np.log(whole) + volume, count * np.log(rest) + volume
    gain = max(float(without.min() - best.min()), 0.0)
    mean = along[best.argmin()] / weight[best.argmin()]
    return math.copysign(math.sqrt((count - 1) * math.expm1(gain / count)), mean)


def _emptied(runs: Sequence[Run], gone: set[int]) -> set[int]:
    """Devices of which a direction has no run left."""
    before = {(run.device, run.direction) for run in runs}
    after = {(run.device, run.direction) for place, run in enumerate(runs) if place not in gone}
    return {device for device, _ in before - after}


def _emptied_in_words(devices: set[int]) -> list[str]:
    if not devices:
        return []
    named = words.listed([str(device + 1) for device in sorted(devices)])
    which = f"device {named} is" if len(devices) == 1 else f"devices {named} are"
    return [f"{which} left out as a whole: no run of one direction is left"]


def _kept_in_words(direction: Direction, count: int, runs: int) -> list[str]:
    if not count:
        return []
    verb, side = ("ends", "its") if count == 1 else ("end", "their")
    return [
        f"{count} of {runs} runs of {direction} {verb} on the wrong side of {side} start, no "
        "further than noise of pulses explains: kept"
    ]


def _left_in_words(runs: Sequence[Run], gone: set[int]) -> list[str]:
    """Which runs are left out, one line a direction."""
    several = len({run.device for run in runs}) > 1
    found = []
    for direction in DIRECTIONS:
        own = [run for run in runs if run.direction == direction]
        left = [runs[k] for k in sorted(gone) if runs[k].direction == direction]
        if not left:
            continue
        named = "; ".join(_run_in_words(run, several=several) for run in left[:3])
        more = f"; and {len(left) - 3} more" if len(left) > 3 else ""
        verb = "is" if len(left) == 1 else "are"
        found.append(
            f"{len(left)} of {len(own)} runs of {direction} {verb} left out, which "
            f"{_ways(direction)[0]} against the pulses: {named}{more}"
        )
    return found


def _run_in_words(run: Run, *, several: bool) -> str:
    begin, end = _ends(_readings(run))
    device = f"device {run.device + 1}, " if several else ""
    return f"{device}run {run.cycle + 1} from {begin:.3g} to {end:.3g}"


def _ways(direction: Direction) -> tuple[str, str]:
    """How a direction goes against its pulses, and how it should go."""
    return ("falls", "rises") if direction == "potentiation" else ("rises", "falls")


def _refusal(direction: Direction, runs: Sequence[Array], wrong: int) -> str:
    way, ought = _ways(direction)
    begin, end = _ends(min(runs, key=lambda values: _rise(direction, values)))
    many = ""
    if len(runs) > 1:
        told = f"{wrong} of {len(runs)} clearly do" if wrong else f"{len(runs)} do in the mean"
        many = f" ({told})"
    return (
        f"a run of {direction} {way} from {begin:.3g} to {end:.3g}{many}; allowed: readings in the "
        f"order of the pulses, which {ought}: turn the column around"
    )
