"""Writes by the pulses of a jump table."""

from __future__ import annotations

import math

from device_models.write.jump_table import JumpTable
from device_models.write.pulsed_step import DeviceValues
from device_models.write.pulsed_write import PulsedWrite
from device_models.write.rounding import Rounding


def jump_table_write(
    table: JumpTable,
    weight_range: float = 1.0,
    rounding: Rounding = "stochastic",
    counted: float | None = None,
    *,
    capped: bool = True,
) -> PulsedWrite:
    """Write path of synapses whose pulses are those of a jump table.

    One device a weight beside a reference, ``w = weight_range·(2x − 1)``. The controller knows the
    table's average step only: it asks for ``|increment|`` over that step, in whole pulses, and,
    where they are capped, never for more than would pass the whole window. Pulses act one after
    the other, each with the mean and the deviation of the state where it finds the device, cut at
    the window; of a request for more than 1000, those beyond are taken in linearized blocks
    (``many_pulses.py``).

    Args:
        table: What a pulse does.
        weight_range: Largest |weight|, above 0.
        rounding: How a requested increment becomes pulses: ``stochastic``, ``nearest`` or
            ``truncate``; ``none`` divides them.
        counted: Part of the window that a pulse is counted for whatever its direction, as trains
            of coinciding pulses count, above 0; None where the controller counts by the average
            steps.
        capped: Whether there are never more pulses than would pass the whole window.

    Raises:
        ValueError: If weight range, rounding or counted part are not allowed.
    """
    if not 0 < weight_range < math.inf:
        raise ValueError(f"weight_range is {weight_range:g}; allowed: above 0")
    if counted is not None and not 0 < counted < math.inf:
        raise ValueError(f"counted is {counted:g}; allowed: above 0, or None")
    rise, fall = table.typical_steps() if counted is None else (counted, counted)
    zero, one = table.nodes.new_zeros(1), table.nodes.new_ones(1)
    devices = DeviceValues(
        step_up=one,
        step_down=one,
        low=zero,
        high=one,
        slope_up=zero,
        slope_down=zero,
        reference=0.5 * one,
    )
    most = (math.ceil(1.0 / rise), math.ceil(1.0 / fall)) if capped else None
    return PulsedWrite(table, devices, (rise, fall), 2.0 * weight_range, rounding, most)
