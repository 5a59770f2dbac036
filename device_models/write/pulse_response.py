"""Pulse response: how far a train of identical pulses moves the conductance.

Every published model used here relaxes towards a fixed point, ``u' = u* − (u* − u)·ρⁿ`` after n
pulses, with u the fraction of the device's window. Depression is the same law for ``1 − u``.

=====================  =====================================  =================================
model                  fixed point u*                         ρⁿ, ν = n/levels
=====================  =====================================  =================================
constant step          none: ``u' = u + ν``
linear step, slope γ   ``(1 + 1/γ)/2``                        ``(1 − 2γ/levels)ⁿ``
soft bounds            1 (γ = 1)                              ``(1 − 2/levels)ⁿ``
nonlinear, label NL    ``1/(1 − e^{−1/a})``, a = A/P_max      ``e^{−ν/a}``
=====================  =====================================  =================================

Sources: constant, linear and soft-bounds steps as in Rasch et al., IEEE Design & Test 2019, and
Fusi & Abbott, Nat. Neurosci. 2007; the nonlinear curve and its label as in NeuroSim (Chen, Peng
and Yu, IEEE TCAD 2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

MAX_LABEL = 9.0
"""Largest nonlinearity label of NeuroSim's table."""

_LABEL_OF_UNIT_GAP = 10.101525
"""Label of a curve that is a whole range away from the straight line: the table's own scale."""


_SMALLEST_CONSTANT = 1e-3
"""Curve constant below that of every label."""


def nonlinearity_gap(a: float) -> float:
    """Largest gap between the normalized curve ``(1 − e^{−t/a})/(1 − e^{−1/a})`` and the line t.

    Args:
        a: The curve's constant A in units of the largest pulse number, above 0.
    """
    norm = -math.expm1(-1.0 / a)
    steepness_one = -a * math.log(a * norm)
    return -math.expm1(-steepness_one / a) / norm - steepness_one


def nonlinearity_label(a: float) -> float:
    """NeuroSim's label of a curve constant A/P_max and its sign; the inverse of ``curve_constant``.

    Args:
        a: The constant, not 0; labels are 9 at most, which a constant of about 0.02 has.
    """
    label = _LABEL_OF_UNIT_GAP * nonlinearity_gap(max(abs(a), _SMALLEST_CONSTANT))
    return math.copysign(min(label, MAX_LABEL), a)


def curve_constant(label: float) -> float:
    """NeuroSim's A/P_max of a nonlinearity label, with the label's sign.

    Solved from the definition of the label: the largest gap between the normalized curve and the
    straight line, in the table's scale.

    Args:
        label: Nonlinearity label, −9 to 9 and not 0.

    Raises:
        ValueError: If the label is 0 or outside the table.
    """
    if label == 0 or not abs(label) <= MAX_LABEL:
        raise ValueError(f"nonlinearity label is {label:g}; allowed: -9 to 9 and not 0")
    gap = abs(label) / _LABEL_OF_UNIT_GAP
    # The gap falls with a; for a straight enough curve it is 1/(8a), which bounds the bracket.
    low, high = _SMALLEST_CONSTANT, 1.0 / gap
    while high - low > 1e-14 * high:
        middle = 0.5 * (low + high)
        if nonlinearity_gap(middle) > gap:
            low = middle
        else:
            high = middle
    return math.copysign(0.5 * (low + high), label)


class Response(Protocol):
    """What a train of pulses in one direction does."""

    def step(self, position: Tensor, pulses: Tensor) -> Tensor:
        """Distance moved, in fractions of the window; see ``PulseResponse.step``."""
        ...


@dataclass(frozen=True)
class PulseResponse:
    """One direction's response: a constant step, or relaxation towards a fixed point.

    Attributes:
        fixed_point: u* of the relaxation; infinite for a constant step.
        log_rate: ln ρ per full range of pulses (ν = 1); 0 for a constant step.
    """

    fixed_point: float = math.inf
    log_rate: float = 0.0

    def step(self, position: Tensor, pulses: Tensor) -> Tensor:
        """Distance moved, in fractions of the window.

        Args:
            position: Fraction of the window already passed in this direction, any shape.
            pulses: Number of pulses over the number of levels (ν), same shape.
        """
        if math.isinf(self.fixed_point):
            return pulses.clone()
        return (self.fixed_point - position) * -torch.expm1(pulses * self.log_rate)


CONSTANT_STEP = PulseResponse()
"""Every pulse moves the device equally far."""


def linear_response(slope: float, levels: int | None) -> PulseResponse:
    """Step that falls linearly along the window; slope 0 is constant, slope 1 is soft bounds.

    The step at the middle of the window is one level.

    Args:
        slope: γ, from 0 to 1.
        levels: Pulses over the window; None for infinitely fine pulses.

    Raises:
        ValueError: If the slope is outside 0 to 1.
    """
    if not 0 <= slope <= 1:
        raise ValueError(f"slope is {slope:g}; allowed: 0 to 1")
    if slope == 0:
        return CONSTANT_STEP
    if levels is None:
        rate = -2.0 * slope
    else:
        # Two levels of soft bounds jump to the bound at once: ρ = 0, kept finite.
        rate = levels * math.log1p(-min(2.0 * slope / levels, 1.0 - 1e-15))
    return PulseResponse(0.5 * (1.0 + 1.0 / slope), rate)


def nonlinear_response(label: float, *, depression: bool) -> PulseResponse:
    """NeuroSim's exponential curve, for a nonlinearity label.

    A positive potentiation label and a negative depression label (as published devices have them)
    both mean large steps first; the other sign means small steps first.

    Args:
        label: Nonlinearity label, −9 to 9; 0 is a straight line.
        depression: Whether this is the response to depressing pulses.

    Raises:
        ValueError: If the label is outside the table.
    """
    if label == 0:
        return CONSTANT_STEP
    a = curve_constant(-label if depression else label)
    return PulseResponse(-1.0 / math.expm1(-1.0 / a), -1.0 / a)
