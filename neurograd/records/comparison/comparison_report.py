"""What ``neurograd compare`` found: its JSON file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from neurograd.judge.difference import Answer, Difference
from neurograd.judge.verdict import Verdict
from neurograd.records.cost import Cost, CostLook, JudgedCost
from neurograd.records.record import Ends, Number, Record
from neurograd.records.report import REPORT_VERSION, CheckReport, LimitsReport


class KeyDifference(Record):
    """A key in which two specs differ."""

    key: str
    """The dotted key."""
    a: Any
    """Its value in A; None (null in JSON) where it is null or is not there."""
    b: Any
    """Its value in B; None likewise."""


class SideResult(Record):
    """One of the two designs."""

    source: str
    """The file that it comes from."""
    name: str
    """The spec's name."""
    verdict: Verdict
    """Its own verdict, by its own targets, on the chips that were trained."""
    cost: JudgedCost | None
    """What it costs against its own clean twins, in the part that its verdict rests on most, of
    which all numbers of the chips are. None (null in JSON) in a report of limits from before the
    spec as it is was trained."""
    time: float | None = None
    """Seconds after programming of that part; None (null in JSON) for the training, and in a
    comparison of an earlier version."""
    chips: int | None
    """Number of chips that its verdict rests on; None (null in JSON) of a report of limits."""
    clean_accuracy: float | None
    """Test accuracy of its clean twins, None (null in JSON) where undefined or not kept."""
    chip_accuracy: float | None
    """Mean test accuracy of these chips, None (null in JSON) likewise."""
    chip_accuracy_ci: Ends | None
    """Its two-sided interval at 99 %; None (null in JSON) likewise."""
    clean_loss: Number
    """Training loss of its clean twins; None (null in JSON) where not finite or not kept."""
    chip_loss: Number
    """Mean training loss of these chips; None (null in JSON) likewise."""
    quick: bool
    """Whether it is the smaller version for a first look."""
    spec: dict[str, Any]
    """The spec with every default."""
    versions: dict[str, str]
    """Versions of what the numbers depend on."""
    code: str | None
    """Digest of neurograd's own code; None (null in JSON) where an old report has none."""
    data: str | None
    """Digest of the data; None (null in JSON) where an old report has none."""

    @classmethod
    def of(cls, report: CheckReport | LimitsReport, source: str) -> SideResult:
        """One design from its report."""
        clean = report.training.clean if isinstance(report, CheckReport) else None
        cost, time = (
            (report.trained, report.trained_time)
            if isinstance(report, LimitsReport)
            else report.deciding
        )
        return cls(
            source=source,
            name=report.design.name,
            verdict=report.verdict,
            cost=cost,
            time=time,
            **_of_chips(report, time),
            clean_accuracy=None if clean is None else clean.test_accuracy,
            clean_loss=None if clean is None else clean.loss,
            quick=report.quick,
            spec=report.spec,
            versions=report.versions,
            code=report.code,
            data=None if report.data is None else report.data.digest,
        )


def _of_chips(report: CheckReport | LimitsReport, time: float | None) -> dict[str, Any]:
    """What is known of the chips of a side after training, or at a time after programming."""
    if not isinstance(report, CheckReport):
        return dict.fromkeys(("chips", "chip_accuracy", "chip_accuracy_ci", "chip_loss"))
    for aged in report.deployment:
        if aged.time == time:
            return {
                "chips": aged.chips,
                "chip_accuracy": aged.accuracy,
                "chip_accuracy_ci": aged.accuracy_ci,
                "chip_loss": aged.loss,
            }
    chip = report.training.chip
    return {
        "chips": chip.chips,
        "chip_accuracy": chip.test_accuracy,
        "chip_accuracy_ci": chip.test_accuracy_ci,
        "chip_loss": chip.loss,
    }


class DifferenceResult(Cost):
    """What B costs more than A, after training or at one time of a deployment."""

    time: float | None
    """Seconds after programming; None (null in JSON) at the end of the training."""
    answer: Answer
    """That of this time alone."""
    kind: str
    """``accuracy_drop``, which is then the test accuracy of A less that of B, or ``excess_loss``
    (part of the decrease of A's clean loss that B loses beyond what A loses)."""
    value: float
    """Mean over chips (and test samples); above 0 where B costs more."""
    confidence: float
    """Confidence of ``ci``, which is two-sided."""
    lower_bound: Number
    """The true difference is above it at ``bound_confidence``; B is worse where it is above 0. None
    (null in JSON) without bound."""
    upper_bound: Number
    """The true difference is below it at ``bound_confidence``; B is not worse where it is within
    ``margin``. None (null in JSON) without bound."""
    bound_confidence: float
    """One-sided confidence of each bound, for all looks together."""
    margin: float
    """Largest difference that is no harm."""
    paired: bool
    """Whether chips and test samples were compared in pairs; otherwise the difference is that of
    two costs of which only the intervals are known."""
    chips: int
    """Chips of each side that were compared in pairs; otherwise those of the side that has fewer:
    the intervals of the two costs are those of all chips of each."""
    test_samples: int | None
    """Number of test samples; None (null in JSON) where the cost is not over samples, or is not in
    pairs."""
    looks: tuple[CostLook, ...]
    """The looks at the pairs; empty where there were none."""
    needed_chips: int | None
    """Chips that would tell A and B apart if mean and spread stay; None (null in JSON) where the
    answer is known or no number is enough."""
    needed_test_samples: int | None
    """Test samples that would, with ``training.max_seeds`` chips; None (null in JSON) likewise."""

    @classmethod
    def of(cls, found: Difference, time: float | None) -> DifferenceResult:
        """From a difference."""
        return cls(
            time=time,
            answer=found.answer,
            kind=found.terms.kind,
            value=found.cost.value,
            ci=found.cost.ci,
            confidence=found.cost.confidence,
            lower_bound=found.bounds.lower,
            upper_bound=found.bounds.upper,
            bound_confidence=found.bounds.confidence,
            margin=found.terms.margin,
            paired=found.paired,
            chips=found.chips,
            test_samples=found.test_samples,
            looks=tuple(CostLook.of(look) for look in found.looks),
            needed_chips=found.needed_chips,
            needed_test_samples=found.needed_samples,
        )


class ComparisonReport(Record):
    """What ``neurograd compare`` found."""

    report_version: int = REPORT_VERSION
    """Version of the fields and their meaning."""
    kind: Literal["compare"] = "compare"
    """Which command made it."""
    answer: Answer
    """Worse if B is at the end of the training or at one time, not worse only if it is at none."""
    reasons: tuple[str, ...]
    """Why, one sentence each."""
    a: SideResult
    b: SideResult
    keys: tuple[KeyDifference, ...]
    """Keys in which the specs differ, but for the name; empty where none does."""
    differences: tuple[DifferenceResult, ...]
    """At the end of the training, then at each time that both deployments have. A training of 0
    steps on both sides is left out. Empty where the reports hold no costs that can be compared."""
    notes: tuple[str, ...]
    """What else differs, and what was not compared; empty where there is nothing to say."""
    timing: dict[str, float] = Field(default_factory=dict)
    """Seconds of each part of the work; empty where reports were compared."""
