"""Increments that become whole steps, or whole pulses: what is lost, and what helps."""

from __future__ import annotations

from neurograd.effects.effect import Remedy, change
from neurograd.effects.sections import SpecSections


def rounding_stalls(spec: SpecSections) -> bool:
    """Whether increments below half a step, or below a whole one, are lost altogether."""
    quantization = spec.quantization
    return quantization is not None and quantization.update_rounding != "stochastic"


def stepped(key: str, spec: SpecSections) -> Remedy:
    """More steps; where small increments are lost, rounding at random keeps their mean."""
    if not rounding_stalls(spec):
        return change("raise", [key])
    return Remedy(key, f"set quantization.update_rounding to stochastic, or raise {key}")
