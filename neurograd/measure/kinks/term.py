"""The kinks of a chip's step as a term of Eq. 3: noisy less clean."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from device_models import ElementMoments
from neurograd.measure.estimate import Estimate
from neurograd.measure.kinks.closed_form import (
    RandomStep,
    closed_form_kinks,
    has_closed_form_kinks,
)
from neurograd.measure.kinks.passes import Places, kinks_of_steps, sampled_kinks
from neurograd.measure.moments import Moments, Sampler
from neurograd.problem import Problem
from neurograd.problem.sample_parts import SamplePart, sample_parts
from neurograd.seeding import generator_for

Method = Literal["none", "step", "draws"]


@dataclass(frozen=True)
class KinkTerm(Estimate):
    """What the kinks add to the loss change of a chip's step against the clean one.

    Attributes:
        value: Kinks of the chip's step less those of the clean step, in units of the loss.
        chip: Kinks of the chip's step alone, counted from w.
        noise: The part of them that the noise causes: chip's step less its mean step.
        white: That part if noise of the same total variance were white.
        places: Where the network's kinks are.
        method: ``none`` for a smooth network; ``step`` for a step without noise, which is followed
            as it is; ``draws`` of the step.
    """

    chip: Estimate
    noise: Estimate
    white: Estimate
    places: Places
    method: Method

    @property
    def exists(self) -> bool:
        """Whether the network has kinks at all."""
        return self.places.calls > 0

    @staticmethod
    def none() -> KinkTerm:
        """The term of a network without kinks."""
        zero = Estimate.exact(0.0)
        return KinkTerm(0.0, 0.0, math.inf, zero, zero, zero, Places(0, 0, 0), "none")


def measure_kinks(
    problem: Problem,
    w: Tensor,
    moments: Moments,
    sample_update: Sampler,
    step_size: float,
    *,
    closed_form: ElementMoments | None,
    draws: int,
    seed: int,
    point: int = 0,
    samples: int | None = None,
) -> KinkTerm:
    """The kinks of a chip's step at one point.

    Averaged over draws of the update that no other measurement uses. The closed form of kinks takes
    the noise of a unit to be Gaussian, and few pulses on few weights are not: where 3 in 1,000
    weights moved it was 1.16 times too large, where 7 in 10,000 did 1.65 times. So it serves for
    white noise only, where networks have it.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        moments: Measured there.
        sample_update: Draws one Δw in gradient units.
        step_size: Δt.
        closed_form: The chip's own mean and variance of Δw where they are known.
        draws: Number of updates, 2 or more.
        seed: Seed of the draws.
        point: Index of the place.
        samples: Training samples that one step is judged on, about; all of them when None.

    Returns:
        The term, in units of the loss.

    Raises:
        ValueError: If there are fewer than two draws.
    """
    if draws < 2:
        raise ValueError(f"draws is {draws}; allowed: 2 or more")
    mean = moments.mean if closed_form is None else closed_form.mean
    fixed = [-step_size * moments.gradient, step_size * mean]
    (clean, still), places = kinks_of_steps(problem, w, fixed)
    if places.calls == 0:
        return KinkTerm.none()
    variance = moments.total_variance if closed_form is None else closed_form.total_variance
    if variance == 0:
        zero = Estimate.exact(0.0)
        return _term(Estimate.exact(float(still)), float(clean), zero, zero, places, "step")
    sample = partial(_step, sample_update, step_size, w, seed, point)
    parts = sample_parts(problem, samples, draws, seed, "kink parts", point)
    chip = Estimate.of_parts(_values_of_steps(parts, w, sample, draws))
    noise = chip.minus(Estimate.exact(float(still)))
    per_weight = step_size**2 * variance / moments.num_parameters
    pairs = max(2, draws // 2)
    parts = sample_parts(problem, samples, pairs, seed, "white kink parts", point)
    white = _white(parts, problem, w, fixed[1], float(still), per_weight, pairs, seed, point)
    return _term(chip, float(clean), noise, white, places, "draws")


def _white(
    parts: Sequence[SamplePart],
    problem: Problem,
    w: Tensor,
    mean: Tensor,
    still: float,
    per_weight: float,
    pairs: int,
    seed: int,
    point: int,
) -> Estimate:
    """What white noise around the mean step adds to the kinks of the mean step alone."""
    if has_closed_form_kinks(problem):
        steps = [RandomStep(mean), RandomStep(mean, torch.full_like(w, per_weight))]
        alone, noisy = closed_form_kinks(problem, w, steps)[0]
        return Estimate.exact(float(noisy - alone))
    sample = partial(_normal_step, mean, math.sqrt(per_weight), "white kinks", seed, point)
    found = _values_of_steps(parts, w, sample, pairs, together=2)
    return Estimate.of_parts(found).minus(Estimate.exact(still))


def _values_of_steps(
    parts: Sequence[SamplePart],
    w: Tensor,
    sample_step: Callable[[int], Tensor],
    draws: int,
    *,
    together: int = 1,
) -> list[tuple[float, np.ndarray]]:
    """Kinks of random steps, which the parts of the training set see in turn: share and values.

    Args:
        parts: Parts of the training set.
        w: Weights before the steps, shape ``(N,)``.
        sample_step: Step k in weight units, shape ``(N,)``.
        draws: Independent draws, two for each part or more.
        together: Steps of one draw, such as the two of an antithetic pair.
    """
    found = []
    for first, part in enumerate(parts):
        seen = [together * k + i for k in range(first, draws, len(parts)) for i in range(together)]
        values = sampled_kinks(part.problem, w, lambda k: sample_step(seen[k]), len(seen))  # noqa: B023
        found.append((part.share, values.reshape(-1, together).mean(axis=1)))
    return found


def variant_kinks(
    problem: Problem,
    w: Tensor,
    gradient: Tensor,
    step_size: float,
    forms: Sequence[ElementMoments],
    *,
    draws: int,
    seed: int,
    point: int = 0,
    samples: int | None = None,
) -> list[float]:
    """The kink term of several chips with known moments, for comparing them with each other.

    For noise as if it were Gaussian, so that what two chips have in common cancels: in closed form
    where the network has one, else over antithetic pairs of the same normal numbers for all.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        gradient: Gradient there, or the clean update of a recipe, shape ``(N,)``.
        step_size: Δt.
        forms: Closed form of each chip's Δw at ``w``.
        draws: Steps of each chip where the network has no closed form.
        seed: Seed of the draws.
        point: Index of the place.
        samples: Training samples that one pair is judged on, about, where there is no closed form.

    Returns:
        One value a chip, in units of the loss; 0 without kinks.
    """
    clean_step = -step_size * gradient
    steps = [RandomStep(step_size * f.mean, step_size**2 * f.variance) for f in forms]
    if has_closed_form_kinks(problem):
        first, *others = closed_form_kinks(problem, w, [RandomStep(clean_step), *steps])[0]
        return [float(value - first) for value in others]
    (clean,), places = kinks_of_steps(problem, w, [clean_step])
    if places.calls == 0:
        return [0.0] * len(forms)
    pairs = max(1, draws // 2)
    parts = sample_parts(problem, samples, pairs, seed, "variant parts", point)
    values = []
    for form in forms:
        std = step_size * form.variance.sqrt()
        sample = partial(_normal_step, step_size * form.mean, std, "variants", seed, point)
        noisy = _values_of_steps(parts, w, sample, pairs, together=2)
        values.append(float(sum(share * each.mean() for share, each in noisy) - clean))
    return values


def _step(sample_update: Sampler, dt: float, w: Tensor, seed: int, point: int, k: int) -> Tensor:
    """Step k of a chip in weight units, shape ``(N,)``."""
    return dt * sample_update(generator_for(seed, "kinks", point, k, device=w.device))


def _normal_step(
    mean: Tensor, std: Tensor | float, purpose: str, seed: int, point: int, k: int
) -> Tensor:
    """Step k with independent normal noise, shape ``(N,)``; 2k and 2k + 1 are antithetic."""
    generator = generator_for(seed, purpose, point, k // 2, device=mean.device)
    noise = torch.empty_like(mean).normal_(generator=generator)
    return mean + (-1.0 if k % 2 else 1.0) * std * noise


def _term(
    chip: Estimate,
    clean: float,
    noise: Estimate,
    white: Estimate,
    places: Places,
    method: Method,
) -> KinkTerm:
    return KinkTerm(
        value=chip.value - clean,
        error=chip.error,
        degrees=chip.degrees,
        chip=chip,
        noise=noise,
        white=white,
        places=places,
        method=method,
    )
