"""How much of what the samples of a batch ask for cancels, at one point.

A weight whose samples are written one by one gets κ = Σₙ|gₙ| / |Σₙgₙ| times the pulses that the
sum over the batch would take (``device_models.updates.sample_writes``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from device_models import Chip
from device_models.updates.sample_writes import samples_written
from neurograd.measure.estimate import Estimate
from neurograd.problem import Problem
from neurograd.seeding import generator_for

BATCHES = 16
"""Batches that are drawn where estimates are random."""


@dataclass(frozen=True)
class Cancellation:
    """κ of a chip whose samples are written one by one.

    Attributes:
        samples: Samples of a batch.
        batches: Batches that were drawn; 1 where every batch is the same.
        ratio: Σ_w Σₙ|gₙ| / Σ_w |Σₙgₙ|, sums over weights, samples and batches before the ratio: how
            many times as many pulses the whole array gets. Its error is a jackknife's over
            batches.
        median: Median over weights of each weight's own κ, averaged over batches; weights that no
            sample asks to move are left out. Infinite where half of them cancel altogether.
    """

    samples: int
    batches: int
    ratio: Estimate
    median: Estimate


def measure_cancellation(
    problem: Problem, chip: Chip, w: Tensor, seed: int, *, point: int = 0
) -> Cancellation | None:
    """κ at weights ``w``; None where batches are written whole, or nothing is to be written.

    Samples are taken one at a time, so that the memory does not grow with the batch.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        w: Stored weights, shape ``(N,)``.
        seed: Seed of batches, reads and what the rule draws.
        point: Index of the place.
    """
    if not chip.writes_samples:
        return None
    batches = 1 if chip.deterministic_gradient else BATCHES
    sizes, sums, medians = [], [], []
    for k in range(batches):
        generator = generator_for(seed, "cancellation", point, k, device=w.device)
        size, total = torch.zeros_like(w), torch.zeros_like(w)
        for estimate in chip.sample_estimates(problem, w, generator):
            size += estimate.abs()
            total += estimate
        asked = size > 0
        if not bool(asked.any()):
            return None
        own = size[asked] / total[asked].abs()
        sizes.append(float(size.sum()))
        sums.append(float(total.abs().sum()))
        medians.append(float(own.median()))
    samples = samples_written(chip.rule, problem)
    return Cancellation(samples, batches, _ratio(sizes, sums), _mean(medians))


def _mean(values: list[float]) -> Estimate:
    return Estimate.exact(values[0]) if len(values) == 1 else Estimate.mean_of(values)


def _ratio(above: list[float], below: list[float]) -> Estimate:
    """Ratio of two sums over batches, with the jackknife's error (Miller, Biometrika 1974)."""
    up, down = np.array(above), np.array(below)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(up.sum() / down.sum())
        if len(up) == 1:
            return Estimate.exact(value)
        without = (up.sum() - up) / (down.sum() - down)
        spread = float(without.std())
    return Estimate(value, (len(up) - 1) ** 0.5 * spread, len(up) - 1.0)
