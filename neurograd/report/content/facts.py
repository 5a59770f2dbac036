"""What a verdict rests on: what it assumes, and from what it can be made again."""

from __future__ import annotations

from dataclasses import dataclass

from neurograd import words
from neurograd.records.cost import JudgedCost
from neurograd.records.report import CheckReport, LimitsReport

_DIGITS = 16
"""Digits of a digest that are shown; the JSON has all."""


@dataclass(frozen=True)
class Fact:
    """Something that a report is made from.

    Attributes:
        label: What it is.
        text: Its value.
    """

    label: str
    text: str


def assumptions(report: CheckReport | LimitsReport) -> tuple[str, ...]:
    """What has to be so for the verdict to hold, one sentence each.

    Args:
        report: What was found.
    """
    cost = report.trained if isinstance(report, LimitsReport) else report.training.cost
    return (
        *([] if cost is None else _drawn(report, cost)),
        "What the spec leaves ideal (0, null or no key) does not act on the chip.",
        "The clean network beside it has the same start, data, batches and steps, and ideal "
        "synapses.",
    )


def _drawn(report: CheckReport | LimitsReport, cost: JudgedCost) -> list[str]:
    """What the bounds count as drawn at random."""
    if not cost.looks or cost.bound_confidence is None:
        return []
    chips = cost.looks[-1].chips
    if isinstance(report, CheckReport):
        chips = report.chips_looked_at
    drawn = f"as these {chips} were" if chips > 1 else "as this one was"
    samples = ""
    if cost.test_samples is not None:
        samples = f", tested on samples drawn as these {cost.test_samples} were"
    at = words.confidence(cost.bound_confidence)
    return [
        f"The bounds at {at} are for chips drawn {drawn} from {report.design.name!r}{samples}, and "
        f"for {_start(report)}.",
    ]


def _start(report: CheckReport | LimitsReport) -> str:
    """The one start from which all chips and clean networks are trained, and where it is from."""
    network = report.spec.get("network", {})
    if network.get("weights") is not None:
        return "the one start of the network that network.weights gives"
    own = report.spec.get("task", {}).get("name") == "python"
    if own or network.get("kind") == "nir":
        return "the weights that the network came with"
    return "this one start of the network (--seed draws another)"


def facts(report: CheckReport | LimitsReport) -> tuple[Fact, ...]:
    """Seed, versions and digests of a report.

    Args:
        report: What was found.
    """
    seed = report.spec.get("measure", {}).get("seed")
    found = [Fact("seed", "not kept" if seed is None else str(seed))]
    found.append(
        Fact("versions", ", ".join(f"{name} {each}" for name, each in report.versions.items()))
    )
    found.append(Fact("code", report.code or "not kept"))
    data = report.data
    if data is None:
        return (*found, Fact("data", "not kept"))
    shape = "×".join(str(size) for size in data.sample_shape)
    kind = "values" if data.classes is None else f"{data.classes} classes"
    found.append(
        Fact(
            "data",
            f"{data.digest[:_DIGITS]} ({data.train_samples} training and "
            f"{words.counted(data.test_samples, 'test sample')} of {shape}, {kind})",
        )
    )
    if data.start_weights is not None:
        found.append(Fact("start weights", data.start_weights[:_DIGITS]))
    return tuple(found)
