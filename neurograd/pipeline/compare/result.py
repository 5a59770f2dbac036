"""What a comparison found, put together from its differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from neurograd.judge.difference import Answer, Difference
from neurograd.pipeline.compare.keys import differing_keys
from neurograd.pipeline.compare.sentences import sentences
from neurograd.records.comparison import (
    ComparisonReport,
    DifferenceResult,
    KeyDifference,
    SideResult,
)
from neurograd.records.design import Design
from neurograd.records.json_form import to_json_dict

Placed = tuple[float | None, Difference]
"""A difference with the seconds after programming, None at the end of the training."""


@dataclass(frozen=True)
class ComparisonResult:
    """What a comparison found.

    Attributes:
        record: Answer, differences and both designs.
    """

    record: ComparisonReport

    @property
    def answer(self) -> Answer:
        """The answer."""
        return self.record.answer

    @cached_property
    def report(self) -> dict[str, Any]:
        """The record as JSON types; the contract of the JSON file."""
        return to_json_dict(self.record)


def answer_of(found: Sequence[Placed]) -> Answer:
    """Worse where one difference says so, not worse only where all do."""
    answers = {difference.answer for _, difference in found}
    if Answer.WORSE in answers:
        return Answer.WORSE
    return Answer.NOT_WORSE if answers == {Answer.NOT_WORSE} else Answer.NOT_TOLD_APART


def result_of(
    a: SideResult,
    b: SideResult,
    found: Sequence[Placed],
    notes: Sequence[str],
    timing: dict[str, float] | None = None,
    keys: Sequence[KeyDifference] | None = None,
) -> ComparisonResult:
    """The result with its sentences.

    Args:
        a: The first design.
        b: The second one.
        found: Their differences.
        notes: What else is to be said.
        timing: Seconds of each part of the work.
        keys: Keys in which the designs differ as they were given; those of the sides when None.
    """
    differences = tuple(DifferenceResult.of(each, time) for time, each in found)
    report = ComparisonReport(
        answer=answer_of(found),
        reasons=sentences(differences, Design.model_validate(a.spec).task),
        a=a,
        b=b,
        keys=differing_keys(a.spec, b.spec) if keys is None else tuple(keys),
        differences=differences,
        notes=(*notes, *_surroundings(a, b)),
        timing=timing or {},
    )
    return ComparisonResult(report)


def _surroundings(a: SideResult, b: SideResult) -> list[str]:
    """What differs beside the keys, and what keeps two designs from being told apart."""
    found = []
    if a.cost is not None and not a.cost.clean_learned:
        found.append("A's clean network learned nothing, so that nothing can be told of B.")
    if 1 in (a.chips, b.chips):
        found.append("One chip tells nothing about another one: set training.seeds to 2 or more.")
    if a.quick or b.quick:
        which = "Both are quick looks" if a.quick and b.quick else "One is a quick look"
        found.append(f"{which}, with fewer steps, chips and draws: run them in full to decide.")
    names = dict.fromkeys((*a.versions, *b.versions))
    versions = [
        f"{name} {a.versions.get(name, 'unknown')} and {b.versions.get(name, 'unknown')}"
        for name in names
        if a.versions.get(name) != b.versions.get(name)
    ]
    if versions:
        found.append(f"Made with other versions: {', '.join(versions)}.")
    if a.code != b.code:
        found.append("Made by other code of neurograd: its digests differ.")
    return found
