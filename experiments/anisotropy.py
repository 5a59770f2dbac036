"""How far the noise of every device and learning rule is from white, as the Hessian sees it.

Lemma 2.1 has white noise, whose cost is ½Δt²·σ²f(N)·Tr H/N. The cost of any noise is ½Δt²·Tr(HΣ);
the ratio of the two, ``N·Tr(HΣ)/(Tr H·Tr Σ)``, is the anisotropy: 1 for white noise, above 1 where
the noise lies along sharp directions. The common problem of ``experiments.library``: digits,
64-32-10, after 100 clean steps.

Devices write the gradient of the whole set; learning rules run on ideal synapses, with the whole
set where they draw noise themselves and with batches of 32. A rule without noise has no anisotropy.
A write that is not made has no noise: weights of pixels that are always 0, which have no curvature
either, are a part of every device's anisotropy.
``surrogate`` and ``eprop`` need a spiking network, whose own Hessian is 0 almost everywhere: theirs
is that of the loss smoothed with s = 0.02, with Tr(HΣ) from second derivatives along samples of
the noise and Tr H from the derivative of the smoothed loss in s. Intervals are at 99 %.

Rate networks have kinks, which the Hessian does not see: what they add to the cost of the noise and
of white noise stands beside it (``--only kinks`` adds this part to a kept record).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from experiments.library import SMOOTHING, clean_weights, common_spec
from experiments.support.anisotropy import Anisotropy, anisotropy_from_parts, measure_anisotropy
from experiments.support.anisotropy_kinks import kink_claims, kinks_of_chip
from experiments.support.record import CLAIMS, Claim, Held, Run, parse, run_main
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.estimate import Estimate
from neurograd.measure.moments import measure_moments
from neurograd.measure.smoothed.point import measure_smoothed_point
from neurograd.measure.smoothed.reference import SmoothedBudget
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.report.plots import BLUE, GREY, ORANGE, RED, styled
from neurograd.spec import Spec, list_presets
from neurograd.spec.rule_schema import RULE_DEFAULTS, SPIKING_ONLY

BATCH = 32
NEAR = (0.9, 1.1)
"""Anisotropies for which the white term is taken as right: within 10 %."""

KINDS = {
    "device": (BLUE, "devices, whole set"),
    "rule": (RED, "learning rules, whole set"),
    "batch": (ORANGE, f"learning rules, batches of {BATCH}"),
}


def rate(spec: Spec, clean: Tensor, run: Run) -> dict[str, Any]:
    """Anisotropy of one chip of a rate network at the clean weights."""
    problem = build_problem(spec, run.device)
    chip = build_chip(spec, problem)
    w = chip.program(clean)
    sample, draws = chip.sampler(problem, w), 40 if run.quick else 600
    gradient = problem.gradient(w)
    moments = measure_moments(sample, gradient, max(20, draws // 4), run.seed)
    diagonal = exact_diagonal(problem, w)
    found = measure_anisotropy(
        problem,
        w,
        moments,
        sample,
        Estimate.exact(float(diagonal.sum())),
        diagonal=diagonal if chip.independent_noise else None,
        draws=draws,
        seed=run.seed,
    )
    return row(found, moments.total_variance, float(gradient.norm()))


def spiking(spec: Spec, clean: Tensor, run: Run) -> dict[str, Any]:
    """Anisotropy of one chip of a spiking network, on its smoothed loss."""
    problem = build_problem(spec, run.device)
    chip = build_chip(spec, problem)
    draws = 16 if run.quick else 120
    budget = SmoothedBudget(max(20, draws), draws, 8, run.seed)
    point = measure_smoothed_point(problem, chip, clean, 0, 0, SMOOTHING, budget)
    found = anisotropy_from_parts(point.covariance, point.trace, point.moments)
    return row(found, point.moments.total_variance, math.nan)


MEASURES = {"rate": rate, "spiking": spiking}


def row(found: Anisotropy, total_variance: float, grad_norm: float) -> dict[str, Any]:
    """One row of the results; null stands for what is undefined or unbounded."""
    return {
        "anisotropy": found.value,
        "ci": found.ci,
        "draws": found.draws,
        "total_variance": total_variance,
        "grad_norm": grad_norm,
    }


def chips() -> dict[str, tuple[str, str, Spec]]:
    """Kind, name and spec of every chip, by a name that is a file name."""
    found = {
        f"device-{name}": ("device", name, common_spec(device={"preset": name}))
        for name in list_presets()
    }
    for name in RULE_DEFAULTS:
        kind = "spiking" if name in SPIKING_ONLY else "rate"
        for key, size in (("rule", "full"), ("batch", BATCH)):
            rule = {"name": name, "batch_size": size}
            found[f"{key}-{name}"] = (key, name, common_spec(kind, learning_rule=rule))
    return found


def measure(run: Run) -> list[dict[str, Any]]:
    """One row a chip, in the order of the tables of ``experiments.library``."""
    wanted = chips()
    if run.quick:
        wanted = {name: wanted[name] for name in wanted if name in QUICK}
    clean = {kind: clean_weights(common_spec(kind), run) for kind in ("rate", "spiking")}
    items: dict[str, Callable[[], dict[str, Any]]] = {}
    for key, (kind, name, spec) in wanted.items():
        # With the whole set, surrogate gradients and e-prop draw nothing.
        if name in SPIKING_ONLY and kind == "rule":
            items[key] = lambda: row(Anisotropy(math.nan, (math.nan, math.nan), 0), 0.0, math.nan)
        else:
            network = "spiking" if name in SPIKING_ONLY else "rate"
            items[key] = partial(MEASURES[network], spec, clean[network], run)
    found = run.each(items, lambda item: item())
    return [{"kind": wanted[key][0], "name": wanted[key][1], **found[key]} for key in wanted]


def measure_kinks(run: Run) -> dict[str, dict[str, Any]]:
    """What the kinks add for every noisy chip of a rate network, by ``kind-name``."""
    clean = clean_weights(common_spec("rate"), run)

    def one(spec: Spec) -> dict[str, Any]:
        problem = build_problem(spec, run.device)
        chip = build_chip(spec, problem)
        draws = 20 if run.quick else 100
        return {"found": kinks_of_chip(problem, chip, chip.program(clean), draws, run.seed)}

    items = {
        f"kinks-{key}": spec
        for key, (_, name, spec) in chips().items()
        if name not in SPIKING_ONLY and (not run.quick or key in QUICK)
    }
    found = run.each(items, one, depends_on="kinks")
    return {
        key.removeprefix("kinks-"): result["found"]
        for key, result in found.items()
        if result["found"] is not None
    }


QUICK = (
    "device-ag-asi",
    "device-pcm",
    "device-reram-sb",
    "rule-manhattan",
    "rule-node_perturbation",
    "rule-weight_perturbation",
    "batch-backprop",
    "rule-surrogate",
)


def defined(rows: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Rows of a kind that have noise, the most anisotropic first."""
    chosen = [r for r in rows if r["kind"] == kind and r["anisotropy"] is not None]
    return sorted(chosen, key=lambda r: -float(r["anisotropy"]))


def near(found: dict[str, Any]) -> bool:
    """Whether the whole interval lies within 10 % of 1."""
    low, high = found["ci"]
    return low is not None and low >= NEAR[0] and high <= NEAR[1]


def far(found: dict[str, Any]) -> bool:
    """Whether the whole interval lies outside."""
    low, high = found["ci"]
    return low is not None and (low > NEAR[1] or high < NEAR[0])


SUBJECTS = {
    "device": "noise of memristive devices",
    "rule": "noise that learning rules draw",
    "batch": "minibatch noise of learning rules (Section 4.1 says that SGD's is not white)",
}


def claims(
    rows: Sequence[dict[str, Any]], kinks: dict[str, dict[str, Any]] | None = None
) -> list[Claim]:
    """What the paper assumes, and what came out."""
    made = []
    for kind, subject in SUBJECTS.items():
        found = defined(rows, kind)
        without = [r["name"] for r in rows if r["kind"] == kind and r["anisotropy"] is None]
        listed = ", ".join(f"{r['name']} {text(r)}" for r in found)
        white, other = sum(map(near, found)), sum(map(far, found))
        made.append(
            Claim(
                f"The noise of the update is white, here the {subject}: its cost is "
                "½Δt²·σ²f(N)·Tr H/N.",
                "Eq. 1, variance term of Lemma 2.1 (Eq. 3)",
                "digits, 64-32-10, after 100 clean steps; cost of the noise by its covariance over "
                f"that of Eq. 3; right means within 10 %, with 99 % intervals; {KINDS[kind][1]}",
                f"right for {white} of {len(found)}, wrong for {other}, not known for "
                f"{len(found) - white - other}: {listed}"
                + (f"; without noise: {', '.join(without)}" if without else ""),
                judge(white, other, len(found)),
            )
        )
    return made + (kink_claims(list(rows), kinks, SUBJECTS, NEAR) if kinks else [])


def judge(white: int, other: int, count: int) -> Held:
    """From how many are white, not white, and all."""
    if count and white == count:
        return "held"
    if white and other:
        return "partly"
    return "not held" if other else "inconclusive"


def text(found: dict[str, Any]) -> str:
    """The number with its interval."""
    low, high = found["ci"]
    if low is None:
        return f"{found['anisotropy']:.2f} (Tr H lost in noise)"
    return f"{found['anisotropy']:.3g} ({low:.3g} to {high:.3g})"


def draw(rows: Sequence[dict[str, Any]]) -> Figure:
    """A dot a chip, on a logarithmic axis."""
    with styled():
        ordered = [(kind, r) for kind in KINDS for r in defined(rows, kind)]
        figure = Figure(figsize=(8.4, 1.6 + 0.24 * len(ordered)), layout="constrained")
        axes = figure.subplots()
        axes.axvspan(*NEAR, color="#ececec", lw=0)
        axes.axvline(1.0, color=GREY, lw=1, ls="--")
        for place, (kind, found) in enumerate(ordered):
            value, (low, high) = found["anisotropy"], found["ci"]
            bounded = low is not None
            # A logarithmic axis has no room for an interval's end at or below 0.
            ends = (
                np.array([[value - low if low and low > 0 else 0.0], [high - value]])
                if (bounded)
                else None
            )
            axes.errorbar(
                [value],
                [place],
                xerr=ends,
                fmt="o" if bounded else "x",
                ms=4.5,
                capsize=2,
                lw=1.2,
                color=KINDS[kind][0],
            )
        for colour, label in KINDS.values():
            axes.plot([], [], "o", color=colour, ms=5, label=label)
        axes.set_yticks(range(len(ordered)), [f["name"] for _, f in ordered], fontsize=8.5)
        axes.set_ylim(len(ordered) - 0.4, -0.6)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("anisotropy N·Tr(HΣ)/(Tr H·Tr Σ): cost of the noise over Eq. 3's")
        axes.set_title("Is the noise white to the Hessian? (grey: within 10 %)")
        figure.legend(loc="outside lower center", ncols=3)
        return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("anisotropy", __doc__ or "", arguments, parts=("kinks",))
    kept = {} if run.only is None else run.kept()
    rows = kept.get("rows") or measure(run)
    kinks = kept.get("kinks", {}) if run.only == CLAIMS else measure_kinks(run)
    results = {"smoothing": SMOOTHING, "rows": rows, "kinks": kinks}
    run.write(results, draw(rows), claims(rows, kinks))


if __name__ == "__main__":
    run_main(main)
