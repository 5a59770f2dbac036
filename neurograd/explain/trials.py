"""Changes of a spec that are worth a trial: the numbers behind an effect, moved to the safe side.

Advice that nobody has tried is a guess. Each change is predicted with the same random numbers as
the chip itself, and what is said of it is what came out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neurograd.effects.effect import Effect
from neurograd.effects.knob import Knob
from neurograd.effects.layer_keys import chip_key, layer_knobs, layer_remedy
from neurograd.effects.minibatch import is_batched
from neurograd.effects.registry import knobs_of
from neurograd.judge.cost import Judgement
from neurograd.judge.verdict import Cost, Verdict
from neurograd.spec import Spec
from neurograd.words import listed

FACTORS = (2.0, 4.0, 16.0)
"""How far a number is moved, smallest change first; only the first of them the other way."""

BITS = (1, 2)
"""How many bits are added."""

DEVICE = ("device.", "quantization.")
"""Keys that leave the clean twin as it is, so that one forecast of it serves all trials."""


@dataclass(frozen=True)
class Trial:
    """A change of one number.

    Attributes:
        effect: The effect that it is meant to make smaller.
        label: What a sentence calls the number.
        key: The dotted key that holds it.
        settings: The keys that are set, with their values.
        now: Its present value, as a sentence has it.
        value: The value that is tried, as a sentence has it.
        words: Each key that is set, to what and from what, as a sentence has it.
    """

    effect: Effect
    label: str
    key: str
    settings: dict[str, Any]
    now: str
    value: str
    words: str


@dataclass(frozen=True)
class Tried:
    """A change with what is predicted for it.

    Attributes:
        trial: The change.
        judged: What the chip costs with it.
        saves: Cost of the chip as it is minus that with the change, of the same chips. Its interval
            holds together with those of all changes that were tried beside it: the best of ten that
            change nothing seems to save something.
    """

    trial: Trial
    judged: Judgement
    saves: Cost


def trials_of(spec: Spec, samples: int, effects: Sequence[Effect]) -> list[Trial]:
    """The changes to try for some effects, those of one effect together.

    Args:
        spec: The spec.
        samples: Number of training samples.
        effects: The effects, in the order in which they matter.
    """
    knobs = [knob for knob in knobs_of(spec, samples) if chip_key(knob.key).startswith(DEVICE)]
    found: list[Trial] = []
    for effect in effects:
        own = layer_knobs([effect], spec, samples)
        remedy = layer_remedy(effect, spec, samples).key
        keys = {*(chip_key(knob.key) for knob in own), effect.key, *effect.also, chip_key(remedy)}
        for knob in knobs:
            if any(_same(chip_key(knob.key), key) for key in keys):
                found += [_trial(effect, knob, value) for value in _values(knob)]
    return found


def why_not(spec: Spec, samples: int) -> str | None:
    """Why no change is tried, None where they are."""
    if is_batched(spec, samples):
        # Each change is predicted for every chip: with batches of 8, 64-24-10 and 2,000 updates a
        # guide without trials took ten times the training, and a third more with them.
        return "in batches a forecast takes long beside a training"
    return None


def best_first(tried: Sequence[Tried]) -> list[Tried]:
    """Tolerated ones first, in the order in which they were to be tried; then by cost."""
    kept = [each for each in tried if each.judged.verdict is Verdict.TOLERATED]
    rest = [each for each in tried if each.judged.verdict is not Verdict.TOLERATED]
    return [*kept, *sorted(rest, key=_cost)]


def _cost(tried: Tried) -> float:
    value = tried.judged.cost.value
    return math.inf if math.isnan(value) else value


def _same(knob: str, key: str) -> bool:
    """Whether a knob turns a key, or a part of it, or a section that it is in."""
    return knob == key or key.startswith(f"{knob}.") or knob.startswith(f"{key}.")


def _values(knob: Knob) -> list[float]:
    """Values on the side that is expected to be harmless, and on the other where both may be."""
    now = knob.now
    if now is None or now == 0:
        return []
    found = []
    for way in (-knob.harmful, *((knob.harmful,) if knob.either else ())):
        if knob.scale == "linear":
            moved = [now + way * bits for bits in BITS]
        else:
            moved = [now * factor**way for factor in FACTORS]
        kept = moved if way == -knob.harmful else moved[:1]
        found += [knob.rounded(value) for value in kept]
    return [value for value in dict.fromkeys(found) if value != now]


def _trial(effect: Effect, knob: Knob, value: float) -> Trial:
    return Trial(
        effect,
        knob.label,
        knob.key,
        knob.settings(value),
        knob.show(knob.now),
        knob.show(value),
        _words(knob, value),
    )


def _words(knob: Knob, value: float) -> str:
    """What is set for a value: two directions have a key each, whose values may differ."""

    def shown(its: Any) -> str:
        return knob.typed(its) if isinstance(its, int | float) else str(its)

    now = {} if knob.now is None else knob.settings(knob.now)
    return listed(
        f"{key} to {shown(its)} (now {shown(now.get(key))})"
        for key, its in knob.settings(value).items()
    )
