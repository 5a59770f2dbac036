"""The numbers of a chip that a program has handed over, and the chip with one at another value.

A number is a field of the frozen dataclasses that the chip is made of, by its path:
``reads.0.std``. What its name calls a noise, a spread or an error harms the more the larger it is;
of any other field no name says which way harms, and tensors are what was drawn for the chip.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from torch import Tensor

from device_models import Chip
from neurograd import words
from neurograd.effects.knob import Knob, Settings
from neurograd.errors import NeurogradError
from neurograd.pipeline.own.handed_over import HandedOver
from neurograd.spec import Spec

PARTS = ("rule", "reads", "passes", "writes")
"""What of a chip has numbers; its step size is the training's."""

HARMFUL = frozenset(
    ("noise", "std", "spread", "error", "variance", "deviation", "sigma", "bias", "cycle", "wire")
)
"""Words in the names of what is best at 0, such as those of ``cycle_to_cycle``."""

FIRST = 0.01
"""First value that is tried of a number that is 0."""

_DOUBLINGS = 16
_BISECTIONS = 12
_MOST_NAMES = 6


@dataclass(frozen=True)
class ChipNumber:
    """One number of a chip.

    Attributes:
        path: Where it is, such as ``writes.0.cycle_to_cycle``.
        owner: Class of the part that has it.
        value: The number, or several that are turned together.
    """

    path: str
    owner: str
    value: float | int | tuple[float, ...]

    @property
    def name(self) -> str:
        """Name of the field."""
        return self.path.rpartition(".")[2]

    @property
    def size(self) -> float:
        """The number, or that of several which is furthest from 0."""
        return max(self.value, key=abs) if isinstance(self.value, tuple) else self.value

    @property
    def harms(self) -> bool:
        """Whether it is known to harm the more the larger it is."""
        named = not HARMFUL.isdisjoint(re.split(r"[^a-z]+", self.name.lower()))
        lowest = min(self.value) if isinstance(self.value, tuple) else self.value
        return named and not isinstance(self.value, int) and lowest >= 0

    def at(self, value: float) -> float | int | tuple[float, ...]:
        """The field with the number at another value."""
        if isinstance(self.value, int):
            return round(value)
        if isinstance(self.value, float):
            return value
        if self.size == 0:
            return (value,) * len(self.value)
        return tuple(each / self.size * value for each in self.value)

    def knob(self, low: float, high: float, *, either: bool) -> Knob:
        """The number as something that can be turned."""
        settings: Settings = lambda value: {self.path: self.at(value)}  # noqa: E731  (as Knob has it)
        place = self.path.rpartition(".")[0]
        return Knob(
            self.path, f"{self.name} of {self.owner} ({place})", self.size, 1, low, high, settings,
            whole=isinstance(self.value, int), either=either, first=min(FIRST, high),
            scale="signed" if low < 0 else "log",
        )  # fmt: skip


def chip_knobs(given: HandedOver) -> list[Knob]:
    """The numbers of a chip that are turned: those that were named, or all that are known to harm.

    Args:
        given: The chip, with the numbers that were named and how far each may move.

    Raises:
        NeurogradError: If a name is none of the chip's, a range is none, or nothing can be turned.
    """
    assert given.chip is not None
    known = {number.path: number for number in _numbers(given.chip)}
    if given.numbers:
        return [
            _named(given.chip, known, path, ends).knob(*ends, either=True)
            for path, ends in given.numbers.items()
        ]
    found = []
    for number in known.values():
        high = _highest(given.chip, number) if number.harms else 0.0
        if high > 0:
            found.append(number.knob(0.0, high, either=False))
    if not found:
        raise NeurogradError(
            "chip: has no number whose name says that it harms; allowed: numbers={PATH: (LOW, "
            f"HIGH)}} with {_listed(known) or 'a chip whose parts are dataclasses with numbers'}"
        )
    return found


def with_numbers(spec: Spec, settings: Mapping[str, Any]) -> Spec:
    """The spec with other values of some numbers of the chip that was handed over."""
    given: HandedOver = spec.handed_over
    chip: Chip | None = given.chip
    assert chip is not None
    for path, value in settings.items():
        chip = _with(chip, path.split("."), value)
    return spec.beside(replace(given, chip=chip), allow_code=spec.allows_code)


def numbers_notes(given: HandedOver, idle: Iterable[str]) -> Iterator[str]:
    """What of a chip was not turned, and what acted on nothing.

    Args:
        given: The chip, with the numbers that were named.
        idle: Labels of numbers that change nothing.
    """
    assert given.chip is not None
    if idle:
        yield f"These change nothing on this chip: {words.listed(list(idle))}."
    if given.numbers:
        return
    left = [number.path for number in _numbers(given.chip) if not number.harms]
    if left:
        yield (
            f"Not turned, as no name says which way harms: {_listed(left)}; "
            "numbers={PATH: (LOW, HIGH)} turns those that it names."
        )
    drawn = sorted({".".join(path.split(".")[:2]) for path in _drawn(given.chip)})
    if drawn:
        yield f"Tensors drawn for the chip are kept as they are: those of {_listed(drawn)}."
    closed = [
        f"{type(part).__name__} ({path})"
        for path, part in _top_level(given.chip)
        if not is_dataclass(part)
    ]
    if closed:
        yield f"No number is found in what is no dataclass: {_listed(closed)}."


# -- the way through a chip ----------------------------------------------------------------------


def _top_level(chip: Chip) -> Iterator[tuple[str, object]]:
    for name in PARTS:
        part = getattr(chip, name)
        if isinstance(part, tuple):
            yield from ((f"{name}.{k}", each) for k, each in enumerate(part))
        else:
            yield name, part


def _walk(part: object, path: str) -> Iterator[tuple[str, str, Any]]:
    """All fields below a part that can be replaced: path, class that has it, and value."""
    if isinstance(part, tuple):
        for k, each in enumerate(part):
            yield from _walk(each, f"{path}.{k}")
    if not is_dataclass(part):
        return
    for each in fields(part):
        if not each.init or each.name.startswith("_"):
            continue
        place, value = f"{path}.{each.name}", getattr(part, each.name)
        yield place, type(part).__name__, value
        yield from _walk(value, place)


def _fields(chip: Chip) -> Iterator[tuple[str, str, Any]]:
    for path, part in _top_level(chip):
        yield from _walk(part, path)


def _numbers(chip: Chip) -> Iterator[ChipNumber]:
    for path, owner, value in _fields(chip):
        if (owner, path.rpartition(".")[2]) == ("Minibatch", "batch_size"):
            continue  # the clean twin has it as well: a number of the training
        several = isinstance(value, tuple) and value and all(type(v) is float for v in value)
        if several or (type(value) in (float, int) and math.isfinite(value)):
            yield ChipNumber(path, owner, value)


def _drawn(chip: Chip) -> Iterator[str]:
    for path, _, value in _fields(chip):
        values = value.values() if isinstance(value, Mapping) else (value,)
        if any(isinstance(each, Tensor) for each in values):
            yield path


def _with(part: Any, path: list[str], value: Any) -> Any:
    """A part with a field below it at another value."""
    if not path:
        return value
    name, *rest = path
    if isinstance(part, tuple):
        k = int(name)
        return (*part[:k], _with(part[k], rest, value), *part[k + 1 :])
    return replace(part, **{name: _with(getattr(part, name), rest, value)})


# -- how far a number may move -------------------------------------------------------------------


def _named(
    chip: Chip, known: Mapping[str, ChipNumber], path: str, ends: tuple[float, float]
) -> ChipNumber:
    """A number that was named, which its range holds."""
    number = known.get(path)
    if number is None:
        near = difflib.get_close_matches(path, list(known), 1)
        hint = f"; did you mean {near[0]}?" if near else ";"
        raise NeurogradError(
            f"numbers: {path} is no number of the chip{hint} allowed: "
            f"{_listed(known) or 'none, as its parts have no numbers'}"
        )
    pair = isinstance(ends, tuple | list) and len(ends) == 2
    if not pair or not all(type(end) in (float, int) and math.isfinite(end) for end in ends):
        raise NeurogradError(f"numbers: {path} has {ends!r}; allowed: a pair (lowest, highest)")
    low, high = ends
    if not low <= number.size <= high or low == high:
        raise NeurogradError(
            f"numbers: {path} is {number.size:g}, and ({low:g}, {high:g}) does not hold it; "
            "allowed: a range around it"
        )
    for end in ends:
        try:
            _with(chip, path.split("."), number.at(end))
        except ValueError as error:
            raise NeurogradError(f"numbers: {path} at {end:g}: {error}") from None
    return number


def _highest(chip: Chip, number: ChipNumber) -> float:
    """The largest value that the chip can be made with, as far as a search can go."""

    def fits(value: float) -> bool:
        try:
            _with(chip, number.path.split("."), number.at(value))
        except ValueError:
            return False
        return True

    good = number.size
    for _ in range(_DOUBLINGS):
        above = 2.0 * good if good > 0 else FIRST
        if not fits(above):
            return _between(fits, good, above)
        good = above
    return good


def _between(fits: Callable[[float], bool], good: float, bad: float) -> float:
    for _ in range(_BISECTIONS):
        middle = 0.5 * (good + bad)
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = len(shown) - _MOST_NAMES
    if not shown:
        return ""
    return words.listed([*shown[:_MOST_NAMES], *([f"{more} more"] if more > 0 else [])])
