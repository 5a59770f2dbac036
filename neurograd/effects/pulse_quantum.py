"""The weight change of one nominal pulse: what a controller counts in."""

from __future__ import annotations

from typing import Any

from neurograd.effects.conductance_window import conductance_of
from neurograd.effects.measured_table import read_measured
from neurograd.effects.pulsed_device import controller_step, controller_steps


def pulse_quantum(device: Any) -> float:
    """Weight change that one pulse of a spec's device is counted for in either direction.

    Raises:
        NeurogradError: If a pulse does not move the nominal device.
    """
    up, down = pulse_quanta(device)
    if device.pulsed is not None:
        return conductance_of(device).weight_range * controller_step(device.pulsed)
    return min(up, down) if counted_levels(device) is not None else 0.5 * (up + down)


def pulse_quanta(device: Any) -> tuple[float, float]:
    """Weight change of one nominal pulse up and down, in weight units.

    Raises:
        NeurogradError: If a pulse does not move the nominal device.
    """
    from device_models import JumpTable  # noqa: PLC0415  (needs torch)

    size = conductance_of(device).weight_range
    if device.pulsed is not None:
        up, down = controller_steps(device.pulsed)
        return size * up, size * down
    levels = counted_levels(device)
    if levels is not None:
        return 2.0 * size / levels[0], 2.0 * size / levels[1]
    table = read_measured(device.measured)
    assert isinstance(table, JumpTable)
    rise, fall = table.typical_steps()
    return 2.0 * size * rise, 2.0 * size * fall


def counted_levels(device: Any) -> tuple[float, float] | None:
    """Pulses over the window, up and down; None for devices that have no such number."""
    from device_models import PulseCurves  # noqa: PLC0415  (needs torch)

    if device.measured is None:
        levels = conductance_of(device).levels
        return None if levels is None else (levels.potentiation, levels.depression)
    table = read_measured(device.measured)
    return table.levels if isinstance(table, PulseCurves) else None
