"""The claims of Figure 3 and Theorems 2.2 and 2.3, judged by the numbers of the experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from experiments.support.fig3.kinks import LIMIT, make_kink_claims
from experiments.support.fig3.students import NORM, SQUARE, STRONG, STYLES
from experiments.support.held import held_near, together
from experiments.support.record import Claim, Held, held_where
from neurograd.judge.proportions import proportion_interval
from neurograd.measure.intervals import (
    CONFIDENCE,
    Interval,
    combine_errors,
    interval,
    mean_interval,
)

NAMES = {"linear": "linear", "relu": "ReLU"}


def difference(a: Mapping[str, Any], b: Mapping[str, Any], key: str) -> tuple[float, Interval]:
    """Second mean minus the first, with Welch's interval (wide, as seeds are shared)."""

    def error(row: Mapping[str, Any]) -> tuple[float, float]:
        count = row[f"{key}_seeds"]
        return row[f"{key}_sd"] / math.sqrt(count), count - 1.0

    change = b[key] - a[key]
    return change, interval(change, *combine_errors([error(a), error(b)]))


def compare(
    rows: Sequence[Mapping[str, Any]], key: str, along: str, values: tuple[Any, Any]
) -> list[tuple[dict[str, Any], str]]:
    """Every pair of rows that differs in ``along`` only, as its setting and how it goes.

    ``falls`` or ``rises`` where the interval of the difference excludes 0, else ``unclear``.
    """
    axes = [k for k in ("width", "depth", "activation") if k != along]
    found = []
    for first in rows:
        for second in rows:
            same = all(first[k] == second[k] for k in axes)
            if not same or (first[along], second[along]) != values:
                continue
            _, (low, high) = difference(first, second, key)
            trend = "falls" if high < 0 else "rises" if low > 0 else "unclear"
            setting = {k: first[k] for k in axes}
            found.append(({**setting, "ratio": second[key] / first[key]}, trend))
    return found


def verdict(trends: Sequence[str]) -> Held:
    """Held where every pair falls; not held where none does and one rises."""
    if all(t == "falls" for t in trends):
        return "held"
    if "rises" in trends:
        return "partly" if "falls" in trends else "not held"
    return "inconclusive"


def count(trends: Sequence[str]) -> str:
    """How many pairs go which way."""
    parts = [f"{trends.count(t)} {t}" for t in ("falls", "rises", "unclear") if t in trends]
    return f"of {len(trends)} pairs: " + ", ".join(parts)


def trends_of(
    rows: Sequence[Mapping[str, Any]], key: str, along: str, values: Sequence[Any]
) -> list[tuple[dict[str, Any], str]]:
    """``compare`` for all neighbouring values."""
    return [pair for step in pairwise(values) for pair in compare(rows, key, along, step)]


def make_claims(results: dict[str, Any]) -> list[Claim]:
    """The claims of Figure 3 and Theorems 2.2 and 2.3, judged by the numbers in ``results``."""
    return [
        *width_claims(results),
        *depth_claims(results),
        *relu_claims(results),
        *make_kink_claims(
            results["kinks"],
            [r for r in results["trajectories"] if r["activation"] == "linear"],
            setting_of(results) + "; ReLU students",
        ),
        lemma_claim(results),
        estimator_claim(results),
    ]


def setting_of(results: dict[str, Any]) -> str:
    """Data and students in one phrase."""
    effort = results["effort"]
    return (
        f"25-width×depth-10 students without biases, widths {list(effort['widths'])}, hidden "
        f"layers {list(effort['depths'])}, ReLU teacher 25-50-50-50-10"
    )


def width_claims(results: dict[str, Any]) -> list[Claim]:
    """Panel A and the curves of B and C."""
    effort, rows = results["effort"], results["trajectories"]
    ends = effort["widths"][0], effort["widths"][-1]
    pairs = compare(rows, "strong", "width", ends)
    linear, relu = ([p for p in pairs if p[0]["activation"] == a] for a in STYLES)
    shallow = compare(rows, "measured", "width", ends)
    ratio = next(s["ratio"] for s, _ in shallow if (s["depth"], s["activation"]) == (1, "linear"))
    init = trends_of(results["initialization"], "per_parameter", "width", effort["widths"])
    setting = f"{setting_of(results)}; {effort['seeds']} seeds, width {ends[0]} to {ends[1]}"
    return [
        Claim(
            claim="The impact of variance falls with width.",
            source="Figure 3A–C, Section 2.1",
            setting=f"{setting}; linear students measured, all by Tr H/N",
            measured=f"one hidden layer × {ratio:.3f}; measured at all depths, "
            f"{count([t for _, t in linear])}; Tr H/N at initialization, linear and ReLU, "
            f"neighbouring widths, {count([t for _, t in init])}",
            held=verdict([t for _, t in [*linear, *init]]),
        ),
        Claim(
            claim="The measured impact of variance falls with width in ReLU networks.",
            source="Figure 3B–C",
            setting=f"{setting}; ReLU students, noise norm {STRONG:g}",
            measured="; ".join(f"{s['depth']} hidden: × {s['ratio']:.2f}, {t}" for s, t in relu)
            + ". The kinks make single deep students differ too much",
            held=verdict([t for _, t in relu]),
        ),
    ]


def depth_claims(results: dict[str, Any]) -> list[Claim]:
    """Theorem 2.2 in the figure's setting, with equal layers, for ReLU, and after a training."""
    effort, rows = results["effort"], results["initialization"]
    linear = [r for r in rows if r["activation"] == "linear"]
    first, last = effort["depths"][0], effort["depths"][-1]
    pairs = compare(linear, "per_parameter", "depth", (first, last))
    exact = {(r["width"], r["depth"]): r["expected"] for r in linear}
    listed = "; ".join(
        f"width {s['width']}: × {s['ratio']:.2f} (exact × "
        f"{exact[s['width'], last] / exact[s['width'], first]:.2f}), {t}"
        for s, t in pairs
    )
    text = f"Tr H/N at initialization, {effort['inits']} initializations or more, at 99 %"
    square = results["square"]
    change, ci = difference(square[0], square[-1], "per_parameter")
    base = square[0]["per_parameter"]
    claims = [
        Claim(
            claim="Theorem 2.2: in linear networks the impact of variance falls with depth.",
            source="Theorem 2.2 (Eq. 4), Figure 3B–C",
            setting=f"{setting_of(results)}; {text}",
            measured=f"{first} to {last} hidden layers: {listed}. The exact expectation falls "
            "only where width > (inputs + outputs)/2 = 17.5",
            held=verdict([t for _, t in pairs]),
        ),
        Claim(
            claim="Theorem 2.2 with d units in every layer, as it is stated (≤): Tr H/N does not "
            f"rise by more than {LIMIT:.0%}.",
            source="Theorem 2.2 (Eq. 4)",
            setting=f"linear networks with {SQUARE} units in all layers, inputs and outputs "
            f"included; {text}",
            measured=f"{first} to {last} hidden layers: Tr H/N changes by "
            f"{100 * change / base:+.1f} % ({100 * ci[0] / base:+.1f} to "
            f"{100 * ci[1] / base:+.1f} %); the exact expectation does not change: "
            "the theorem holds as an equality, without a fall",
            held=held_where((ci[0] / base, ci[1] / base), -math.inf, LIMIT),
        ),
    ]
    relu = [r for r in rows if r["activation"] == "relu"]
    pairs = trends_of(relu, "per_parameter", "depth", effort["depths"])
    trained = results["trained"]
    after = {a: compare(trained, "after", "depth", (first, last)) for a in STYLES}
    parts = [
        f"{NAMES[a]}: × {s['ratio']:.2f}, {t}"
        for a in STYLES
        for s, t in after[a]
        if s["activation"] == a
    ]
    ends = [t for a in STYLES for s, t in after[a] if s["activation"] == a]
    left = max(r["loss_left"] for r in trained)
    return [
        *claims,
        Claim(
            claim="Deeper ReLU networks have a lower impact of variance.",
            source="Figure 3B–C",
            setting=f"ReLU students of the same sizes; {text}",
            measured=f"neighbouring depths, {count([t for _, t in pairs])}",
            held=verdict([t for _, t in pairs]),
        ),
        Claim(
            claim="The order by depth holds loosely over the course of training.",
            source="Section 2.1, after Theorem 2.2",
            setting=f"25-25×depth-10 students after {effort['training']} clean steps of 0.05, "
            f"{effort['seeds']} seeds; the loss left is up to {100 * left:.0f} %",
            measured=f"Tr H/N, {first} to {last} hidden layers: {'; '.join(parts)}",
            held=verdict(ends),
        ),
    ]


def relu_claims(results: dict[str, Any]) -> list[Claim]:
    """Theorem 2.3 by Tr H/N, and by the loss changes of Figure 3."""
    step = ("linear", "relu")
    init = compare(results["initialization"], "per_parameter", "activation", step)
    path = compare(results["trajectories"], "strong", "activation", step)
    after = compare(results["trained"], "after", "activation", step)
    ratios = [s["ratio"] for s, _ in init]
    shares = [s["ratio"] for s, _ in path]
    setting = setting_of(results) + "; each ReLU network against the linear one of its size"
    return [
        Claim(
            claim="Theorem 2.3: a ReLU lowers Tr H/N and with it the impact of variance.",
            source="Theorem 2.3 (Eq. 5)",
            setting=setting,
            measured=f"at initialization × {min(ratios):.4f} to {max(ratios):.3f} (exact: "
            f"2^−hidden layers), {count([t for _, t in init])}; after training, "
            f"{count([t for _, t in after])}",
            held=verdict([t for _, t in [*init, *after]]),
        ),
        Claim(
            claim="The measured impact of variance is lower in ReLU networks.",
            source="Figure 3B–C",
            setting=f"{setting}; measured E[ΔL] along the trajectories, noise norm {STRONG:g}",
            measured=f"{count([t for _, t in path])}; ratios {min(shares):.3f} to "
            f"{max(shares):.3f}",
            held=verdict([t for _, t in path]),
        ),
    ]


def lemma_claim(results: dict[str, Any]) -> Claim:
    """Measured against predicted impact; ReLU's kinks are what the Hessian does not see."""
    parts: list[str] = []
    helds: list[Held] = []
    for activation in STYLES:
        rows = [r for r in results["trajectories"] if r["activation"] == activation]
        points = sum(r["points"] for r in rows)
        missed = False
        for key, norm in (("measured", NORM), ("strong", STRONG)):
            inside = sum(r[f"{key}_inside"] for r in rows)
            parts.append(
                f"{NAMES[activation]}, norm {norm:g}: {inside} of {points} intervals hold the "
                "prediction"
            )
            low, _ = proportion_interval(points - inside, points)
            missed = missed or low > 1 - CONFIDENCE
        key = "ratio" if activation == "linear" else "strong_ratio"
        ratio, ci = mean_interval([r[key] for r in rows])
        helds.append("not held" if missed else held_near(ci, 1.0, LIMIT))
        spread = ", ".join(
            f"{d}: {np.sqrt(np.mean([r[f'{key}_sd'] ** 2 for r in rows if r['depth'] == d])):.2g}"
            for d in results["effort"]["depths"]
        )
        parts.append(
            f"measured/predicted {ratio:.3f} ({ci[0]:.3f} to {ci[1]:.3f} over {len(rows)} "
            f"networks), standard deviation over seeds by hidden layers {spread}"
        )
    return Claim(
        claim=f"The impact of variance is ½(σ²f(N)/N)·Tr H·Δt², within {LIMIT:.0%}.",
        source="Lemma 2.1 (Eq. 3)",
        setting=f"{setting_of(results)}; noise with a control variate at each point of the clean "
        "trajectories, exact Tr H; a ReLU's kinks bend the loss of single networks up or down, "
        "which the Hessian does not see",
        measured="; ".join(parts),
        held=together(helds),
    )


def estimator_claim(results: dict[str, Any]) -> Claim:
    """The factor of the paper's own estimator."""
    rows = {r["count"]: r for r in results["estimators"]}
    row = rows[15]
    low, high = row["published_ci"]
    c_low, c_high = row["control_variate_ci"]
    norm, total = (results["readings"][k]["measured"] for k in ("norm", "total_variance"))
    return Claim(
        claim="A plain average over 15 noise vectors that sum to zero measures the impact of "
        f"variance (the paper's scripts), within {LIMIT:.0%}.",
        source="Figure 3, its published code",
        setting="linear student 25-25-10 at initialization, noise norm 0.1, "
        f"{row['published_seeds']} estimates",
        measured=f"estimate/(Eq. 3) = {row['published']:.3f} ({low:.3f} to {high:.3f}), too large "
        f"by 2(K − 1)/K = {row['factor']:.3f}; with the control variate "
        f"{row['control_variate']:.4f} ({c_low:.4f} to {c_high:.4f}). Reading 0.1 as the total "
        f"variance and not as the norm: × {total / norm:.3f} everywhere, the order is the same",
        held=held_near((low, high), 1.0, LIMIT),
    )
