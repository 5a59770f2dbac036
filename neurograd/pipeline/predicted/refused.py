"""What the values of a spec can cause while a chip is predicted, beside all else that can fail."""

from __future__ import annotations

from device_models import UnstableRuleError
from neurograd.errors import DivergenceError, ModelError, NumbersError, SpecError

CAUSED_BY_VALUES = (UnstableRuleError, DivergenceError, ModelError, NumbersError, SpecError)
"""Errors that say of a chip that it cannot compute with its numbers.

All others end a command: a full disk, data that are gone or workers that are lost say nothing of a
chip.
"""
