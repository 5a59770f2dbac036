"""A device from measured data: the curve of ``choice.py`` and its numbers, or a jump table.

Where no curve stands the device is a jump table (``step_table.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurograd.errors import DataError
from neurograd.fit.choice import Tried, choose
from neurograd.fit.device_block import Unknown, block_of, unknown_of
from neurograd.fit.goodness import LEVEL, goodness
from neurograd.fit.measurements import Measurements
from neurograd.fit.models.model_fit import ModelFit, fit_model
from neurograd.fit.models.trains import line_up
from neurograd.fit.numbers import Number, numbers_of
from neurograd.fit.step_table import step_curve, table_of_fit, table_of_jumps

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
        fit: The chosen fit itself; None for a table of single jumps.
        table: Text of the jump table; None where a curve fits.
        unit: Unit of the conductances, ``S`` or ``relative``.
    """

    curve: str
    numbers: tuple[Number, ...]
    unknown: tuple[Unknown, ...]
    notes: tuple[str, ...]
    tried: tuple[Tried, ...]
    fit: ModelFit | None
    table: str | None
    unit: str

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
        found += [f"unknown: {each.key}: {each.why}" for each in self.unknown]
        return (*found, *self.notes)

    def _curve_in_words(self) -> str:
        chosen = next((each for each in self.tried if each.fit is self.fit), None)
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


def fit_device(measured: Measurements) -> DeviceFit:
    """Fit a device to measurements.

    Args:
        measured: What was read from a file.

    Raises:
        DataError: If there is too little to fit.
    """
    if not measured.runs:
        return _of_jumps(measured)
    trains = line_up(measured.runs)
    choice = choose(trains)
    notes = choice.notes()
    table = None
    if choice.chosen is None:
        chosen = fit_model(step_curve(trains), trains)
        after = goodness(chosen)
        if not after.fits:
            notes += (
                f"The jump table does not fit either (p = {after.smallest:.2g}, level {LEVEL:g}): "
                f"there is {after.worst} left, which a jump table with one noise a direction does "
                "not have.",
            )
        if len(trains.directions) == 2:
            table = table_of_fit(chosen)
    else:
        chosen = choice.chosen.fit
    numbers = numbers_of(chosen, measured.unit, [rival.fit for rival in choice.rivals])
    return DeviceFit(
        curve=chosen.model.curve.name,
        numbers=numbers,
        unknown=unknown_of(trains, measured.unit, chosen),
        notes=notes,
        tried=choice.tried,
        fit=chosen,
        table=table,
        unit=measured.unit,
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
        Number("conductance.min", low, low, low, unit, given=True),
        Number("conductance.max", high, high, high, unit, given=True),
    )
    reads = "single jumps do not tell the noise of reads, which the table's spread holds twice"
    return DeviceFit(
        curve="jump table",
        numbers=numbers,
        unknown=(
            Unknown("read.noise", reads),
            Unknown("write.device_to_device", "the jumps are not told apart by device"),
        ),
        notes=(),
        tried=(),
        fit=None,
        table=table_of_jumps(measured.jumps),
        unit=unit,
    )
