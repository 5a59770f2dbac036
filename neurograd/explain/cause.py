"""What a chip's cost comes from, named in the same words by every command."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neurograd.judge.verdict import Verdict
from neurograd.records.cost import JudgedCost
from neurograd.records.mitigation import MitigationGuide
from neurograd.words import listed, ranged_percent

NOTHING = "Nothing in the spec sets this chip apart from an ideal one."
NOTHING_IN_TRAINING = (
    "Nothing in the spec sets the training of this chip apart from an ideal one's."
)
"""The same of a chip that has a deployment, whose effects act after it."""


@dataclass(frozen=True)
class Cause:
    """What a cost comes from.

    Attributes:
        label: The effect that is named, None where none stands out.
        sentence: The same as a sentence, which also says where none does.
    """

    label: str | None
    sentence: str


def cause_of(
    verdict: Verdict,
    effects: Sequence[str],
    guide: MitigationGuide | None = None,
    window: str | None = None,
    trained: JudgedCost | None = None,
    *,
    deployed: bool = False,
) -> Cause:
    """The effect that a cost comes from.

    A chip with one effect, whose weight window holds what clean networks learn, has no other cause;
    nor has one without any effect whose window may not hold it.
    Else it is the effect without which the predicted cost is lowest, where that is known to save
    something; without a prediction of each, none is named.

    Args:
        verdict: The verdict; a chip that is tolerated has no cause to be named.
        effects: What sets the chip apart from an ideal one, as sentences call it.
        guide: What each of them is predicted to cost, None where that was not predicted.
        window: The key of a weight window that may not hold what clean networks learn; None where
            it is known to hold it.
        trained: What the trained chips cost; None where none was trained.
        deployed: Whether the chip has a deployment, so that this is about its training alone.
    """
    if not effects:
        return Cause(None, _without_effects(verdict, window, deployed=deployed))
    if verdict is Verdict.TOLERATED:
        return Cause(None, "")
    begin = _begin(verdict, deployed=deployed)
    if len(effects) == 1 and window is None:
        only = effects[0]
        return Cause(only, f"{begin}: {only}, the only thing that {_apart(deployed=deployed)}.")
    if guide is None or not guide.effects:
        told = (
            "which of them costs how much is predicted by neurograd check without --no-mitigation"
            if guide is None
            else "the prediction is too uncertain to tell them apart"
        )
        beside = [] if window is None else [f"the weight window ({window})"]
        return Cause(None, f"{begin}: {listed([*effects, *beside], 'or')}; {told}.")
    stands_out = _stands_out(guide) or (len(effects) == 1 and _is_less(guide, trained))
    if stands_out or len(effects) == 1:
        return _of_one(begin, guide, window, stands_out=stands_out)
    none = (
        f"no single one of {listed(effects)} stands out in what the training is predicted to cost"
    )
    return Cause(None, f"{begin}: {none}{_left(guide, window, 'without any of them ')}.")


def _begin(verdict: Verdict, *, deployed: bool) -> str:
    where = " in training" if deployed else ""
    return f"{'Cause' if verdict is Verdict.NOT_TOLERATED else 'Possible cause'}{where}"


def _apart(*, deployed: bool) -> str:
    if deployed:
        return "sets the training of this chip apart from an ideal one's"
    return "sets this chip apart from an ideal one"


def _without_effects(verdict: Verdict, window: str | None, *, deployed: bool) -> str:
    """What is said of a chip without any effect: what is left is its weight window."""
    begin = _begin(verdict, deployed=deployed)
    if window is None:
        return f"{begin}: {_UNEXPLAINED}" if verdict is Verdict.NOT_TOLERATED else NOTHING
    only, apart = f"the weight window ({window})", _apart(deployed=deployed)
    if verdict is Verdict.TOLERATED:
        return f"Nothing but {only} {apart}."
    return f"{begin}: {only}, the only thing that {apart}."


_UNEXPLAINED = (
    "no effect that the spec names; what is left is the range of the weights and the number format."
)


def _left(guide: MitigationGuide, window: str | None, where: str = "") -> str:
    """What a cost comes from where no effect acts, if there is any that a window may make."""
    damaged = guide.ideal is not None and guide.ideal.verdict is not Verdict.TOLERATED
    return f"; {where}what is left comes from {window}" if damaged and window is not None else ""


def _of_one(begin: str, guide: MitigationGuide, window: str | None, *, stands_out: bool) -> Cause:
    """The first effect of a guide, which stands out or is the only one."""
    part = guide.effects[0]
    without = ranged_percent(part.without.value, part.without.ci, guide.confidence)
    whole = ranged_percent(
        guide.whole.value, guide.whole.ci, guide.confidence, missing="that of a diverging training"
    )
    costs = f"the predicted {guide.noun} is {without} in place of {whole}"
    if stands_out:
        return Cause(part.label, f"{begin}: {part.label}; without it {costs}.")
    none = "no effect that is known to cost anything"
    left = _left(guide, window)
    return Cause(None, f"{begin}: {none}; without {part.label} {costs}{left}.")


def _stands_out(guide: MitigationGuide) -> bool:
    """Whether leaving the first effect out is known to save something of some damage."""
    part = guide.effects[0]
    if guide.whole.verdict is Verdict.TOLERATED or not math.isfinite(part.without.value):
        return False
    if part.saves is None:  # without this effect nothing diverges
        return not math.isfinite(guide.whole.value)
    return part.costs


def _is_less(guide: MitigationGuide, trained: JudgedCost | None) -> bool:
    """Whether the chip without the effect loses less, for certain, than the trained chips lose."""
    if trained is None or trained.lower_bound is None:
        return False
    return guide.effects[0].without.ci[1] < trained.lower_bound
