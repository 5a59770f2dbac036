"""The likelihood of ``state_space.py`` where the step is a straight line and its noise constant.

With ρ = 1 + f′ and readings y, the differences ``d_n = y_n − ρ·y_{n−1} − f(0)`` hold no state:
``d_n = s·ξ_n + r·η_n − ρ·r·η_{n−1}``. Their covariance is tridiagonal and constant along its
diagonals, so sine waves diagonalize it, whatever the parameters are:

    λ_j = s² + r²·(1 + ρ² − 2ρ·cos(jπ/(N+1))),   φ_jn = √(2/(N+1))·sin(jnπ/(N+1))

The first reading adds what is left of its own noise η_0 once d is known. The value is that of the
filter, without its loop over pulses.

Source: Yueh, Applied Mathematics E-Notes 5, 2005, for the eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurograd.fit.models.state_space import Dynamics
from neurograd.fit.models.trains import Array, Trains


@dataclass(frozen=True)
class Waves:
    """Sine transforms of runs of one length; made once for all parameters.

    Attributes:
        runs: Places of the runs.
        after: Transform of readings 1 to N, shape ``(R, N)``.
        before: That of readings 0 to N − 1, shape ``(R, N)``.
        ones: That of N ones, shape ``(N,)``.
        first: φ_j1, shape ``(N,)``.
        cosines: cos(jπ/(N+1)), shape ``(N,)``.
        start: Reading 0, shape ``(R,)``.
    """

    runs: NDArray[np.int64]
    after: Array
    before: Array
    ones: Array
    first: Array
    cosines: Array
    start: Array


def waves_of(trains: Trains) -> tuple[Waves, ...] | None:
    """Transforms of all runs, a group a length; None where a pulse inside a run was not read."""
    pulses = trains.pulses()
    seen = np.isfinite(trains.values)
    if (seen.sum(axis=0) != pulses + 1).any():
        return None
    groups = []
    for length in np.unique(pulses):
        runs = np.flatnonzero(pulses == length)
        numbers = np.arange(1, length + 1)
        sines = np.sqrt(2.0 / (length + 1)) * np.sin(
            np.outer(numbers, numbers * np.pi / (length + 1))
        )
        values = trains.values[: length + 1, runs].T
        groups.append(
            Waves(
                runs,
                values[:, 1:] @ sines,
                values[:, :-1] @ sines,
                sines.sum(axis=0),
                sines[0],
                np.cos(numbers * np.pi / (length + 1)),
                values[:, 0],
            )
        )
    return tuple(groups)


def line_likelihood(
    trains: Trains, groups: tuple[Waves, ...], what: Dynamics
) -> tuple[Array, Array]:
    """Log likelihood of every run and the information about its start, each ``(B, R)``.

    Args:
        trains: The runs.
        groups: Their transforms.
        what: Parameters; the step is a line and the noise of a pulse constant.
    """
    assert isinstance(what.step, tuple)
    width = (what.high - what.low) * what.size
    shape = np.broadcast_shapes(width.shape, (1, len(trains.up)))

    def spread_out(values: Array) -> Array:
        return np.broadcast_to(values, shape)

    sign = spread_out(np.where(trains.up, 1.0, -1.0) / width)
    base = spread_out(np.where(trains.up, what.low, what.low + width))
    rise, slope = (spread_out(each) for each in what.step)
    kick = spread_out((what.pulse_noise / what.size) ** 2)
    read = spread_out((what.read_noise / what.size) ** 2)
    spread = spread_out((what.start_noise / what.size) ** 2)
    total, known = np.empty(shape), np.empty(shape)
    for each in groups:
        to, at = sign[:, each.runs], base[:, each.runs]
        rho, r = 1.0 + slope[:, each.runs], read[:, each.runs]
        # sign·(y − base) for both readings of a difference, and f(0), wave by wave.
        constant = (1.0 - rho) * to * at + rise[:, each.runs]
        d = (
            to[..., None] * (each.after - rho[..., None] * each.before)
            - constant[..., None] * each.ones
        )
        variance = (kick[:, each.runs] + r * (1.0 + rho * rho))[..., None] - (2.0 * rho * r)[
            ..., None
        ] * each.cosines
        weighted = d / variance
        value = -0.5 * ((d * weighted).sum(axis=-1) + np.log(variance).sum(axis=-1))
        pulled = -rho * r * (weighted @ each.first)
        left = r - (rho * r) ** 2 * (each.first**2 / variance).sum(axis=-1)
        left = np.maximum(left, 0.0) + spread[:, each.runs]
        gap = to * (each.start - at) - pulled
        value = value - 0.5 * (gap * gap / left + np.log(left))
        size = np.abs(to)
        count = len(each.ones) + 1
        total[:, each.runs] = value + (np.log(size) - 0.5 * np.log(2.0 * np.pi)) * count
        known[:, each.runs] = size * size / left
    return total, known
