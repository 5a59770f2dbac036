"""From measured data to a device: tables of pulses are read, and models fitted to them.

``effects`` reads ``device.measured`` with the same reader, so this folder stands below it: a fitted
device is a plain mapping of a spec's ``device``, which the spec validates where it is used.
"""

from __future__ import annotations

from neurograd.fit.measurements import Jumps, Measurements, Run

__all__ = ["Jumps", "Measurements", "Run"]
