"""Reads that are too random for a path of the mean.

A path knows the mean gradient over random reads by one read r and its mirror image a step, as
``½(g(w+r) + g(w−r))``. How far that is from g(w) is of second order in the reads, and differs from
pair to pair. All updates of a step go with the same pairs: n updates carry their error n times
along, while their own noise grows with √n. Where it is not small beside the gradient itself, a path
follows the chance of its pairs: its weights grow, and it learns nothing.
"""

from __future__ import annotations

import math

from device_models import Chip
from neurograd.problem import Problem
from neurograd.seeding import generator_for

PAIRS = 4
"""Mirrored pairs of reads that are looked at. A count. Fewer know the size less well."""

LARGEST_ERROR = 0.5
"""Largest distance of a pair's mean gradient from the gradient at the mean read, over its length.

A pure number. Set by a tiny network (digits, 64-16-10, 200 samples, ecram-li, 1,000 updates of the
whole set): read noise of 1, 2 and 4 % of the range has 0.08, 0.15 and 0.36 of it, and losses
that were predicted 1.07, 1.2 and 1.3 times those of training; with 15 % a path does not learn where
the chip does. Larger leaves more such chips to paths, smaller trains more of them.
"""


def error_of_reads(problem: Problem, chip: Chip) -> float:
    """How far single pairs of reads are from a gradient, over its length; 0 without random reads.

    It is looked at with the initial weights and with the same draws in all chips of a forecast.

    Args:
        problem: Network, loss and data.
        chip: The chip; the mean of its rule is known.
    """
    if chip.deterministic_reads:
        return 0.0
    w = problem.initial_weights
    generator = generator_for(0, "strong reads", device=w.device)
    center = chip.mean_read(w, generator)
    at_center = chip.expected_at(problem, center, generator)
    total = 0.0
    for _ in range(PAIRS):
        offset = chip.read(w, generator) - center
        ahead, behind = (
            chip.expected_at(problem, center + side * offset, generator) for side in (1.0, -1.0)
        )
        total += float((0.5 * (ahead + behind) - at_center).square().sum())
    square = float(at_center.square().sum())
    if square > 0.0:
        return math.sqrt(total / PAIRS / square)
    return math.inf if total > 0.0 else 0.0
