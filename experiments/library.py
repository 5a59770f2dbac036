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

from experiments.support.record import ROOT, Run, parse, run_main
from neurograd import words
from neurograd.measure.estimate import Estimate
from neurograd.measure.moments import measure_moments
from neurograd.measure.smoothed.loss import SmoothedLoss
from neurograd.measure.smoothed.reference import (
    SmoothedBudget,
    mean_update,
    measure_reference,
)
from neurograd.output import write_atomically
from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
from neurograd.problem import Problem
from neurograd.report.content import bound
from neurograd.spec import Spec, list_presets, load_preset, validate_spec
from neurograd.spec.network_schema import SURROGATE_DEFAULTS
from neurograd.spec.rule_schema import RULE_DEFAULTS, SPIKING_ONLY
from neurograd.spec.yaml_loading import parse_yaml
from neurograd.training.loop import train

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


EFFECTS = {
    "device: {conductance: {levels: 64}}": "finite levels, counted by stochastic rounding",
    "device: {write: {slope: {potentiation: 0.5, depression: 0.5}}}": "linear step",
    "device: {write: {model: soft_bounds}}": "soft bounds, Fusi and Abbott 2007",
    "device: {write: {nonlinearity: {potentiation: 2, depression: -2}}}": "NeuroSim's curve",
    "device: {conductance: {levels: 64}, write: {cycle_to_cycle: 2 %}}": "NeuroSim's noise",
    "device: {write: {device_to_device: 10 %}}": "spread of windows and steps",
    "device: {pulsed: {model: constant, dw_min: 0.01}}": "Gokmen and Vlasov 2016",
    "device: {pulsed: {model: linear, dw_min: 0.01, gamma: {potentiation: 1, depression: 0.5}}}": (
        "Rasch et al. 2019"
    ),
    "device: {pulsed: {model: soft_bounds, dw_min: 0.01}}": "Rasch et al. 2019",
    "device: {pulsed: {model: exponential, dw_min: 0.01}}": "Gong et al. 2018",
    "device: {pulsed: {model: power, dw_min: 0.01}}": "Fusi and Abbott 2007",
    "device: {pulsed: {dw_min: 0.01, up_down: 0.2, known_step: mean}}": "asymmetry of the steps",
    "device: {pulsed: {dw_min: 0.01, w_max_dtod: 0.3, w_min_dtod: 0.3}}": "spread of the bounds",
    "device: {pulsed: {dw_min: 0.01, write_noise_std: 5}}": "write noise, Gong et al. 2018",
    "device: {pulsed: {dw_min: 0.01, corrupt: 10 %}}": "stuck devices, Gong, Rasch et al. 2022",
    "device: {pulsed: {dw_min: 0.01}, pulse_train: {kind: stochastic}}": "Gokmen and Vlasov 2016",
    "device: {pulsed: {dw_min: 0.01}, pulse_train: {kind: deterministic}}": (
        "Gokmen and Vlasov 2016, counted pulses"
    ),
    "device: {measured: examples/devices/measured_curve.csv}": "pulse curve of a table",
    "device: {measured: examples/devices/jump_table.csv}": (
        "jump table, Nandakumar et al. 2020, Burr et al. 2015"
    ),
    "device: {conductance: {levels: 64}, devices_per_weight: {count: 2, significance: [8, 1]}}": (
        "several devices a weight, Boybat et al. 2018, Ambrogio et al. 2018"
    ),
    "device: {read: {noise: 1 %}}": "noise of every read",
    "device: {conductance: {min: 1 uS, max: 20 uS}, temperature: 358, "
    "read: {voltage: 10 mV, bandwidth: 1 GHz}}": "thermal noise of reads, Johnson 1928",
    "device: {converters: {dac_bits: 6, adc_bits: 8}}": "Gokmen, Onen and Haensch 2017",
    "device: {ir_drop: {wire_ratio: 1e-4}}": "the array's network of resistors",
    "device: {drift: {time: 1 h}}": "phase-change memory's, Nandakumar et al. 2019",
    "device: {leakage: {lifetime: 1000}}": "Rasch et al. 2021",
    "device: {faults: {stuck_low: 2 %, stuck_high: 2 %}}": "stuck devices",
    "device: {endurance: {cycles: 1e6, age: 5e5}}": "log-normal lifetimes",
    "quantization: {update_bits: 8}": "stochastic rounding",
    "quantization: {weight_bits: 4, update_bits: 16}": "nearest rounding of what passes see",
}
"""Every effect on its own, by the keys of a spec."""


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


def clean_weights(spec: Spec, run: Run) -> Tensor:
    """The problem's weights after clean steps."""
    problem = build_problem(spec, run.device)
    steps = 20 if run.quick else 100
    return train(problem, build_clean_chip(spec, problem), steps, run.seed).weights


def rate_row(spec: Spec, problem: Problem, w: Tensor, run: Run) -> dict[str, Any]:
    """Moments of one chip of a rate network."""
    chip = build_chip(spec, problem)
    at = chip.program(w)
    # Trains are drawn slot by slot for every sample: fewer of them.
    trains = spec.device is not None and spec.device.pulse_train is not None
    draws = 40 if run.quick else 100 if trains else 1000
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
    spec: Spec, w: Tensor, run: Run, grad_square: Estimate | None = None
) -> dict[str, Any]:
    """Moments of one chip of a spiking network against its smoothed loss, and ‖∇L_s‖²."""
    problem, budget = build_problem(spec, run.device), budget_of(run)
    chip = build_chip(spec, problem)
    moments = mean_update(chip, chip.sampler(problem, w), w, budget, 0)
    smoothed = SmoothedLoss(problem, w, SMOOTHING, run.seed)
    reference = measure_reference(smoothed, moments, budget, grad_square=grad_square)
    square = reference.grad_square
    return {
        "b": reference.b,
        "b_ci": reference.b_ci,
        "noise": moments.total_variance**0.5,
        "grad_norm": reference.grad_norm,
        "gain": reference.gain,
        "gain_ci": reference.gain_ci,
        "cosine": reference.cosine,
        "cosine_ci": reference.cosine_ci,
        "draws": moments.draws,
        "grad_square": (square.value, square.error, square.degrees),
    }


Tables = dict[str, list[dict[str, Any]]]


def measure(run: Run) -> Tables:
    """All rows, by table."""
    rate = clean_weights(common_spec(), run)
    items = {f"device {name}": name for name in list_presets()}
    found = run.each(items, lambda name: device_row(name, rate, run), depends_on="devices")
    tables: Tables = {"devices": list(found.values())}
    texts = {f"effect {place}": text for place, text in enumerate(EFFECTS)}
    found = run.each(texts, lambda text: effect_row(text, rate, run), depends_on=[*EFFECTS])
    tables["effects"] = list(found.values())
    rules = {f"rule {name}": name for name in RULE_DEFAULTS if name not in SPIKING_ONLY}
    found = run.each(rules, lambda name: rule_row(name, rate, run), depends_on="rules")
    spiking = spiking_rows(run)
    tables["rules"] = [*found.values(), *spiking["rules"]]
    return tables | {"surrogates": spiking["surrogates"]}


def device_row(name: str, w: Tensor, run: Run) -> dict[str, Any]:
    """One preset."""
    spec = common_spec(device={"preset": name})
    row = rate_row(spec, build_problem(spec, run.device), w, run)
    return {"name": name, "source": load_preset(name).source, **row}


def effect_row(text: str, w: Tensor, run: Run) -> dict[str, Any]:
    """One effect by its keys; a measured table's path is that in the repository."""
    sections = dict(parse_yaml(text, text))
    device = sections.get("device", {})
    if "measured" in device:
        table = ROOT.parent / device["measured"]
        sections["device"] = {**device, "measured": str(table)}
    spec = common_spec(**sections)
    row = rate_row(spec, build_problem(spec, run.device), w, run)
    return {"name": text, "source": EFFECTS[text], **row}


def rule_row(name: str, w: Tensor, run: Run) -> dict[str, Any]:
    """One learning rule of a rate network."""
    spec = common_spec(learning_rule={"name": name})
    row = rate_row(spec, build_problem(spec, run.device), w, run)
    return {"name": name, "source": RULE_SOURCES[name], **row}


def spiking_rows(run: Run) -> Tables:
    """Rules and surrogates of a spiking network."""
    w = clean_weights(common_spec("spiking"), run)
    # The gradient's length comes from the surrogate nearest to it and serves all others.
    nearest = {"surrogate": common_spec("spiking")}
    first = run.each(nearest, lambda spec: spiking_row(spec, w, run), depends_on="first")
    rule = first["surrogate"]
    grad_square = Estimate(*rule.pop("grad_square"))
    specs = {
        "eprop": common_spec("spiking", learning_rule={"name": "eprop"}),
        **{
            name: common_spec("spiking", network={"surrogate": {"name": name}})
            for name in SURROGATE_DEFAULTS
        },
    }
    others = run.each(specs, lambda spec: spiking_row(spec, w, run, grad_square), depends_on="rest")
    for row in others.values():
        row.pop("grad_square")
    rules = {"surrogate": rule, "eprop": others.pop("eprop")}
    return {
        "rules": [{"name": n, "source": RULE_SOURCES[n], **row} for n, row in rules.items()],
        "surrogates": [{"name": n, "source": "snntorch", **row} for n, row in others.items()],
    }


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
        "Each preset's pulse response is drawn in `docs/presets/NAME.png`. With one hidden layer,",
        "feedback alignment and direct feedback alignment are the same rule.",
    ]
    titles = {
        "devices": "Devices, with backpropagation",
        "effects": "One effect at a time, with backpropagation",
        "rules": "Learning rules, on ideal synapses",
        "surrogates": "Surrogate derivatives, with snntorch's default parameters",
    }
    for key, title in titles.items():
        if key not in tables:
            continue
        lines += ["", f"## {title}", "", "| name | b | σ√f(N) | ‖g‖ | gain | cosine | source |"]
        lines.append("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
        for row in tables[key]:
            cells = (
                f"`{row['name']}`",
                bound(row["b"], row["b_ci"]),
                *(_finite(row[k]) for k in ("noise", "grad_norm", "gain", "cosine")),
                row["source"],
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _finite(value: float | None) -> str:
    if value is None or value != value:  # noqa: PLR0124
        return words.number(None)
    return words.number(0.0 if abs(value) < 1e-12 else value)


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
    run_main(main)
