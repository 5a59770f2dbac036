"""What updates and whole gradients cost, in passes of one sample through the network."""

from __future__ import annotations

import math

from device_models import Chip, Minibatch
from neurograd.problem import Problem

UPDATE_PASSES = 50.0
"""What an update costs beside the gradient of its batch, in products a weight.

Drawing, reading and writing a weight take as long as some passes through it. A round
number from few timings of 784-256-128-10 with written pulses on one machine; larger leaves more
trainings to the path.
"""

UPDATE_NUMBERS = 6e5
"""What an update costs whatever the size of its network, in products of a weight and a signal.

Calls take as long as these. From few timings on digits, as
``UPDATE_PASSES``.
"""

WRITE_OF_UPDATE = 0.5
"""What a write costs, as a part of what an update costs beside the gradient of its batch.

A pure number. Trainings of small networks in batches of 8 took 4.5 times as long where every sample
was written for itself. Larger takes fewer of these update by update.
"""

PATH_GRADIENTS = 2.5
"""Gradients over all samples that a path of T updates takes at least, over √T.

Half of what was counted on MNIST's images at T = 400 and 10,000 (140 and 560). Larger takes more
trainings update by update.
"""


def drawn_passes(problem: Problem, chip: Chip, steps: int) -> float:
    """What T updates of a chip cost that are drawn one by one, in passes of one sample.

    Where the rule is random each chip has a clean twin of its own beside it, which is drawn as well
    (``neurograd.pipeline.forecasting``).

    Args:
        problem: Network, loss and data.
        chip: The chip.
        steps: Number T of updates.
    """
    return update_passes(problem, chip) * steps * (1.0 if chip.rule.deterministic else 2.0)


def update_passes(problem: Problem, chip: Chip) -> float:
    """What one update costs, in passes of one sample through the network.

    Args:
        problem: Network, loss and data.
        chip: The chip.
    """
    rule, samples = chip.rule, problem.num_samples
    batch = min(rule.batch_size, samples) if isinstance(rule, Minibatch) else samples
    calls = 1.0 + WRITE_OF_UPDATE * (batch - 1) if chip.writes_samples else 1.0
    beside = UPDATE_PASSES * problem.num_parameters + UPDATE_NUMBERS
    return batch + calls * beside / problem.products_of_pass


def path_passes(problem: Problem, steps: int) -> float:
    """What a path of T updates costs at least, in passes of one sample through the network.

    Args:
        problem: Network, loss and data.
        steps: Number T of updates.
    """
    return PATH_GRADIENTS * math.sqrt(steps) * problem.num_samples
