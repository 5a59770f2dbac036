"""The weight change of one nominal pulse: what a controller counts in."""

from __future__ import annotations

from typing import Any

from neurograd.effects.conductance_window import conductance_of
from neurograd.effects.measured_device import read_measured
from neurograd.effects.pulsed_device import controller_step


def pulse_quantum(device: Any) -> float:
    """Weight change of one nominal pulse of a spec's device, in weight units.

    Raises:
        NeurogradError: If a pulse does not move the nominal device.
    """
    from device_models import JumpTable  # noqa: PLC0415  (needs torch)

    window = conductance_of(device)
    if device.pulsed is not None:
        return window.weight_range * controller_step(device.pulsed)
    if device.measured is not None:
        table = read_measured(device.measured)
        if isinstance(table, JumpTable):
            return 2.0 * window.weight_range * sum(table.typical_steps()) / 2.0
        return 2.0 * window.weight_range / max(table.levels)
    levels = window.levels
    assert levels is not None
    return 2.0 * window.weight_range / max(levels.potentiation, levels.depression)
