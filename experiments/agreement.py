"""Predicted against trained verdicts of more than sixty chips, and what either costs.

Every shipped device with its random terms scaled by three factors, under several learning rules, on
two networks and with two step sizes, and chips with quantization or noisy rules on ideal synapses.
Each spec is predicted as ``neurograd.predict`` does, five chips and more where these are likely to
decide, and five of its chips are trained, on handwritten digits; allowed is an accuracy drop of 5 %
at 95 % confidence, one-sided on both sides. Costs are seconds of one core, measured side by side in
the same thread, of a forecast and of training as many chips; a forecast includes its clean twin's,
a training does not.

``--predict-again`` predicts the chips of the kept record anew, with its trainings as they are, and
``--judge-again`` judges its chips with today's ``MODEL_ERROR``.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.support.forecasts.claims import VERDICTS, claims, summary
from experiments.support.forecasts.judged_again import by_chance, judged_again, side_of
from experiments.support.judged_presets import JUDGED_PRESETS
from experiments.support.record import RESULTS, Run, parse, run_main
from neurograd.errors import NeurogradError
from neurograd.judge.cost import judge_chips
from neurograd.output import plain, to_json, write_atomically
from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
from neurograd.pipeline.forecasting import allowed_by, baseline_of, forecast_chips
from neurograd.pipeline.identity import versions
from neurograd.records.measured import trained_network
from neurograd.report.plots import BLUE, GREEN, ORANGE, RED, styled, to_image
from neurograd.spec import Spec, load_preset, validate_spec
from neurograd.training.loop import train

SCALES = (0.3, 1.0, 3.0)
"""Factors on the random terms of a device."""

NETWORKS: tuple[dict[str, Any], ...] = (
    {"hidden": [32]},
    {"hidden": [32, 24], "activation": "tanh"},
)
STEPS: tuple[dict[str, Any], ...] = (
    {"step_size": 0.1, "steps": 2000},
    {"step_size": 0.2, "steps": 2000},
)
RULES: tuple[dict[str, Any], ...] = (
    {"name": "backprop"},
    {"name": "feedback_alignment"},
    {"name": "sign_symmetric"},
    {"name": "backprop"},
    {"name": "direct_feedback_alignment"},
    {"name": "local_loss"},
    {"name": "manhattan"},
)
RANDOM_TERMS = (
    "cycle_to_cycle",
    "device_to_device",
    "dw_min_std",
    "dw_min_dtod",
    "up_down_dtod",
    "w_max_dtod",
    "w_min_dtod",
    "gamma_dtod",
    "reference_std",
    "write_noise_std",
)
_CONVERTERS = {"preset": "ecram-mo", "converters": {"dac_bits": 6, "adc_bits": 6}}
OTHERS: Mapping[str, dict[str, Any]] = {
    "8 bits, stochastic": {"quantization": {"weight_bits": 8}},
    "6 bits, stochastic": {"quantization": {"weight_bits": 6}},
    "8 bits, nearest": {"quantization": {"weight_bits": 8, "update_rounding": "nearest"}},
    "12 bits, nearest": {"quantization": {"update_bits": 12, "update_rounding": "nearest"}},
    "4 bits seen": {"quantization": {"weight_bits": 4, "update_bits": 16}},
    "batches of 32": {"learning_rule": {"name": "backprop", "batch_size": 32}},
    "node perturbation": {"learning_rule": {"name": "node_perturbation"}},
    "4 bits, stochastic": {"quantization": {"weight_bits": 4}},
    "10 bits, truncated": {"quantization": {"update_bits": 10, "update_rounding": "truncate"}},
    "feedback alignment": {"learning_rule": {"name": "feedback_alignment"}},
    "direct feedback alignment": {"learning_rule": {"name": "direct_feedback_alignment"}},
    "sign-symmetric feedback": {"learning_rule": {"name": "sign_symmetric"}},
    "local losses": {"learning_rule": {"name": "local_loss"}},
    "Manhattan rule": {"learning_rule": {"name": "manhattan"}},
    "Manhattan rule, large": {"learning_rule": {"name": "manhattan", "magnitude": 0.05}},
    "converters of 6 bits": {"device": _CONVERTERS},
    "stuck devices": {"device": {"preset": "ecram-li", "faults": {"stuck_low": 0.2}}},
    "wide reads": {"device": {"preset": "epiram", "read": {"noise": 0.15}}},
}
LIMIT, CONFIDENCE, SEEDS = 0.05, 0.95, 5
SETTING = f"{SEEDS} seeds each, allowed accuracy drop {LIMIT:.0%}"
"""What all chips share."""
BESIDE = 300
"""Steps of a chip's training that are timed beside its forecast."""


def scaled(device: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A device with all its random terms multiplied."""
    result = copy.deepcopy(dict(device))
    for key, value in result.items():
        if key in RANDOM_TERMS:
            ends = value.items() if isinstance(value, Mapping) else ()
            both = {end: factor * as_fraction(number) for end, number in ends}
            result[key] = both or factor * as_fraction(value)
        elif isinstance(value, Mapping):
            result[key] = scaled(value, factor)
    return result


def as_fraction(value: Any) -> float:
    """``5 %`` as 0.05; a number as it is."""
    text = str(value).strip()
    return float(text[:-1]) / 100.0 if text.endswith("%") else float(text)


def chips() -> dict[str, dict[str, Any]]:
    """The sections of every chip's spec, by a name for files and tables."""
    made: dict[str, dict[str, Any]] = {}
    for p, name in enumerate(JUDGED_PRESETS):
        for k, factor in enumerate(SCALES):
            rule = RULES[(2 * p + k) % len(RULES)]
            made[f"{name} x{factor:g} {rule['name']}"] = {
                "device": scaled(load_preset(name).device, factor),
                "learning_rule": rule,
                "network": NETWORKS[(p + k) % 2],
                "training": STEPS[(p + k // 2) % 2],
            }
    for k, (name, sections) in enumerate(OTHERS.items()):
        made[name] = {"network": NETWORKS[k % 2], "training": STEPS[k % 2], **sections}
    return made


def spec_of(sections: Mapping[str, Any], run: Run) -> Spec:
    """The validated spec of one chip."""
    training = {"seeds": SEEDS, **sections["training"]}
    if run.quick:
        training |= {"seeds": 2, "steps": training["steps"] // 20}
    return validate_spec(
        {
            **sections,
            "training": training,
            "task": {"name": "digits", "train_samples": 150 if run.quick else None},
            "targets": {"max_accuracy_drop": LIMIT, "confidence": CONFIDENCE},
            "measure": {"seed": run.seed},
        }
    )


def trained(run: Run, sections: Mapping[str, Any]) -> dict[str, Any]:
    """Train the chips of one spec beside their clean twin, and judge them."""
    spec = spec_of(sections, run)
    problem = build_problem(spec, run.device)
    steps, seed = spec.count_updates(problem.num_samples), spec.measure.seed
    clean = trained_network(train(problem, build_clean_chip(spec, problem), steps, seed))
    chips = [
        trained_network(
            train(problem, build_chip(spec, problem, index=i), steps, seed, chip_index=i + 1)
        )
        for i in range(spec.training.seeds)
    ]
    baseline = baseline_of(problem, clean.start_loss)
    judged = judge_chips(baseline, allowed_by(spec), clean, chips)
    return {
        "rule": spec.learning_rule.name,
        "batch": spec.learning_rule.batch_size,
        "step_size": spec.training.step_size,
        "hidden": list(spec.network.hidden),
        "trained": {
            "verdict": judged.verdict.value,
            "drop": judged.cost.value,
            "ci": judged.cost.ci,
            "excess_loss": judged.excess_loss.value,
            "clean_accuracy": clean.test_accuracy,
        },
    }


def predicted(run: Run, sections: Mapping[str, Any]) -> dict[str, Any]:
    """Predict one spec, and time a part of its training beside it in the same thread.

    A training step costs the same all along, so its seconds are those of ``BESIDE`` steps, for as
    many chips as were predicted.
    """
    spec = spec_of(sections, run)
    problem = build_problem(spec, run.device)
    steps = spec.count_updates(problem.num_samples)
    start = time.thread_time()
    found, networks = forecast_chips(spec, problem)
    middle = time.thread_time()
    train(problem, build_chip(spec, problem), min(BESIDE, steps), run.seed, curve_points=2)
    end = time.thread_time()
    row = {
        "predicted": side_of(found, by_chance(found, networks, spec, problem)),
        "seconds": {
            "predict": middle - start,
            "train": (end - middle) * found.chips * steps / min(BESIDE, steps),
        },
    }
    return judged_again(row)


def _drop(side: Mapping[str, Any]) -> float:
    return 1.0 if side["drop"] is None else float(side["drop"])


def _reach(side: Mapping[str, Any], end: int) -> float:
    """Length of one arm of an interval, cut at 1."""
    bound = side["ci"][end]
    return 0.0 if bound is None else min(1.0, abs(float(bound) - _drop(side)))


def draw(rows: Mapping[str, dict[str, Any]], result: Mapping[str, Any]) -> Figure:
    """Predicted against measured accuracy drop, and the confusion matrix."""
    with styled():
        figure = Figure(figsize=(10, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
        _scatter(left, rows)
        _matrix(right, result)
        return figure


def _scatter(axes: Axes, rows: Mapping[str, dict[str, Any]]) -> None:
    groups: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "same verdict": (GREEN, []),
        "inconclusive on one side": (ORANGE, []),
        "opposite verdicts": (RED, []),
    }
    for row in rows.values():
        verdicts = (row["predicted"]["verdict"], row["trained"]["verdict"])
        if verdicts[0] == verdicts[1]:
            kind = "same verdict"
        elif "inconclusive" in verdicts:
            kind = "inconclusive on one side"
        else:
            kind = "opposite verdicts"
        groups[kind][1].append(row)
    for label, (colour, found) in groups.items():
        if not found:
            continue
        x = 100 * np.array([_drop(row["trained"]) for row in found])
        y = 100 * np.array([_drop(row["predicted"]) for row in found])
        ends = [
            [100 * np.array([_reach(row[side], end) for row in found]) for end in (0, 1)]
            for side in ("trained", "predicted")
        ]
        axes.errorbar(
            x, y, xerr=ends[0], yerr=ends[1], fmt="o", ms=4, lw=0.7, color=colour,
            label=f"{label} ({len(found)})",
        )  # fmt: skip
    for line in (axes.axvline, axes.axhline):
        line(100 * LIMIT, color="0.5", lw=0.8, ls=":")
    axes.axline((0, 0), slope=1, color=BLUE, lw=0.8)
    axes.set_xscale("symlog", linthresh=5)
    axes.set_yscale("symlog", linthresh=5)
    axes.set_xlabel("accuracy drop in training, % (99 % intervals)")
    axes.set_ylabel("accuracy drop predicted, %")
    axes.set_title("Predicted and trained chips; dotted: the limit")
    axes.legend(loc="lower right")


def _matrix(axes: Axes, result: Mapping[str, Any]) -> None:
    table = np.array(result["confusion"])
    axes.imshow(table, cmap="Blues", vmax=max(1, table.max()) * 1.4)
    for (i, j), count in np.ndenumerate(table):
        axes.text(j, i, str(count), ha="center", va="center", fontsize=13, color="black")
    names = [name.replace(" ", "\n") for name in VERDICTS]
    axes.set_xticks(range(3), names)
    axes.set_yticks(range(3), names)
    axes.set_xlabel("trained verdict")
    axes.set_ylabel("predicted verdict")
    axes.set_title(f"Verdicts; cost of predicting: {result['cost_ratio']:.2f} of training")
    axes.grid(visible=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment, or only a part of it on the chips of its record."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given == ["--judge-again"]:
        judge_again()
        return
    run = parse("agreement", __doc__ or "", [each for each in given if each != "--predict-again"])
    if "--predict-again" in given:
        predict_again(run)
        return
    todo = chips()
    if run.quick:
        todo = dict(list(todo.items())[:: len(todo) // 5])
    training = run.each(
        {f"train_{key}": value for key, value in _by_file(todo).items()},
        lambda sections: trained(run, sections),
        depends_on=["train", _by_file(todo)],
    )
    pairs = zip(training.values(), _forecasts(run, todo), strict=True)
    rows = {name: {**a, **b} for name, (a, b) in zip(todo, pairs, strict=True)}
    result = summary(rows)
    run.write({"summary": result, "chips": rows}, draw(rows, result), claims(result, SETTING))


def _by_file(todo: Mapping[str, Any]) -> dict[str, Any]:
    """Chips by names that are file names."""
    return {name.replace(" ", "_").replace(",", ""): each for name, each in todo.items()}


def _forecasts(run: Run, todo: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = run.each(
        {f"predict_{key}": value for key, value in _by_file(todo).items()},
        lambda sections: predicted(run, sections),
        depends_on=["predict", _by_file(todo)],
    )
    return list(found.values())


def predict_again(run: Run) -> None:
    """Predict the chips of a kept record anew, beside its trainings.

    Args:
        run: The run, whose folder has the record.

    Raises:
        NeurogradError: If it is the small form, or of another seed than the record.
    """
    record = kept_record(run.out)
    if run.quick or run.seed != record["seed"]:
        allowed = f"the whole form with --seed {record['seed']}, as the trainings were"
        raise NeurogradError(f"--predict-again: beside other options; allowed: {allowed}")
    todo = chips()
    # Apart from what an interrupted run of the whole experiment has kept.
    apart = replace(run, name="agreement_predicted")
    pairs = zip(todo, _forecasts(apart, todo), strict=True)
    rows = {name: {**record["chips"][name], **new} for name, new in pairs}
    again = {
        "command": "python -m experiments.agreement --predict-again",
        "versions": versions(),
        "seconds": round(time.perf_counter() - run.start, 1),
    }
    write_again(run.out, {**record, "predicted_again": again}, rows)
    shutil.rmtree(apart.stages, ignore_errors=True)


def kept_record(folder: Path = RESULTS) -> dict[str, Any]:
    """The record of the whole experiment.

    Args:
        folder: Where it is.
    """
    record: dict[str, Any] = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    return record


def judge_again(folder: Path = RESULTS) -> None:
    """Judge the kept chips with today's ``MODEL_ERROR``; nothing is predicted or trained anew.

    Args:
        folder: Where the record is, with its figure.

    Raises:
        NeurogradError: If the record is older than the bounds of its forecasts.
    """
    record = kept_record(folder)
    rows = {name: judged_again(row) for name, row in record["chips"].items()}
    again = {"judged_again_by": "python -m experiments.agreement --judge-again"}
    write_again(folder, {**record, **again}, rows)


def write_again(folder: Path, record: dict[str, Any], rows: dict[str, Any]) -> None:
    """Keep rows in place of a record's.

    Args:
        folder: Where it is, with its figure.
        record: What is kept of it.
        rows: Of all chips, by name.
    """
    result = summary(rows)
    kept = {key: value for key, value in record.items() if key not in ("claims", "chips")}
    judged = {"claims": [asdict(claim) for claim in claims(result, SETTING)], **kept}
    text = to_json(plain({**judged, "summary": result, "chips": rows}))
    write_atomically(folder / "agreement.json", text)
    write_atomically(folder / "agreement.png", to_image(draw(rows, result), "png"))


if __name__ == "__main__":
    run_main(main)
