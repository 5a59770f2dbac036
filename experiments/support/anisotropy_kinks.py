"""Anisotropy with the kinks that the noise crosses: its whole cost over that of white noise.

The Hessian's anisotropy is ``N·Tr(HΣ)/(Tr H·Tr Σ)``. In a network with kinks the cost of noise is
``½Δt²·Tr(HΣ) + K(Σ)`` and that of white noise of the same total variance ``½Δt²·σ²f(N)·Tr H/N + K``
of white noise, K what the kinks add (``neurograd.theory.kinks``). The ratio depends on Δt, as kinks
grow in another proportion than Δt² where the noise of a unit is not small against the distances of
pre-activations from the kink.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from device_models import Chip
from experiments.support.record import Claim
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.estimate import Estimate, propagate
from neurograd.measure.intervals import Interval, t_quantile
from neurograd.measure.kinks import measure_kinks
from neurograd.measure.moments import measure_moments
from neurograd.problem import Problem
from neurograd.theory import white_variance_term


def kinks_of_chip(
    problem: Problem, chip: Chip, w: Tensor, draws: int, seed: int
) -> dict[str, Any] | None:
    """Kinks of a chip's noise and of white noise, over the Hessian's white term; None without.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        w: Its weights, shape ``(N,)``.
        draws: Updates for the moments, and as many for the kinks.
        seed: Seed of the draws.
    """
    sample = chip.sampler(problem, w)
    moments = measure_moments(sample, problem.gradient(w), draws, seed)
    if moments.total_variance == 0:
        return None
    found = measure_kinks(
        problem,
        w,
        moments,
        sample,
        chip.step_size,
        closed_form=chip.closed_form(problem, w),
        draws=draws,
        seed=seed,
    )
    trace = float(exact_diagonal(problem, w).sum())
    white = white_variance_term(moments.total_variance, trace, len(w), chip.step_size)
    noise = found.noise.times(1.0 / white)
    return {
        "step_size": chip.step_size,
        "draws": draws,
        "noise_kinks": noise.value,
        "noise_kinks_error": noise.error,
        "white_kinks": found.white.value / white,
    }


def with_kinks(row: dict[str, Any], kinks: dict[str, Any]) -> tuple[float, Interval]:
    """Anisotropy of a row of the Hessian's, with what ``kinks_of_chip`` found beside it."""
    half = 0.5 * (row["ci"][1] - row["ci"][0])
    degrees = 19.0  # of the jackknife over groups that made the interval
    parts = (
        Estimate(row["anisotropy"], half / t_quantile(degrees), degrees),
        Estimate(kinks["noise_kinks"], kinks["noise_kinks_error"], kinks["draws"] - 1.0),
    )
    found = propagate(lambda a, k: (a + k) / (1.0 + kinks["white_kinks"]), parts)
    return found.value, found.ci


def kink_claims(
    rows: list[dict[str, Any]],
    kinks: dict[str, dict[str, Any]],
    subjects: dict[str, str],
    near: Interval,
) -> list[Claim]:
    """The claims on white noise by the whole cost, one a kind.

    Args:
        rows: Of the Hessian's anisotropy.
        kinks: From ``kinks_of_chip``, by kind and name, ``kind-name``.
        subjects: What the noise of each kind is, for the claim.
        near: Anisotropies that count as white.
    """
    made = []
    for kind, subject in subjects.items():
        found, white, other = [], 0, 0
        mine = [r for r in rows if r["kind"] == kind and f"{kind}-{r['name']}" in kinks]
        for row in mine:
            value, (low, high) = with_kinks(row, kinks[f"{kind}-{row['name']}"])
            if math.isfinite(value):
                white += near[0] <= low and high <= near[1]
                other += low > near[1] or high < near[0]
                found.append((value, f"{row['name']} {value:.3g} ({low:.3g} to {high:.3g})"))
        listed = ", ".join(text for _, text in sorted(found, reverse=True))
        held = "partly" if white and other else "not held" if other else "inconclusive"
        made.append(
            Claim(
                f"The same with the kinks that the noise crosses, here the {subject}: its cost is "
                "that of white noise of the same total variance.",
                "Eq. 1, variance term of Lemma 2.1 (Eq. 3) with kinks (ours)",
                "digits, 64-32-10 with ReLU, after 100 clean steps, Δt 0.1; curvature and kinks of "
                "the noise over those of white noise; right means within 10 %, with 99 % intervals",
                f"right for {white} of {len(found)}, wrong for {other}, not known for "
                f"{len(found) - white - other}: {listed}",
                "held" if found and white == len(found) else held,
            )
        )
    return made
