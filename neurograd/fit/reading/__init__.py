"""Reads a file of measured data, whatever it looks like, and says what was understood.

``read_measurements`` goes from a file to rows of cells with heads and numbers (``sheets``), finds
what the columns hold (``heads``, ``choices``, ``columns``, ``read_voltage``), makes conductances of
them (``units``), cuts them into runs of one direction (``series``, ``runs``) and counts the pulses
in between (``counting``). Tables of single jumps are ``lookup``'s.
"""

from __future__ import annotations

from neurograd.fit.reading.choices import SYNTAX
from neurograd.fit.reading.files import SAME_WINDOW, files_read, read_devices, read_measurements

__all__ = ["SAME_WINDOW", "SYNTAX", "files_read", "read_devices", "read_measurements"]
