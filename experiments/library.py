"""Bias and variance of every preset, learning rule and surrogate on one common problem.

The problem: handwritten digits, 64-32-10, after 100 clean steps of Δt = 0.1 with the whole training
set; for surrogates and e-prop the same with leaky integrate-and-fire neurons over 10 time steps,
against the gradient of the loss smoothed with s = 0.02. Writes the table of docs/library.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from experiments.record import ROOT, Run, parse, progress
from neurograd.moments import measure_moments
from neurograd.output import write_atomically
from neurograd.problem import Problem
from neurograd.report import format as show
from neurograd.smoothed_measurement import SmoothedBudget, mean_update, measure_reference
from neurograd.smoothing import Measured, SmoothedLoss
from neurograd.spec import Spec, list_presets, load_preset, validate_spec
from neurograd.spec.build import build_chip, build_clean_chip, build_problem
from neurograd.spec.network_schema import SURROGATE_DEFAULTS
from neurograd.spec.rule_schema import RULE_DEFAULTS
from neurograd.training import train

SMOOTHING = 0.02
HIDDEN = 32
STEP_SIZE = 0.1

RULE_SOURCES = {
    "backprop": "Rumelhart, Hinton and Williams 1986",
    "feedback_alignment": "Lillicrap et al. 2016",
    "direct_feedback_alignment": "Nøkland 2016",
    "sign_symmetric": "Liao, Leibo and Poggio 2016",
    "local_loss": "Mostafa, Ramesh and Cauwenberghs 2018",
    "weight_perturbation": "Jabri and Flower 1992; Cauwenberghs 1993",
    "node_perturbation": "Werfel, Xie and Seung 2005",
    "forward_gradient": "Baydin et al. 2022",
    "equilibrium_propagation": "Scellier and Bengio 2017; Whittington and Bogacz 2017",
    "manhattan": "Prezioso et al. 2015",
    "surrogate": "Neftci, Mostafa and Zenke 2019",
    "eprop": "Bellec et al. 2020",
}


def common_spec(kind: str = "rate", **sections: Any) -> Spec:
    """The common problem with other sections on top."""
    network: dict[str, Any] = {"hidden": [HIDDEN]}
    if kind == "spiking":
        network |= {"kind": "spiking", "surrogate": {"name": "fast_sigmoid", "slope": 5}}
    given = {
        "network": {**network, **sections.pop("network", {})},
        "training": {"step_size": STEP_SIZE},
        **sections,
    }
    return validate_spec(given)


def clean_weights(spec: Spec, run: Run) -> tuple[Problem, Tensor]:
    """The problem, and its weights after clean steps."""
    problem = build_problem(spec, run.device)
    steps = 20 if run.quick else 100
    return problem, train(problem, build_clean_chip(spec, problem), steps, run.seed).weights


def rate_row(spec: Spec, problem: Problem, w: Tensor, run: Run) -> dict[str, Any]:
    """Moments of one chip of a rate network."""
    chip = build_chip(spec, problem)
    at = chip.program(w)
    draws = 40 if run.quick else 1000
    fixed = chip.deterministic_gradient and all(effect.deterministic for effect in chip.writes)
    moments = measure_moments(
        chip.sampler(problem, at), problem.gradient(at), 2 if fixed else draws, run.seed
    )
    exact = moments.total_variance == 0
    b = float(moments.bias.norm()) / len(at) ** 0.5 if exact else moments.b
    return {
        "b": b,
        "b_ci": (b, b) if exact else moments.b_ci,
        "noise": moments.total_variance**0.5,
        "grad_norm": moments.grad_norm,
        "gain": moments.gain,
        "cosine": moments.cosine,
        "draws": moments.draws,
    }


def budget_of(run: Run) -> SmoothedBudget:
    """How much is measured of a spiking network."""
    few = SmoothedBudget(draws=20, loss_draws=16, norm_draws=40, seed=run.seed)
    full = SmoothedBudget(draws=200, loss_draws=160, norm_draws=4000, seed=run.seed)
    return few if run.quick else full


def spiking_row(
    spec: Spec, problem: Problem, w: Tensor, run: Run, grad_square: Measured | None = None
) -> tuple[dict[str, Any], Measured]:
    """Moments of one chip of a spiking network against its smoothed loss, and ‖∇L_s‖²."""
    chip, budget = build_chip(spec, problem), budget_of(run)
    moments = mean_update(chip, chip.sampler(problem, w), w, budget, 0)
    smoothed = SmoothedLoss(problem, w, SMOOTHING, run.seed)
    reference = measure_reference(smoothed, moments, budget, grad_square=grad_square)
    row = {
        "b": reference.b,
        "b_ci": reference.b_ci,
        "noise": moments.total_variance**0.5,
        "grad_norm": reference.grad_norm,
        "gain": reference.gain,
        "gain_ci": reference.gain_ci,
        "cosine": reference.cosine,
        "cosine_ci": reference.cosine_ci,
        "draws": moments.draws,
    }
    return row, reference.grad_square


def measure(run: Run) -> dict[str, list[dict[str, Any]]]:
    """All rows, by table."""
    problem, w = clean_weights(common_spec(), run)
    tables: dict[str, list[dict[str, Any]]] = {"devices": [], "rules": [], "surrogates": []}
    for name in list_presets():
        progress(f"device {name}")
        row = rate_row(common_spec(device={"preset": name}), problem, w, run)
        preset = load_preset(name)
        tables["devices"].append({"name": name, "source": preset.source, **row})
    for name in RULE_DEFAULTS:
        if name in ("surrogate", "eprop"):
            continue
        progress(f"rule {name}")
        row = rate_row(common_spec(learning_rule={"name": name}), problem, w, run)
        tables["rules"].append({"name": name, "source": RULE_SOURCES[name], **row})
    spiking, w = clean_weights(common_spec("spiking"), run)
    progress("rule surrogate")
    # The gradient's length comes from the surrogate nearest to it and serves all others.
    row, grad_square = spiking_row(common_spec("spiking"), spiking, w, run)
    tables["rules"].append({"name": "surrogate", "source": RULE_SOURCES["surrogate"], **row})
    progress("rule eprop")
    spec = common_spec("spiking", learning_rule={"name": "eprop"})
    row, _ = spiking_row(spec, spiking, w, run, grad_square)
    tables["rules"].append({"name": "eprop", "source": RULE_SOURCES["eprop"], **row})
    for name in SURROGATE_DEFAULTS:
        progress(f"surrogate {name}")
        spec = common_spec("spiking", network={"surrogate": {"name": name}})
        row, _ = spiking_row(spec, build_problem(spec, run.device), w, run, grad_square)
        tables["surrogates"].append({"name": name, "source": "snntorch", **row})
    return tables


def page(tables: dict[str, list[dict[str, Any]]], command: str) -> str:
    """The tables as Markdown."""
    lines = [
        "# Library: devices, learning rules and surrogates",
        "",
        f"Made by `{command}`; the numbers are in `experiments/results/library.json`.",
        "",
        "Each row is one chip on one common problem: handwritten digits, 64-32-10, ReLU, after",
        "100 clean steps of Δt = 0.1 on the whole training set. b is the bias per weight and",
        "σ√f(N) the length of the noise of one update, both in gradient units (Eq. 1); ‖g‖ is the",
        "gradient's length. Gain is the length of the mean update along −g over ‖g‖. A dash",
        "stands for what is lost in noise, '<' for a bound at 99 %. Biases of rules without noise",
        "are exact. `surrogate`, `eprop` and all surrogates are measured on the same problem with",
        f"leaky integrate-and-fire neurons against the loss smoothed with s = {SMOOTHING}; there,",
        "the measured b, gain and cosine have the 99 % intervals that the JSON gives.",
    ]
    lines += [
        "",
        "Each preset's pulse response is drawn in `docs/presets/NAME.png`.",
    ]
    titles = {
        "devices": "Devices, with backpropagation",
        "rules": "Learning rules, on ideal synapses",
        "surrogates": "Surrogate derivatives, with snntorch's default parameters",
    }
    for key, title in titles.items():
        lines += ["", f"## {title}", "", "| name | b | σ√f(N) | ‖g‖ | gain | cosine | source |"]
        lines.append("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
        for row in tables[key]:
            cells = (
                f"`{row['name']}`",
                show.bias(row),
                *(_finite(row[k]) for k in ("noise", "grad_norm", "gain", "cosine")),
                row["source"],
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _finite(value: float | None) -> str:
    return show.number(None if value is None or value != value else value)  # noqa: PLR0124


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("library", __doc__ or "", arguments)
    tables = measure(run)
    run.write(tables)
    folder = run.out if run.quick else ROOT.parent / "docs"
    path = Path(folder) / "library.md"
    write_atomically(path, page(tables, "python -m experiments.library"))
    print(page(tables, "python -m experiments.library"))
    print(f"wrote {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
