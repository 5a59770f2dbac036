"""What forecasts over numbers that are not known exactly say, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neurograd import words
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.ranges.shown import shown
from neurograd.records.cost import NOUNS
from neurograd.records.limits import RangedNumber, RangeDraw, RangesResult


@dataclass(frozen=True)
class About:
    """What sentences say beside the numbers of a result.

    Attributes:
        data: Measured data that leave the numbers open; None for none.
        other_curves: Curves that these allow as well and that no draw is of.
        correlated: Whether numbers are known to vary together.
        off_path: Draws that no path of means describes, which are predicted along one.
        off_corners: Corners likewise.
        reason: Why not, of the first of them; empty for none.
    """

    data: str | None = None
    correlated: bool = False
    off_path: int = 0
    off_corners: int = 0
    reason: str = ""
    other_curves: tuple[str, ...] = ()


def sentences(result: RangesResult, about: About) -> tuple[str, ...]:
    """Share, edges, what to measure next, and the worst corner.

    Args:
        result: What was found, without its sentences.
        about: What else is known of it.
    """
    return (
        *_share(result, about.data),
        *_other_curves(about),
        *_off_path(result, about),
        *_edges(result),
        _next(result),
        *_unchanged(result),
        *_corners(result, correlated=about.correlated),
    )


def _other_curves(about: About) -> Iterator[str]:
    if about.other_curves:
        source = "what is known" if about.data is None else f"the data of {about.data}"
        verb = "do" if about.data is not None else "does"
        yield (
            f"All draws are of one curve. {source[0].upper()}{source[1:]} {verb} not rule out "
            f"others: {'; '.join(about.other_curves)}. No draw is of these: the shares leave out "
            "what such a device would cost."
        )


def _off_path(result: RangesResult, about: About) -> Iterator[str]:
    if not about.reason:
        return
    which = f"{about.off_path} of the {len(result.draws)} draws"
    if result.corners:
        which += f" and of {about.off_corners} of the {len(result.corners)} corners"
    yield (
        f"No path describes the training of {which} ({about.reason}): predictions follow paths "
        "all the same, which may be off."
    )


def _share(result: RangesResult, data: str | None) -> Iterator[str]:
    # Numbers that the spec gives itself, data have no say in.
    known = "is known" if data is None else f"the data of {data} and the spec allow"
    total = len(result.draws)
    lost = words.ranged_percent(result.lost.value, result.lost.ci, result.confidence)
    kept = words.ranged_percent(result.tolerated.value, result.tolerated.ci, result.confidence)
    open_ = ""
    if result.undecided:
        open_ = f", {result.undecided} not decided, which the intervals count as either"
    yield (
        f"Predicted to be tolerated for {kept} of what {known} of "
        f"{words.listed(_keys(result))}, and lost for {lost}: {result.tolerated.draws} and "
        f"{result.lost.draws} of {total} draws{open_}."
    )

    if result.undecided:
        inside = words.ranged_percent(result.inside.value, result.inside.ci, result.confidence)
        yield (
            "Taken at its word, without the error of the forecast, the predicted "
            f"{NOUNS[result.kind]} is within what is allowed for {inside}."
        )


def _keys(result: RangesResult) -> list[str]:
    return [number.key for number in result.numbers]


def _edges(result: RangesResult) -> Iterator[str]:
    told = False
    for number in result.numbers:
        worse, better = ("above", "below") if number.larger_costs_more else ("below", "above")
        edges = (
            (f"lost {worse}", number.lost_from, number.lost_draws),
            (f"tolerated {better}", number.tolerated_to, number.tolerated_draws),
        )
        parts = [
            f"{what} {shown(number.key, value)} (all {draws} draws there)"
            for what, value, draws in edges
            if value is not None
        ]
        if parts:
            told = True
            yield f"{number.key}: {' and '.join(parts)}, whatever the others are."
    if result.tolerated.draws and result.lost.draws and not told:
        yield "No number alone decides the verdict, by these draws."


def _next(result: RangesResult) -> str:
    best = result.numbers[0]
    if len({draw.verdict for draw in result.draws}) == 1 and not result.undecided:
        return "All draws have one verdict: no number has to be known better for it."
    if result.measure_next is None or best.share is None:
        return "Which number is worth knowing better these draws do not tell."
    part = words.ranged_percent(best.share, best.share_ci, result.confidence)
    said = (
        f"Measure {best.key} next: by a parabola through the draws its range carries roughly "
        f"{part} of the variance of the predicted {NOUNS[result.kind]}{_each_its_own(result)}."
    )
    rivals = [number.key for number in result.numbers[1:] if not_below(number, best)]
    if rivals:
        said += f" It is not told apart from {words.listed(rivals)}."
    return said


def _each_its_own(result: RangesResult) -> str:
    """What costs are held against where parts decide that may cost different amounts."""
    several = len({draw.allowed for draw in result.draws}) > 1
    return ", each held against what its part may cost" if several else ""


def not_below(number: RangedNumber, best: RangedNumber) -> bool:
    """Whether a number may carry as much of the variance as the best one."""
    high, low = number.share_ci[1], best.share_ci[0]
    return high is not None and low is not None and high >= low


def _unchanged(result: RangesResult) -> Iterator[str]:
    idle = [number.key for number in result.numbers if not number.changes]
    if idle:
        verb = "change" if len(idle) > 1 else "changes"
        yield f"{words.listed(idle)} {verb} no chip anywhere in the range."


def _corners(result: RangesResult, *, correlated: bool) -> Iterator[str]:
    if not result.corners:
        return
    worst = max(result.corners, key=lambda each: (_excess(each, result), _RANK[each.verdict]))
    which = f"{len(result.corners)} corners"
    if result.corners_kind == "axes":
        which = f"{len(result.corners)} ends, one number at a time"
    lost = sum(each.verdict is Verdict.NOT_TOLERATED for each in result.corners)
    are = "is" if lost == 1 else "are"
    yield f"The worst of {which}: {_at(worst)}, {_cost(worst, result)}; {lost} of them {are} lost."
    if correlated:
        yield "Corners are of numbers that vary on their own, which the spec says they do not."


def _excess(draw: RangeDraw, result: RangesResult) -> float:
    """Cost above what its part may cost."""
    return draw.cost - (result.allowed if draw.allowed is None else draw.allowed)


_RANK = {Verdict.TOLERATED: 0, Verdict.INCONCLUSIVE: 1, Verdict.NOT_TOLERATED: 2}


def _at(corner: RangeDraw) -> str:
    return words.listed([f"{key} {shown(key, value)}" for key, value in corner.values.items()])


def _cost(corner: RangeDraw, result: RangesResult) -> str:
    if corner.problem:
        return f"which cannot be predicted ({corner.problem})"
    missing = "all of it and no bound for the"
    cost = words.ranged_percent(corner.cost, corner.ci, result.confidence, missing=missing)
    when = "" if corner.time is None else f" {words.after_programming(corner.time)}"
    return f"{cost} {NOUNS[result.kind]}{when}, {corner.verdict.value}"
