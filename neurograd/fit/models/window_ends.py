"""Steps that stop at the window's ends, as those of ``device_models`` do.

A pulse that would take the device beyond an end of its window leaves it there. With a Gaussian
state ``x ~ N(m, P)`` before the stop, a reading ``y = clip(x, 0, 1) + r·η`` has the density

    Φ(−m/√P)·N(y; 0, r²)  +  Φ((m − 1)/√P)·N(y; 1, r²)  +  ∫₀¹ N(x; m, P)·N(y; x, r²) dx,

whose integral is ``N(y; m, P + r²)·[Φ((1 − μ)/s) − Φ(−μ/s)]`` with the state's mean μ and variance
s² after the reading. So the likelihood of one reading after a Gaussian state is exact; the state
behind it, a mixture of three, is taken for the Gaussian of its mean and variance (assumed density
filtering). Where an end is ``FAR`` deviations off nothing is computed.

Source: Tobin, Econometrica 26, 1958, for the density; Minka, PhD thesis, MIT 2001, chapter 3, for
assumed density filtering; Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1,
1994, section 10.1, for the moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from neurograd.fit.models.trains import Array

FAR = 5.0
"""Standard deviations from an end beyond which no state gets there."""

_TINY = 1e-300


@dataclass(frozen=True)
class Stopped:
    """States that stopped at the ends of the window, before and after a reading.

    All but ``runs`` have the shape ``(B, n)`` for the n runs that it names.

    Attributes:
        runs: Places of the runs, shape ``(n,)``.
        term: Log density of the reading, less the filter's constant.
        mean: Of the state after the reading.
        spread: Its variance.
        passing: Part of the state that is not at an end, before the reading.
        kept: The same of what the reading leaves of a change of the start.
        expected: Mean of the state before the reading.
        variance: Its variance.
    """

    runs: NDArray[np.int64]
    term: Array
    mean: Array
    spread: Array
    passing: Array
    kept: Array
    expected: Array
    variance: Array

    def hold(
        self, mean: Array, spread: Array, weight: Array, carried: Array, seen: NDArray[np.bool_]
    ) -> None:
        """Put the stopped states in place of those that went on, each ``(B, R)``.

        Args:
            mean: Of the states behind the reading.
            spread: Their variances.
            weight: What they hold of a change of the start.
            carried: The same before the reading.
            seen: Which runs were read, shape ``(R,)``.
        """
        runs, there = self.runs, seen[self.runs]
        mean[:, runs] = np.where(there, self.mean, self.expected)
        spread[:, runs] = np.where(there, self.spread, self.variance)
        weight[:, runs] = carried[:, runs] * np.where(there, self.kept, self.passing)

    def correct(self, rows: tuple[Array, Array, Array, Array, Array], read: Array) -> None:
        """Put what is known of the readings in place of what it is without a stop.

        Args:
            rows: Log densities, gaps to what was expected, their variances, expected states and
                what these hold of a change of the start, each ``(B, R)``.
            read: Variance of the noise of reads.
        """
        runs = self.runs
        terms, gaps, variances, states, carried = rows
        terms[:, runs] = self.term
        gaps[:, runs] += states[:, runs] - self.expected
        variances[:, runs] = self.variance + read[:, runs]
        states[:, runs] = self.expected
        carried[:, runs] *= self.passing


def reaching(mean: Array, spread: Array) -> NDArray[np.bool_]:
    """Which runs may get to an end at one of the settings, shape ``(R,)``."""
    reach = FAR * np.sqrt(spread)
    return np.asarray(((mean < reach) | (mean + reach > 1.0)).any(axis=0), dtype=np.bool_)


def stop(
    mean: Array, spread: Array, place: Array, read: Array, runs: NDArray[np.bool_]
) -> Stopped | None:
    """Stop states at the ends of the window, and take a reading of each.

    Args:
        mean: Of the states before the stop, in parts of the window, shape ``(B, R)``.
        spread: Their variances.
        place: The readings.
        read: Variance of their noise.
        runs: Which runs may stop, shape ``(R,)``.

    Returns:
        Those of the runs that get near an end; None where none does.
    """
    near = np.flatnonzero(runs)
    if near.size:
        near = near[reaching(mean[:, near], spread[:, near])]
    if not near.size:
        return None
    return _stopped(near, *(each[:, near] for each in (mean, spread, place, read)))


def _stopped(
    runs: NDArray[np.int64], mean: Array, spread: Array, place: Array, read: Array
) -> Stopped:
    total = spread + read
    gap = place - mean
    gain = spread / total
    # Without the stop, before the reading and after it.
    means = np.stack([mean, mean + gain * gap])
    spreads = np.stack([spread, gain * read])
    deviations = np.sqrt(spreads)
    ends = np.stack([-means, means - 1.0]) / deviations
    beyond, density = ndtr(ends), np.exp(-0.5 * ends * ends) / np.sqrt(2.0 * np.pi)
    # Over the window: ∫ N dx, ∫ x·N dx, ∫ x²·N dx.
    mass = np.maximum(1.0 - beyond[0] - beyond[1], _TINY)
    first = means * mass + deviations * (density[0] - density[1])
    second = (means * means + spreads) * mass + deviations * (
        means * density[0] - (1.0 + means) * density[1]
    )
    expected = beyond[1, 0] + first[0]
    variance = np.maximum(beyond[1, 0] + second[0] - expected * expected, 0.0)
    from_end = np.stack([place, place - 1.0])
    logs = np.concatenate(
        [
            np.log(beyond[:, 0] + _TINY) - 0.5 * (from_end * from_end / read + np.log(read)),
            (np.log(mass[1]) - 0.5 * (gap * gap / total + np.log(total)))[None],
        ]
    )
    top = logs.max(axis=0)
    parts = np.exp(logs - top)
    whole = parts.sum(axis=0)
    _, at_end, inside = parts / whole
    middle = np.clip(first[1] / mass[1], 0.0, 1.0)
    found = at_end + inside * middle
    square = at_end + inside * np.clip(second[1] / mass[1], middle * middle, 1.0)
    return Stopped(
        runs=runs,
        term=top + np.log(whole),
        mean=found,
        spread=np.maximum(square - found * found, 0.0),
        passing=mass[0],
        kept=inside * (1.0 - gain),
        expected=expected,
        variance=variance,
    )
