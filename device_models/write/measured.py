"""Measured devices: a table in place of the parameters of a model.

A table holds pulse curves (``measured_curve.py``) or the jumps of single pulses
(``jump_table.py``); its header tells which.
"""

from __future__ import annotations

from device_models.write.jump_table import JUMP_COLUMNS, JumpTable, parse_jump_table
from device_models.write.measured_curve import PULSE_COLUMNS, PulseCurves, parse_pulse_curve
from device_models.write.measured_table import open_table, quoted


def parse_measured(text: str) -> PulseCurves | JumpTable:
    """Read a table of either form; the header tells which.

    Raises:
        ValueError: If the table is of neither form; one line that names line and column.
    """
    first, names, _ = open_table(text)
    if set(PULSE_COLUMNS) <= set(names):
        return parse_pulse_curve(text)
    if set(JUMP_COLUMNS) <= set(names):
        return parse_jump_table(text)
    raise ValueError(
        f"line {first} has the columns {quoted(', '.join(names))}; "
        f"allowed: {', '.join(PULSE_COLUMNS)}, or {', '.join(JUMP_COLUMNS)}"
    )
