"""How much of a failing chip's damage each of its effects stands for.

The whole training is predicted for the chip and for each of its ``variants``. All of them draw the
same numbers, so their differences are better known than their costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurograd.effects.effect import Effect, Remedy
from neurograd.explain.trials import Trial, Tried, best_first
from neurograd.explain.variants import Variant, by_left_out, names, variants
from neurograd.judge.cost import Allowed, Baseline, Judgement, lost_decrease
from neurograd.judge.forecasts import Forecast, judge_forecasts, twins_of
from neurograd.judge.networks import Predicted, correct_table
from neurograd.judge.prediction_error import error_of, is_known, sign_known, widened
from neurograd.judge.verdict import Cost, Verdict, mean_interval, mean_over_chips
from neurograd.measure.intervals import CONFIDENCE

_WHOLE = "whole"
"""Name of the chip itself among its variants."""


TRIED = 0.95
"""Confidence at which the intervals of what all changes save hold together.

That of verdicts: at 99 % three chips would tell of no change that it lowers the cost.
"""


@dataclass(frozen=True)
class ChipInWords:
    """What sentences say of a chip.

    Attributes:
        effects: All its effects, in the order in which an update meets them.
        remedies: What makes each of them smaller, by the effect's name.
        window_key: The key of the spec that sets its weight window, which no effect stands for.
        window_holds: Whether that window is known to hold what clean networks learn.
    """

    effects: tuple[Effect, ...]
    remedies: Mapping[str, Remedy]
    window_key: str
    window_holds: bool = False

    @property
    def compared(self) -> list[Variant]:
        """The chips that tell what its damage comes from.

        None for a single effect where nothing else is left: without it the chip is its clean twin.
        """
        alone = len(self.effects) < 2 and self.window_holds
        return [] if alone or not self.effects else variants(self.effects)

    @property
    def other_cause(self) -> str | None:
        """The key of the window where what it costs is not known to be nothing."""
        return None if self.window_holds else self.window_key

    def words(self, effect: Effect) -> str:
        """What to do about an effect."""
        return self.remedies[effect.name].words


@dataclass(frozen=True)
class PredictedChips:
    """Networks whose training was predicted, with what they are judged by.

    Attributes:
        baseline: The network before it learns.
        allowed: What is allowed, and at which confidence.
        clean: The clean twin of the first chip, with those of the others where they differ.
        chips: The chips as they are.
        variants: The same chips of every one of ``variants``, by its name.
    """

    baseline: Baseline
    allowed: Allowed
    clean: Predicted
    chips: Sequence[Predicted]
    variants: Mapping[str, Sequence[Predicted]]

    def forecast(self, chips: Sequence[Predicted]) -> Forecast:
        """What is predicted of some of them."""
        return judge_forecasts(self.baseline, self.allowed, self.clean, chips)

    def judged(self, chips: Sequence[Predicted]) -> Judgement:
        """The predicted verdict of some of them."""
        return self.forecast(chips).judgement


@dataclass(frozen=True)
class Part:
    """One effect of a chip and what it stands for.

    Attributes:
        effect: The effect.
        without: The chip without it.
        alone: The ideal chip with it only.
        saves: Cost of the whole chip minus that of the chip without it.
        share: ``saves`` over the whole cost; None where that is not a positive number, where
            nothing is saved, and for all effects where one of them is known to help: parts of
            opposite sign are no shares. Those that act together or overlap do not sum to 1.
    """

    effect: Effect
    without: Judgement
    alone: Judgement
    saves: Cost
    share: float | None

    @property
    def harms(self) -> bool:
        """Whether the effect is known to cost something."""
        return self.saves.value > 0 and sign_known(self.saves)

    @property
    def helps(self) -> bool:
        """Whether the chip is known to cost more without it."""
        return self.saves.value < 0 and sign_known(self.saves)


@dataclass(frozen=True)
class Guide:
    """Predicted costs of a chip and of its variants.

    The intervals of costs cover chips, test samples and ``MODEL_ERROR``, added in squares; those of
    differences take the same part of the difference as the error of the prediction. Where every
    update of all these chips was drawn there is no such error.

    Attributes:
        chip: The chip in words.
        trained: What training says.
        whole: The whole chip.
        ideal: The chip without any effect, None where nothing is shared out; what it costs is the
            weight window's and the like.
        parts: The effects, that whose absence saves most first.
        together: Whole cost above the ideal chip's, minus the sum of what each effect alone adds
            to the ideal chip's: above 0 for effects that act together, below 0 for effects of
            which one is already enough. None for fewer than two effects.
        tried: Changes that were tried, the best first.
        not_tried: Why none was, None where they were.
        not_begun: Why certain damage is not shared out, None where it is.
    """

    chip: ChipInWords
    trained: Judgement
    whole: Judgement
    ideal: Judgement | None
    parts: tuple[Part, ...]
    together: Cost | None
    tried: tuple[Tried, ...] = ()
    not_tried: str | None = None
    not_begun: str | None = None

    @property
    def worst(self) -> list[Effect]:
        """The effects that are known to cost something, that which costs most first."""
        return [part.effect for part in self.parts if part.harms]


def certain_damage(whole: Judgement) -> bool:
    """Whether a forecast is certain enough of some damage for it to be shared out.

    Chance may leave no more than ``KNOWN`` of it open: few chips that differ would give shares that
    could be anything.
    """
    cost = whole.cost
    known = cost.value > 0 and is_known(cost)
    return known and whole.verdict is not Verdict.TOLERATED


def judged_trials(
    predicted: PredictedChips, trials: Sequence[tuple[Trial, Sequence[Predicted]]]
) -> list[Tried]:
    """What changes cost, and what they save of the chips as they are.

    Args:
        predicted: The chips as they are.
        trials: All changes that were tried, with the same chips of each.
    """
    tables = _CostTables(predicted)
    whole, drawn = tables.of(predicted.chips), predicted.forecast(predicted.chips).drawn
    tried = []
    for trial, chips in trials:
        found = predicted.forecast(chips)
        error, confidence = error_of(drawn, found.drawn), 1.0 - (1.0 - TRIED) / len(trials)
        saves = tables.mean(whole, tables.of(chips), error, confidence)
        tried.append(Tried(trial, found.judgement, saves))
    return tried


def with_trials(found: Guide, tried: Sequence[Tried], not_tried: str | None) -> Guide:
    """The guide with what was tried, or why nothing was."""
    return replace(found, tried=tuple(best_first(tried)), not_tried=not_tried)


def measured_guide(chip: ChipInWords, predicted: PredictedChips, trained: Judgement) -> Guide:
    """The numbers of the guide to a chip's effects; none of the effects' without variants.

    Args:
        chip: The chip in words.
        predicted: The chips and their variants.
        trained: The verdict of training.
    """
    effects = chip.effects
    whole = predicted.judged(predicted.chips)
    if not predicted.variants:
        return Guide(chip, trained, whole, None, (), None)
    name_of = {left_out: variant.name for left_out, variant in by_left_out(effects).items()}
    everything = names(effects)
    networks = {_WHOLE: predicted.chips, **predicted.variants}
    found = {name: predicted.forecast(each) for name, each in networks.items()}
    judged = {name: each.judgement for name, each in found.items()}
    tables = _CostTables(predicted)
    all_of_it, ideal = tables.of(predicted.chips), tables.of(networks[name_of[everything]])
    parts, interplay = [], all_of_it - ideal
    drawn = [found[name].drawn for name in (_WHOLE, name_of[everything])]
    for effect in effects:
        without = name_of[frozenset({effect.name})]
        alone = name_of.get(everything - {effect.name}, _WHOLE)
        error = error_of(found[_WHOLE].drawn, found[without].drawn)
        saves = tables.mean(all_of_it, tables.of(networks[without]), error)
        finite = 0 < whole.cost.value < math.inf
        share = saves.value / whole.cost.value if finite and saves.value > 0 else None
        parts.append(Part(effect, judged[without], judged[alone], saves, share))
        with np.errstate(invalid="ignore"):
            interplay = interplay - (tables.of(networks[alone]) - ideal)
        drawn.append(found[alone].drawn)
    if any(part.helps for part in parts):
        parts = [replace(part, share=None) for part in parts]
    nothing, error = np.zeros_like(interplay), error_of(*drawn)
    return Guide(
        chip,
        trained,
        whole,
        judged[name_of[everything]],
        tuple(sorted(parts, key=_rank)),
        tables.mean(interplay, nothing, error) if len(effects) > 1 else None,
    )


def _rank(part: Part) -> tuple[float, float]:
    """Largest saving first; of equal ones that which costs more alone."""
    saves = part.saves.value
    return (math.inf if math.isnan(saves) else -saves), -part.alone.cost.value


class _CostTables:
    """Costs chip by chip, so that those of two variants can be subtracted pair by pair."""

    def __init__(self, predicted: PredictedChips) -> None:
        self._clean, self._baseline = predicted.clean, predicted.baseline

    def of(self, chips: Sequence[Predicted]) -> np.ndarray:
        """Cost by chip and test sample, shape ``(S, n)``; for regression by chip, ``(S, 1)``."""
        twins = twins_of(self._clean, chips)
        if self._clean.correct is not None:
            lost: np.ndarray = correct_table(twins) - correct_table(chips)
            return lost
        pairs = zip(twins, chips, strict=True)
        return np.array([[lost_decrease(self._baseline, *pair)] for pair in pairs])

    def mean(
        self, left: np.ndarray, right: np.ndarray, error: float, confidence: float = CONFIDENCE
    ) -> Cost:
        """Mean difference of two tables that may be off by a part, with an interval."""
        with np.errstate(invalid="ignore"):
            difference = left - right
        if self._clean.correct is not None:
            return widened(mean_over_chips(difference, confidence), error)
        return widened(mean_interval(difference[:, 0].tolist(), confidence), error)
