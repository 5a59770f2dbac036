"""The resistor network of an array's wires and devices.

Input line i runs from its driver past all output lines l = 0, 1, …; output line l runs past all
input lines and ends, after the last one, in a sense amplifier at virtual ground. Every segment
between neighbouring crossings, and those to the driver and to the amplifier, has the same
resistance. Conductances are in units of the largest one of a device, and ``r`` is a segment's
resistance times that conductance.

The network is linear, so that the current into amplifier l is ``Σ_i T_li·V_i`` for every input
vector V; nothing is assumed on the activity. The network being reciprocal, T holds for the
transposed read of the backward pass as well.

**First order** in r, for an array of n inputs (``losses``):

    T_li = g_li·(1 − r·Σ_k g_ki·(1 + min(l, k)) − r·Σ_m g_lm·(n − max(i, m))).

The first sum is the drop along the input line: a device k pulls its current through all segments
that it shares with device l. The second is the rise of the output line: the current of input i
raises the line, and every device m on it sends a part of that back into its own input line. Both
are partial sums of partial sums along a line (currents of the segments, then voltages): O(1) a
device.

**Exactly** (``exact_currents``): an output line with devices ``D = diag(g_l)`` takes the currents
``Y_l·u`` from the input lines where they cross it at voltages u. With K the Laplacian of the line's
wires (grounded behind the last input) and ``E = r·D``,

    r·Y_l = E − E·(K + E)⁻¹·E,

and all that it takes reaches its amplifier. The segments of the input lines join the lines to a
block tridiagonal system, which is eliminated from the last line towards the drivers:

    B_l = 2 + r·Y_l − B_{l+1}⁻¹  (the last: 1 + r·Y_l),    r·T_l = 1ᵀ·r·Y_l·B_l⁻¹·B_{l−1}⁻¹·…·B_0⁻¹,

``B_l⁻¹`` being what the segment before line l leaves of the voltages. It costs O(L·n³) for L lines
of n devices; the array turned around, amplifiers for drivers, has the same T, so n is the shorter
side.
"""

from __future__ import annotations

import torch
from torch import Tensor

_MOST_ELEMENTS = 2**22
"""Of the admittances that are held at once: 32 MB."""


def losses(conductance: Tensor, wire_ratio: float) -> Tensor:
    """Part of every device's current that the wires take, to first order.

    Args:
        conductance: Devices in units of the largest conductance, shape ``(lines, inputs)``: a row
            an output line.
        wire_ratio: Resistance of a segment over that of a device at full conductance.

    Returns:
        Relative losses, 0 or more, same shape; meaningful where they are small.
    """
    # Currents of the segments of an input line (all that is further on), then their drops.
    drop = conductance.flip(0).cumsum(0).flip(0).cumsum(0)
    # Currents of an output line gather towards the amplifier behind the last input.
    rise = conductance.cumsum(1).flip(1).cumsum(1).flip(1)
    return wire_ratio * (drop + rise)


def exact_currents(conductance: Tensor, wire_ratio: float) -> Tensor:
    """Currents into the amplifiers for unit voltages at the drivers, by the whole network.

    Args:
        conductance: Devices in units of the largest conductance, shape ``(lines, inputs)``: a row
            an output line.
        wire_ratio: Resistance of a segment over that of a device at full conductance.

    Returns:
        T in the same units, shape and type; solved in double precision.
    """
    lines, inputs = conductance.shape
    if inputs > lines:
        turned = exact_currents(conductance.flip(0, 1).T, wire_ratio)
        return turned.T.flip(0, 1).contiguous()
    scaled = wire_ratio * conductance.to(torch.float64)
    one = torch.eye(inputs, dtype=scaled.dtype, device=scaled.device)
    # B of a line that is not there, so that the last line's comes out as 1 + r·Y.
    left, currents = one, torch.empty_like(scaled)
    some = max(1, _MOST_ELEMENTS // inputs**2)
    for end in range(lines, 0, -some):
        admittances = _line_admittances(scaled[max(0, end - some) : end])
        for line in range(end - 1, end - 1 - len(admittances), -1):
            admittance = admittances[line - end]
            # Weights that are not finite give currents that are not, rather than an error.
            lower = torch.linalg.cholesky_ex(2.0 * one + admittance - left)[0]
            left = torch.cholesky_inverse(lower)
            currents[line] = admittance.sum(0)
            currents[line:] = currents[line:] @ left
    return (currents / wire_ratio).to(conductance.dtype)


def _line_admittances(scaled: Tensor) -> Tensor:
    """r·Y of every output line, shape ``(lines, inputs, inputs)``, for r·g ``(lines, inputs)``."""
    lines, inputs = scaled.shape
    inverse = torch.eye(inputs, dtype=scaled.dtype, device=scaled.device).repeat(lines, 1, 1)
    diagonal = scaled + 2.0
    diagonal[:, 0] -= 1.0
    # (K + E)⁻¹ by Gaussian elimination along the line; K has −1 beside its diagonal.
    for i in range(1, inputs):
        diagonal[:, i] -= 1.0 / diagonal[:, i - 1]
        inverse[:, i] += inverse[:, i - 1] / diagonal[:, i - 1, None]
    inverse /= diagonal[:, :, None]
    for i in range(inputs - 2, -1, -1):
        inverse[:, i] += inverse[:, i + 1] / diagonal[:, i, None]
    return torch.diag_embed(scaled) - scaled[:, :, None] * inverse * scaled[:, None, :]


def most_work(lines: int, inputs: int) -> int:
    """Multiplications of an exact solution, up to a factor: the long side times the short cubed."""
    return max(lines, inputs) * min(lines, inputs) ** 3
