"""The curves that a fit tries: how far one pulse moves a device, by the part that it has passed.

==================  ===============================  ============================================
curve               mean step f(p)                   a spec's device
==================  ===============================  ============================================
constant            ``1/P``                          ``conductance.levels``
nonlinear           ``(u* − p)(1 − e^{−c/P})``,      ``write.nonlinearity``, whose label is
                    ``u* = 1/(1 − e^{−c})``          that of the bend c (``write.slope`` is the
                                                     same curve where c is above 0)
soft_bounds         ``(2/P)(1 − p)``                 ``write.model: soft_bounds``
linear_relative     ``½Δ(1 − γ(2p − 1))``            ``pulsed: linear, noise: multiplicative``
power               ``½Δ(1 − p)^γ``                  ``pulsed: power``, one γ for both directions
exponential         ``½Δ(1 − A·e^{−γ(p − ½)})``,     ``pulsed: exponential`` with a of −½ and b
                    0 where that is below 0          of 0: aihwkit's ExpStepDevice
==================  ===============================  ============================================

p runs from 0 to 1 in the direction of the pulses. The noise of a pulse is constant over the window
in the first three, and in proportion to the step in the others, as in ``device_models``. The window
of soft bounds and of the power step ends where the step does. The exponential step is fitted where
it is asked for alone: near a straight line its three numbers are one too many.

Sources: those of ``device_models/write/pulse_response.py`` and ``pulsed_step.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from neurograd.errors import DataError
from neurograd.fit.models.state_space import Line, Step
from neurograd.fit.models.trains import Array

Values = Mapping[str, Array]
"""Parameters of a curve by name, each of shape ``(B, R)``."""

_NEAR = 0.02
"""Rest of the window below which a power step is taken as at this rest: its slope has no end."""


@dataclass(frozen=True)
class Curve:
    """One form of the mean step.

    Attributes:
        name: Its name, as in the table above.
        own: Parameters that either direction has of its own; the first is the logarithm of a
            number.
        shared: Parameters that both directions have in common.
        step: The mean step of parameters; see ``state_space.py``.
        guess: First values from the straightest account of a direction: pulses over the window,
            and the bend.
        relative: Whether the noise of a pulse is in proportion to its step.
        straight: Whether the step is a straight line of the part passed.
        whole: Whether the measured pulses pass the window whole, so that their number is known.
        holds: Names of the curves that it becomes at some values of its parameters.
    """

    name: str
    own: tuple[str, ...]
    shared: tuple[str, ...]
    step: Callable[[Values], Step | Line]
    guess: Callable[[float, float], dict[str, float]]
    relative: bool = False
    straight: bool = True
    whole: bool = False
    holds: tuple[str, ...] = ()


def first_step(pulses: Array | float, bend: Array | float) -> Array:
    """``u*(1 − e^{−c/P})``: the step at the window's start; 1/P for a bend of 0."""
    straight = np.abs(bend) < 1e-9
    safe = np.where(straight, 1e-9, bend)
    found: Array = np.where(straight, 1.0 / np.asarray(pulses), np.expm1(-safe / pulses) /
                            np.expm1(-safe))  # fmt: skip
    return found


def _constant(v: Values) -> Line:
    return np.exp(-v["pulses"]), np.zeros_like(v["pulses"])


def _nonlinear(v: Values) -> Line:
    pulses, bend = np.exp(v["pulses"]), v["bend"]
    return first_step(pulses, bend), np.expm1(-bend / pulses)


def _soft_bounds(v: Values) -> Line:
    fall = 2.0 * np.exp(-v["pulses"])
    return fall, -fall


def _linear(v: Values) -> Line:
    half, gamma = 0.5 * np.exp(v["step"]), v["gamma"]
    return half * (1.0 + gamma), -2.0 * half * gamma


def _power(v: Values) -> Step:
    half, exponent = 0.5 * np.exp(v["step"]), np.exp(np.clip(v["exponent"], -6.0, 3.0))

    def step(p: Array) -> tuple[Array, Array, Array]:
        rest = np.maximum(1.0 - p, _NEAR)
        f = half * rest**exponent
        slope = np.where(1.0 - p > _NEAR, -exponent * f / rest, 0.0)
        return f, slope, (1.0 - exponent) * slope / rest

    return step


def _exponential(v: Values) -> Step:
    half, amplitude, gamma = 0.5 * np.exp(v["step"]), v["amplitude"], v["gamma"]

    def step(p: Array) -> tuple[Array, Array, Array]:
        part = amplitude * np.exp(-gamma * (p - 0.5))
        moves = part < 1.0
        slope = np.where(moves, half * gamma * part, 0.0)
        return half * np.maximum(1.0 - part, 0.0), slope, -gamma * slope

    return step


def _levels(pulses: float, bend: float) -> dict[str, float]:
    return {"pulses": float(np.log(pulses))}


def _bent(pulses: float, bend: float) -> dict[str, float]:
    return {**_levels(pulses, bend), "bend": bend}


def _to_the_end(pulses: float, bend: float) -> dict[str, float]:
    return {"pulses": float(np.log(max(2.0 / float(first_step(pulses, bend)), 2.5)))}


def _sloped(pulses: float, bend: float) -> dict[str, float]:
    gamma = float(np.tanh(0.5 * bend))
    start = float(first_step(pulses, bend))
    return {"step": float(np.log(2.0 * start / (1.0 + gamma))), "gamma": gamma}


def _powered(pulses: float, bend: float) -> dict[str, float]:
    start = float(first_step(pulses, bend))
    return {"step": float(np.log(2.0 * start)), "exponent": 0.2}


def _curled(pulses: float, bend: float) -> dict[str, float]:
    """An exponential step with the steps of the straightest account at both ends of the window."""
    start, gamma = float(first_step(pulses, bend)), 2.0
    ratio = max(1.0 + float(np.expm1(-bend / pulses)) / start, 0.2)
    grown = float(np.exp(0.5 * gamma))
    amplitude = (ratio - 1.0) / (ratio * grown - 1.0 / grown)
    size = 2.0 * start / (1.0 - amplitude * grown)
    return {"step": float(np.log(size)), "amplitude": amplitude, "gamma": gamma}


_OVER, _BENT_OVER = "constant over the window", "nonlinear over the window"
_FLAT = (_OVER, "constant")

CURVES = (
    Curve(_OVER, ("pulses",), (), _constant, _levels, whole=True),
    Curve("constant", ("pulses",), (), _constant, _levels, holds=(_OVER,)),
    Curve("soft bounds", ("pulses",), (), _soft_bounds, _to_the_end),
    Curve(_BENT_OVER, ("pulses", "bend"), (), _nonlinear, _bent, whole=True, holds=(_OVER,)),
    Curve(
        "power",
        ("step",),
        ("exponent",),
        _power,
        _powered,
        relative=True,
        straight=False,
        holds=_FLAT,
    ),
    Curve(
        "nonlinear",
        ("pulses", "bend"),
        (),
        _nonlinear,
        _bent,
        holds=(*_FLAT, _BENT_OVER, "soft bounds"),
    ),
    Curve(
        "linear, relative noise",
        ("step", "gamma"),
        (),
        _linear,
        _sloped,
        relative=True,
        holds=_FLAT,
    ),
)
"""Curves that are chosen from, those of fewer numbers first."""

EXPONENTIAL = Curve(
    "exponential",
    ("step", "amplitude", "gamma"),
    (),
    _exponential,
    _curled,
    relative=True,
    straight=False,
    holds=_FLAT,
)
"""Fitted where it is asked for alone."""

_OVER_THE_WINDOW = " over the window"

MODELS = {
    "constant": (_OVER, "constant"),
    "nonlinear": (_BENT_OVER, "nonlinear"),
    "soft_bounds": ("soft bounds",),
    "linear": ("linear, relative noise",),
    "power": ("power",),
    "exponential": ("exponential",),
}
"""Names of the curves of each model that a fit can be held to."""


def form_of(name: str) -> str:
    """A curve's name without how its pulses pass the window."""
    return name.removesuffix(_OVER_THE_WINDOW)


def forms_within(name: str) -> frozenset[str]:
    """The form of a curve and those that it has at some values of its numbers."""
    form = form_of(name)
    own = [curve for curve in (*CURVES, EXPONENTIAL) if form_of(curve.name) == form]
    return frozenset((form, *(form_of(held) for curve in own for held in curve.holds)))


def curves_of(model: str | None) -> tuple[Curve, ...]:
    """Curves that a fit chooses from.

    Args:
        model: One of ``MODELS``; None for all that are told apart by readings.

    Raises:
        DataError: If there is no such model.
    """
    if model is None:
        return CURVES
    if model not in MODELS:
        raise DataError(f"--model {model} is not there; allowed: {', '.join(MODELS)}")
    return tuple(curve for curve in (*CURVES, EXPONENTIAL) if curve.name in MODELS[model])
