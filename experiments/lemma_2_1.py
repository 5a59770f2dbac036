"""Measured against predicted loss change of one biased and noisy step (Lemma 2.1, Eq. 3).

Eight networks, each at three points of its clean training (spiking ones at one). At each point the
update is ``Δw = −g + b·β + σ√f(N)·n̂`` with known b, β and σ²f(N): white noise, a bias along all
weights (β = (1, ..., 1), the paper's) of either sign, a bias across the gradient (whose effect is
of second order only), and noise with bias, for step sizes from 0.001 to 0.1. Prediction: Eq. 3 with
the network's own gradient, Hessian-vector products and (exact) trace. Measurement: losses after
the step minus the loss after the clean step, with the noise's first-order term as control variate.

The claim is judged where the perturbation is short, ``Δt·√(b²N + σ²f(N)) ≤ 0.05·‖w‖``; longer ones
are drawn as well and show where second order ends. Slope and R² are those of a line through
log|measured| against log|predicted|, so that the largest points do not decide alone.

The enumerated spiking network is judged on its exact smoothed loss
(``experiments.support.enumeration``). On digits the smoothed loss is sampled: there the change is
counted from the loss before the step, and prediction (slope and curvatures of the smoothed loss)
and measurement both have an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from device_models import Backprop, Chip, Surrogate
from device_models.rules.white_noise import WhiteNoise
from experiments.library import SMOOTHING, common_spec
from experiments.support.agreement import Agreement, compare
from experiments.support.enumeration import smoothed_problem
from experiments.support.record import Claim, Held, Run, parse, run_main
from experiments.support.vgg import vgg
from experiments.surrogate_bias import TINY_STD, tiny
from neurograd.measure.curvature import hessian_trace
from neurograd.measure.intervals import interval
from neurograd.measure.loss_change import measure_loss_change
from neurograd.measure.moments import measure_moments
from neurograd.measure.smoothed_point import SmoothedBudget, measure_smoothed_point
from neurograd.pipeline.build import build_problem
from neurograd.problem import Problem, datasets
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.problem.networks import mlp
from neurograd.report.plots import BLUE, GREEN, GREY, ORANGE, RED, styled
from neurograd.seeding import generator_for
from neurograd.theory import lemma_2_1
from neurograd.training.loop import train

STEP_SIZES = (0.001, 0.01, 0.1)
NOISE_RATIOS = (0.3, 3.0, 30.0)
"""√(σ²f(N))/‖g‖."""
BIAS_RATIOS = (0.1, 1.0, 10.0)
"""b√N/‖g‖."""
SHORT = 0.05
"""Length of a perturbation over ‖w‖ up to which the claim is judged."""
CROSSING = 1e-3
"""Length of a perturbation over ‖w‖ from which it crosses many kinks of these ReLU networks."""
SAMPLES = 400
SLOPES = (0.98, 1.02)
R_SQUARED = 0.999
DECADES = 4.0

SHOWN = (0.3, 6.0)
"""Ratios that the figure shows."""

KINDS = {
    "noise": (BLUE, "o", "white noise"),
    "bias": (ORANGE, "^", "bias (1, ..., 1)"),
    "across": (GREEN, "s", "bias across g"),
    "both": (RED, "D", "bias and noise"),
}


@dataclass(frozen=True)
class Network:
    """One network that is measured.

    Attributes:
        title: For the figure.
        smooth: Whether its loss has all derivatives, so that the claim must hold.
        make: Makes the problem from a seed.
        training: Δt of the clean training, and the steps after which it is measured.
    """

    title: str
    smooth: bool
    make: Callable[[int], Problem]
    training: tuple[float, tuple[int, ...]]


def digits(activation: str, seed: int) -> Problem:
    """Handwritten digits, 64-24-10."""
    data = datasets.digits(train_samples=SAMPLES)
    network = mlp(64, [24], 10, activation=activation, generator=generator_for(seed, "network"))
    return Problem(network, CrossEntropy(), data.inputs, data.targets)


def student(activation: str, seed: int) -> Problem:
    """The paper's student and teacher: 25 inputs, 10 outputs; the student has 25-30-30-10."""
    data = datasets.teacher_student(samples=SAMPLES, seed=seed)
    generator = generator_for(seed, "network")
    network = mlp(25, [30, 30], 10, activation=activation, generator=generator)
    return Problem(network, MeanSquaredError(), data.inputs, data.targets)


def convolutional(seed: int) -> Problem:
    """VGG-11 with a sixteenth of its channels on digits of 8×8 pixels."""
    data = datasets.digits(flat=False, train_samples=SAMPLES)
    generator = generator_for(seed, "network")
    network = vgg(11, (1, 8, 8), factor=16, classifier_width=512, generator=generator)
    return Problem(network, CrossEntropy(), data.inputs, data.targets)


def enumerated(seed: int) -> Problem:
    """The exact smoothed loss of the enumerated spiking network; its data do not depend on seed."""
    return smoothed_problem(tiny(Surrogate()), TINY_STD)


NETWORKS = {
    "linear_teacher": Network(
        "linear 25-30-30-10, teacher", True, lambda s: student("linear", s), (0.05, (0, 30, 300))
    ),
    "tanh_teacher": Network(
        "tanh 25-30-30-10, teacher", True, lambda s: student("tanh", s), (0.05, (0, 30, 300))
    ),
    "linear_digits": Network(
        "linear 64-24-10, digits", True, lambda s: digits("linear", s), (0.1, (0, 100, 1000))
    ),
    "tanh_digits": Network(
        "tanh 64-24-10, digits", True, lambda s: digits("tanh", s), (0.1, (0, 100, 1000))
    ),
    "spiking_enumerated": Network(
        "spiking 4-3-3, exact smoothed loss", True, enumerated, (0.1, (0, 30, 300))
    ),
    "relu_digits": Network(
        "ReLU 64-24-10, digits", False, lambda s: digits("relu", s), (0.1, (0, 100, 1000))
    ),
    "vgg_digits": Network("VGG-11/16, digits 8×8", False, convolutional, (0.05, (0, 100, 400))),
}
SPIKING = "spiking_digits"
SPIKING_NOISE = (("noise", 0.0, 1.0), ("both", -1.0, 3.0))
"""Kind, b√N and √(σ²f(N)), both over the surrogate gradient's length."""
SPIKING_TITLE = f"spiking 64-32-10, digits, s = {SMOOTHING}"


@dataclass(frozen=True)
class Point:
    """A point of a clean training with what Eq. 3 needs there.

    Attributes:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        gradient: g.
        trace: Tr H.
        index: Which of the network's points.
        draws: Updates whose loss is evaluated.
        seed: Seed of the draws.
    """

    problem: Problem
    w: Tensor
    gradient: Tensor
    trace: float
    index: int
    draws: int
    seed: int

    @property
    def ones(self) -> Tensor:
        """β = (1, ..., 1)."""
        return self.w.new_ones(self.w.shape)

    @property
    def across(self) -> Tensor:
        """A random β across the gradient, ‖β‖ = √N."""
        generator = generator_for(self.seed, "across", self.index)
        beta = self.w.new_empty(self.w.shape).normal_(generator=generator)
        beta = beta - self.gradient * float(beta @ self.gradient / self.gradient.square().sum())
        return beta * (math.sqrt(len(beta)) / float(beta.norm()))


def row(
    point: Point, kind: str, dt: float, b: float, beta: Tensor, variance: float, draw: int
) -> dict[str, Any]:
    """Prediction and measurement of one step with known bias and noise."""
    problem, w, g = point.problem, point.w, point.gradient
    product = problem.hessian_product(w)
    h_beta, size = product(beta), len(w)
    predicted = lemma_2_1(
        b=b,
        grad_beta=float(g @ beta),
        beta_hessian_beta=float(beta @ h_beta),
        grad_hessian_beta=float(g @ h_beta),
        total_variance=variance,
        hessian_trace=point.trace,
        num_parameters=size,
        step_size=dt,
    )
    chip = Chip(WhiteNoise(Backprop(), bias=b * beta, total_variance=variance), dt)
    sample = chip.sampler(problem, w)
    measured = measure_loss_change(
        problem,
        w,
        sample,
        dt,
        measure_moments(sample, g, 2, point.seed, point=draw),
        point.draws if variance > 0 else 2,
        point.seed,
        point=draw,
        exact_mean=b * beta - g,
    )
    return {
        "kind": kind,
        "point": point.index,
        "step_size": dt,
        "b": b,
        "total_variance": variance,
        "length": dt * math.sqrt(b**2 * size + variance) / float(w.norm()),
        "predicted": predicted.total,
        "measured": measured.value,
        "measured_ci": measured.ci,
    }


def rounded(found: dict[str, Any]) -> dict[str, Any]:
    """A row with six digits of its numbers: far below its errors, and a small record."""

    def six(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(six, value))
        return float(f"{value:.6g}") if isinstance(value, float) else value

    return {key: six(value) for key, value in found.items()}


def grid(point: Point, *, quick: bool) -> list[dict[str, Any]]:
    """All rows of one point, about half of them with noise."""
    norm, rows = float(point.gradient.norm()), []
    unit = norm / math.sqrt(len(point.w))
    sign = -1.0 if point.index % 2 else 1.0
    for dt in STEP_SIZES[::2] if quick else STEP_SIZES:
        for noise, bias in zip(NOISE_RATIOS, BIAS_RATIOS, strict=True):
            variance, b = (noise * norm) ** 2, bias * unit
            for kind, size, beta, spread in (
                ("noise", 0.0, point.ones, variance),
                ("bias", sign * b, point.ones, 0.0),
                ("across", b, point.across, 0.0),
                ("both", sign * b, point.ones, variance),
            ):
                place = 1000 * point.index + len(rows)
                rows.append(row(point, kind, dt, size, beta, spread, place))
    return rows


def measure(name: str, run: Run) -> dict[str, Any]:
    """All points of one network."""
    network = NETWORKS[name]
    problem = network.make(run.seed)
    dt, steps = network.training
    steps = steps[:2] if run.quick else steps
    trained = train(problem, Chip(Backprop(), dt), steps[-1], run.seed, snapshots=steps)
    rows = []
    for index, step in enumerate(steps):
        w = trained.snapshots[step]
        # As many products as weights: the trace is exact where there is no closed form.
        trace = hessian_trace(problem, w, run.seed, products=3 * len(w))
        point = Point(
            problem,
            w,
            problem.gradient(w),
            trace.value,
            index,
            20 if run.quick else 200,
            run.seed,
        )
        rows += map(rounded, grid(point, quick=run.quick))
    return {"num_parameters": problem.num_parameters, "steps": steps, "rows": rows}


def measure_spiking(run: Run) -> dict[str, Any]:
    """Surrogate descent with bias and noise against the sampled smoothed loss of digits."""
    spec = common_spec("spiking", task={"train_samples": 100 if run.quick else 200})
    problem = build_problem(spec, run.device)
    w = train(problem, Chip(Backprop(), 0.1), 10 if run.quick else 100, run.seed).weights
    norm = float(problem.gradient(w).norm())
    draws = 16 if run.quick else 150
    budget = SmoothedBudget(draws=40, loss_draws=draws, norm_draws=8, seed=run.seed)
    rows = []
    for dt in (0.1,) if run.quick else (0.01, 0.03, 0.1, 0.3):
        for kind, bias, noise in SPIKING_NOISE[: 1 if run.quick else 2]:
            b = bias * norm / math.sqrt(len(w))
            rule = WhiteNoise(Backprop(), bias=b, total_variance=(noise * norm) ** 2)
            found = measure_smoothed_point(
                problem, Chip(rule, dt), w, 0, len(rows), SMOOTHING, budget
            )
            predicted, measured = found.predicted, found.measured
            rows.append(
                {
                    "kind": kind,
                    "point": 0,
                    "step_size": dt,
                    "b": b,
                    "total_variance": rule.total_variance,
                    "length": dt * norm * math.hypot(bias, noise) / float(w.norm()),
                    "predicted": predicted.value,
                    "predicted_ci": interval(
                        predicted.value, predicted.standard_error, predicted.degrees
                    ),
                    "measured": measured.value,
                    "measured_ci": interval(
                        measured.value, measured.standard_error, measured.degrees
                    ),
                    "agree": found.agree,
                }
            )
    return {
        "num_parameters": problem.num_parameters,
        "steps": (100,),
        "rows": list(map(rounded, rows)),
    }


def short(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows on which the claim is judged."""
    return [row for row in rows if row["length"] <= SHORT]


def agreement(rows: Sequence[dict[str, Any]]) -> Agreement:
    """Measured against predicted."""
    return compare([r["predicted"] for r in rows], [r["measured"] for r in rows])


def passes(found: Agreement) -> bool:
    """Whether slope and R² are as required, without a wrong sign."""
    straight = SLOPES[0] <= found.slope <= SLOPES[1] and found.r_squared > R_SQUARED
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


def verdict(passed: Sequence[bool]) -> Held:
    """Over several networks."""
    if all(passed):
        return "held"
    return "partly" if any(passed) else "not held"


def claims(found: dict[str, dict[str, Any]]) -> list[Claim]:
    """What the paper says, and what came out."""
    setting = (
        f"{{}}; perturbations of up to {SHORT} ‖w‖, Δt 0.001 to 0.1, three points of a clean "
        "training; slope and R² of log|measured| on log|predicted| with 99 % intervals"
    )
    made = []
    for smooth in (True, False):
        names = [n for n in found if n in NETWORKS and NETWORKS[n].smooth == smooth]
        results = {n: agreement(short(found[n]["rows"])) for n in names}
        made.append(
            Claim(
                "One step's change of the loss by bias and white noise is Eq. 3 to second order "
                + (
                    "(smooth losses: slope within 2 % of 1, R² above 0.999)."
                    if smooth
                    else "(losses with kinks, where Eq. 3's assumption fails; the same limits)."
                ),
                "Lemma 2.1, Eq. 3",
                setting.format(", ".join(NETWORKS[n].title for n in names)),
                "; ".join(sentence(n, results[n], short(found[n]["rows"])) for n in names),
                verdict([passes(a) and a.decades >= DECADES for a in results.values()]),
            )
        )
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
            verdict([passes(a) for a in sums.values()]),
        )
    )
    return made


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
        verdict([bool(r["agree"]) for r in rows]),
    )


def panel(axes: Axes, title: str, rows: Sequence[dict[str, Any]], found: Agreement | None) -> None:
    """Measured against predicted in logarithms; filled where the loss rises, hollow where not."""
    sizes = [abs(r["predicted"]) for r in rows]
    axes.axline((min(sizes),) * 2, (2 * max(sizes),) * 2, color=GREY, lw=1, ls="--")
    for row in rows:
        colour, marker, _ = KINDS[row["kind"]]
        if row["predicted"] * row["measured"] <= 0:
            continue
        x, y = abs(row["predicted"]), abs(row["measured"])
        low, high = sorted(abs(end) for end in row["measured_ci"])
        errors = [[y - low if low > 0 else 0.0], [high - y]]
        axes.errorbar(
            [x],
            [y],
            yerr=np.clip(errors, 0.0, None),
            fmt=marker,
            ms=4,
            lw=0.8,
            mew=0.9,
            color=colour,
            mfc=colour if row["predicted"] > 0 else "white",
            alpha=1.0 if row["length"] <= SHORT else 0.35,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, fontsize=9)
    if found is not None:
        text = f"slope {found.slope:.3f}\nR² {found.r_squared:.5f}\nratio {found.ratio:.3f}"
        axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=8)


def ratios(axes: Axes, found: dict[str, dict[str, Any]]) -> None:
    """Measured over predicted against the length of the perturbation, where second order ends."""
    smooth = {True: (BLUE, "o", "smooth losses"), False: (RED, "s", "ReLU networks")}
    for kind, (colour, marker, label) in smooth.items():
        names = [n for n in found if n in NETWORKS and NETWORKS[n].smooth == kind]
        rows = [r for n in names for r in found[n]["rows"]]
        x = np.array([r["length"] for r in rows])
        y = np.array([r["measured"] / r["predicted"] for r in rows])
        shown = (y > SHOWN[0]) & (y < SHOWN[1])
        left = f"{len(y) - shown.sum()} of {len(y)} beyond the axis or of the other sign"
        style = {"marker": marker, "color": colour, "ms": 3.5, "lw": 0, "alpha": 0.55}
        axes.plot(x[shown], y[shown], **style, label=f"{label} ({left})")
    axes.axhline(1.0, color=GREY, lw=1, ls="--")
    axes.axvline(SHORT, color=GREY, lw=1, ls=":")
    axes.text(SHORT * 1.1, 0.34, "longer: not judged →", fontsize=8, color=GREY)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(*SHOWN)
    axes.set_yticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    axes.minorticks_off()
    axes.set_xlabel("length of the perturbation, Δt·√(b²N + σ²f(N)) / ‖w‖")
    axes.set_ylabel("measured / predicted")
    axes.legend(loc="upper left", ncols=2, frameon=True, edgecolor="none", framealpha=0.9)


def draw(found: dict[str, dict[str, Any]]) -> Figure:
    """A panel a network, and all ratios below."""
    with styled():
        figure = Figure(figsize=(12.5, 9), layout="constrained")
        places = figure.add_gridspec(3, 4, height_ratios=(1, 1, 0.8))
        for k, (name, result) in enumerate(found.items()):
            axes = figure.add_subplot(places[k // 4, k % 4])
            known = name in NETWORKS
            title = NETWORKS[name].title if known else SPIKING_TITLE
            panel(axes, title, result["rows"], agreement(short(result["rows"])) if known else None)
            if k % 4 == 0:
                axes.set_ylabel("measured |ΔL|")
            if k // 4 == 1:
                axes.set_xlabel("predicted |ΔL| (Eq. 3)")
        ratios(figure.add_subplot(places[2, :]), found)
        handles = [
            Line2D([], [], color=c, marker=m, lw=0, ms=5, label=label)
            for c, m, label in KINDS.values()
        ]
        handles += [
            Line2D([], [], color=GREY, marker="o", mfc="white", lw=0, ms=5, label="loss falls"),
            Line2D([], [], color=GREY, ls="--", lw=1, label="equal"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=6)
        return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("lemma_2_1", __doc__ or "", arguments)
    items: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(measure, name, run) for name in NETWORKS
    }
    items[SPIKING] = partial(measure_spiking, run)
    found = run.each(items, lambda item: item())
    results = {
        name: {
            "title": NETWORKS[name].title if name in NETWORKS else SPIKING_TITLE,
            "smooth": name in NETWORKS and NETWORKS[name].smooth,
            "agreement": asdict(agreement(short(result["rows"]))) if name in NETWORKS else None,
            **result,
        }
        for name, result in found.items()
    }
    run.write({"networks": results}, draw(found), claims(found))


if __name__ == "__main__":
    run_main(main)
