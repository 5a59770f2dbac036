"""What a report shows, as rows of text: the table and the page have the same content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurograd.report import format as show

Point = dict[str, Any]
Report = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One column of a table of points.

    Attributes:
        title: Its heading.
        meaning: One plain sentence.
        cell: Its text at a point.
    """

    title: str
    meaning: str
    cell: Callable[[Point], str]


STEP = Column("step", "Steps of the clean training before this point.", lambda p: str(p["step"]))

MOMENTS = (
    STEP,
    Column("loss", "Training loss of the clean network.", lambda p: show.number(p["loss"])),
    Column("‖g‖", "Norm of the gradient.", lambda p: show.number(p["grad_norm"])),
    Column(
        "b",
        "Bias of the update per weight (Eq. 1); '<' gives the bound where none was detected.",
        lambda p: show.bias(p["moments"]),
    ),
    Column(
        "b, 99 %",
        "Its interval.",
        lambda p: show.interval(p["moments"]["b_ci"]),
    ),
    Column(
        "σ²f(N)",
        "Total variance of the update (Eq. 1).",
        lambda p: show.number(p["moments"]["total_variance"]),
    ),
    Column(
        "σ²f(N), 99 %",
        "Its interval.",
        lambda p: show.interval(p["moments"]["total_variance_ci"]),
    ),
    Column(
        "noise/‖g‖",
        "Inverse noise ratio √(σ²f(N))/‖g‖.",
        lambda p: show.number(p["moments"]["inverse_noise_ratio"]),
    ),
    Column(
        "gain",
        "Length of the mean update along −g over ‖g‖: 1 is the right step.",
        lambda p: show.number(p["moments"]["gain"]),
    ),
    Column(
        "cosine",
        "Cosine between the mean update and −g; a dash where the mean is lost in noise.",
        lambda p: show.number(p["moments"]["cosine"]),
    ),
)

LOSS_CHANGE = (
    STEP,
    Column(
        "by bias",
        "Cost of one step that the bias causes (Lemma 2.1, Eq. 3).",
        lambda p: show.number(p["delta_loss"]["predicted_bias"]),
    ),
    Column(
        "by noise",
        "Cost that the noise causes, ½Δt²Tr(HΣ) with the measured covariance Σ.",
        lambda p: show.number(p["delta_loss"]["predicted_variance"]),
    ),
    Column(
        "if white",
        "The noise's cost if it were white, as in Eq. 3.",
        lambda p: show.number(p["delta_loss"]["predicted_variance_white"]),
    ),
    Column(
        "predicted ΔL",
        "Sum of bias and noise: loss after the chip's step minus loss after a clean one.",
        lambda p: show.number(p["delta_loss"]["predicted"]),
    ),
    Column(
        "measured ΔL",
        "The same, measured.",
        lambda p: show.number(p["delta_loss"]["measured"]),
    ),
    Column(
        "measured, 99 %",
        "Its interval.",
        lambda p: show.interval(p["delta_loss"]["measured_ci"]),
    ),
    Column(
        "agree",
        "Whether measured − predicted is compatible with 0 at 99 %.",
        lambda p: show.yes_no(p["delta_loss"]["agree"]),
    ),
)

THRESHOLDS = (
    STEP,
    Column(
        "margin",
        "Predicted change of the loss by the chip's expected step, over Δt: below 0 is descent.",
        lambda p: show.number(p["descent"]["exact_margin"]),
    ),
    Column(
        "descent",
        "Whether the 99 % interval of the margin lies below 0.",
        lambda p: show.descends(p["descent"]),
    ),
    Column(
        "λ max",
        "Largest eigenvalue of the Hessian.",
        lambda p: show.number(p["curvature"]["lambda_max"]),
    ),
    Column(
        "λ min",
        "Smallest eigenvalue of the Hessian.",
        lambda p: show.number(p["curvature"]["lambda_min"]),
    ),
    Column(
        "λ limit",
        "With every eigenvalue below it noise leaves descent, with every one above it does not "
        "(Theorem 3.1, Eq. 7).",
        lambda p: show.number(p["descent"]["noise_threshold"]),
    ),
    Column(
        "r",
        "Bias ratio b√N/‖g‖.",
        lambda p: show.bias_ratio(p["descent"]),
    ),
    Column(
        "r safe",
        "Bias ratio up to which descent is guaranteed: min(1, 2/(λ max·Δt) − 1), the corrected "
        "Theorem 3.2.",
        lambda p: show.number(p["descent"]["bias_threshold_safe"]),
    ),
    Column(
        "r printed",
        "The bound as printed (Theorem 3.2, Eq. 8), which is unsafe at large curvature.",
        lambda p: show.number(p["descent"]["bias_threshold_published"]),
    ),
    Column("Tr H", "Trace of the Hessian.", lambda p: show.number(p["curvature"]["trace"])),
    Column(
        "ψ", "Frobenius norm of the Hessian.", lambda p: show.number(p["curvature"]["frobenius"])
    ),
    Column(
        "aniso.",
        "Anisotropy N·Tr(HΣ)/(Tr H·Tr Σ): 1 for white noise.",
        lambda p: show.number(p["curvature"]["anisotropy"]),
    ),
)

TABLES = (
    ("Moments of the chip's update", MOMENTS),
    ("Cost of one step: predicted and measured", LOSS_CHANGE),
    ("Descent: margins and thresholds", THRESHOLDS),
)


def heading(report: Report) -> str:
    """One line that says what was checked."""
    spec = report["spec"]
    task, network, rule = spec["task"], spec["network"], spec["learning_rule"]
    layers = network["channels"] if network["architecture"] == "cnn" else network["hidden"]
    shape = "×".join(str(width) for width in layers) or "single layer"
    batch = rule["batch_size"]
    batches = "full batch" if batch == "full" else f"batches of {batch}"
    if network["kind"] == "spiking":
        neurons = f"spiking, {network['surrogate']['name']}, {network['time_steps']} steps"
    else:
        neurons = network["activation"]
    return (
        f"{report['num_parameters']} weights ({network['architecture']} {shape}, "
        f"{neurons}), {task['name']}, {rule['name']}, {batches}, "
        f"Δt = {show.number(report['step_size'])}, {spec['training']['steps']} steps"
    )


def smoothing(report: Report) -> str | None:
    """One sentence on the reference gradient of a spiking network, None for a rate network."""
    points = [p for p in report["points"] if p["smoothing"] is not None]
    if not points:
        return None
    return (
        "A spiking network's loss has no gradient: the reference is that of the loss smoothed over "
        f"normal noise of the weights with s = {show.number(points[0]['smoothing']['s'])}, and ΔL "
        "is counted from the loss before the step."
    )


SMOOTHING = (
    ("step", lambda p, r: str(p["step"])),
    ("s", lambda p, r: show.number(r["s"])),
    ("‖g‖", lambda p, r: show.number(r["grad_norm"])),
    ("b", lambda p, r: show.bias(r)),
    ("b, 99 %", lambda p, r: show.interval(r["b_ci"])),
    ("gain", lambda p, r: show.number(r["gain"])),
    ("cosine", lambda p, r: show.number(r["cosine"])),
    ("cosine, 99 %", lambda p, r: show.interval(r["cosine_ci"])),
)
"""Columns of the table of the bias against s: heading, and text of a point and a reference."""


def smoothing_rows(report: Report) -> list[list[str]]:
    """The bias as a function of s, one row a point and s; empty for a rate network."""
    return [
        [cell(point, reference) for _, cell in SMOOTHING]
        for point in report["points"]
        if point["smoothing"] is not None
        for reference in point["smoothing"]["series"]
    ]


def training_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Clean network and chips side by side: a label, the clean value, the chip's, its interval."""
    training = report["training"]
    clean, chip, spec = training["clean"], training["chip"], report["spec"]
    confidence = f"{spec['targets']['confidence']:.0%}"
    rows = [
        ("training loss", show.number(clean["loss"]), show.number(chip["loss"]), ""),
        ("test loss", show.number(clean["test_loss"]), show.number(chip["test_loss"]), ""),
    ]
    if clean["test_accuracy"] is not None:
        rows.append(
            (
                "test accuracy",
                show.percent(clean["test_accuracy"]),
                show.percent(chip["test_accuracy"]),
                f"{show.percent_interval(chip['test_accuracy_ci'])} at {confidence}",
            )
        )
    cost = training["cost"]
    name = "accuracy drop" if cost["kind"] == "accuracy_drop" else "lost decrease of the loss"
    rows.append(
        (
            f"{name}, allowed {show.percent(cost['allowed'])}",
            "",
            show.percent(cost["value"]),
            f"{show.percent_interval(cost['ci'])} at {confidence}",
        )
    )
    rows.append(
        (
            "excess loss, measured",
            "",
            show.number(training["measured_excess_loss"]),
            f"{show.interval(training['measured_excess_loss_ci'])} at {confidence}",
        )
    )
    if training["forecast"] is not None:
        rows.insert(-1, _forecast_row(training["forecast"], name, confidence))
    if training["predicted_excess_loss"] is not None:
        rows.append(
            (
                "excess loss, predicted",
                "",
                show.number(training["predicted_excess_loss"]),
                f"{show.interval(training['predicted_excess_loss_ci'])} at {confidence}",
            )
        )
    return rows


def _forecast_row(
    forecast: dict[str, Any], name: str, confidence: str
) -> tuple[str, str, str, str]:
    cost = forecast["cost"]
    return (
        f"{name}, predicted without training",
        "",
        show.percent(cost["value"]),
        f"{show.percent_interval(cost['ci'])} at {confidence}",
    )


def contributions(report: Report) -> tuple[int, list[dict[str, Any]]] | None:
    """The point whose predicted cost is largest, and its effects ranked; None where unknown."""
    points = [p for p in report["points"] if p["contributions"]]
    if not points:
        return None
    worst = max(points, key=lambda p: p["delta_loss"]["predicted"] or 0.0)
    return worst["step"], worst["contributions"]


def mitigation_title(report: Report) -> str:
    """Heading of the table of the effects of a chip that fails."""
    guide = report["mitigation"]
    noun = "accuracy drop" if guide["kind"] == "accuracy_drop" else "lost decrease of the loss"
    return f"What the {noun} comes from, predicted"


MITIGATION = ("", "without it", "interval", "only it", "interval", "share")
"""Columns of that table: an effect, cost of the chip without it, cost of an ideal one with it."""

WHOLE, NO_EFFECT = "the whole chip", "none of them"


def mitigation_rows(report: Report) -> list[tuple[str, ...]]:
    """The effects by what leaving them out saves, below the whole chip and above none of them.

    Empty where there is nothing to compare.
    """
    guide = report["mitigation"]
    if guide is None or not guide["effects"]:
        return []
    whole, ideal = (_cost_cells(guide[key]) for key in ("whole", "ideal"))
    return [
        (WHOLE, "", "", *whole, ""),
        *(
            (
                part["label"],
                *_cost_cells(part["without"]),
                *_cost_cells(part["alone"]),
                show.percent(part["share"]),
            )
            for part in guide["effects"]
        ),
        (NO_EFFECT, "", "", *ideal, ""),
    ]


def mitigation_keys(report: Report) -> list[str]:
    """The spec's key behind each of ``mitigation_rows``, empty for the first and the last."""
    guide = report["mitigation"]
    return [] if guide is None else ["", *(part["key"] for part in guide["effects"]), ""]


def _cost_cells(cost: dict[str, Any]) -> tuple[str, str]:
    # The unit stands beside the value already, and a console has 80 columns.
    return show.percent(cost["value"]), show.percent_interval(cost["ci"]).removesuffix(" %")
