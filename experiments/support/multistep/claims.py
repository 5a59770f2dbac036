"""The claims of Corollary A.2, judged by the rows of every case."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from experiments.support.held import held_near, together
from experiments.support.multistep.cases import NETWORKS, QUADRATIC, REPLICAS
from experiments.support.record import Claim, Held
from neurograd.measure.intervals import Interval

AGREES = 0.1
"""What a measured excess may lie beside the predicted one, in parts of this."""


def factor(row: dict[str, Any]) -> tuple[float, Interval]:
    """Predicted over measured excess, with its 99 % interval; infinite where none is measured."""
    low, high = row["measured_ci"]
    ends = [row["predicted"] / end if end > 0 else math.inf for end in (high, low)]
    value = row["predicted"] / row["measured"] if row["measured"] > 0 else math.inf
    return value, (ends[0], ends[1])


def again(case: dict[str, Any]) -> float:
    """Predicted over measured excess with the Hessians at the replicas' ends; maybe infinite."""
    predicted = case["relinearized"]
    if predicted is None or case["rows"][-1]["measured"] <= 0:
        return math.inf
    return float(predicted / case["rows"][-1]["measured"])


def exact(row: dict[str, Any]) -> bool:
    """Whether prediction and measurement are the same, within the interval and rounding."""
    low, high = row["measured_ci"]
    slack = 1e-9 * abs(row["predicted"]) + 1e-12
    return bool(low - slack <= row["predicted"] <= high + slack)


def agrees(row: dict[str, Any]) -> Held:
    """Whether the measured excess is the predicted one within ``AGREES`` of it."""
    predicted = row["predicted"]
    if predicted == 0.0:  # before the first step
        return "held" if exact(row) else "not held"
    low, high = (end / predicted for end in row["measured_ci"])
    return held_near((low, high), 1.0, AGREES)


def claims(quadratics: dict[str, Any], networks: dict[str, Any]) -> list[Claim]:
    """What the paper says, and what came out."""

    def ends(name: str) -> str:
        row = quadratics[name]["rows"][-1]
        low, high = row["measured_ci"]
        return (
            f"{QUADRATIC[name].title} predicted {row['predicted']:.4g}, measured "
            f"{row['measured']:.4g} ({low:.4g} to {high:.4g}), floor "
            f"{quadratics[name]['floor']:.4g}"
        )

    rows = [row for case in quadratics.values() for row in case["rows"]]
    inside = sum(exact(row) for row in rows)
    noisy = [r for r in rows if r["measured_ci"][0] < r["measured_ci"][1]]
    # Relative half widths say how sharp the comparison is.
    sharp = [0.5 * (r["measured_ci"][1] - r["measured_ci"][0]) / r["predicted"] for r in noisy]
    steps = rows[-1]["steps"]
    made = [
        Claim(
            "The loss after many steps with bias and noise follows from curvature, bias and "
            f"variance in closed form, up to a floor; within {AGREES:.0%}.",
            "Corollary A.2 (extension of Lemma 2.1)",
            f"quadratic: linear layer 25-10, squared error; {REPLICAS} replicas, up to {steps:,} "
            "steps; 99 % intervals",
            f"prediction inside the interval at {inside} of {len(rows)} points (median half width "
            f"{np.median(sharp):.1%} of the excess); after {steps:,} steps: "
            + "; ".join(map(ends, quadratics)),
            # At 99 %, one point in a hundred may lie outside; the points of one case are dependent.
            together([agrees(row) for row in rows]) if inside >= len(rows) - 2 else "not held",
        )
    ]
    for name, result in networks.items():
        parts, within = [], []
        for case, found in result["cases"].items():
            end = found["rows"][-1]
            value, (low, high) = factor(end)
            within.append(agrees(end))
            parts.append(
                f"{case.replace('_', ' ')}: predicted {end['predicted']:.3g}, measured "
                f"{end['measured']:.3g}, factor {value:.2f}"
                + (f", interval {low:.2f} to {high:.2f}" if low < high else ", without noise")
            )
            spread = [factor(r)[0] for r in found["rows"] if r["steps"] > 0]
            parts[-1] += f" ({min(spread):.2f} to {max(spread):.2f} over all T)"
            if found["total_variance"] > 0:
                parts[-1] += (
                    f", re-linearized {again(found):.2f}, Tr H at the end "
                    f"{found['trace_at_end'] / result['trace']:.2f} of the start's"
                )
        made.append(
            Claim(
                "The same around a network's minimum, with the Hessian frozen there, within "
                f"{AGREES:.0%}.",
                "Corollary A.2 (extension of Lemma 2.1)",
                f"{NETWORKS[name].title}, N = {result['num_parameters']}, clean loss "
                f"{result['clean_loss']:.2g}; {REPLICAS} replicas, {end['steps']:,} steps; noise "
                "named by the predicted excess in parts of the initial loss; factor is predicted "
                "over measured, with 99 % interval",
                "; ".join(parts),
                together(within),
            )
        )
    return made
