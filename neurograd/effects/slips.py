"""Likely slips of a unit: values that are allowed, and that hardly any device has."""

from __future__ import annotations

from collections.abc import Iterator

from neurograd import words

SMALLEST_PART = 1e-3
"""Spreads and noises of devices below a thousandth are rarer than '0.05 %' for 5 %."""
CONDUCTANCES = (1e-10, 1e-2)
"""Conductances in siemens between which largest conductances of devices lie."""
LARGEST_ON_OFF = 1e7
"""On/off ratio of the best published devices, about."""
TYPED_DIGITS = 2
"""Digits of a percentage that is written by hand; fits write three."""
LARGEST_WIRE_RATIO = 0.02
"""A wire segment of a fiftieth of a device's smallest resistance, beyond published arrays."""


def small_part(key: str, value: float | None) -> Iterator[str]:
    """A hint at a percentage that was a fraction already, but for what a fit has estimated."""
    if value is None or value != float(f"{value:.{TYPED_DIGITS}g}"):
        return
    if 0 < value < SMALLEST_PART:
        meant = words.percent(100 * value, significant=2)
        yield (
            f"{key} is {words.percent(value, significant=2)}, less than devices have: if "
            f"{meant} is meant, write that, or {value * 100:.3g} without a "
            "percent sign."
        )


def odd_window(low: float | None, high: float | None) -> Iterator[str]:
    """Hints at conductances of the wrong unit."""
    if low is None or high is None:
        return
    if not CONDUCTANCES[0] <= high <= CONDUCTANCES[1]:
        yield (
            f"device.conductance.max is {high:.3g} S; devices conduct {CONDUCTANCES[0]:g} to "
            f"{CONDUCTANCES[1]:g} S: is its unit right? A bare number is in siemens."
        )
    elif low > 0 and high / low > LARGEST_ON_OFF:
        yield (
            f"device.conductance.max is {high / low:.3g} times min, {low:.3g} S, and devices "
            f"reach about {LARGEST_ON_OFF:g}: are both of one unit?"
        )


def long_wire(ratio: float) -> Iterator[str]:
    """A hint at a wire that is no small resistance beside a device."""
    if ratio >= LARGEST_WIRE_RATIO:
        part = words.percent(ratio, significant=2)
        yield (
            f"device.ir_drop.wire_ratio is {ratio:g}: one segment of wire has {part} "
            "of a device's smallest resistance, beyond published arrays. It is ohms of one segment "
            "times device.conductance.max in siemens."
        )
