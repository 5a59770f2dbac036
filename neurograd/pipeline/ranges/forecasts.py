"""The forecasts over numbers that are not known exactly, from a spec to what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurograd.errors import DivergenceError, NeurogradError
from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Verdict
from neurograd.keys.ranges import Ranges, typical_values
from neurograd.measure.intervals import CONFIDENCE
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.notes import Chips
from neurograd.pipeline.own.handed_over import own_parts
from neurograd.pipeline.ranges.draws import Values, column, corners, drawn
from neurograd.pipeline.ranges.outcome import (
    edge_of,
    finite,
    first_order,
    larger_costs_more,
    share_of,
)
from neurograd.pipeline.ranges.sentences import About, not_below, sentences
from neurograd.pipeline.ranges.shown import in_words
from neurograd.problem import Problem
from neurograd.records.limits import RangedNumber, RangeDraw, RangesResult, VerdictShare
from neurograd.records.record import Ends
from neurograd.records.training import PredictedNetwork
from neurograd.spec import Spec, spec_to_dict

if TYPE_CHECKING:
    from neurograd.pipeline.limits.outlook import Outlook, PredictedCost, Tick
    from neurograd.pipeline.stages import Stages

_NO_CORNERS = (
    "--corners: no number of the spec has a range; allowed: beside one, such as device.read.noise: "
    "{typ: 2 %, min: 1 %, max: 3 %}"
)
_OWN_CHIP = "ranges: a chip that a program hands over has no keys; allowed: a chip of keys"

Submit = Callable[..., Future[Any]]
"""Runs a task on a worker, its time counted under a name."""


def typical_notes(spec: Spec, command: str) -> tuple[str, ...]:
    """What is to be known of a fit that a spec takes, and of its ranges.

    These are remarks on the data, where they are from, and that a command knows no ranges.
    """
    found = [*spec.remarks]
    if spec.ranges is None:
        return tuple(found)
    data, keys = spec.ranges.data, ", ".join(spec.ranges.numbers)
    if data is not None:
        found.append(
            f"The numbers are those that neurograd fit finds in {data}, which prints what it was "
            "told by the data and what not; what they leave open is in ranges."
        )
    if spec.ranges.other_curves:
        others = "; ".join(spec.ranges.other_curves)
        found.append(f"The data do not rule out {others}: ranges are of another curve's numbers.")
    if command != "check":
        found.append(
            f"{command} takes the typical values of {keys}; check forecasts over their ranges."
        )
    return tuple(found)


def values_in_ranges(spec: Spec, *, at_corners: bool) -> int:
    """How many values of its numbers a check of a spec forecasts beside the typical ones.

    Args:
        spec: The spec.
        at_corners: Whether the ends of the numbers are looked at as well.

    Raises:
        NeurogradError: If corners of no ranges are asked for.
    """
    if spec.ranges is None:
        if at_corners:
            raise NeurogradError(_NO_CORNERS)
        return 0
    typical = typical_values(spec_to_dict(spec), spec.ranges)
    return spec.ranges.draws + (len(corners(spec.ranges, typical)[1]) if at_corners else 0)


@dataclass(frozen=True)
class RangedSpecs:
    """A spec at values of the numbers that are not known exactly.

    Attributes:
        spec: The spec with its ranges.
        ranges: What is known of its numbers.
        draws: The values of each draw.
        corners_kind: Which corners are looked at, None for none.
        corners: Their values.
        specs: The spec at all of these, in their order.
    """

    spec: Spec
    ranges: Ranges
    draws: Sequence[Values]
    corners_kind: Literal["all", "axes"] | None
    corners: Sequence[Values]
    specs: Sequence[Spec]

    @classmethod
    def of(cls, spec: Spec, *, at_corners: bool) -> RangedSpecs | None:
        """All values that are looked at; None where all numbers are known.

        Args:
            spec: The spec.
            at_corners: Whether the ends of the numbers are looked at as well.

        Raises:
            NeurogradError: If values within the ranges do not go together, or corners of no ranges
                are asked for.
        """
        ranges = spec.ranges
        if ranges is None:
            if at_corners:
                raise NeurogradError(_NO_CORNERS)
            return None
        if own_parts(spec) is not None:
            raise NeurogradError(_OWN_CHIP)
        typical = typical_values(spec_to_dict(spec), ranges)
        draws = drawn(ranges, typical, spec.measure.seed)
        kind, ends = corners(ranges, typical) if at_corners else (None, [])
        return cls(spec, ranges, draws, kind, ends, [_at(spec, each) for each in (*draws, *ends)])


@dataclass(frozen=True)
class RangeForecasts:
    """Forecasts that have begun.

    Attributes:
        at: The values that are looked at.
        unchanged: Keys with whose ends all chips are the same.
        tasks: What is predicted for draws and corners, in their order.
    """

    at: RangedSpecs
    unchanged: frozenset[str]
    tasks: Sequence[Future[PredictedCost]]

    @classmethod
    def begin(
        cls,
        at: RangedSpecs,
        stages: Stages,
        submit: Submit,
        folder: Path | None,
        twin: Future[PredictedNetwork] | None = None,
    ) -> RangeForecasts:
        """Begin all forecasts.

        Args:
            at: The values that are looked at.
            stages: What is computed for the typical values.
            submit: Runs a task.
            folder: Where finished forecasts are kept, None to keep nothing.
            twin: The forecast of the clean twin, where it has begun before these.
        """
        from neurograd.pipeline.limits.outlook import Outlook  # noqa: PLC0415  (imports check)

        outlook = Outlook(stages.problem.device, folder, stages.workers)
        known = None if twin is None else twin.result
        outlook.know(stages.spec, stages.problem, stages.content, known)
        advance = stages.pool.stage(
            f"forecasting {len(at.specs)} values of its ranges", len(at.specs)
        )
        tasks = [submit("ranges", _predicted, outlook, each, advance) for each in at.specs]
        return cls(at, _unchanged(at.spec, stages.problem, at.ranges), tasks)

    def result(self) -> RangesResult:
        """What the forecasts say, when they are there."""
        found = [task.result() for task in self.tasks]
        count, at = len(self.at.draws), self.at
        return result_of(
            at.spec,
            list(zip(at.draws, found[:count], strict=True)),
            list(zip(at.corners, found[count:], strict=True)),
            at.corners_kind,
            self.unchanged,
        )


def _at(spec: Spec, values: Values) -> Spec:
    """The spec with all numbers known, at these values."""
    try:
        return with_settings(spec.typical, dict(values))
    except NeurogradError as error:
        at = ", ".join(f"{key} {value:g}" for key, value in values.items())
        raise NeurogradError(f"ranges: {error} (at {at}, within the ranges)") from None


def _predicted(outlook: Outlook, spec: Spec, tick: Tick) -> PredictedCost:
    try:
        found = outlook.predict(spec, tick)
    except DivergenceError as error:
        # The clean training itself, of which the forecast then knows nothing.
        problem = outlook.problem(spec)
        classified = problem.is_classification and problem.has_test
        return _unknown(spec, str(error), classified=classified)
    tick(1)
    return found


def _unknown(spec: Spec, problem: str, *, classified: bool) -> PredictedCost:
    from neurograd.pipeline.limits.outlook import PredictedCost  # noqa: PLC0415  (imports check)

    ends = (-math.inf, math.inf)
    allowed, kind = spec.targets.max_excess_loss, "excess_loss"
    if classified:
        allowed, kind = spec.targets.max_accuracy_drop, "accuracy_drop"
    return PredictedCost(
        math.inf, ends, Verdict.INCONCLUSIVE, allowed, None, None, kind, False, problem
    )


def _unchanged(spec: Spec, problem: Problem, ranges: Ranges) -> frozenset[str]:
    """Keys with both of whose ends all chips are the same as with the typical values."""
    chips = Chips(spec.typical, problem)
    return frozenset(
        key
        for key, known in ranges.numbers.items()
        if all(
            chips.same_with(with_settings(spec.typical, {key: end}))
            for end in (known.min, known.max)
        )
    )


def result_of(
    spec: Spec,
    draws: Sequence[tuple[Values, PredictedCost]],
    corners: Sequence[tuple[Values, PredictedCost]] = (),
    corners_kind: Literal["all", "axes"] | None = None,
    unchanged: frozenset[str] = frozenset(),
) -> RangesResult:
    """What is predicted at draws and corners of a spec's numbers, put together.

    Args:
        spec: The spec with its ranges.
        draws: Values with what is predicted, one or more.
        corners: Those of the corners.
        corners_kind: Which they are.
        unchanged: Keys that change no chip.
    """
    verdicts = [each.verdict for _, each in draws]
    numbers = sorted(
        (_number(spec, key, draws, changes=key not in unchanged) for key in draws[0][0]),
        key=lambda each: -(each.share or 0.0),
    )
    decided = len(set(verdicts)) == 1 and verdicts[0] is not Verdict.INCONCLUSIVE
    told = not decided and numbers[0].share and not _all_alike(numbers)
    first = draws[0][1]
    result = RangesResult(
        kind=first.kind,
        allowed=first.allowed,
        confidence=CONFIDENCE,
        tolerated=_share(verdicts, Verdict.TOLERATED),
        lost=_share(verdicts, Verdict.NOT_TOLERATED),
        undecided=sum(each is Verdict.INCONCLUSIVE for each in verdicts),
        inside=_inside([found.inside for _, found in draws]),
        numbers=tuple(numbers),
        measure_next=numbers[0].key if told else None,
        draws=tuple(_draw(values, found) for values, found in draws),
        corners=tuple(_draw(values, found) for values, found in corners),
        corners_kind=corners_kind,
        sentences=(),
    )
    ranges = spec.ranges or Ranges()
    off, off_ends = _off_paths(draws), _off_paths(corners)
    first_off = next(iter((*off, *off_ends)), "")
    about = About(
        ranges.data,
        bool(ranges.correlations),
        len(off),
        len(off_ends),
        first_off,
        ranges.other_curves,
    )
    said = sentences(result, about)
    return result.model_copy(update={"sentences": said})


def _all_alike(numbers: Sequence[RangedNumber]) -> bool:
    """Whether no other number is known to carry less of the variance than the first one."""
    return len(numbers) > 1 and all(not_below(each, numbers[0]) for each in numbers[1:])


def _against_one_limit(draws: Sequence[tuple[Values, PredictedCost]]) -> NDArray[np.float64]:
    """Costs as they would be if each part were allowed what the first draw's is, shape ``(n,)``.

    A training and the times after it may be allowed different costs, and either may decide a draw.
    """
    allowed = np.array([found.allowed for _, found in draws])
    costs: NDArray[np.float64] = finite([found.cost for _, found in draws]) - (allowed - allowed[0])
    return costs


def _off_paths(values: Sequence[tuple[Values, PredictedCost]]) -> list[str]:
    """Why predictions may be off, of those of which it is known."""
    return [found.off_path for _, found in values if found.off_path]


def _number(
    spec: Spec, key: str, draws: Sequence[tuple[Values, PredictedCost]], *, changes: bool
) -> RangedNumber:
    """What the draws say of one number."""
    ranges = spec.ranges or Ranges()
    known = ranges.numbers[key]
    values = column([each for each, _ in draws], key)
    costs, verdicts = _against_one_limit(draws), [found.verdict for _, found in draws]
    part = first_order(values, costs) if changes else None
    above, tests = larger_costs_more(values, costs), 2 * len(ranges.numbers)
    lost = edge_of(values, verdicts, Verdict.NOT_TOLERATED, above=above, tests=tests)
    kept = edge_of(values, verdicts, Verdict.TOLERATED, above=not above, tests=tests)
    ends: Ends = (None, None) if part is None else part[1]
    typical = typical_values(spec_to_dict(spec), ranges)[key]
    return RangedNumber(
        key=key,
        known=in_words(key, typical, known),
        typical=typical,
        min=known.min,
        max=known.max,
        std=known.std,
        interval=known.interval,
        share=None if part is None else part[0],
        share_ci=ends,
        larger_costs_more=above,
        changes=changes,
        tolerated_to=None if kept is None else kept.value,
        tolerated_draws=0 if kept is None else kept.draws,
        lost_from=None if lost is None else lost.value,
        lost_draws=0 if lost is None else lost.draws,
    )


def _share(verdicts: Sequence[Verdict], verdict: Verdict) -> VerdictShare:
    value, ci = share_of(verdicts, verdict)
    return VerdictShare(value=value, ci=ci, draws=sum(each is verdict for each in verdicts))


def _inside(allowed: Sequence[bool]) -> VerdictShare:
    count = sum(allowed)
    ci = proportion_interval(count, len(allowed))
    return VerdictShare(value=count / len(allowed), ci=ci, draws=count)


def _draw(values: Values, found: PredictedCost) -> RangeDraw:
    return RangeDraw(
        values=values,
        cost=found.cost,
        ci=found.ci,
        verdict=found.verdict,
        allowed=found.allowed,
        problem=found.problem,
        time=found.time,
    )
