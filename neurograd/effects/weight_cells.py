"""The conductances that hold a spec's weights, as its wires and its drift see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurograd.effects.measured_table import window_of
from neurograd.effects.pulsed_device import draw_pulsed

if TYPE_CHECKING:
    from torch import Tensor

    from device_models import WeightCells
    from neurograd.effects.assembly import Assembly


def smallest_part(device: Any) -> float:
    """Smallest over largest conductance of a spec's device; 0 where nothing tells its window."""
    window = window_of(device)
    return 0.0 if window is None else window[0] / window[1]


def nominal_ends(device: Any) -> tuple[float, float]:
    """Smallest and largest nominal weight of a spec's device, in units of the weight range."""
    pulsed = device.pulsed
    return (-1.0, 1.0) if pulsed is None else (pulsed.w_min, pulsed.w_max)


def weight_span(device: Any) -> float:
    """Weight change over the whole conductance range of one device of a spec, in weight units."""
    low, high = nominal_ends(device)
    pair = device.conductance.mapping == "differential_pair"
    span: float = (high if pair else high - low) * device.conductance.weight_range
    return span


def weight_cells(parts: Assembly) -> WeightCells:
    """The cells of a chip's weights.

    The window stands for the weights from ``-weight_range`` to ``weight_range``, for those between
    the nominal bounds of a behavioural device; a reference that varies over devices is the chip's.
    """
    from device_models import WeightCells  # noqa: PLC0415  (needs torch)

    device = parts.spec.device
    span, smallest, pulsed = weight_span(device), smallest_part(device), device.pulsed
    if device.conductance.mapping == "differential_pair":
        return WeightCells(span, smallest)
    low, high = nominal_ends(device)
    middle: Tensor | float = 0.0
    if pulsed is not None and (pulsed.reference_std or pulsed.subtract_symmetry_point):
        middle = draw_pulsed(parts, "chip").reference
    return WeightCells(span, smallest, (middle - low) / (high - low))
