"""How many samples a step looks at, and what their noise is of that of its updates.

The mean gradient of M of n samples, drawn without replacement, is off by the covariance
S²·(1/M − 1/n), with S² that of single samples (Cochran, Sampling Techniques, 1977, Theorem 2.2).
Followed over k updates it moves the weights with k² of this, where the k batches of B themselves
have k·S²·(1/B − 1/n), or k·S²/B where they may hold a sample twice. So the subset's error is a part

    k·(1/M − 1/n)/(1/B − 1/n)

of the noise that the updates have anyway. It is no error as long as it is at most 1: the rest is
drawn. In a mode of curvature λ the error is held for a whole step, not drawn anew in each update,
and what is left of it is the part times tanh(z/2)/(z/2), z = kΔtλ, of what is left of the noise:
the same as of samples that a shuffled epoch has shown (``noise.shuffled_epochs``).
"""

from __future__ import annotations

import math

from device_models import Chip, Minibatch

LARGEST_PART = 1.0
"""Largest part of the noise of updates that a subset makes.

A pure number, at most 1: all of it is that of the samples of a step, as it is in training, where
every sample that comes is learned. Normal noise with the covariance of their gradients unlearns
half of them, and throws networks off that know their samples by heart. A chip and its clean twin
share their subsets, so that this noise is the same in both. Smaller looks at more samples.
"""

LARGEST_PART_BY_READS = 0.1
"""The same where reads are random.

A pure number, at most 1. Not tuned: what reads add to the noise of updates is not in a subset's
error, but less of it is drawn as well. Larger leaves that much of the reads' noise out.
"""

FEWEST = 64
"""Fewest samples of a subset.

A count. Not tuned: the noise of a step lies in as many directions. Smaller costs less, down to what
a call takes whatever its size; larger costs samples.
"""

FEWEST_BATCHES = 16
"""Fewest batches of a subset, by which what writes make of single updates is known.

A count. Not tuned. Fewer leave the noise in few directions; more cost samples.
"""


FEW = 512
"""Fewest samples of a subset by which the change of its mean along a step is known, if it has them.

A count. Few samples of a network that has learned many have little of its curvature, and a step
follows theirs. Before samples took own steps, losses of clean networks after 10,000 batches of 10,
784-256-128-10 on MNIST's images, step size 0.05, steps of up to 200 updates, by 256 and 512 of
1,333 samples: 0.0031 and 0.0021 (trained 0.0016). Fewer add the spread of the change; more cost
time.
"""

FOLLOWED = 0.5
"""Part of a subset by which the change of its mean along a step is known, where that is more.

A pure number. On the same network, at that time, and steps of up to 833 updates, subsets of 2,700
samples: losses of 0.04 and 0.01 by 512 samples, 0.002 to 0.003 by half of the subset. Smaller
learns the samples by heart that it follows; larger costs time.
"""


def followed(rule: Minibatch, size: int) -> int:
    """How many samples of a subset are followed along a step.

    Args:
        rule: The rule on batches.
        size: Size M of the subset.
    """
    return min(size, max(FEW, FEWEST_BATCHES * rule.batch_size, math.ceil(FOLLOWED * size)))


def step_part(chip: Chip, epoch: int | None) -> float | None:
    """Largest part of the noise that a subset makes; None where it visits a shuffled epoch.

    Where reads are random, noise is drawn for all that they see, and nothing is visited.

    Args:
        chip: The chip.
        epoch: Updates of a shuffled epoch, None in another order.
    """
    if not chip.deterministic_reads:
        return LARGEST_PART_BY_READS
    return LARGEST_PART if epoch is None else None


def noise_of_batch(rule: Minibatch, samples: int) -> float:
    """Covariance of a batch's gradient over that of single samples, ``1/B − 1/n`` or ``1/B``.

    Args:
        rule: The rule on batches.
        samples: Size n of the training set.
    """
    whole = 0.0 if rule.order == "with_replacement" else 1.0 / samples
    return 1.0 / rule.batch_size - whole


def subset_part(rule: Minibatch, samples: int, subset: int, updates: int) -> float:
    """Noise of a subset over that of the updates which it stands for.

    Args:
        rule: The rule on batches.
        samples: Size n of the training set.
        subset: Size M of the subset.
        updates: Number k of updates.
    """
    return updates * (1.0 / subset - 1.0 / samples) / noise_of_batch(rule, samples)


def subset_size(
    rule: Minibatch,
    samples: int,
    updates: int,
    epoch: int | None,
    part: float | None = LARGEST_PART,
) -> int:
    """How many samples a step of some updates looks at.

    Args:
        rule: The rule on batches.
        samples: Size n of the training set.
        updates: Number k of updates.
        epoch: Updates of a shuffled epoch, None in another order. Whole epochs, whose own noise
            cancels, look at all samples.
        part: Largest part of their noise that the subset makes; None where it has the samples that
            the updates of a shuffled epoch visit.
    """
    if epoch is not None and updates >= epoch:
        return samples
    if part is None:
        return min(samples, updates * rule.batch_size)
    share = part * noise_of_batch(rule, samples) / updates + 1.0 / samples
    least = max(FEWEST, FEWEST_BATCHES * rule.batch_size)
    return min(samples, max(least, math.ceil(1.0 / share)))
