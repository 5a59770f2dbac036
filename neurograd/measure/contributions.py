"""What each effect of a chip adds to the predicted loss change of a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from device_models import Chip
from neurograd.problem import Problem
from neurograd.theory import covariance_variance_term


@dataclass(frozen=True)
class Contribution:
    """What one effect of the chip adds to the predicted loss change of a step.

    Attributes:
        name: The effect.
        label: What a sentence calls it.
        predicted_without: Predicted loss change of the chip without the effect.
        share: Part of the prediction that goes with the effect; shares of effects that need each
            other do not sum to 1.
    """

    name: str
    label: str
    predicted_without: float
    share: float


def contributions_of(
    problem: Problem,
    chip: Chip,
    variants: dict[tuple[str, str], Chip],
    w: Tensor,
    gradient: Tensor,
    product: Callable[[Tensor], Tensor],
    diagonal: Tensor | None,
) -> tuple[Contribution, ...]:
    """Predicted loss change without each effect in turn, from closed forms.

    Empty where the chip has none: its shares would drown in the noise of samples.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        variants: Chips without one effect, by the effect's (name, label).
        w: Weights as the chip holds them, shape ``(N,)``.
        gradient: Gradient there, shape ``(N,)``.
        product: The map v → Hv there.
        diagonal: Exact diagonal of H, shape ``(N,)``; None where it is not known.
    """
    whole = _closed_form_change(problem, chip, w, gradient, product, diagonal)
    if whole is None or len(variants) < 2:
        return ()
    parts = []
    for (name, label), variant in variants.items():
        left = _closed_form_change(problem, variant, w, gradient, product, diagonal)
        if left is None:
            return ()
        share = (whole - left) / whole if whole != 0 else math.nan
        parts.append(Contribution(name, label, left, share))
    return tuple(sorted(parts, key=lambda part: -part.share))


def _closed_form_change(
    problem: Problem,
    chip: Chip,
    w: Tensor,
    gradient: Tensor,
    product: Callable[[Tensor], Tensor],
    diagonal: Tensor | None,
) -> float | None:
    """Lemma 2.1 with the models' exact mean and variance; None where they are not known."""
    if diagonal is None:
        return None
    moments = chip.closed_form(problem, w)
    if moments is None:
        return None
    bias = moments.mean + gradient
    dt = chip.step_size
    h_bias = product(bias)
    bias_part = dt * float(gradient @ bias) - dt**2 * float(gradient @ h_bias)
    bias_part += 0.5 * dt**2 * float(bias @ h_bias)
    return bias_part + covariance_variance_term(float(diagonal @ moments.variance), dt)
