"""The chips that are predicted beside a whole one to tell its effects apart.

Each effect is left out in turn (leave-one-out), stands alone on an ideal chip (one-at-a-time), and
all of them are left out together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neurograd.effects.effect import Effect


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
        effects: All effects of the chip; of one there is the chip without it.
    """
    return list(by_left_out(effects).values())


def by_left_out(effects: Sequence[Effect]) -> dict[frozenset[str], Variant]:
    """The variants by the names of what they are without."""
    found: dict[frozenset[str], Variant] = {}
    for effect in effects:
        without = Variant(f"without-{effect.name}", f"without {effect.label}", (effect,))
        found.setdefault(names([effect]), without)
    for effect in effects:
        others = tuple(other for other in effects if other != effect)
        # Of two effects, one alone is the chip without the other, and a single one is the chip.
        alone = Variant(f"alone-{effect.name}", f"with {effect.label} only", others)
        found.setdefault(names(others), alone)
    found.setdefault(names(effects), Variant("ideal", "without any effect", tuple(effects)))
    found.pop(names(()), None)
    return found


def names(effects: Sequence[Effect]) -> frozenset[str]:
    """The names of effects, whatever their order."""
    return frozenset(effect.name for effect in effects)
