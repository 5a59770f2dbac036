"""What chips cost: judged after training, or predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

from pydantic import model_validator

from neurograd.forecast.bursts import PathCheck
from neurograd.forecast.chip_end import Way
from neurograd.forecast.regimes.regime import RegimeName
from neurograd.judge.cost import Judgement
from neurograd.judge.forecasts import Forecast
from neurograd.judge.looks import Look
from neurograd.judge.verdict import Verdict
from neurograd.records.record import CostEnds, Ends, Loss, Number, Record, cost_interval, unbounded

NOUNS = {"accuracy_drop": "accuracy drop", "excess_loss": "lost decrease of the loss"}
"""What each kind of cost is called."""


class Cost(Record):
    """A cost with its interval."""

    value: Loss
    """Mean over chips; infinite (null in JSON) where chips diverged in a report of an earlier
    version."""
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


class CostLook(Record):
    """One look at the chips that were trained until then."""

    chips: int
    """Number of chips."""
    value: Loss
    """Mean cost; infinite (null in JSON) where a clean network has not lowered its loss, and where
    chips diverged in a report of an earlier version."""
    lower_bound: Number
    """One-sided bound; None (null in JSON) where there is none."""
    upper_bound: Number
    """One-sided bound; None (null in JSON) where there is none."""
    error: float
    """One-sided error rate of this look's bounds. All looks together keep 1 − bound_confidence; 0
    for a look that adds no information and takes over the bounds before."""

    @classmethod
    def of(cls, look: Look) -> CostLook:
        """From a look."""
        return cls(
            chips=look.chips,
            value=look.value,
            lower_bound=look.lower,
            upper_bound=look.upper,
            error=look.error,
        )


class JudgedCost(Cost):
    """A cost beside what is allowed."""

    kind: str
    """``accuracy_drop``, or ``excess_loss`` (part of the decrease of the loss that is lost)."""
    value: Loss
    """Mean over chips (and test samples). Of the decrease of the loss a chip loses at most all of
    it, also where it diverges; infinite (null in JSON) there in a report of an earlier version, and
    where a clean network has not lowered its loss: ``clean_learned`` is then false."""
    ci: CostEnds
    """Its two-sided interval at ``confidence``; an end without bound is infinite (null in JSON)."""
    confidence: float
    """Confidence of ``ci``, 99 % as that of every measurement; it decides nothing."""
    lower_bound: Number = None
    """The true cost is above it at ``bound_confidence``: a chip whose lower bound is above what is
    allowed is not tolerated. None (null in JSON) without bound and in a report of an earlier
    version."""
    upper_bound: Number = None
    """The true cost is below it at ``bound_confidence``: a chip whose upper bound is allowed is
    tolerated. None (null in JSON) as for the lower one."""
    bound_confidence: float | None = None
    """One-sided confidence of each bound, ``targets.confidence``, for all looks together. None in
    a report of an earlier version."""
    looks: tuple[CostLook, ...] = ()
    """The looks at the chips, the last one at all of them; empty for a forecast and in a report of
    an earlier version."""
    test_samples: int | None = None
    """Number of test samples, which the bounds count as drawn at random; None where the cost is
    not over samples and in a report of an earlier version."""
    needed_test_samples: int | None = None
    """Test samples that would decide with ``training.max_seeds`` chips if mean and spread stay as
    they are. None where the verdict is known, where the cost is not over test samples or where no
    number of them is enough."""
    needed_chips: int | None = None
    """Chips that would decide if mean and spread stay as they are. None where the verdict is known
    or no number of them is enough."""
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
            lower_bound=judged.bounds.lower,
            upper_bound=judged.bounds.upper,
            bound_confidence=judged.bounds.confidence,
            looks=tuple(CostLook.of(look) for look in judged.looks),
            test_samples=judged.test_samples,
            needed_test_samples=judged.needed_samples,
            needed_chips=judged.needed_chips,
            allowed=judged.allowed,
            clean_learned=judged.clean_learned,
        )

    @property
    def weight(self) -> tuple[int, float]:
        """How much it speaks against 'tolerated': its own answer, then how far it is above.

        Without bounds, as in a report of an earlier version, only the latter tells.
        """
        above = self.lower_bound is not None and self.lower_bound > self.allowed
        within = self.upper_bound is not None and self.upper_bound <= self.allowed
        return (2 if above else 0 if within else 1), self.value - self.allowed

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


class AgedForecastResult(Record):
    """What is predicted for one time after programming."""

    time: float
    """Seconds after programming."""
    accuracy: float | None
    """Mean predicted test accuracy of the chips, None where undefined."""
    cost: JudgedCost
    verdict: Verdict
    """That of this time alone."""


class TimedCost(Protocol):
    """What is known of one time after programming."""

    @property
    def time(self) -> float:
        """Seconds after programming."""
        ...

    @property
    def cost(self) -> JudgedCost:
        """What it costs then."""
        ...


def deciding_part(
    trained: JudgedCost, deployed: Sequence[TimedCost], *, trains: bool
) -> tuple[JudgedCost, float | None]:
    """Of a training and the times after it, the part that the verdict rests on most.

    That is one with the verdict's own answer, of these the one furthest above what it may cost.

    Args:
        trained: The cost of the training.
        deployed: The times after programming; empty without a deployment.
        trains: Whether there is a training; one of 0 steps does not count beside a deployment.

    Returns:
        Its cost and the seconds after programming; None for the training.
    """
    parts: list[tuple[JudgedCost, float | None]] = [(each.cost, each.time) for each in deployed]
    first = [(trained, None)] if trains or not parts else []
    return max([*first, *parts], key=lambda part: part[0].weight)


class PlaceResult(Record):
    """What real updates at one place of the predicted paths change, as means over chips.

    Changes are those of a logarithm: parts of the value, where small.
    """

    of: str
    """``loss``, or ``squared length of the weights``."""
    done: float
    """Updates of the paths up to there."""
    updates: int
    """Real updates that were measured at each chip."""
    expected: tuple[Number, Number]
    """Smallest and largest change by the slopes of the paths; None (null in JSON) where these are
    not finite."""
    settled: Number
    """Change while the burst settled, which is not judged; None (null in JSON) likewise."""
    measured: Loss
    """Change by real updates; infinite (null in JSON) where they diverge."""
    ci: Ends
    """Its two-sided interval at 95 %; None (null in JSON) for an end that is not finite."""
    p_value: float
    """Of the test whether it is expected, by this place alone."""


class PathCheckResult(Record):
    """Whether the predicted paths hold, by short bursts of real updates from their states."""

    holds: bool | None
    """Whether the paths are not rejected at 1 %; None without a test."""
    p_value: float | None
    """Chance of bursts as far from the paths as these, or further, if the paths hold, at most. None
    without a test."""
    departure: Number
    """How much more the logarithm of the loss would change over a whole training at the real rates
    than at those of the paths, at the mean over places; None (null in JSON) without a test and
    where real updates diverge."""
    updates: int
    """Real updates that all bursts took together."""
    places: tuple[PlaceResult, ...]
    """Place by place; empty without a test."""
    unchecked: str | None
    """Why there is no test, None where there is one."""

    @classmethod
    def of(cls, check: PathCheck) -> PathCheckResult:
        """From the check of the paths of several chips."""
        return cls(
            holds=check.holds,
            p_value=check.p_value,
            departure=check.departure,
            updates=check.updates,
            places=tuple(PlaceResult(**asdict(place)) for place in check.places),
            unchecked=check.unchecked,
        )


class RegimeResult(Record):
    """What keeps a path of means from describing a training."""

    name: RegimeName
    """Which regime. ``strong_reads``, ``coarse_steps`` and ``large_noise``: every update was drawn
    for itself (``way``), or, of fewer than five chips in the last two, a path was followed all the
    same and is inconclusive. ``path_thrown``: likewise every update was drawn in the end.
    ``some_chips_lost`` and ``path_left``: the forecast is inconclusive, and its interval is all
    that is possible."""
    reason: str
    """What was found, and what follows of it."""
    number: Number
    """What was found: the error of a pair of reads over the gradient (infinite, null in JSON,
    where that is 0), one step of a weight and the noise of one write over the length of all
    weights, the part of the chips whose path was thrown off, or that is lost, a p-value."""
    limit: float
    """How large, or with ``path_left`` how small, it may be."""


class ForecastResult(Record):
    """The predicted verdict of a training, and of what comes after where that was predicted."""

    verdict: Verdict
    """That of the training and of every time in ``deployment``; of the times alone where there is
    no training (``training.steps`` 0)."""
    cost: JudgedCost
    """That of the training."""
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
    chips: int | None = None
    """Number of chips that were predicted: ``training.seeds``, or more where these were likely to
    decide. None in a report of an earlier version, which predicted ``training.seeds``."""
    path: PathCheckResult | None = None
    """Whether the predicted paths hold; None where no command asked (all but ``check``), and in a
    report of an earlier version."""
    way: Way | None = None
    """Which way the chips' forecasts took: by gradients over the whole training set, by subsets of
    it, or with every update drawn for itself, at the cost of a training. None without a training,
    and in a report of an earlier version."""
    regime: RegimeResult | None = None
    """What keeps a path from describing the training; None where nothing does or no path would be
    followed anyway, and in a report of an earlier version."""
    deployment: tuple[AgedForecastResult, ...] = ()
    """Each time after programming; empty without a deployment, and in a report of a check, which
    ages the chips that it has trained."""

    @property
    def left_open(self) -> bool:
        """Whether its interval is all that is possible, since no path describes the training."""
        return self.regime is not None and self.regime.name in ("some_chips_lost", "path_left")

    @classmethod
    def of(cls, predicted: Forecast) -> ForecastResult:
        """From a predicted verdict."""
        return cls(
            verdict=predicted.verdict,
            cost=JudgedCost.of(predicted.judgement),
            clean_loss=predicted.clean_loss,
            clean_accuracy=predicted.clean_accuracy,
            chip_loss=predicted.chip_loss,
            chip_accuracy=predicted.chip_accuracy,
            diverged=predicted.diverged,
            gradients=predicted.gradients,
            chips=predicted.chips,
            path=None if predicted.path is None else PathCheckResult.of(predicted.path),
            way=predicted.way,
            regime=None if predicted.regime is None else RegimeResult(**asdict(predicted.regime)),
            deployment=tuple(
                AgedForecastResult(
                    time=each.time,
                    accuracy=each.accuracy,
                    cost=JudgedCost.of(each.judgement),
                    verdict=each.judgement.verdict,
                )
                for each in predicted.deployment
            ),
        )
