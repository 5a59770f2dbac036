"""Two specs: their chips are trained in pairs until it is known which are worse."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from neurograd.errors import NeurogradError
from neurograd.judge.cost import has_learned
from neurograd.judge.difference import (
    Answer,
    Terms,
    compare_chips,
    same_chips,
)
from neurograd.judge.networks import Network
from neurograd.pipeline.changed import cut_by_quick, quick_spec
from neurograd.pipeline.check import Checking
from neurograd.pipeline.chip_group import ChipGroup
from neurograd.pipeline.compare.keys import differing_keys
from neurograd.pipeline.compare.result import ComparisonResult, Placed, answer_of, result_of
from neurograd.pipeline.compare.sameness import same_throughout, trained_alike
from neurograd.pipeline.compare.terms import margin_of, shared_times
from neurograd.pipeline.identity import CHIPS
from neurograd.pipeline.pool import Threads
from neurograd.pipeline.ranges import typical_notes
from neurograd.progress import Reporter, Silent
from neurograd.records.comparison import KeyDifference, SideResult
from neurograd.records.training import TrainedNetwork
from neurograd.spec import Spec, spec_to_dict

Sources = tuple[str, str]
"""What errors and reports call the two specs."""


def compare_specs(
    a: Spec,
    b: Spec,
    *,
    sources: Sources = ("A", "B"),
    margin: float | None = None,
    device: torch.device | str = "cpu",
    quick: bool = False,
    reporter: Reporter | None = None,
    resume: Path | None = None,
) -> ComparisonResult:
    """Train chips of two specs in pairs and say whether those of the second are worse.

    Chip k of both has the same seed, sees the same batches where both have as many, and is tested
    on the same samples. Chips are trained until A and B are told apart, or until more of them would
    hardly do it, as ``training.seeds``, ``max_seeds`` and ``looks`` of the first spec say.

    Args:
        a: The first spec, with which the second one is compared.
        b: The second spec, of the same task and the same ``measure.seed``.
        sources: What errors and the report call them, such as their files.
        margin: Cost beyond A's that is no harm, 0 to 1; what A's targets allow when None.
        device: Where to compute.
        quick: Take the smaller versions of the specs.
        reporter: Shows progress; silent when None.
        resume: Folder that keeps finished stages.

    Raises:
        NeurogradError: For everything that bad input causes, and where the specs have other data or
            other seeds, or differ in the length of a training that a quick look cuts.
    """
    keys = differing_keys(spec_to_dict(a), spec_to_dict(b))
    if quick:
        _check_cut((a, b), sources, keys)
        a, b = quick_spec(a), quick_spec(b)
    if a.measure.seed != b.measure.seed:
        raise NeurogradError(
            f"measure.seed: {a.measure.seed} in {sources[0]} and {b.measure.seed} in {sources[1]}; "
            "allowed: one seed for both, such as --seed 0"
        )
    work = _Comparing((a, b), sources, torch.device(device), quick, reporter or Silent(), resume)
    return work.run(margin, keys)


def _check_cut(specs: tuple[Spec, Spec], sources: Sources, keys: Sequence[KeyDifference]) -> None:
    """Refuse trainings of two lengths that a quick look cuts: these would not be compared."""
    lengths = [key for key in ("training.steps", "training.epochs") if key in {k.key for k in keys}]
    cuts = [cut_by_quick(spec) for spec in specs] if lengths else []
    for key in lengths:
        said = [
            f"{cut[key][0]} of {source} is {cut[key][1]}"
            for source, cut in zip(sources, cuts, strict=True)
            if key in cut
        ]
        if said:
            raise NeurogradError(
                f"{key}: in a quick look (--quick) {' and '.join(said)}, so that the lengths in "
                "which the specs differ are not compared; allowed: no --quick, or one length"
            )


class _Comparing:
    """One comparison: two groups of chips that grow together."""

    def __init__(
        self,
        specs: tuple[Spec, Spec],
        sources: Sources,
        device: torch.device,
        quick: bool,
        reporter: Reporter,
        resume: Path | None,
    ) -> None:
        self.sources, self.reporter = sources, reporter
        self.a, self.b = (
            _named(source, partial(Checking, spec, device, quick, reporter, resume))
            for source, spec in zip(sources, specs, strict=True)
        )
        self._check_data()
        self.trained_alike = trained_alike(self.a, self.b)
        self.same_throughout = same_throughout(self.a, self.b)

    def run(self, margin: float | None, keys: Sequence[KeyDifference]) -> ComparisonResult:
        """Train and compare, given the keys in which the specs differ as they were given."""
        start = time.perf_counter()
        with Threads(self.a.problem.device, self.reporter) as pool:
            first = self._group(self.a, self.sources[0], pool)
            if self.same_throughout:
                second = first.judged_by(self.b.stages(pool))
            else:
                beside = first if self.a.task.clean == self.b.task.clean else None
                second = self._group(self.b, self.sources[1], pool, beside)
            size: int | None = first.plan.sizes[0]
            while size is not None:
                first.grow(size)
                second.grow(size)
                found = self._differences(first, second, margin)
                size = _next(found)
            a = SideResult.of(self.a.report_of(first), self.sources[0])
            b = SideResult.of(self.b.report_of(second), self.sources[1])
        timing = self._timing(time.perf_counter() - start)
        notes = self._notes(first.results()[0], second.results()[0])
        return result_of(a, b, found, notes, timing, keys)

    def _group(
        self, work: Checking, source: str, pool: Threads, beside: ChipGroup | None = None
    ) -> ChipGroup:
        """The chips of one spec, whose errors name it."""

        def submit(name: str, stage: Callable[..., Any], *arguments: Any) -> Any:
            return pool.submit(_named, source, partial(work.timed, name, stage, *arguments))

        stages = work.stages(pool)
        clean = submit("clean_training", stages.clean) if beside is None else beside.first
        return ChipGroup(stages, submit, clean, beside)

    def _differences(
        self, first: ChipGroup, second: ChipGroup, margin: float | None
    ) -> list[Placed]:
        """At the end of the training, where there is one, and at the times of both deployments."""
        twins, chips = first.results()
        others = second.results()[1]
        spec, plan = self.a.spec, first.plan
        baseline = first.baseline(twins)
        kind = "accuracy_drop" if twins[0].correct is not None else "excess_loss"
        clean_loss = sum(twin.loss for twin in twins) / len(twins)

        def compared(after: float | None, a: Sequence[Network], b: Sequence[Network]) -> Placed:
            terms = Terms(
                kind=kind,
                margin=margin_of(spec.targets, kind, margin, deployed=after is not None),
                confidence=spec.targets.confidence,
                start_loss=baseline.loss,
                clean_loss=clean_loss,
                learned=has_learned(baseline, twins),
            )
            same = self.trained_alike if after is None else self.same_throughout
            return after, same_chips(terms, a) if same else compare_chips(terms, a, b, plan)

        found = []
        if self.a.spec.training.trains or self.b.spec.training.trains:
            found.append(compared(None, chips, others))
        aged, aged_others = first.deployed(), second.deployed()
        for seconds in shared_times(self.a.spec, self.b.spec):
            at = [
                [each for chip in group for each in chip.networks if each.time == seconds]
                for group in (aged, aged_others)
            ]
            found.append(compared(seconds, *at))
        return found

    def _check_data(self) -> None:
        """Raise NeurogradError where test samples are not the same ones.

        Networks may take them differently coded, so that either the samples or the keys of the task
        are the same.
        """
        a, b = self.a, self.b
        if a.data != b.data and a.spec.task != b.spec.task:
            keys = [
                each.key
                for each in differing_keys(spec_to_dict(a.spec), spec_to_dict(b.spec))
                if each.key.startswith("task.")
            ]
            raise NeurogradError(
                f"{', '.join(keys)}: {self.sources[0]} and {self.sources[1]} have other data; "
                "allowed: specs of one task"
            )

    def _notes(self, *twins: Sequence[TrainedNetwork]) -> list[str]:
        """How the specs were made comparable, given the clean twins of both."""
        a, b = self.a.spec, self.b.spec
        ranged = (typical_notes(side.given, "compare") for side in (self.a, self.b))
        notes = [*dict.fromkeys(note for each in ranged for note in each)]
        if self.same_throughout:
            same = "No key differs that a number depends on: A and B are the same chips."
            return [same, *notes]
        if self.trained_alike and a.training.trains:
            notes.append("No key differs that the training depends on: its chips are the same.")
        if not _equal(*twins):
            notes.append(
                "The clean twins differ as well. The difference is that of the chips; the costs "
                "beside it are each against their own clean twins."
            )
        if any(getattr(a.training, key) != getattr(b.training, key) for key in CHIPS):
            notes.append(f"Chips were trained as {', '.join(CHIPS)} of A say.")
        if a.targets != b.targets:
            notes.append("Margin and confidence of the difference are those of A's targets.")
        if {a.deployment is None, b.deployment is None} == {True, False}:
            notes.append("Only one spec has a deployment: nothing was compared after programming.")
        elif a.deployment is not None and not shared_times(a, b):
            notes.append("The deployments have no time in common: none was compared.")
        return notes

    def _timing(self, total: float) -> dict[str, float]:
        spent: dict[str, float] = {}
        for work in (self.a, self.b):
            for name, took in work.timing.items():
                spent[name] = spent.get(name, 0.0) + took
        spent["total"] = total
        return {f"{name}_seconds": round(took, 3) for name, took in spent.items()}


def _equal(twins: Sequence[TrainedNetwork], others: Sequence[TrainedNetwork]) -> bool:
    """Whether clean twins are the same networks, however their trainings were written."""
    ends = (
        [each.model_dump(mode="json", exclude={"curve"}) for each in of] for of in (twins, others)
    )
    return next(ends) == next(ends)


def _next(found: Sequence[Placed]) -> int | None:
    """Chips of the next look; none once B is worse at one time."""
    if answer_of(found) is Answer.WORSE:
        return None
    return min((each.more for _, each in found if each.more is not None), default=None)


def _named(source: str, work: Callable[[], Any]) -> Any:
    """The result of work, whose errors name the spec that asked for it."""
    try:
        return work()
    except NeurogradError as error:
        raise NeurogradError(f"{source}: {error}") from None
