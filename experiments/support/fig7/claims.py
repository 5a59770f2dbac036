"""The claims of Figure 7 and Theorems 3.1 and 3.2, judged by the numbers of the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.support.fig7.quadratics import CROSSING
from experiments.support.record import Claim, Held
from neurograd.judge.proportions import proportion_interval
from neurograd.theory import (
    bias_ratio_threshold,
)


def part(against: int, tried: int) -> str:
    """A count with the 99 % interval of its probability."""
    low, high = proportion_interval(against, tried)
    bound = f"below {high:.1e}" if against == 0 else f"{low:.3g} to {high:.3g}"
    return f"{against} of {tried:,} (probability {bound})"


def make_claims(results: dict[str, Any]) -> list[Claim]:
    """The claims of Figure 7 and Theorems 3.1 and 3.2, judged by the numbers in ``results``."""
    return [*noise_claims(results), *bias_claims(results)]


def noise_claims(results: dict[str, Any]) -> list[Claim]:
    """Theorem 3.1."""
    setting = (
        "linear network 25-10 under squared error, eigenvalues evenly spaced from λ_1/4 to λ_1, "
        f"Δt 0.001 to 0.01, {results['effort']['steps']} steps a cell"
    )
    maps = {"true gradient": results["true_gradient"], "σ = ‖g‖": results["noise"]}
    quadratics = results["quadratics"]
    claims = []
    for side, text in (
        ("descent", "Below the limit (λ_1 ≤ limit) a step always lowers the loss."),
        ("ascent", "Above the limit (λ_N ≥ limit) a step always raises the loss."),
    ):
        rows = {name: found["theorem_3_1"][side] for name, found in maps.items()}
        expected = sum(row["expectation_against"] for row in rows.values())
        single = sum(row["against"] for row in rows.values())
        tried, beyond, steps = (
            quadratics[f"noise_{side}_{what}"]
            for what in ("tried", "expectation_against", "steps_against")
        )
        parts = [
            f"{name}: {part(row['against'], row['steps'])} single steps against it"
            for name, row in rows.items()
        ]
        cells = sum(row["cells"] for row in rows.values())
        claims.append(
            Claim(
                claim=text,
                source="Theorem 3.1 (Eq. 7), Figure 7A–B",
                setting=setting,
                measured=f"{'; '.join(parts)}; random quadratics of 8 weights with σ from 0.1 to "
                f"10 ‖g‖: {part(steps, tried)} single steps against it. In expectation {expected} "
                f"of {cells} cells and {part(beyond, tried)} random quadratics against it",
                held=held_in_expectation(expected + beyond, single + steps),
            )
        )
    true, noisy = (found["half"] for found in maps.values())
    return [
        *claims,
        Claim(
            claim="The limit on curvature is lower with noise than without.",
            source="Theorem 3.1, Section 3.2, Figure 7A–B",
            setting=setting,
            measured=f"half of the steps descend at λ_1·Δt = {true['s']:.3f} ({true['s_ci'][0]:.3f}"
            f" to {true['s_ci'][1]:.3f}) without and {noisy['s']:.3f} ({noisy['s_ci'][0]:.3f} to "
            f"{noisy['s_ci'][1]:.3f}) with noise of σ = ‖g‖; the limits are 2 and 1",
            held=lower(noisy["s_ci"], true["s_ci"]),
        ),
    ]


def lower(first: Sequence[float], second: Sequence[float]) -> Held:
    """Whether the first interval lies below the second."""
    if first[1] < second[0]:
        return "held"
    return "not held" if first[0] > second[1] else "inconclusive"


def held_in_expectation(expected: int, single: int) -> Held:
    """Held for every step, only in expectation (partly), or not even there."""
    if expected:
        return "not held"
    return "partly" if single else "held"


def bias_claims(results: dict[str, Any]) -> list[Claim]:
    """Theorem 3.2, as printed and corrected."""
    q, example = results["quadratics"], results["counterexample"]
    wide = results["bias"]["theorem_3_2"]["published"]
    pair = results["bias_pair"]["theorem_3_2"]["published"]
    below = q["published_ascents"] - q["published_ascents_above"]
    tried_below = q["published_tried"] - q["published_tried_above"]
    at_one = bias_ratio_threshold(1.0, 1.0, "published")
    safe_at_one = bias_ratio_threshold(1.0, 1.0, "safe")
    setting = (
        "random quadratics of 1 to 8 weights, λ_1·Δt up to 2.4, half with g near the sharpest "
        "direction and the bias near ±g"
    )
    return [
        Claim(
            claim="Below the published threshold a biased step always lowers the loss.",
            source="Theorem 3.2 (Eq. 8), Figure 7C",
            setting=f"panel C (N = 250), panel D (N = 2), and {setting}",
            measured=f"ascents: N = 250, random bias, {part(wide['against'], wide['steps'])}; "
            f"N = 2, {part(pair['against'], pair['steps'])}; random quadratics with ψΔt above "
            f"{CROSSING:.3f}, {part(q['published_ascents_above'], q['published_tried_above'])}, "
            f"below it, {part(below, tried_below)}. Counterexample: r = "
            f"{example['bias_ratio']:.2f} is allowed up to {example['published_threshold']:.3f}, "
            f"ΔL = {example['loss_change']:+.4f}",
            held="not held" if q["published_ascents"] or pair["against"] else "held",
        ),
        Claim(
            claim="Ours: the published threshold is needlessly strict where it is safe; no step "
            "ascends between it and the safe one.",
            source="Theorem 3.2 (Eq. 8)",
            setting=f"{setting}; r between the published and the safe threshold, λ_1·Δt below "
            f"{CROSSING:.3f}",
            measured=f"{part(q['between_ascents'], q['between_tried'])} ascents; at s = 1 the "
            f"published threshold allows {at_one:.3f} and {safe_at_one:g} is safe",
            held="held" if q["between_ascents"] == 0 else "not held",
        ),
        Claim(
            claim="Ours, corrected: r ≤ min(1, 2/(λ_1Δt) − 1) guarantees descent, and nothing "
            "larger does.",
            source="Theorem 3.2, corrected",
            setting=f"{setting}; r below the bound; and 0.1 % above it in the worst direction",
            measured=f"{part(q['safe_ascents'], q['safe_tried'])} ascents below the bound; "
            f"{q['just_above_ascents']:,} of {q['just_above_tried']:,} ascend just above it",
            held="held"
            if q["safe_ascents"] == 0 and q["just_above_ascents"] == q["just_above_tried"]
            else "not held",
        ),
    ]
