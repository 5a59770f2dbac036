"""Increments that become whole steps, or whole pulses: what is lost, and what helps."""

from __future__ import annotations

from neurograd.effects.effect import Remedy, change
from neurograd.effects.sections import SpecSections


def rounds_updates(spec: SpecSections) -> bool:
    """Whether updates become whole steps of a memory, or whole pulses or states of a device.

    Args:
        spec: The validated spec, or as one layer has it.
    """
    quantization, device = spec.quantization, spec.device
    if quantization is not None and quantization.update_bits is not None:
        return True
    if device is None:
        return quantization is not None and quantization.weight_bits is not None
    window = device.conductance
    counted = (window.levels, window.states, device.pulsed, device.measured)
    return any(each is not None for each in counted)


def rounding_stalls(spec: SpecSections) -> bool:
    """Whether increments below half a step, or below a whole one, are lost altogether."""
    quantization = spec.quantization
    return quantization is not None and quantization.update_rounding != "stochastic"


def stepped(key: str, spec: SpecSections) -> Remedy:
    """More steps; where small increments are lost, rounding at random keeps their mean."""
    if not rounding_stalls(spec):
        return change("raise", [key])
    return Remedy(key, f"set quantization.update_rounding to stochastic, or raise {key}")
