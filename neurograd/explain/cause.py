"""What a chip's cost comes from, named in the same words by every command."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neurograd.judge.prediction_error import sign_known
from neurograd.judge.verdict import Cost, Verdict
from neurograd.records.mitigation import EffectCost, MitigationGuide
from neurograd.words import listed, ranged_percent

NOTHING = "Nothing in the spec sets this chip apart from an ideal one."


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
    verdict: Verdict, effects: Sequence[str], guide: MitigationGuide | None = None
) -> Cause:
    """The effect that a cost comes from.

    A chip with one effect has no other cause. Of several, it is the one without which the
    predicted cost is lowest, where that is known; without a prediction of each, none is named.

    Args:
        verdict: The verdict; a chip that is tolerated has no cause to be named.
        effects: What sets the chip apart from an ideal one, as sentences call it.
        guide: What each of them is predicted to cost, None where that was not predicted.
    """
    if not effects:
        return Cause(None, _UNEXPLAINED if verdict is Verdict.NOT_TOLERATED else NOTHING)
    if verdict is Verdict.TOLERATED:
        return Cause(None, "")
    begin = "Cause" if verdict is Verdict.NOT_TOLERATED else "Possible cause"
    if len(effects) == 1:
        only = effects[0]
        return Cause(
            only, f"{begin}: {only}, the only thing that sets this chip apart from an ideal one."
        )
    if guide is None or not guide.effects:
        told = (
            "which of them costs how much is predicted by neurograd check"
            if guide is None
            else "the prediction is too uncertain to tell them apart"
        )
        return Cause(None, f"{begin}: {listed(effects, 'or')}; {told}.")
    return _of_several(begin, effects, guide)


_UNEXPLAINED = (
    "Cause: no effect that the spec names; what is left is the range of the weights and the number "
    "format."
)


def _of_several(begin: str, effects: Sequence[str], guide: MitigationGuide) -> Cause:
    part = guide.effects[0]
    if not _stands_out(part, guide):
        each = listed(effects)
        return Cause(
            None,
            f"{begin}: no single one of {each} stands out in what the training is predicted "
            "to cost.",
        )
    without = ranged_percent(part.without.value, part.without.ci, guide.confidence)
    whole = ranged_percent(
        guide.whole.value, guide.whole.ci, guide.confidence, missing="that of a diverging training"
    )
    return Cause(
        part.label,
        f"{begin}: {part.label}; without it the predicted {guide.noun} is {without} in place of "
        f"{whole}.",
    )


def _stands_out(part: EffectCost, guide: MitigationGuide) -> bool:
    """Whether leaving the effect out is known to save something; some damage is known already."""
    if guide.whole.verdict is Verdict.TOLERATED or not math.isfinite(part.without.value):
        return False
    if part.saves is None:  # without this effect nothing diverges
        return not math.isfinite(guide.whole.value)
    low, high = part.saves_ci
    if low is None or high is None or part.saves <= 0:
        return False
    return sign_known(Cost(part.saves, (low, high), guide.confidence))
