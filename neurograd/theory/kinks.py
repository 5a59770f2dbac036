"""Kinks: what a step across the kinks of an activation adds to Eq. 3.

Statement (ours). The Hessian of a ReLU network on a finite data set is the one between its kinks. A
unit whose pre-activation z moves by μ (the mean step) and scatters with standard deviation s (the
noise of the step) crosses its kink with some probability, and the part of its output that a linear
continuation misses is, in the mean over a standard normal ξ,

    κ(z, μ, s) = E[relu(z + μ + sξ)] − relu(z) − 1[z > 0]·μ
               = s·h(|z + μ|/s) + |z + μ|·1[z and z + μ on two sides of the kink]

with ``h(t) = φ(t) − t·Φ(−t)``, and at μ = 0 just ``s·φ(z/s) − |z|·Φ(−|z|/s)``. With g = ∂L/∂(output
of the unit) and J the jump of the slope at the kink (1 for a ReLU, 1 − slope for a leaky one; +1 at
the lower and −1 at the upper end of a hard tanh), the loss changes by

    E[ΔL] = Eq. 3 with the Hessian between the kinks  +  mean over samples of Σ J·g·κ

where Eq. 3's difference to the clean step leaves the clean step's own ``κ(z, −Δt·∇z·g, 0)`` out.

Source: ours; the gap in Lemma 2.1 of Ghosh et al., ICLR 2023, whose Taylor series takes the loss
to be twice differentiable. Gaussian means of a rectifier are textbook formulas.

Proof idea: follow one unit's output through the step. Its linear part with the slope at z is what
gradient and Hessian see. What is left over is κ, which is not 0 for units within s of their kink
only: a part of them in proportion to s, by an amount in proportion to s, so that kinks cost as much
as curvature, of the *same* order s². What the rest of the network makes of it is g to first order.

Where it fails: beyond second order (units that cross because others did; an output that leaves the
region in which g is its slope); where the noise of a unit is far from Gaussian *and* its samples
are so few that the density of z over the size of the noise matters (its integral over z is s²/2
whatever the distribution); where a pre-activation is exactly at the kink (blank pixels with biases
of 0), the gradient itself is a choice of side. At the initialization of deep networks the kinks are
as large as the Hessian's part or larger, of either sign, so that a small error of either is a large
one of a sum that is nearly 0. For noise of a few percent of ‖w‖ on trained classifiers what is left
is not of the kinks: it is the cross-entropy's third and higher orders in the outputs, which Eq. 3
leaves out for smooth networks as well (``experiments.kinks``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from neurograd.theory.arguments import Array, finite

_ROOT_HALF = math.sqrt(0.5)
_ROOT_HALF_PI = math.sqrt(0.5 * math.pi)
_INVERSE_ROOT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True)
class Kink:
    """One kink of a piecewise linear activation.

    Attributes:
        place: Where the slope jumps, in units of the pre-activation.
        jump: J, the slope above it minus the slope below.
        upper: Whether a pre-activation exactly there counts as above it: the framework's gradient
            is 0 at either end of a hard tanh.
    """

    place: float
    jump: float
    upper: bool = False

    def __post_init__(self) -> None:
        finite("place", self.place)
        finite("jump", self.jump)


def leaky_relu_kinks(slope: float = 0.0) -> tuple[Kink, ...]:
    """The kink of a ReLU, or of a leaky one, at 0.

    Args:
        slope: Slope below 0; 0 for a plain ReLU.

    Returns:
        One kink with the jump ``1 − slope``; none where the slope is 1.

    Raises:
        ValueError: The slope is not finite.
    """
    jump = 1.0 - finite("slope", slope)
    return (Kink(0.0, jump),) if jump != 0 else ()


def hard_tanh_kinks(low: float = -1.0, high: float = 1.0) -> tuple[Kink, ...]:
    """The two kinks of a hard tanh, which clips to between ``low`` and ``high``.

    Args:
        low: Lower end.
        high: Upper end, above the lower one.

    Raises:
        ValueError: An end is not finite, or the upper one is not above the lower one.
    """
    low, high = finite("low", low), finite("high", high)
    if not high > low:
        raise ValueError(f"high must be above low, got {high!r} and {low!r}")
    return (Kink(low, 1.0), Kink(high, -1.0, upper=True))


def expected_kink(z: npt.ArrayLike, mu: npt.ArrayLike, s: npt.ArrayLike) -> Array:
    """κ(z, μ, s): what the mean of a rectifier has beyond its linear continuation.

    Zero or greater. It keeps its relative precision for |z|/s large (down to the smallest number)
    and takes the limit at s = 0, where it is ``|z + μ|`` if the shift crosses the kink, else 0.

    Args:
        z: Pre-activation relative to the kink; any shape.
        mu: Its mean shift by the step; a shape that broadcasts with z.
        s: Its standard deviation, zero or greater; a shape that broadcasts with z.

    Returns:
        The value, of the joint shape and in units of z.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    z, mu, s = _numbers("z", z), _numbers("mu", mu), _numbers("s", s)
    if (s < 0).any():
        raise ValueError(f"s must be zero or greater throughout, got {float(s.min())!r}")
    landed = z + mu
    distance = np.abs(landed)
    crossed = (z > 0) != (landed > 0)
    return np.asarray(np.where(crossed, distance, 0.0) + _scatter(distance, s))


def expected_kinks(
    z: npt.ArrayLike, mu: npt.ArrayLike, s: npt.ArrayLike, kinks: tuple[Kink, ...]
) -> Array:
    """Σ_j J_j·κ_j of a piecewise linear activation, of the joint shape of z, μ and s.

    Args:
        z: Pre-activation; any shape.
        mu: Its mean shift by the step.
        s: Its standard deviation, zero or greater.
        kinks: The activation's kinks.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    z, mu = _numbers("z", z), _numbers("mu", mu)
    total = np.zeros(np.broadcast_shapes(z.shape, mu.shape, np.shape(s)))
    for kink in kinks:
        # Mirrored, what is exactly at the kink counts as above it.
        sign = -1.0 if kink.upper else 1.0
        total = total + kink.jump * expected_kink(sign * (z - kink.place), sign * mu, s)
    return total


def _scatter(distance: Array, s: Array) -> Array:
    """``s·h(distance/s)``, with the two terms of h taken together before they cancel."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        t = np.where(s > 0, distance / np.where(s > 0, s, 1.0), np.inf)
        t = np.minimum(t, 1e3)  # the density is 0 from 39 on
        density = _INVERSE_ROOT_2PI * np.exp(-0.5 * t * t)
        tail = density * (1.0 - t * _ROOT_HALF_PI * special.erfcx(t * _ROOT_HALF))
    return np.asarray(s * tail)


def _numbers(name: str, values: npt.ArrayLike) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be finite numbers") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers throughout")
    return array
