"""How far the noise of single writes moves the weights: all of them together, and few by steps.

A path knows mean and variance of an update and takes many of them as one normal draw. That is no
description where single draws change the gradient: noise that moves all weights by much of their
length in one update, or pulses and roundings that come rarely and move a weight by much of itself.
Both are measured by writing one estimate four times at the initial weights; noise of estimates
falls with the gradient, and does not count. Differences of two have twice the
variance and twice the fourth cumulant of one, and products of two independent squares have no part
of the fourth cumulant, so that with squared differences a and b

    Σ variance = ¼ Σ (a + b),    Σ cumulant = ¼ Σ (a² + b²) − 3/2 Σ ab

are unbiased. A step δ that comes with a small probability p has the cumulant pδ⁴ and the variance
pδ², whose ratio is δ²; that of normal noise is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from device_models import Chip
from neurograd.problem import Problem
from neurograd.seeding import generator_for

LARGEST_NOISE = 0.1
"""Largest noise of one write, as a part of the weights' length, that a path is followed with.

A pure number. Set by hand on digits, 64-16-10, 200 samples, 500 updates of the whole set, written
with normal noise on all weights, ten predicted and ten trained chips each: at 0.06 drops of the
accuracy are right, at 0.08 and 0.11 1.8 and 1.4 times too large (at 0.08 by 1.9 points, where
``judge.forecasts`` allows for 1.3); at 0.34 chips lose 56 % in it and 18 % in training. Larger
leaves more such chips to paths, smaller trains more of them.
"""

LARGEST_STEP = 0.017
"""Largest rare step of a single weight, as a part of the length of all weights.

A pure number, set as ``LARGEST_NOISE`` with constant pulses, roundings to few bits and networks of
64-16-10 and 64-12-12-10: up to 0.015 drops are right, at 0.02 one of ten predicted chips is lost of
which none is, at 0.03 chips lose 0.9 % in it and 2.9 % in training. Over the length of all weights,
since many steps of many weights add up to normal noise. Larger and smaller likewise.
"""

_WRITES = 4
"""Writes that are drawn: two differences."""


@dataclass(frozen=True)
class WriteNoise:
    """Noise of single writes at the initial weights.

    Attributes:
        length: Its length, over that of the weights.
        step: Typical size of the rare steps that it is made of, likewise; 0 for normal noise.
    """

    length: float
    step: float


def write_noise(problem: Problem, chip: Chip) -> WriteNoise:
    """Measure the noise of single writes, with the same draws in all chips of a forecast.

    Args:
        problem: Network, loss and data.
        chip: The chip.
    """
    if chip.deterministic_writes:
        return WriteNoise(0.0, 0.0)
    w = chip.program(problem.initial_weights)
    square = float(w.square().sum())
    generators = [generator_for(0, "large writes", k, device=w.device) for k in range(_WRITES)]
    estimate = chip.estimate(problem, w, generators[0])
    one, two, three, four = (
        chip.step_size * chip.write(w, estimate, each).double() for each in generators
    )
    a, b = (one - two).square(), (three - four).square()
    variance = 0.25 * float((a + b).sum())
    if not variance > 0.0 or not square > 0.0:
        return WriteNoise(0.0, 0.0)
    fourth = 0.25 * float((a.square() + b.square()).sum()) - 1.5 * float((a * b).sum())
    length = math.sqrt(variance / square)
    step = math.sqrt(max(0.0, fourth) / variance / square)
    # Where single steps are no larger than the noise of a weight, their cumulant is chance.
    return WriteNoise(length, step if step * math.sqrt(w.numel()) > length else 0.0)
