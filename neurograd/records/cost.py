"""What chips cost: judged after training, or predicted."""

from __future__ import annotations

import math
from typing import Any

from pydantic import model_validator

from neurograd.judge.cost import Judgement
from neurograd.judge.forecasts import Forecast
from neurograd.judge.verdict import Verdict
from neurograd.records.record import CostEnds, Loss, Record, cost_interval, unbounded

NOUNS = {"accuracy_drop": "accuracy drop", "excess_loss": "lost decrease of the loss"}
"""What each kind of cost is called."""


class Cost(Record):
    """A cost with its interval."""

    value: Loss
    """Mean over chips; infinite (null in JSON) where chips diverged."""
    ci: CostEnds
    """Its interval; an end without bound is infinite (null in JSON)."""

    @model_validator(mode="before")
    @classmethod
    def _open_ends(cls, data: Any) -> Any:
        if isinstance(data, dict) and "ci" in data:
            return {**data, "ci": cost_interval(data.get("value"), data["ci"])}
        return data

    @property
    def known(self) -> bool:
        """Whether the cost and both ends of its interval are finite."""
        return math.isfinite(self.value) and not unbounded(self.ci)


class VariantCost(Cost):
    """What a variant of a chip is predicted to cost."""

    verdict: Verdict

    @classmethod
    def of(cls, judged: Judgement) -> VariantCost:
        """From a verdict with its numbers."""
        return cls(value=judged.cost.value, ci=judged.cost.ci, verdict=judged.verdict)


class JudgedCost(Cost):
    """A cost beside what is allowed."""

    kind: str
    """``accuracy_drop``, or ``excess_loss`` (part of the decrease of the loss that is lost)."""
    value: Loss
    """Mean over chips (and test samples); infinite (null in JSON) where chips diverged."""
    ci: CostEnds
    """Its interval at ``confidence``; an end without bound is infinite (null in JSON)."""
    confidence: float
    """Confidence of the interval."""
    allowed: float
    """Largest cost that the targets allow."""
    clean_learned: bool
    """Whether the clean network has anything to lose."""

    @classmethod
    def of(cls, judged: Judgement) -> JudgedCost:
        """From a verdict with its numbers."""
        return cls(
            kind=judged.kind,
            value=judged.cost.value,
            ci=judged.cost.ci,
            confidence=judged.cost.confidence,
            allowed=judged.allowed,
            clean_learned=judged.clean_learned,
        )

    @property
    def noun(self) -> str:
        """What a sentence calls it."""
        return NOUNS[self.kind]

    @property
    def a_noun(self) -> str:
        """The same with its article."""
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"

    @property
    def is_accuracy(self) -> bool:
        """Whether it is a drop of the test accuracy."""
        return self.kind == "accuracy_drop"


class ForecastResult(Record):
    """The predicted verdict of a training."""

    verdict: Verdict
    cost: JudgedCost
    clean_loss: Loss
    """Predicted training loss of the clean twin; infinite (null in JSON) where it diverges."""
    clean_accuracy: float | None
    """Its predicted test accuracy, None where undefined."""
    chip_loss: Loss
    """Mean predicted training loss of the chips; infinite (null in JSON) where one diverges."""
    chip_accuracy: float | None
    """Their mean predicted test accuracy, None where undefined."""
    diverged: int
    """Number of chips that are predicted to diverge."""
    gradients: int
    """Gradients that all forecasts took together."""

    @classmethod
    def of(cls, predicted: Forecast) -> ForecastResult:
        """From a predicted verdict."""
        return cls(
            verdict=predicted.judgement.verdict,
            cost=JudgedCost.of(predicted.judgement),
            clean_loss=predicted.clean_loss,
            clean_accuracy=predicted.clean_accuracy,
            chip_loss=predicted.chip_loss,
            chip_accuracy=predicted.chip_accuracy,
            diverged=predicted.diverged,
            gradients=predicted.gradients,
        )
