"""The loss change of a step whose mean update is known."""

from __future__ import annotations

from torch import Tensor

from device_models import Chip
from neurograd.measure.loss_change import MeasuredLossChange, measure_loss_change
from neurograd.measure.moments import measure_moments
from neurograd.problem import Problem


def known_update_change(
    problem: Problem,
    w: Tensor,
    chip: Chip,
    gradient: Tensor,
    mean: Tensor,
    draws: int,
    seed: int,
    *,
    point: int = 0,
) -> MeasuredLossChange:
    """E[ΔL] of one step against the clean one, by the control variate around the known mean.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        chip: Makes the updates.
        gradient: g at ``w``, shape ``(N,)``.
        mean: Mean update in gradient units, shape ``(N,)``.
        draws: Updates whose loss is evaluated, 2 or more.
        seed: Seed of the draws.
        point: Which of several places with one seed this is.
    """
    sample = chip.sampler(problem, w)
    # The moments only name the noise here: two draws do, as the mean is not taken from them.
    moments = measure_moments(sample, gradient, 2, seed, point=point)
    return measure_loss_change(
        problem, w, sample, chip.step_size, moments, draws, seed, point=point, exact_mean=mean
    )
