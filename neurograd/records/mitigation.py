"""The guide to the effects of a chip that fails: what each costs over the whole training."""

from __future__ import annotations

from typing import Any

from neurograd.judge.prediction_error import sign_known
from neurograd.judge.verdict import Cost
from neurograd.measure.intervals import CONFIDENCE
from neurograd.records.cost import NOUNS, VariantCost
from neurograd.records.record import Ends, Number, Record


class EffectCost(Record):
    """One effect of a chip and what it stands for."""

    effect: str
    """Its name."""
    label: str
    """What a sentence calls it."""
    key: str
    """The key of the spec that it comes from."""
    without: VariantCost
    """The chip without it."""
    alone: VariantCost
    """An ideal chip with it only."""
    saves: Number
    """Cost of the whole chip minus that of the chip without it; None (null in JSON) where one of
    them is infinite."""
    saves_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    share: Number
    """``saves`` over the whole cost; None where that is not a positive number, where the effect
    saves nothing, and for all effects where leaving one of them out is known to cost more: parts of
    opposite sign are no shares."""

    saves_known: bool | None = None
    """Whether the sign of ``saves`` is known. The part of it by which a prediction may be off
    changes no sign, so that ``saves_ci`` may hold 0 then; None in older reports."""

    @property
    def costs(self) -> bool:
        """Whether the chip is known to cost less without it."""
        return self.saves is not None and self.saves > 0 and self._known(self.saves)

    @property
    def helps(self) -> bool:
        """Whether the chip is known to cost more without it."""
        return self.saves is not None and self.saves < 0 and self._known(self.saves)

    def _known(self, saves: float) -> bool:
        if self.saves_known is not None:
            return self.saves_known
        low, high = self.saves_ci
        if low is None or high is None:
            return False
        return sign_known(Cost(saves, (low, high), CONFIDENCE))


class Together(Record):
    """How far the effects act together (above 0) or overlap (below 0)."""

    value: Number
    """Whole cost less what the effects cost one by one; None (null in JSON) where one diverges."""
    ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""


class TriedChange(Record):
    """A change of one number of the spec, and what is predicted with it."""

    effect: str
    """The effect that it is meant to make smaller."""
    label: str
    """What a sentence calls the number."""
    key: str
    """The dotted key that holds it."""
    settings: dict[str, Any]
    """The keys that are set, with their values."""
    now: str
    """Its present value, as a sentence has it."""
    value: str
    """The value that was tried, as a sentence has it."""
    cost: VariantCost
    """What the chip is predicted to cost with it."""
    saves: Number = None
    """Cost of the whole chip minus that with the change; None (null in JSON) where one of them is
    infinite, and in older reports."""
    saves_ci: Ends = (None, None)
    """Its interval, which holds at 95 % together with those of all other changes that were tried;
    None (null in JSON) for an end without bound, and in older reports."""


class MitigationGuide(Record):
    """Predicted costs of a chip and of its variants, and what to change."""

    kind: str
    """``accuracy_drop`` or ``excess_loss``."""
    allowed: float
    """Largest cost that the targets allow."""
    confidence: float
    """Confidence of the intervals."""
    whole: VariantCost
    """The chip with all its effects."""
    ideal: VariantCost | None
    """The chip without any of them; None where nothing was shared out: no chip without an effect
    was predicted, or a single effect's weight window holds all that the clean network learns."""
    effects: tuple[EffectCost, ...]
    """That whose absence saves most first; empty as ``ideal`` is None."""
    together: Together | None
    """How far they act together; None for fewer than two effects."""
    tried: tuple[TriedChange, ...] = ()
    """Changes that were tried by a forecast each, the best first."""
    not_tried: str | None = None
    """Why no change was tried; None where they were, and in older reports."""
    advice: tuple[str, ...]
    """What to change, one sentence each, the most useful first."""
    first_change: str | None = None
    """The first of them that names a change; None where none does, and in older reports."""

    @property
    def noun(self) -> str:
        """What a sentence calls the cost."""
        return NOUNS[self.kind]

    @property
    def is_accuracy(self) -> bool:
        """Whether the cost is a drop of the test accuracy."""
        return self.kind == "accuracy_drop"
