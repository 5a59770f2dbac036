"""What a learning rule brings beside what every effect brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from neurograd.effects.effect import Effect, Keys, Remedy, Stage
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.sections import SpecSections

NAME = "learning_rule.name"
KNOB_RANK = 31


def _another(spec: SpecSections) -> Remedy:
    return Remedy(NAME, f"choose another {NAME}")


@dataclass(frozen=True, kw_only=True)
class Rule(Effect):
    """A learning rule, which a spec asks for by its name.

    Here ``when`` says in which of its specs the rule sets the chip apart from the clean twin.

    Attributes:
        defaults: The keys of ``learning_rule`` that it always has, with their defaults.
        optional: Those that may be null.
        networks: The kinds of networks that it can train.
        mean_over_samples: Whether its estimate of a batch is the mean of those of its samples, so
            that each can be written for itself.
    """

    stage: Stage = Stage.RULE
    key: str = NAME
    remedy: Callable[[SpecSections], Remedy] = field(default=_another, repr=False)
    knob_rank: int = KNOB_RANK
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    optional: tuple[str, ...] = ()
    networks: tuple[str, ...] = ("rate", "spiking")
    mean_over_samples: bool = True

    def applies(self, spec: SpecSections, samples: int) -> bool:
        """Whether a spec names it."""
        name: str = spec.learning_rule.name
        return name == self.name

    def active(self, spec: SpecSections, samples: int) -> bool:
        """Whether it sets the chip of a spec apart from the clean twin."""
        return self.applies(spec, samples) and self.when(spec, samples)

    @property
    def own_keys(self) -> set[str]:
        """Its keys of ``learning_rule`` beside name and batch_size."""
        return {*self.defaults, *self.optional}


def never(spec: SpecSections, samples: int) -> bool:
    """A condition that no spec meets."""
    return False


def rule_keys(model: Any, order: int) -> tuple[Keys, ...]:
    """Keys of ``learning_rule``."""
    return (Keys("learning_rule", model, order),)


def rule_knobs(
    name: str, *rows: tuple[str, str, int, float, bool, bool]
) -> Callable[[SpecSections, int], Iterable[Knob]]:
    """The knobs of a rule.

    Args:
        name: The rule's name.
        rows: Key of ``learning_rule``, label, harmful direction, largest value, whether it takes
            whole numbers only, and whether harm on either side is plausible.
    """

    def knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
        if spec.learning_rule.name != name:
            return
        for key, label, harmful, high, whole, either in rows:
            now = getattr(spec.learning_rule, key)
            if now is None:
                continue
            place, low = f"learning_rule.{key}", 1.0 if whole else 1e-9
            settings = one_key(place, whole=whole)
            yield Knob(
                place, label, now, harmful, low, high, settings, whole=whole, either=either
            )  # fmt: skip

    return knobs
