"""What to change in a chip that fails: how much of the damage each of its effects stands for.

The whole training is predicted (``neurograd.forecast``) for the chip without each effect in turn
(leave-one-out), for an ideal chip with that effect only (one-at-a-time) and for the chip without
any. All variants draw the same numbers, so their differences are better known than their costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurograd.effects.effect import Effect
from neurograd.explain.reasons import percent
from neurograd.explain.remedies import remedy
from neurograd.judge.cost import Judgement
from neurograd.judge.verdict import Cost, Verdict, mean_interval, mean_over_chips
from neurograd.pipeline.build import active_effects
from neurograd.pipeline.forecasting import MODEL_ERROR, judge_forecasts
from neurograd.pipeline.json_form import correct_table, number
from neurograd.problem import Problem
from neurograd.spec import Spec

Networks = list[dict[str, Any]]

NAMED = 3
"""Effects that the advice says to change, at most."""

_NOUNS = {"accuracy_drop": "accuracy drop", "excess_loss": "lost decrease of the loss"}


@dataclass(frozen=True)
class Variant:
    """A chip without some of its effects.

    Attributes:
        name: Its name, which also names its stages.
        label: What a progress bar calls it.
        left_out: The effects that it is without.
    """

    name: str
    label: str
    left_out: tuple[Effect, ...]


def variants(effects: Sequence[Effect]) -> list[Variant]:
    """The chips that are predicted beside the whole one, each set of effects once.

    Args:
        effects: All effects of the chip; with fewer than two there is nothing to tell apart.
    """
    return list(_by_left_out(effects).values()) if len(effects) > 1 else []


def _by_left_out(effects: Sequence[Effect]) -> dict[frozenset[str], Variant]:
    found: dict[frozenset[str], Variant] = {}
    for effect in effects:
        without = Variant(f"without-{effect.name}", f"without {effect.label}", (effect,))
        found.setdefault(_names([effect]), without)
    for effect in effects:
        others = tuple(other for other in effects if other != effect)
        # Of two effects, one alone is the chip without the other.
        alone = Variant(f"alone-{effect.name}", f"with {effect.label} only", others)
        found.setdefault(_names(others), alone)
    found.setdefault(_names(effects), Variant("ideal", "without any effect", tuple(effects)))
    return found


def _names(effects: Sequence[Effect]) -> frozenset[str]:
    return frozenset(effect.name for effect in effects)


@dataclass(frozen=True)
class Part:
    """One effect of a chip and what it stands for.

    Attributes:
        effect: The effect.
        without: The chip without it.
        alone: The ideal chip with it only.
        saves: Cost of the whole chip minus that of the chip without it.
        share: ``saves`` over the whole cost; None where that is not a positive number. Shares of
            effects that act together or overlap do not sum to 1.
    """

    effect: Effect
    without: Judgement
    alone: Judgement
    saves: Cost
    share: float | None


@dataclass(frozen=True)
class Guide:
    """Predicted costs of a chip and of its variants.

    Attributes:
        spec: The chip's spec.
        effects: All effects of the chip, in the order in which an update meets them.
        trained: What training says.
        whole: The whole chip.
        ideal: The chip without any effect, None for fewer than two effects; what it costs is the
            weight window's and the like.
        parts: The effects, that whose absence saves most first.
        together: Whole cost above the ideal chip's, minus the sum of what each effect alone adds
            to the ideal chip's: above 0 for effects that act together, below 0 for effects of
            which one is already enough. None for fewer than two effects.
    """

    spec: Spec
    effects: tuple[Effect, ...]
    trained: Judgement
    whole: Judgement
    ideal: Judgement | None
    parts: tuple[Part, ...]
    together: Cost | None


def guide(
    spec: Spec,
    problem: Problem,
    clean: dict[str, Any],
    chips: Networks,
    predicted: Mapping[str, Networks],
    trained: Judgement,
) -> dict[str, Any]:
    """The report's guide, as JSON types.

    The intervals of costs cover chips, test samples and ``MODEL_ERROR``; those of differences take
    the same part of the difference as the error of the prediction.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        clean: The predicted clean twin, as ``forecast_network`` gives it.
        chips: The predicted chips.
        predicted: The same chips of every one of ``variants``, by its name.
        trained: The verdict of training.
    """
    return _as_dict(measured_guide(spec, problem, clean, chips, predicted, trained))


def measured_guide(
    spec: Spec,
    problem: Problem,
    clean: dict[str, Any],
    chips: Networks,
    predicted: Mapping[str, Networks],
    trained: Judgement,
) -> Guide:
    """The numbers of ``guide``; same arguments."""
    effects = tuple(active_effects(spec, problem))
    whole = judge_forecasts(spec, problem, clean, chips).judgement
    if len(effects) < 2:
        return Guide(spec, effects, trained, whole, None, (), None)
    names = {left_out: variant.name for left_out, variant in _by_left_out(effects).items()}
    everything = _names(effects)
    judged = {
        name: judge_forecasts(spec, problem, clean, networks).judgement
        for name, networks in predicted.items()
    }
    tables = _CostTables(spec, problem, clean)
    all_of_it, ideal = tables.of(chips), tables.of(predicted[names[everything]])
    parts, interplay = [], all_of_it - ideal
    for effect in effects:
        without = names[frozenset({effect.name})]
        alone = names[everything - {effect.name}]
        saves = tables.mean(all_of_it, tables.of(predicted[without]))
        share = saves.value / whole.cost.value if 0 < whole.cost.value < math.inf else None
        parts.append(Part(effect, judged[without], judged[alone], saves, share))
        with np.errstate(invalid="ignore"):
            interplay = interplay - (tables.of(predicted[alone]) - ideal)
    return Guide(
        spec,
        effects,
        trained,
        whole,
        judged[names[everything]],
        tuple(sorted(parts, key=_rank)),
        tables.mean(interplay, np.zeros_like(interplay)),
    )


def _rank(part: Part) -> tuple[float, float]:
    """Largest saving first; of equal ones that which costs more alone."""
    saves = part.saves.value
    return (math.inf if math.isnan(saves) else -saves), -part.alone.cost.value


class _CostTables:
    """Costs chip by chip, so that those of two variants can be subtracted pair by pair.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        clean: The predicted clean twin.
    """

    def __init__(self, spec: Spec, problem: Problem, clean: dict[str, Any]) -> None:
        self._clean, self._confidence = clean, spec.targets.confidence
        start, self._end = problem.loss(problem.initial_weights), number(clean["loss"])
        self._decrease = max(start - self._end, np.finfo(float).tiny)

    def of(self, chips: Networks) -> np.ndarray:
        """Cost by chip and test sample, shape ``(S, n)``; for regression by chip, ``(S, 1)``."""
        if self._clean["correct"] is not None:
            lost: np.ndarray = correct_table([self._clean]) - correct_table(chips)
            return lost
        losses = np.array([[number(chip["loss"])] for chip in chips])
        return (losses - self._end) / self._decrease

    def mean(self, left: np.ndarray, right: np.ndarray) -> Cost:
        """Mean difference of two tables, with an interval."""
        with np.errstate(invalid="ignore"):
            difference = left - right
        if self._clean["correct"] is not None:
            cost = mean_over_chips(difference, self._confidence)
        else:
            cost = mean_interval(difference[:, 0].tolist(), self._confidence)
        extra = MODEL_ERROR * abs(cost.value) if math.isfinite(cost.value) else 0.0
        return Cost(cost.value, (cost.ci[0] - extra, cost.ci[1] + extra), cost.confidence)


# -- JSON ---------------------------------------------------------------------------------------


def _as_dict(found: Guide) -> dict[str, Any]:
    return {
        "kind": found.whole.kind,
        "allowed": found.whole.allowed,
        "confidence": found.whole.cost.confidence,
        "whole": _judged(found.whole),
        "ideal": None if found.ideal is None else _judged(found.ideal),
        "effects": [
            {
                "effect": part.effect.name,
                "label": part.effect.label,
                "key": remedy(part.effect, found.spec).key,
                "without": _judged(part.without),
                "alone": _judged(part.alone),
                "saves": part.saves.value,
                "saves_ci": part.saves.ci,
                "share": part.share,
            }
            for part in found.parts
        ],
        "together": None
        if found.together is None
        else {"value": found.together.value, "ci": found.together.ci},
        "advice": advice(found),
    }


def _judged(judged: Judgement) -> dict[str, Any]:
    return {"value": judged.cost.value, "ci": judged.cost.ci, "verdict": judged.verdict.value}


# -- advice -------------------------------------------------------------------------------------


def advice(found: Guide) -> list[str]:
    """What to change, one plain sentence each, the most useful first."""
    if found.ideal is None:
        return [_single(found)]
    predicted = found.whole.cost
    certain = predicted.value == math.inf or predicted.ci[0] > 0
    if not certain or found.whole.verdict is Verdict.TOLERATED:
        return [
            f"The prediction is {_size(found.whole)} ({_range(found.whole)}) where training lost "
            f"{_size(found.trained)}: no damage is certain enough in it to be shared out."
        ]
    return [
        *_changes(found),
        *_none_enough(found),
        *_interplay(found),
        *_remaining(found, found.ideal),
        *_idle(found),
        *_trust(found),
    ]


def _single(found: Guide) -> str:
    if not found.effects:
        return "Nothing in the spec sets this chip apart from an ideal one."
    (effect,) = found.effects
    words = remedy(effect, found.spec).words
    return f"Only {effect.label} sets this chip apart from an ideal one: {words}."


def _changes(found: Guide) -> list[str]:
    """The effects that are known to matter, with the key that makes them smaller."""
    noun, sentences = _NOUNS[found.whole.kind], []
    for part in [part for part in found.parts if part.saves.ci[0] > 0][:NAMED]:
        words = remedy(part.effect, found.spec).words
        sentences.append(
            f"{_capital(words)}: without {part.effect.label} the predicted {noun} falls from "
            f"{_size(found.whole)} to {_size(part.without)} ({_range(part.without)}), "
            f"{_within(part.without)}."
        )
    return sentences


def _within(judged: Judgement) -> str:
    allowed = f"the {percent(judged.allowed)} that are allowed"
    return {
        Verdict.TOLERATED: f"within {allowed}",
        Verdict.NOT_TOLERATED: f"still above {allowed}",
        Verdict.INCONCLUSIVE: f"which may or may not be within {allowed}",
    }[judged.verdict]


def _none_enough(found: Guide) -> list[str]:
    """Which effects have to get smaller together, where no single one is enough."""
    if any(part.without.verdict is not Verdict.NOT_TOLERATED for part in found.parts):
        return []
    harmful = [p for p in found.parts if p.alone.verdict is Verdict.NOT_TOLERATED]
    if len(harmful) < 2:
        return ["No single change is predicted to be enough."]
    each = _listed(f"{part.effect.label} ({_size(part.alone)})" for part in harmful)
    return [
        f"No single change is predicted to be enough: each alone costs more than is allowed, "
        f"{each}, so all of them have to get smaller."
    ]


def _interplay(found: Guide) -> list[str]:
    """Whether the effects' own costs add up to the whole one."""
    together, whole = found.together, found.whole.cost.value
    assert together is not None
    low, high = together.ci
    # Less than the error of the prediction cannot be told from it.
    if not math.isfinite(whole - together.value) or abs(together.value) <= MODEL_ERROR * whole:
        return []
    alone = percent(whole - together.value)
    if low > 0:
        return [
            f"Effects act together here: one at a time they add up to {alone} only, all of them "
            f"cost {percent(whole)}."
        ]
    if high < 0:
        return [
            f"Effects overlap here: one at a time they add up to {alone}, all of them cost "
            f"{percent(whole)}, so leaving out one of them may save little."
        ]
    return []


def _remaining(found: Guide, ideal: Judgement) -> list[str]:
    """What is left without any effect."""
    if ideal.verdict is Verdict.TOLERATED or not ideal.cost.ci[0] > 0:
        return []
    part = "quantization" if found.spec.device is None else "device.conductance"
    return [
        f"Without any of them the predicted {_NOUNS[ideal.kind]} is still {_size(ideal)} "
        f"({_range(ideal)}): see {part}.weight_range."
    ]


def _idle(found: Guide) -> list[str]:
    """Effects that are not worth an effort, and those that help."""
    sentences = []
    helpful = [part for part in found.parts if part.saves.ci[1] < 0]
    if helpful:
        labels = _listed(f"{p.effect.label} ({_size(p.without)})" for p in helpful)
        sentences.append(f"Keep what helps; the chip would cost more without {labels}.")
    idle = [part.effect.label for part in found.parts if part.saves.ci[0] <= 0 <= part.saves.ci[1]]
    if idle:
        sentences.append(
            f"Leaving out only {_listed(idle, 'or')} saves nothing that the prediction can tell."
        )
    return sentences


def _trust(found: Guide) -> list[str]:
    """Whether training confirms the prediction of the whole chip."""
    predicted, trained = found.whole.cost, found.trained.cost
    both_lost = predicted.value == trained.value == math.inf
    if both_lost or (predicted.ci[0] <= trained.ci[1] and trained.ci[0] <= predicted.ci[1]):
        return []
    return [
        f"Training lost {_size(found.trained)}, not the predicted {_size(found.whole)}: the order "
        "of the effects is as uncertain as that."
    ]


def _size(judged: Judgement) -> str:
    value = judged.cost.value
    return percent(value) if math.isfinite(value) else "that of a diverging training"


def _range(judged: Judgement) -> str:
    low, high = (f"{100 * end:.1f}" if math.isfinite(end) else "–" for end in judged.cost.ci)
    return f"{low} to {high}"


def _listed(words: Iterable[str], last: str = "and") -> str:
    *rest, end = words
    return f"{', '.join(rest)} {last} {end}" if rest else end


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
