"""The grid of a spec's digital weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograd.effects.pulsed_device import nominal_bounds

if TYPE_CHECKING:
    from device_models import FixedPointGrid
    from neurograd.effects.assembly import Assembly


def digital_grid(parts: Assembly, bits: int) -> FixedPointGrid:
    """The grid of numbers of so many bits, which reach as far as the weights that are stored.

    These are those of the nominal device, whose bounds a behavioural model names; without a device
    they reach to quantization.weight_range.

    Args:
        parts: The chip, or one of its layers.
        bits: Bits of a number.
    """
    from device_models import FixedPointGrid  # noqa: PLC0415  (needs torch)

    device = parts.spec.device
    if device is None:
        return FixedPointGrid(bits, parts.spec.quantization.weight_range)
    reach = 1.0 if device.pulsed is None else max(abs(end) for end in nominal_bounds(device.pulsed))
    return FixedPointGrid(bits, reach * parts.weight_range)
