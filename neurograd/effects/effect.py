"""What one effect brings: keys, a builder, a name, a remedy and knobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from neurograd.effects.knob import Knob
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class Stage(IntEnum):
    """Where an update meets an effect; within a stage ``order`` tells."""

    RULE = 1
    """The learning rule."""
    TRAIN = 2
    """The form in which the rule's result reaches the array."""
    BATCH = 3
    """The samples that the rule sees."""
    DIGITAL = 4
    """Digital weights and update memories."""
    READ = 5
    """What the passes see of the stored weights."""
    PASS = 6
    """What the arrays' periphery makes of products."""
    WRITE = 7
    """What the synapses make of an increment."""
    AFTER = 8
    """What happens to a synapse beside its writes."""


PLACES = ("device", "quantization", "learning_rule")
"""The sections of a spec that effects bring keys into."""

Condition = Callable[[SpecSections, int], bool]
"""Of a spec and its number of training samples."""


@dataclass(frozen=True)
class Keys:
    """Keys that are brought into a section of the spec.

    Attributes:
        place: The section: ``device``, ``quantization`` or ``learning_rule``.
        model: A pydantic model whose fields and validators become the section's own. Names must
            not be taken by another effect.
        order: Position in the section; what is new stands at the end.

    Raises:
        ValueError: If there is no such section.
    """

    place: str
    model: type[SpecModel]
    order: int = 1000

    def __post_init__(self) -> None:
        if self.place not in PLACES:
            raise ValueError(f"place is {self.place!r}; allowed: {', '.join(PLACES)}")


@dataclass(frozen=True)
class Remedy:
    """What makes an effect smaller.

    Attributes:
        key: The key of the spec that the effect depends on most directly.
        words: What to do, such as 'lower device.write.cycle_to_cycle'.
    """

    key: str
    words: str


def change(verb: str, keys: Sequence[str], ending: str = "") -> Remedy:
    """The remedy 'VERB KEY and KEY ENDING'."""
    return Remedy(keys[0], f"{verb} {' and '.join(keys)}{ending}")


def _always(spec: SpecSections, samples: int) -> bool:
    return True


def _no_knobs(spec: SpecSections, samples: int) -> Iterable[Knob]:
    return ()


def _no_hints(spec: SpecSections, samples: int) -> Iterable[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """Keys of a spec with what they add to a chip and to a search for limits.

    Attributes:
        name: Its name in reports' data.
        stage: Where an update meets it.
        order: Its place within the stage.
        keys: The keys that it brings.
        when: Whether a spec asks for it.
        build: Adds it to a chip that is being assembled; None where another part takes it as a
            parameter.
        knobs: The numbers of a spec that can be turned, given the spec and the number of training
            samples.
        knob_rank: Place of its knobs in a limits report.
        hints: Sentences that a report has of a spec: what its keys do not mean, likely slips.
        on_layers: Whether it acts on calls of layers, and so needs a network whose matrices are all
            met there.
        acts: Of keys that act only beside others: on what, as in 'it acts on wires'.
    """

    name: str
    stage: Stage
    order: int = 0
    keys: tuple[Keys, ...] = ()
    when: Condition = field(default=_always, repr=False)
    build: Callable[[Assembly], None] | None = field(default=None, repr=False)
    knobs: Callable[[SpecSections, int], Iterable[Knob]] = field(default=_no_knobs, repr=False)
    knob_rank: int = 100
    hints: Callable[[SpecSections, int], Iterable[str]] = field(default=_no_hints, repr=False)
    on_layers: bool = False
    acts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def applies(self, spec: SpecSections, samples: int) -> bool:
        """Whether the chip of a spec has it, for a number of training samples."""
        return self.when(spec, samples)


@dataclass(frozen=True, kw_only=True)
class Effect(Contribution):
    """One thing that sets a chip apart from the ideal one.

    Attributes:
        label: What a sentence calls it.
        key: The key of the spec that switches it on.
        remedy: What makes it smaller in a spec that has it.
        also: Other keys that it comes from, where another file brings them.
    """

    label: str
    key: str
    remedy: Callable[[SpecSections], Remedy] = field(repr=False)
    also: tuple[str, ...] = ()

    def active(self, spec: SpecSections, samples: int) -> bool:
        """Whether it sets the chip of a spec apart from the ideal one."""
        return self.applies(spec, samples)


def on_device(test: Callable[[Any], bool]) -> Condition:
    """A condition on the device of a spec, which ideal synapses do not meet."""
    return lambda spec, samples: spec.device is not None and test(spec.device)
