"""A report with its verdict, the verdict's reasons and the cause."""

from __future__ import annotations

from typing import Any

from neurograd.deployment import Judged
from neurograd.explain.ageing import ageing_cause, with_deployment
from neurograd.explain.cause import NOTHING, NOTHING_IN_TRAINING, cause_of
from neurograd.explain.guide import ChipInWords
from neurograd.explain.reasons import explain, unseen_chips
from neurograd.records.mitigation import MitigationGuide
from neurograd.records.report import CheckReport
from neurograd.spec import Spec


def with_reasons(
    spec: Spec,
    report: CheckReport,
    judged: Judged,
    chip: ChipInWords,
    handed_over: str | None = None,
) -> CheckReport:
    """A report of a training as that of the training and of what comes after it.

    Args:
        spec: The validated spec.
        report: The report with its numbers, whose verdict is that of the training.
        judged: The verdicts.
        chip: The chip in words.
        handed_over: What sentences call a chip that a program has handed over, which is the cause
            as a whole; None for a chip of keys.
    """
    labels = [effect.label for effect in chip.effects] if handed_over is None else [handed_over]
    remedies = [chip.words(effect) for effect in chip.effects]
    window = chip.other_cause if handed_over is None else None
    deciding, beside = explain(report, labels, remedies, window)
    if report.deployment:
        deciding = with_deployment(spec, report, judged.verdict, deciding, chip.window_key)
    if judged.counts and report.verdict is judged.verdict:
        trained = report.training.cost
        cause = cause_of(report.verdict, labels, report.mitigation, window, trained).label
    else:
        cause = ageing_cause(report)
    told: dict[str, Any] = {
        "verdict": judged.verdict,
        "cause": cause,
        "reasons": (*deciding, *beside),
        "deciding_reasons": len(deciding),
        "notes": (*report.notes, *unseen_chips(report, judged.verdict)),
    }
    if report.deployment and report.mitigation is not None:
        told["mitigation"] = _of_training(report.mitigation)
    return report.model_copy(update=told)


def _of_training(guide: MitigationGuide) -> MitigationGuide:
    """A guide whose advice says that it is about the training, of which alone it knows."""
    said = [NOTHING_IN_TRAINING if each == NOTHING else each for each in guide.advice]
    return guide.model_copy(update={"advice": tuple(said)})
