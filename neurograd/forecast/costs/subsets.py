"""What a path by subsets of the samples costs, before it is taken."""

from __future__ import annotations

import math

from device_models import Chip, Minibatch
from neurograd.forecast.small_batches.path import SINGLE_FIRST, SINGLE_LAST, pace_of
from neurograd.forecast.small_batches.subset import followed, step_part, subset_size
from neurograd.forecast.step_length import next_step_length
from neurograd.problem import Problem
from neurograd.training.course import epoch_of

LOOKS = 2.0
"""Looks at a few samples that a step takes beside its stages.

A count. At its start with and without noise, and now and then for the curvature. Larger takes more
trainings update by update.
"""

STAGES = 0.5
"""Stages of a step of n updates, over √n; n where that is less.

A pure number, from paths on digits (64-32-10, gokmen-vlasov, batches of 8: 10 stages of 333
updates) and of 784-256-128-10 (single samples: 12 of 900). Networks of more curvature take more.
"""

OVERHEAD = 12.0
"""What a step costs beside its looks, in what an update costs beside its batch.

A count, from the same paths: draws of the noise, stiff modes, a loss, responses of writes.
"""


def subset_passes(problem: Problem, chip: Chip, steps: int, update: float, look: float) -> float:
    """What a path of T updates by subsets costs, in passes of one sample through the network.

    Steps grow as they do without much noise; shorter ones have smaller subsets, but are more.

    Args:
        problem: Network, loss and data.
        chip: A chip that trains in batches.
        steps: Number T of updates.
        update: What one real update costs, its batch and all.
        look: What a sample of a look costs (``UpdateEstimates``).
    """
    assert isinstance(chip.rule, Minibatch)
    single = min(steps, SINGLE_FIRST + SINGLE_LAST)
    # What a look costs beside its samples is what an update does beside its batch.
    beside = update - min(chip.rule.batch_size, problem.num_samples)
    epoch = epoch_of(chip, problem.num_samples)
    part = step_part(chip, epoch)
    pace = pace_of(problem.num_samples)
    total, before, done = single * update, pace.before, min(steps, SINGLE_FIRST)
    while done < steps - SINGLE_LAST:
        before = next_step_length(done, steps, before, 0.0, pace)
        size = subset_size(chip.rule, problem.num_samples, before, epoch, part)
        stages = min(float(before), STAGES * math.sqrt(before))
        looked = look * (size + (LOOKS + stages) * followed(chip.rule, size))
        total += looked + (OVERHEAD + LOOKS + stages) * beside
        done += before
    return total
