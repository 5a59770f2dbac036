"""A device from measured data: the curve of ``choice.py`` and its numbers, or a jump table.

Where no curve stands the device is a jump table (``step_table.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurograd.errors import DataError
from neurograd.fit.choice import CHOOSING, Choice, Tried, choose, fits_of
from neurograd.fit.device_block import (
    Unknown,
    below_zero,
    block_of,
    check_noises,
    unknown_of,
)
from neurograd.fit.devices import Devices
from neurograd.fit.goodness import LEVEL, goodness
from neurograd.fit.measurements import DIRECTIONS, Measurements
from neurograd.fit.models.curves import curves_of
from neurograd.fit.models.model_fit import ModelFit, fit_model
from neurograd.fit.models.profile import CONFIDENCE
from neurograd.fit.models.trains import Trains, line_up
from neurograd.fit.models.wrong_way import right_way
from neurograd.fit.numbers import SPREADS, Number, joined_all, numbers_of
from neurograd.fit.step_table import step_curve, table_of_fit, table_of_jumps

READS_IN_JUMPS = (
    "single jumps do not tell the noise of reads: where conductances are readings, the table's "
    "spreads hold it twice, and its mean steps near the ends of the window are off by about as "
    "much, towards the middle; runs of pulses would tell, or jumps in rows that follow each other"
)
"""Why the noise of reads is not known of single jumps, and what it does to their table."""

ONE_NUMBER = "pulsed.dw_min_std."
"""Key that a spec has one number of, and a fit one for either direction."""


@dataclass(frozen=True)
class DeviceFit:
    """A device as measured.

    Attributes:
        curve: Name of the curve that was chosen, or ``jump table``.
        numbers: Its numbers, each with an interval of ``CONFIDENCE``.
        unknown: What the data cannot tell, and why.
        notes: What was done to the data or left out, a line each.
        tried: All curves, the best first.
        fits: The chosen fit of each device, or one to all of them; empty for a table of single
            jumps.
        table: Text of the jump table; None where a curve fits.
        unit: Unit of the conductances, ``S`` or ``relative``.
        other_forms: Forms of curves that may be right as well and that no numbers of this one make.
    """

    curve: str
    numbers: tuple[Number, ...]
    unknown: tuple[Unknown, ...]
    notes: tuple[str, ...]
    tried: tuple[Tried, ...]
    fits: tuple[ModelFit, ...]
    table: str | None
    unit: str
    other_forms: tuple[str, ...] = ()

    @property
    def fit(self) -> ModelFit | None:
        """The fit of the first device; None for a table of single jumps."""
        return self.fits[0] if self.fits else None

    def number(self, key: str) -> Number:
        """One of the numbers.

        Raises:
            KeyError: If the fit has none of that key.
        """
        for number in self.numbers:
            if number.key == key:
                return number
        raise KeyError(key)

    def lines(self) -> tuple[str, ...]:
        """The fit in words, a line each: curve, numbers, what is unknown, notes."""
        found = [self._curve_in_words()]
        found += [number.in_words() for number in self.numbers]
        noises = [n for n in self.numbers if n.key.startswith(ONE_NUMBER)]
        if len(noises) > 1 and self.table is None:
            key = noises[0].key.rpartition(".")[0]
            found.append(f"{key} is one number in a spec: the root of the mean square of both")
        found += [_not_told(each, len(self.fits)) for each in self.numbers if _maybe_none(each)]
        found += [f"unknown: {each.key}: {each.why}" for each in self.unknown]
        return (*found, *self.notes)

    def _curve_in_words(self) -> str:
        chosen = next((each for each in self.tried if self.fit in each.fits), None)
        if chosen is None:
            return f"curve: {self.curve}"
        return (
            f"curve: {self.curve}, chosen of {len(self.tried)} by the likelihood of hidden "
            f"readings; it fits at level {LEVEL:g} (p = {chosen.goodness.smallest:.2g})"
        )

    def device_block(self, table_file: str | None = None) -> dict[str, Any]:
        """The keys of a spec's ``device``.

        Args:
            table_file: Where ``table`` is written, as the spec will name it.

        Raises:
            DataError: If the device is a jump table and no file is given.
        """
        if self.table is not None and table_file is None:
            raise DataError("no curve fits: the device is a jump table, which needs a file")
        return block_of(self.curve, self.numbers, table_file)


def fit_device(measured: Measurements, model: str | None = None) -> DeviceFit:
    """Fit a device to measurements, of several devices with the spread over them.

    Args:
        measured: What was read from a file.
        model: One of ``curves.MODELS`` that the curve is held to; None for the choice of all.

    Raises:
        DataError: If there is too little to fit.
    """
    if not measured.runs:
        if model is not None:
            raise DataError("a table of single jumps has no curve; allowed: it without --model")
        return _of_jumps(measured)
    runs, left_out = right_way(measured.runs)
    trains = line_up(runs)
    choice = choose(trains, curves_of(model))
    if choice.chosen is None:
        return _of_steps(trains, measured.unit, choice, left_out)
    fits = fits_of(choice.chosen, trains)
    rivals = [fits_of(rival, trains) for rival in choice.rivals]
    notes = (*left_out, *choice.notes())
    if len(fits) == 1:
        numbers = numbers_of(fits[0], measured.unit, [fit for (fit,) in rivals])
    else:
        devices = Devices.of(fits, trains)
        own = devices.numbers(measured.unit)
        keys = frozenset(number.key for number in own)
        others = [Devices.of(each, trains).numbers(measured.unit, keys) for each in rivals]
        numbers = joined_all(own, [number for each in others for number in each])
        notes += (*_chosen_on(choice.chosen, fits), *devices.notes())
    check_noises(numbers)
    notes += below_zero(numbers)
    unknown = unknown_of(trains, measured.unit, [number.key for number in numbers])
    not_told = {each.key for each in unknown}
    return DeviceFit(
        curve=choice.chosen.name,
        numbers=tuple(number for number in numbers if number.key not in not_told),
        unknown=unknown,
        notes=notes,
        tried=choice.tried,
        fits=fits,
        table=None,
        unit=measured.unit,
        other_forms=choice.other_forms,
    )


def _chosen_on(chosen: Tried, fits: Sequence[ModelFit]) -> tuple[str, ...]:
    """How several devices were fitted."""
    some = f", by {len(chosen.fits)} of them" if len(fits) > CHOOSING else ""
    return (
        f"{len(fits)} devices: one curve is chosen for all{some}, and each is fitted for itself. "
        "Numbers are means over devices, noises are in common, and intervals are those of devices "
        "of which these are a sample.",
    )


def _of_steps(trains: Trains, unit: str, choice: Choice, left_out: tuple[str, ...]) -> DeviceFit:
    """A jump table in place of a curve, of all devices together.

    Raises:
        DataError: If one direction was measured: a table has steps of both.
    """
    if len(trains.directions) < len(DIRECTIONS):
        raise DataError(
            f"no curve fits the pulses of {trains.directions[0]}, and a jump table takes those of "
            "both directions; allowed: pulses up and down, or those of one direction that a curve "
            "fits"
        )
    fit = fit_model(step_curve(trains), trains)
    numbers = numbers_of(fit, unit)
    check_noises(numbers)
    notes, after = (*left_out, *choice.notes(), *below_zero(numbers)), goodness(fit)
    if not after.fits:
        notes += (
            f"The jump table does not fit either (p = {after.smallest:.2g}, level {LEVEL:g}): "
            f"there is {after.worst} left, which a jump table with one noise a direction does "
            "not have.",
        )
    return DeviceFit(
        curve=fit.model.curve.name,
        numbers=numbers,
        unknown=unknown_of(trains, unit, ()),
        notes=notes,
        tried=choice.tried,
        fits=(fit,),
        table=table_of_fit(fit),
        unit=unit,
    )


def _maybe_none(number: Number) -> bool:
    return number.key in SPREADS and number.low == 0.0


def _not_told(number: Number, devices: int) -> str:
    part = number.unit.startswith("of the")
    high = f"{100.0 * number.high:.3g} %" if part else f"{number.high:.3g}"
    return (
        f"{number.key} is not told from 0 by {devices} devices: it is at most {high} "
        f"(at {CONFIDENCE:.0%}); a check with that shows whether it matters"
    )


def _of_jumps(measured: Measurements) -> DeviceFit:
    if len(measured.jumps) != 2:
        raise DataError("there are neither runs of pulses nor jumps up and down; allowed: either")
    ends = np.concatenate([each.conductance for each in measured.jumps])
    low, high = float(ends.min()), float(ends.max())
    if not high > low:
        raise DataError(f"all jumps start at {low:g}; allowed: a range of conductances")
    unit = measured.unit
    numbers = (
        Number(
            "conductance.min", low, low, low, unit, given=True, source="the smallest before a pulse"
        ),
        Number(
            "conductance.max",
            high,
            high,
            high,
            unit,
            given=True,
            source="the largest before a pulse",
        ),
    )
    return DeviceFit(
        curve="jump table",
        numbers=numbers,
        unknown=(
            Unknown("read.noise", READS_IN_JUMPS),
            Unknown("write.device_to_device", "the jumps are not told apart by device"),
        ),
        notes=below_zero(numbers),
        tried=(),
        fits=(),
        table=table_of_jumps(measured.jumps),
        unit=unit,
    )
