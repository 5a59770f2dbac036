"""What each effect of a chip adds to the predicted loss change of a step."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from device_models import Chip, ElementMoments
from neurograd.measure.kinks import variant_kinks
from neurograd.problem import Problem
from neurograd.theory import covariance_variance_term

_ROUNDING = 64 * sys.float_info.epsilon
"""Rounding of a difference of predictions, relative to their sizes."""


@dataclass(frozen=True)
class Contribution:
    """What one effect of the chip adds to the predicted loss change of a step.

    Attributes:
        name: The effect.
        label: What a sentence calls it.
        predicted_without: Predicted loss change of the chip without the effect.
        saves: That of the whole chip less it, by the same closed forms: the prediction that stands
            beside the measurement is from draws, with an error of its own.
        share: Part of the prediction that goes with the effect; shares of effects that need each
            other do not sum to 1. NaN for a prediction of 0, and for all effects where some lower
            what others raise: parts of opposite sign are no shares.
    """

    name: str
    label: str
    predicted_without: float
    saves: float
    share: float


def contributions_of(
    problem: Problem,
    chip: Chip,
    variants: dict[tuple[str, str], Chip],
    w: Tensor,
    gradient: Tensor,
    product: Callable[[Tensor], Tensor],
    diagonal: Tensor | None,
    *,
    draws: int,
    seed: int,
    point: int = 0,
    clean: Tensor | None = None,
    samples: int | None = None,
) -> tuple[Contribution, ...]:
    """Predicted loss change without each effect in turn, from closed forms.

    Empty where the chip has none: its shares would drown in the noise of samples. Kinks are those
    of Gaussian noise with the chips' moments (``variant_kinks``).

    Args:
        problem: Network, loss and data.
        chip: The chip.
        variants: Chips without one effect, by the effect's (name, label).
        w: Weights as the chip holds them, shape ``(N,)``.
        gradient: Gradient there, shape ``(N,)``.
        product: The map v → Hv there.
        diagonal: Exact diagonal of H, shape ``(N,)``; None where it is not known.
        draws: Steps of each chip for its kinks, where they have no closed form.
        seed: Seed of these draws.
        point: Index of the place.
        clean: The clean update u of a recipe, shape ``(N,)``; the gradient when None.
        samples: Training samples that one such step is judged on, about; all of them when None.
    """
    clean = gradient if clean is None else clean
    if diagonal is None or len(variants) < 2:
        return ()
    chips = [chip, *variants.values()]
    forms = []
    for each in chips:
        form = each.closed_form(problem, w)
        if form is None:
            return ()
        forms.append(form)
    kinks = variant_kinks(
        problem,
        w,
        clean,
        chip.step_size,
        forms,
        draws=draws,
        seed=seed,
        point=point,
        samples=samples,
    )
    whole, *others = (
        _smooth_change(form, chip.step_size, gradient, clean, product, diagonal) + crossed
        for form, crossed in zip(forms, kinks, strict=True)
    )
    shares = shares_of(whole, others)
    parts = [
        Contribution(name, label, left, whole - left, share)
        for (name, label), left, share in zip(variants, others, shares, strict=True)
    ]
    return tuple(sorted(parts, key=lambda part: part.predicted_without * (-1, 1)[whole > 0]))


def shares_of(whole: float, without: Sequence[float]) -> list[float]:
    """Part of a whole that goes with each of its parts, as far as that means something.

    Args:
        whole: The whole.
        without: What is left without each part.

    Returns:
        A share each, 0 for what is within rounding; NaN for all where the whole is 0 or parts have
        opposite signs.
    """
    scale = abs(whole) + max(map(abs, without), default=0.0)
    gone = [whole - left for left in without]
    gone = [0.0 if abs(each) <= _ROUNDING * scale else each for each in gone]
    if whole == 0 or any(each * whole < 0 for each in gone):
        return [math.nan for _ in gone]
    return [each / whole for each in gone]


def _smooth_change(
    moments: ElementMoments,
    dt: float,
    gradient: Tensor,
    clean: Tensor,
    product: Callable[[Tensor], Tensor],
    diagonal: Tensor,
) -> float:
    """Lemma 2.1 with the models' exact mean and variance, without kinks."""
    bias = moments.mean + clean
    h_bias = product(bias)
    bias_part = dt * float(gradient @ bias) - dt**2 * float(clean @ h_bias)
    bias_part += 0.5 * dt**2 * float(bias @ h_bias)
    return bias_part + covariance_variance_term(float(diagonal @ moments.variance), dt)
