"""A spec's ``device`` from measurements: their window, and their table as it was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurograd import words
from neurograd.effects.measured_runs import AverageCurve, average_curve, scatter
from neurograd.fit.measurements import DIRECTIONS, Measurements

_SCALES = ((1e-3, "mS"), (1e-6, "uS"), (1e-9, "nS"), (1e-12, "pS"))


@dataclass(frozen=True)
class MeasuredBlock:
    """Keys of ``device``, and the table that they name.

    Attributes:
        block: The keys.
        table: Text of the table, as ``device.measured`` reads it.
        curves: The curves up and down; empty for a table of jumps.
        notes: What is to be known, a line each.
    """

    block: dict[str, Any]
    table: str
    curves: tuple[AverageCurve, ...]
    notes: tuple[str, ...]

    def noted(self, note: str) -> MeasuredBlock:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, note))


def measured_block(measured: Measurements, table_file: Path) -> MeasuredBlock:
    """A device that follows its average curves, or its table of jumps.

    Args:
        measured: What was read.
        table_file: What ``device.measured`` says.

    Raises:
        ValueError: One line, if a direction is missing.
    """
    if measured.jumps:
        low, high = _ends([jump.conductance for jump in measured.jumps])
        block = {**_window(measured, low, high), "measured": table_file.as_posix()}
        return MeasuredBlock(block, _jump_text(measured), (), ())
    curves = tuple(average_curve(measured, direction) for direction in DIRECTIONS)
    low, high = _ends([curve.conductance for curve in curves])
    block = {**_window(measured, low, high), "measured": table_file.as_posix()}
    notes: tuple[str, ...] = ()
    part = scatter(curves)
    if part:
        block["read"] = {"noise": words.percent(part, significant=3)}
        notes = (
            "readings lie beside their average curve by "
            f"{words.percent(part, significant=2)} of the window, all of which read.noise takes "
            "here: noise of the pulses themselves (write.cycle_to_cycle) is in it",
        )
    if len({run.device for run in measured.runs}) == 1:
        notes += ("write.device_to_device is unknown: the data are of one device",)
    return MeasuredBlock(block, _curve_text(curves), curves, notes)


def _ends(values: list[np.ndarray]) -> tuple[float, float]:
    both = np.concatenate(values)
    return float(both.min()), float(both.max())


def _window(measured: Measurements, low: float, high: float) -> dict[str, Any]:
    """device.conductance where the data are in siemens."""
    if measured.unit != "S":
        return {}
    factor, unit = next((pair for pair in _SCALES if high >= pair[0]), _SCALES[-1])
    return {"conductance": {"min": f"{max(low, 0.0) / factor:.4g} {unit}",
                            "max": f"{high / factor:.4g} {unit}"}}  # fmt: skip


def _curve_text(curves: tuple[AverageCurve, ...]) -> str:
    cells: dict[int, list[str]] = {}
    for place, curve in enumerate(curves):
        for pulse, value in zip(curve.pulses, curve.conductance, strict=True):
            cells.setdefault(int(pulse), ["", ""])[place] = f"{value:.9g}"
    rows = [f"{pulse},{up},{down}" for pulse, (up, down) in sorted(cells.items())]
    return "\n".join(["pulse,potentiation,depression", *rows, ""])


def _jump_text(measured: Measurements) -> str:
    rows = [
        f"{before:.9g},{change:.9g}," if jump.direction == DIRECTIONS[0]
        else f"{before:.9g},,{change:.9g}"
        for jump in measured.jumps
        for before, change in zip(jump.conductance, jump.change, strict=True)
    ]  # fmt: skip
    return "\n".join(["conductance,delta_up,delta_down", *rows, ""])
