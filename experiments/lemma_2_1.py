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

Networks with kinks (``neurograd.theory.kinks``) are predicted by Eq. 3 and the kinks that the step
crosses, and judged up to 0.01·‖w‖; Eq. 3 alone stands beside it. Their losses are taken at
antithetic pairs of noise (``experiments.support.kinked_step``). Eq. 3 expands the loss at w; where
the clean step is long, that expansion fails for smooth losses as well. So their prediction is also
made from gradient, Hessian and kinks at the place where the clean step lands.

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

from torch import Tensor

from device_models import Backprop, Chip
from device_models.rules.white_noise import WhiteNoise
from experiments.library import SMOOTHING, common_spec
from experiments.support.kinked_step import kinked_step
from experiments.support.known_update import known_update_change
from experiments.support.lemma_2_1.claims import agreement, claims, judged
from experiments.support.lemma_2_1.figure import draw
from experiments.support.lemma_2_1.networks import NETWORKS, SPIKING, SPIKING_TITLE
from experiments.support.record import Run, parse, run_main
from neurograd.measure.curvature import hessian_trace
from neurograd.measure.smoothed.point import measure_smoothed_point
from neurograd.measure.smoothed.reference import SmoothedBudget
from neurograd.pipeline.build import build_problem
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.theory import lemma_2_1, white_variance_term
from neurograd.training.loop import train

STEP_SIZES = (0.001, 0.01, 0.1)
NOISE_RATIOS = (0.3, 3.0, 30.0)
"""√(σ²f(N))/‖g‖."""
BIAS_RATIOS = (0.1, 1.0, 10.0)
"""b√N/‖g‖."""

PAIRS = 24
"""Antithetic pairs of noise on networks with kinks."""


SPIKING_NOISE = (("noise", 0.0, 1.0), ("both", -1.0, 3.0))
"""Kind, b√N and √(σ²f(N)), both over the surrogate gradient's length."""


@dataclass(frozen=True)
class Point:
    """A point of a clean training with what Eq. 3 needs there.

    Attributes:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        gradient: g.
        trace: Tr H.
        index: Which of the network's points.
        draws: Updates whose loss is evaluated; antithetic pairs of them where there are kinks.
        seed: Seed of the draws.
        kinks: Whether the network has kinks.
    """

    problem: Problem
    w: Tensor
    gradient: Tensor
    trace: float
    index: int
    draws: int
    seed: int
    kinks: bool = False

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
    place = {
        "kind": kind,
        "point": point.index,
        "step_size": dt,
        "b": b,
        "total_variance": variance,
        "length": dt * math.sqrt(b**2 * size + variance) / float(w.norm()),
    }
    if point.kinks:
        return place | kinked(point, predicted.total, dt, b * beta, variance, draw)
    chip = Chip(WhiteNoise(Backprop(), bias=b * beta, total_variance=variance), dt)
    draws = point.draws if variance > 0 else 2
    measured = known_update_change(problem, w, chip, g, b * beta - g, draws, point.seed, point=draw)
    return place | {
        "predicted": predicted.total,
        "measured": measured.value,
        "measured_ci": measured.ci,
    }


def kinked(
    point: Point, hessian: float, dt: float, bias: Tensor, variance: float, draw: int
) -> dict[str, Any]:
    """A row's numbers where the network has kinks; ``hessian`` is Eq. 3's prediction."""
    problem, w, clean = point.problem, point.w, -dt * point.gradient
    step, spread = clean + dt * bias, dt**2 * variance
    draws, seed = point.draws, point.seed
    found = kinked_step(
        problem, w, step, clean, spread, hessian, point.trace, draws, seed, point=draw
    )
    predicted = hessian + found.kinks.value
    low, high = found.rest.ci
    # The same from where the clean step lands.
    landed = w + clean
    trace = hessian_trace(problem, landed, seed).value if variance > 0 else 0.0
    slope, curved = problem.gradient(landed), problem.hessian_product(landed)(bias)
    smooth = (
        dt * float(slope @ bias)
        + 0.5 * dt**2 * float(bias @ curved)
        + white_variance_term(spread, trace, len(w), 1.0)
    )
    there = kinked_step(
        problem, landed, dt * bias, 0.0 * clean, spread, smooth, trace, draws, seed, point=draw
    )
    return {
        "hessian": hessian,
        "kinks": found.kinks.value,
        "kinks_ci": found.kinks.ci,
        "predicted": predicted,
        "predicted_landed": smooth + there.kinks.value,
        "measured": predicted + found.rest.value,
        "measured_ci": (predicted + low, predicted + high),
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
    problem, kinks = network.make(run.seed), not network.smooth
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
            (6 if run.quick else PAIRS) if kinks else (20 if run.quick else 200),
            run.seed,
            kinks,
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
                    "predicted_ci": predicted.ci,
                    "measured": measured.value,
                    "measured_ci": measured.ci,
                    "agree": found.agrees(),
                }
            )
    return {
        "num_parameters": problem.num_parameters,
        "steps": (100,),
        "rows": list(map(rounded, rows)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("lemma_2_1", __doc__ or "", arguments, parts=("kinks", "spiking"))
    items: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(measure, name, run)
        for name, network in NETWORKS.items()
        if run.only is None or (run.only == "kinks" and not network.smooth)
    }
    kept = {}
    if run.only in (None, "spiking"):
        items[SPIKING] = partial(measure_spiking, run)
    if run.only is not None:
        kept = run.kept()["networks"]
    found = run.each(items, lambda item: item())
    found = {name: found.get(name) or kept[name] for name in (*NETWORKS, SPIKING)}
    results = {
        name: {
            **result,
            "title": NETWORKS[name].title if name in NETWORKS else SPIKING_TITLE,
            "smooth": name in NETWORKS and NETWORKS[name].smooth,
            "agreement": asdict(agreement(judged(name, result["rows"])))
            if name in NETWORKS
            else None,
        }
        for name, result in found.items()
    }
    run.write({"networks": results}, draw(found), claims(found))


if __name__ == "__main__":
    run_main(main)
