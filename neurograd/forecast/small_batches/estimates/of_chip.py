"""Which estimates of single updates there are of a chip."""

from __future__ import annotations

from device_models import Chip, Minibatch
from neurograd.forecast.small_batches.estimates.layer_estimates import LayerEstimates
from neurograd.forecast.small_batches.estimates.sample_estimates import SampleEstimates
from neurograd.forecast.small_batches.estimates.single_updates import UpdateEstimates
from neurograd.problem import Problem

FEWEST_IN_SET = 4
"""Fewest batches that a training set has where subsets of it are looked at.

A count. The least by which each of the pairs of reads sees two, without which batches have no
spread. Larger takes more trainings by gradients over the whole set.
"""


def update_estimates(problem: Problem, chip: Chip) -> UpdateEstimates | None:
    """Estimates of single updates of a chip, by products of layers or from samples' gradients.

    None where it trains otherwise, or its network or rule has neither.

    Args:
        problem: Network, loss and data.
        chip: The chip.
    """
    rule = chip.rule
    if not isinstance(rule, Minibatch) or not rule.mean_over_samples or chip.recipe is not None:
        return None
    if FEWEST_IN_SET * rule.batch_size > problem.num_samples:
        return None
    if not rule.rule.deterministic or chip.writes_samples or rule.batch is not None:
        return None
    if not chip.deterministic_passes:
        return None
    given = chip.see(problem), rule.rule, rule.batch_size
    return LayerEstimates.of(*given) or SampleEstimates.of(*given)
