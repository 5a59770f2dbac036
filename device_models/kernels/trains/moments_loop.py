"""Mean and variance behind trains of pulses, device by device: ``train_moments`` as a loop."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.trains.many_loop import decay_of, decayed, length_of, pulse_of

_FAR, _WIDEST = 9.0, 100.0
"""``FAR`` and ``WIDEST`` of ``moments``: beyond ``_FAR`` deviations a bound cuts less than the last
digit off."""


class Ends(NamedTuple):
    """Moments of the states in the end, each an array of shape ``(n,)``.

    Attributes:
        mean: Means behind all pulses.
        variance: Variances there.
        next_mean: Means behind a part of one more pulse.
        next_variance: Variances there.
    """

    mean: Any
    variance: Any
    next_mean: Any
    next_variance: Any


@inlined
def _clipped(center: Any, std: Any, low: Any, high: Any, real: Any) -> Any:
    """``moments.clipped_normal``."""
    zero, half, width = real(0.0), real(0.5), high - low
    widest = real(_WIDEST) * width
    if np.isinf(center):
        std = zero
    elif std > widest:
        middle = low + half * width
        center, std = middle + (center - middle) * (widest / std), widest
    reach = real(_FAR) * std + width
    center = min(max(center, low - reach), high + reach)
    below, above = low - center, high - center
    if std == zero:
        moved = below if below > zero else zero
        return center + (above if moved > above else moved), zero
    alpha, beta = below / std, above / std
    if alpha < -real(_FAR) and beta > real(_FAR):
        return center, std * std
    root = real(math.sqrt(0.5))
    mass_low, mass_high = half * math.erfc(-alpha * root), half * math.erfc(beta * root)
    inside = max(real(1.0) - mass_low - mass_high, zero)
    scale = real(1.0 / math.sqrt(2.0 * math.pi))
    density_low, density_high = (
        scale * np.exp(-half * alpha * alpha),
        scale * np.exp(-half * beta * beta),
    )
    shift = below * mass_low + above * mass_high - (density_high - density_low) * std
    square = below * below * mass_low + above * above * mass_high + inside * std * std
    square -= (density_high * above - density_low * below) * std
    return center + shift, max(square - shift * shift, zero)


@called
def _after(
    h: Any, k: Any, block: Any, blocks: Any, part: Any, trains: Any, shape: Any, limits: Any
) -> Any:
    """Moments behind a block of pulses, or a part of one, from one state."""
    real = trains.state.dtype.type
    mean, std = pulse_of(h, k, trains, shape)
    mean, std = trains.up[k] * part * mean, np.sqrt(part) * std
    if blocks:
        decay = decay_of(h, k, trains, shape, limits)
        mean *= decayed(decay, block, limits)
        std *= np.sqrt(decayed(decay * (real(2.0) - decay), block, limits))
    return _clipped(h + mean, std, trains.low[k], trains.high[k], real)


@called
def _moved(
    mean: Any, variance: Any, k: Any, block: Any, blocks: Any, part: Any,
    trains: Any, shape: Any, limits: Any,
) -> Any:  # fmt: skip
    """The same from a distribution of the state, averaged over three nodes."""
    real = trains.state.dtype.type
    if variance == real(0.0):
        return _after(mean, k, block, blocks, part, trains, shape, limits)
    std, low, high = np.sqrt(variance), trains.low[k], trains.high[k]
    total, square = real(0.0), real(0.0)
    for node in range(3):
        weight = real(2.0 / 3.0) if node == 0 else real(1.0 / 6.0)
        place = real(0.0) if node == 0 else real(math.sqrt(3.0))
        h = mean + (-place if node == 2 else place) * std
        h = low if h < low else h
        h = high if h > high else h
        there, spread = _after(h, k, block, blocks, part, trains, shape, limits)
        # Relative to the mean before, so that a small noise on a large state loses no digits.
        shift = there - mean
        total += weight * shift
        square += weight * (spread + shift * shift)
    return mean + total, max(square - total * total, real(0.0))


def ends(
    first: Any, last: Any, trains: Any, part: Any, found: Any, shape: Any, limits: Any,
    settled: Any, fading: Any,
) -> None:  # fmt: skip
    """Moments behind whole numbers of pulses, and behind a part of one more.

    Args:
        first: First device of a thread.
        last: One behind its last.
        trains: The requests; states stay.
        part: Parts of the last pulse.
        found: Filled with the moments.
        shape: The step of one pulse.
        limits: Constants; of its pulses ``single`` are followed one by one.
        settled: ``SETTLED``.
        fading: ``FADING``.
    """
    real = trains.state.dtype.type
    one, zero = real(1.0), real(0.0)
    single = np.int64(limits.single)
    for k in range(first, last):
        mean, variance, taken = trains.state[k], zero, zero
        left, width = min(trains.pulses[k], limits.most_pulses), trains.high[k] - trains.low[k]
        least, was_small, mean_before, variance_before = settled * width, False, zero, zero
        for number in range(single + limits.most_blocks):
            if not taken < left:
                break
            block, blocks = one, number >= single
            if blocks:
                step, std = pulse_of(mean, k, trains, shape)
                decay = decay_of(mean, k, trains, shape, limits)
                block = length_of(step, std, decay, width, taken, limits, real)
                block = min(block, left - taken)
            taken += block
            new, spread = _moved(mean, variance, k, block, blocks, one, trains, shape, limits)
            of_mean, of_variance = abs(new - mean), abs(spread - variance)
            change = of_mean + abs(np.sqrt(spread) - np.sqrt(variance))
            mean, variance = new, spread
            small = change <= least
            if small and change * (left - taken) / block <= least:
                break
            if small and was_small:
                fades = of_mean <= fading * mean_before and of_variance <= fading * variance_before
                if fades:
                    break
            was_small, mean_before, variance_before = small, of_mean, of_variance
        found.mean[k], found.variance[k] = mean, variance
        found.next_mean[k], found.next_variance[k] = _moved(
            mean, variance, k, one, False, part[k], trains, shape, limits
        )
