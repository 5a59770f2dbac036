"""What to change in a chip that fails, in sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurograd.explain.cause import cause_of
from neurograd.explain.guide import ChipInWords, Guide, Part, certain_damage
from neurograd.explain.trials import Trial, Tried
from neurograd.judge.cost import Judgement
from neurograd.judge.prediction_error import error_in, sign_known
from neurograd.judge.verdict import Cost, Verdict
from neurograd.records.cost import NOUNS
from neurograd.words import capital, confidence, listed, percent, ranged_percent, typed_percent

_MORE_CHIPS = " More chips (training.seeds) make it more certain."
_MORE = " More chips (training.seeds) or more test samples make it more certain."

NAMED = 3
"""Effects that the advice says to change, at most."""


@dataclass(frozen=True)
class _Said:
    """A sentence of the advice, and whether it names a change to make."""

    sentence: str
    change: bool = False


def advice(found: Guide) -> list[str]:
    """What to change, one plain sentence each, the most useful first."""
    return [each.sentence for each in _said(found)]


def first_change(found: Guide) -> str | None:
    """The first sentence of the advice that names a change to make; None where none does."""
    return next((each.sentence for each in _said(found) if each.change), None)


def _said(found: Guide) -> list[_Said]:
    if found.not_begun is not None:
        return [_Said(found.not_begun)]
    if len(found.chip.effects) < 2 and not found.parts:
        return [*_first(found), _single(found)]
    if len(found.chip.effects) < 2 and not certain_damage(found.whole):
        return [_without(found.chip, found.parts[0]), *map(_Said, _trust(found))]
    if found.ideal is None or not certain_damage(found.whole):
        more = _MORE_CHIPS if found.whole.test_samples is None else _MORE
        return [
            _Said(
                f"The prediction is {_size(found.whole)} where training lost "
                f"{_size(found.trained)}: no damage is certain enough in it to be shared out, so "
                "no change was tried." + (more if found.whole.cost.value > 0 else "")
            )
        ]
    return [
        *_first(found),
        *(_Said(sentence, change=True) for sentence in _changes(found)),
        *map(_Said, _none_enough(found)),
        *map(_Said, _interplay(found)),
        *(_Said(sentence, change=True) for sentence in _remaining(found, found.ideal)),
        *map(_Said, _idle(found)),
        *map(_Said, _trust(found)),
    ]


def _single(found: Guide) -> _Said:
    """The only effect, of which no chip without it was predicted."""
    if not found.chip.effects:
        window = found.chip.other_cause
        return _Said(cause_of(found.trained.verdict, (), window=window).sentence)
    (effect,) = found.chip.effects
    words = found.chip.words(effect)
    mark = "" if found.tried else f" ({_not_tried(found)})"
    # What was tried in vain is no change to make.
    change = not found.tried or _best(found) is not None
    if found.chip.other_cause is None:
        only = f"Nothing but {effect.label} sets this chip apart from an ideal one: {words}{mark}."
        return _Said(only, change)
    window = f"the weight window ({found.chip.window_key})"
    return _Said(
        f"{capital(effect.label)} and {window} set this chip apart from an ideal one: "
        f"{words}{mark}.",
        change,
    )


def _without(chip: ChipInWords, part: Part) -> _Said:
    """The only effect, where it is not known what the whole chip costs."""
    noun, words = NOUNS[part.without.kind], capital(chip.words(part.effect))
    size = f"the predicted {noun} is {_size(part.without)}, {_within(part.without)}"
    if part.without.verdict is Verdict.NOT_TOLERATED:
        return _Said(f"Look at {chip.window_key}: without {part.effect.label} {size}.", change=True)
    if not part.saves.value > 0:
        return _Said(f"Without {part.effect.label} {size}, and no lower: nothing to change in it.")
    return _Said(f"{words}: without {part.effect.label} {size} (not tried).", change=True)


def _not_tried(found: Guide) -> str:
    return "not tried" if found.not_tried is None else f"not tried: {found.not_tried}"


def _lowers(found: Guide, tried: Tried) -> bool:
    """Whether a change is known to cost less than the chip as it is.

    Of verdicts that are opposites each is known already.
    """
    verdicts = (found.whole.verdict, tried.judged.verdict)
    if verdicts == (Verdict.NOT_TOLERATED, Verdict.TOLERATED):
        return True
    return tried.saves.value > 0 and sign_known(tried.saves)


def _best(found: Guide) -> Tried | None:
    """The best of what is known to cost less; None where nothing is."""
    return next((each for each in found.tried if _lowers(found, each)), None)


def _first(found: Guide) -> list[_Said]:
    """The best of what was tried, as the one thing to do first."""
    if not found.tried:
        return []
    best, whole = _best(found), found.whole
    if best is None:
        best = found.tried[0]
        return [
            _Said(
                f"Nothing that was tried is known to lower the predicted {NOUNS[whole.kind]} of "
                f"{_size(whole)}: {_moved(best.trial)} gives {_size(best.judged)}."
            )
        ]
    sentence = (
        f"Set {best.trial.words}: the predicted {NOUNS[whole.kind]}, tried with it, falls from "
        f"{_size(whole)} to {_size(best.judged)}, {_within(best.judged)}."
    )
    return [_Said(sentence, change=True)]


def _moved(trial: Trial) -> str:
    return f"{trial.label} at {trial.value} (now {trial.now})"


def _changes(found: Guide) -> list[str]:
    """The effects that are known to matter, with the key that makes them smaller."""
    noun, sentences = NOUNS[found.whole.kind], []
    mark = "" if found.not_tried is None else f" ({_not_tried(found)})"
    for part in [part for part in found.parts if part.harms][:NAMED]:
        words = found.chip.words(part.effect)
        sentences.append(
            f"{capital(words)}: without {part.effect.label} the predicted {noun} falls from "
            f"{_size(found.whole)} to {_size(part.without)}, {_within(part.without)}{mark}."
        )
    return sentences


def _within(judged: Judgement) -> str:
    """How a predicted cost stands to what is allowed, with the bound that says so."""
    allowed = f"the {typed_percent(judged.allowed)} that are allowed"
    bounds = judged.bounds
    at = f"by the one-sided bound at {confidence(bounds.confidence)}"
    if judged.verdict is Verdict.INCONCLUSIVE:
        return f"which may or may not be within {allowed}"
    if judged.verdict is Verdict.TOLERATED:
        return f"at most {percent(bounds.upper, beside=judged.allowed)} {at}, within {allowed}"
    if not math.isfinite(bounds.lower):
        return f"still above {allowed}"
    return f"at least {percent(bounds.lower, beside=judged.allowed)} {at}, still above {allowed}"


def _none_enough(found: Guide) -> list[str]:
    """Which effects have to get smaller together, where no single one is enough."""
    if len(found.parts) < 2:
        return []
    if any(each.judged.verdict is Verdict.TOLERATED for each in found.tried):
        # One change is enough: it may make more than one effect smaller.
        return []
    if any(part.without.verdict is not Verdict.NOT_TOLERATED for part in found.parts):
        return []
    harmful = [p for p in found.parts if p.alone.verdict is Verdict.NOT_TOLERATED]
    if len(harmful) < 2:
        return ["Leaving out no single effect is predicted to be enough."]
    each = listed(f"{part.effect.label} {_size(part.alone)}" for part in harmful)
    return [
        "Leaving out no single effect is predicted to be enough: each alone costs more than is "
        f"allowed: {each}. All of them have to get smaller."
    ]


def _interplay(found: Guide) -> list[str]:
    """Whether the effects' own costs add up to the whole one."""
    together, whole = found.together, found.whole.cost.value
    if together is None:
        return []
    # Less than the error of the prediction cannot be told from it.
    if (
        not math.isfinite(whole - together.value)
        or abs(together.value) <= error_in(together) * whole
    ):
        return []
    alone = percent(whole - together.value)
    if not sign_known(together):
        return []
    if together.value > 0:
        return [
            f"Effects act together here: one at a time they add up to {alone} only, all of them "
            f"cost {_size(found.whole)}."
        ]
    return [
        f"Effects overlap here: one at a time they add up to {alone}, all of them cost "
        f"{_size(found.whole)}, so leaving out one of them may save little."
    ]


def _remaining(found: Guide, ideal: Judgement) -> list[str]:
    """What is left without any effect."""
    if ideal.verdict is Verdict.TOLERATED or not _above_chance(ideal.cost):
        return []
    effects = found.chip.effects
    without = "any effect" if len(effects) > 1 else effects[0].label
    return [
        f"Look at {found.chip.window_key}: without {without} the predicted "
        f"{NOUNS[ideal.kind]} is still {_size(ideal)}."
    ]


def _idle(found: Guide) -> list[str]:
    """Effects that are not worth an effort, and those that help."""
    sentences = []
    helpful = [part for part in found.parts if part.helps]
    if helpful:
        labels = listed(f"{p.effect.label}, {_size(p.without)}" for p in helpful)
        sentences.append(f"Keep what helps; the chip would cost more without {labels}.")
    idle = [part.effect.label for part in found.parts if not sign_known(part.saves)]
    if idle:
        sentences.append(
            f"Leaving out only {listed(idle, 'or')} saves nothing that the prediction can tell."
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


def _above_chance(cost: Cost) -> bool:
    return cost.value > 0 and sign_known(cost)


def _size(judged: Judgement) -> str:
    """A cost with its interval."""
    cost = judged.cost
    return ranged_percent(
        cost.value, cost.ci, cost.confidence, missing="that of a diverging training"
    )
