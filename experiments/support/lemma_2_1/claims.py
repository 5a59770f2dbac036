"""The claims of Lemma 2.1, judged by the rows of every network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.support.agreement import Agreement, compare
from experiments.support.held import together, word_of_test
from experiments.support.lemma_2_1.networks import NETWORKS, SPIKING, SPIKING_TITLE
from experiments.support.record import Claim, held_over

SHORT = 0.05
"""Length of a perturbation over ‖w‖ up to which the claim is judged."""

KINKED_SHORT = 0.01
"""The same for networks with kinks."""

CROSSING = 1e-3
"""Length of a perturbation over ‖w‖ from which it crosses many kinks of these ReLU networks."""

SLOPES = (0.98, 1.02)

R_SQUARED = 0.999

DECADES = 4.0


def short(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows on which the claim is judged."""
    return [row for row in rows if row["length"] <= SHORT]


def judged(name: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows on which the claim of one network is judged."""
    if NETWORKS[name].smooth:
        return short(rows)
    return decided([row for row in rows if row["length"] <= KINKED_SHORT])


def decided(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of networks with kinks whose measured change is not lost in the kinks' own noise.

    Where kinks are averaged over draws, that average stands in prediction and measurement. Where
    it could be as large as the whole change, a ratio of the two says nothing.
    """
    found = []
    for row in rows:
        low, high = row["kinks_ci"][0] - row["kinks"], row["kinks_ci"][1] - row["kinks"]
        if row["measured_ci"][0] + low > 0 or row["measured_ci"][1] + high < 0:
            found.append(row)
    return found


def drawn(row: dict[str, Any]) -> bool:
    """Whether a row's kinks were averaged over draws."""
    return bool(row["kinks_ci"][0] < row["kinks_ci"][1])


def between(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of networks with kinks that are longer than those judged, up to ``SHORT``."""
    return decided([row for row in rows if KINKED_SHORT < row["length"] <= SHORT])


def agreement(rows: Sequence[dict[str, Any]], key: str = "predicted") -> Agreement:
    """Measured against predicted."""
    return compare([r[key] for r in rows], [r["measured"] for r in rows])


def passes(found: Agreement) -> bool:
    """Whether the slope's whole interval and R² are as required, without a wrong sign."""
    low, high = found.slope_ci
    straight = low >= SLOPES[0] and high <= SLOPES[1] and found.r_squared > R_SQUARED
    return straight and found.same_sign == found.count


def noise_only(rows: Sequence[dict[str, Any]]) -> Agreement:
    """White noise alone, long enough to cross kinks where there are any."""
    return agreement([r for r in rows if r["kind"] == "noise" and r["length"] >= CROSSING])


def additive(rows: Sequence[dict[str, Any]]) -> Agreement:
    """Change by noise and bias together against the sum of the changes by each alone."""
    place = {(r["kind"], r["point"], r["step_size"], r["b"], r["total_variance"]): r for r in rows}
    sums, together = [], []
    for r in (r for r in short(rows) if r["kind"] == "both"):
        where = r["point"], r["step_size"]
        alone = place["noise", *where, 0.0, r["total_variance"]], place["bias", *where, r["b"], 0.0]
        sums.append(sum(a["measured"] for a in alone))
        together.append(r["measured"])
    return compare(sums, together)


def share_inside(rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Noisy rows whose 99 % interval of the measurement holds the prediction, and all of them."""
    noisy = [r for r in rows if r["total_variance"] > 0]
    inside = [r["measured_ci"][0] <= r["predicted"] <= r["measured_ci"][1] for r in noisy]
    return sum(inside), len(noisy)


def sentence(name: str, found: Agreement, rows: Sequence[dict[str, Any]]) -> str:
    """The numbers of one network."""
    inside, noisy = share_inside(rows)
    noise = noise_only(rows)
    title = NETWORKS[name].title if name in NETWORKS else SPIKING_TITLE
    return (
        f"{title}: slope {found.slope:.4f} ({found.slope_ci[0]:.4f} to {found.slope_ci[1]:.4f}), "
        f"R² {found.r_squared:.5f}, measured/predicted {found.ratio:.3f} "
        f"({found.ratio_ci[0]:.3f} to {found.ratio_ci[1]:.3f}), {found.decades:.1f} decades, "
        f"{found.same_sign} of {found.count} signs right, {inside} of {noisy} intervals of noisy "
        f"steps hold the prediction; white noise alone of {CROSSING:g} ‖w‖ and more: "
        f"measured/predicted {noise.ratio:.2f} ({noise.ratio_ci[0]:.2f} to {noise.ratio_ci[1]:.2f})"
    )


def claims(found: dict[str, dict[str, Any]]) -> list[Claim]:
    """What the paper says, and what came out."""
    setting = (
        f"{{}}; perturbations of up to {SHORT} ‖w‖, Δt 0.001 to 0.1, three points of a clean "
        "training; slope and R² of log|measured| on log|predicted| with 99 % intervals"
    )
    names = [n for n in found if n in NETWORKS and NETWORKS[n].smooth]
    results = {n: agreement(short(found[n]["rows"])) for n in names}
    made = [
        Claim(
            "One step's change of the loss by bias and white noise is Eq. 3 to second order "
            "(smooth losses: slope within 2 % of 1, R² above 0.999).",
            "Lemma 2.1, Eq. 3",
            setting.format(", ".join(NETWORKS[n].title for n in names)),
            "; ".join(sentence(n, results[n], short(found[n]["rows"])) for n in names),
            held_over([passes(a) and a.decades >= DECADES for a in results.values()]),
        ),
        *kinked_claims(found),
    ]
    made.append(spiking_claim(found[SPIKING]["rows"]))
    names = [n for n in found if n in NETWORKS]
    sums = {n: additive(found[n]["rows"]) for n in names}
    made.append(
        Claim(
            "The impacts of variance and bias are independent of each other: they add up.",
            "Lemma 2.1, Section 2.1",
            setting.format("the same seven networks"),
            "change by both over the sum of the changes by each: "
            + "; ".join(
                f"{NETWORKS[n].title} {a.ratio:.3f} ({a.ratio_ci[0]:.3f} to {a.ratio_ci[1]:.3f}), "
                f"slope {a.slope:.3f}"
                for n, a in sums.items()
            ),
            held_over([passes(a) for a in sums.values()]),
        )
    )
    return made


def kinked_claims(found: dict[str, dict[str, Any]]) -> list[Claim]:
    """The claims on networks with kinks: Eq. 3 alone, with the kinks, and from where it lands."""
    names = [n for n in found if n in NETWORKS and not NETWORKS[n].smooth]
    setting = (
        f"{{}}; perturbations of up to {KINKED_SHORT} ‖w‖, Δt 0.001 to 0.1, three points of a "
        "clean training; slope and R² of log|measured| on log|predicted| with 99 % intervals"
    )
    averaged = "; kinks averaged over the noise of the measurement itself"
    rows = {n: judged(n, found[n]["rows"]) for n in names}
    alone = {n: agreement(rows[n], "hessian") for n in names}
    made = [
        Claim(
            "One step's change of the loss by bias and white noise is Eq. 3 to second order "
            "(losses with kinks, where Eq. 3's assumption fails; the same limits).",
            "Lemma 2.1, Eq. 3",
            setting.format(", ".join(NETWORKS[n].title for n in names)),
            "; ".join(f"{NETWORKS[n].title}: {numbers(alone[n])}" for n in names),
            held_over([passes(a) for a in alone.values()]),
        )
    ]
    for n in names:
        longer = between(found[n]["rows"])
        lost = sum(r["length"] <= KINKED_SHORT for r in found[n]["rows"]) - len(rows[n])
        left_out = f"; {lost} steps lost in noise are left out" if lost else ""
        for key, text in (
            ("predicted", "Eq. 3 and the kinks that the step crosses"),
            (
                "predicted_landed",
                "that of gradient, Hessian and kinks where the clean step lands, without what a "
                "long clean step itself does beyond second order",
            ),
        ):
            reached = agreement(rows[n], key)
            more = agreement(longer, key)
            beyond = f"; longer ones, up to {SHORT} ‖w‖: {numbers(more)}"
            made.append(
                Claim(
                    f"One step's change of the loss by bias and white noise is {text} "
                    "(slope within 2 % of 1, R² above 0.999).",
                    "Lemma 2.1 (Eq. 3) with kinks (ours)",
                    setting.format(NETWORKS[n].title)
                    + (averaged if any(drawn(r) for r in rows[n]) else ""),
                    numbers(reached) + left_out + beyond,
                    held_over([passes(reached)]),
                )
            )
    return made


def numbers(found: Agreement) -> str:
    """Slope, R² and ratio of one agreement."""
    return (
        f"slope {found.slope:.4f} ({found.slope_ci[0]:.4f} to {found.slope_ci[1]:.4f}), "
        f"R² {found.r_squared:.5f}, measured/predicted {found.ratio:.3f} "
        f"({found.ratio_ci[0]:.3f} to {found.ratio_ci[1]:.3f}; single steps "
        f"{found.ratio_range[0]:.3g} to {found.ratio_range[1]:.3g}), {found.decades:.1f} decades, "
        f"{found.same_sign} of {found.count} signs right"
    )


def spiking_claim(rows: Sequence[dict[str, Any]]) -> Claim:
    """The claim on the sampled smoothed loss, whose prediction has an error as well."""
    agree = sum(r["agree"] for r in rows)

    def value(row: dict[str, Any], key: str) -> str:
        low, high = row[f"{key}_ci"]
        return f"{key} {row[key]:.2e} ({low:.2e} to {high:.2e})"

    measured = "; ".join(
        f"Δt {r['step_size']:g}, noise {'and bias' if r['b'] else 'only'}: "
        f"{value(r, 'predicted')}, {value(r, 'measured')}"
        for r in rows
    )
    return Claim(
        "The same on a spiking network, with the smoothed loss as its loss.",
        "Lemma 2.1, Eq. 3",
        f"{SPIKING_TITLE}, surrogate gradient with white noise and bias; change from the loss "
        "before the step; 99 % intervals",
        f"measured − predicted holds 0 in {agree} of {len(rows)} steps: {measured}",
        together([word_of_test(bool(r["agree"])) for r in rows]),
    )
