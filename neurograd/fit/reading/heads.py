"""What the head of a column says: which quantity, in which unit, for pulses in which direction."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from neurograd.fit.measurements import Direction
from neurograd.keys.units import parse_number, unit_factor

Kind = Literal[
    "value", "pulse", "time", "voltage", "read_voltage", "cycle", "device", "direction", "state",
    "delta", "logarithm", "other",
]  # fmt: skip
"""What a column holds; ``state`` and ``delta`` are the conductance and its change in a table of
jumps, ``logarithm`` is that of a value, which is not read, ``other`` is what is not used."""

Quantity = Literal["conductance", "resistance", "current"]
"""What a value column measures."""


@dataclass(frozen=True)
class Head:
    """One column's head, understood.

    Attributes:
        kind: What the column holds.
        direction: Pulses that it belongs to, None where the head does not say.
        quantity: What a value is; None where the head does not say, which counts as a conductance.
        unit: Its unit as written, None without one.
        factor: What one unit is in siemens, ohm, ampere, volt or second; 1 without one.
        number: Number of the cycle or device that the head has, None without one.
        counts: Whether ``number`` counts cycles or devices.
        stem: The head without unit and number, which columns of one kind share.
        reversed: Whether the column is to be read from its end.
    """

    kind: Kind
    direction: Direction | None = None
    quantity: Quantity | None = None
    unit: str | None = None
    factor: float = 1.0
    number: int | None = None
    counts: Literal["cycle", "device"] = "cycle"
    stem: str = ""
    reversed: bool = False

    @property
    def absolute(self) -> bool:
        """Whether it has a unit, and one that is more than a part of something ('a.u.', '%')."""
        return self.unit is not None and not _is_relative(self.unit)

    @property
    def in_siemens(self) -> bool:
        """Whether values come out in siemens without anything else being known."""
        return self.absolute and self.quantity in ("conductance", "resistance")

    @property
    def scale(self) -> str:
        """What numbers are measured in, the same for all that can stand beside each other.

        A quantity where the unit is one of it, ``%``, or empty where numbers are relative to each
        other, as arbitrary units are.
        """
        if self.absolute:
            return self.quantity or ""
        return "%" if self.unit == "%" else ""


_UP = {"ltp", "set", "up", "increasing", "increase", "inc", "pot", "potentiation", "plus"}
_DOWN = {"ltd", "reset", "down", "decreasing", "decrease", "dec", "dep", "depression", "minus"}
_PULSE = {
    "pulse",
    "pulses",
    "puls",
    "pulsnummer",
    "n",
    "no",
    "nr",
    "number",
    "index",
    "idx",
    "count",
    "step",
}
_PULSE |= {"#", "num"}
_TIME = {"time", "t", "zeit", "timestamp", "elapsed"}
_SPAN = {"width", "duration", "delay", "interval", "period"}
"""Times of a pulse's own, which order no readings."""
_EDGE = {"rise", "fall"}
_LOGARITHM = {"log", "ln", "lg"}
_NO_TIMES = ("kelvin", "coulomb", "farad", "meter", "hertz", "tesla")
"""Units that t stands in where it is no time; the C and F of temperatures are two of them."""
_VOLTAGE = {"voltage", "v", "volt", "volts", "spannung", "bias", "vpulse", "vprog", "amplitude"}
_VOLTAGE |= {"vread"}
_READ = {"read", "vread"}
_QUANTITY: dict[str, Quantity] = {
    "conductance": "conductance", "g": "conductance", "leitwert": "conductance",
    "cond": "conductance", "weight": "conductance",
    "resistance": "resistance", "r": "resistance", "widerstand": "resistance", "res": "resistance",
    "current": "current", "i": "current", "id": "current", "ids": "current", "strom": "current",
    "iread": "current",
}  # fmt: skip
_DELTA = {"delta", "dg", "jump", "change", "δg", "δ", "dw"}
_SPREAD = {"sigma", "std", "stdev", "sd", "err", "error", "sem", "var", "variance", "deviation"}
_CYCLE = {"cycle", "cycles", "loop", "round", "sweep", "run", "ramp", "train", "zyklus"}
_DEVICE = {"device", "dev", "cell", "sample", "synapse", "memristor"}
_UP_LABELS, _DOWN_LABELS = {"+", "p", "s"}, {"-", "d", "r"}
_UP_NUMBERS, _DOWN_NUMBERS = (1.0,), (-1.0, 0.0)
_DIRECTION = {"direction", "type", "polarity", "phase", "operation", "process"}
_TARGETS: tuple[tuple[str, Quantity | None, Kind], ...] = (
    ("siemens", "conductance", "value"),
    ("ohm", "resistance", "value"),
    ("ampere", "current", "value"),
    ("volt", None, "voltage"),
    ("second", None, "time"),
)
_UNIT = r"[A-Za-z\u00b5\u03bc\u03a9\u2126%]+"
_MARKED = re.compile(r"[(\[{]([^)\]}]*)[)\]}]\s*$|(?:/|,|\bin\b|_)\s*(\S+)\s*$")
"""What stands where heads have a unit, whether it is one or not."""
_RELATIVE = {"au", "arb", "norm", "normalized", "normalised", "rel", "relative", "%", "unitless"}
_WITH_UNIT = re.compile(
    rf"^(?P<head>.*?)\s*(?:[(\[{{]\s*(?P<a>{_UNIT}|a\.\s?u\.?)\s*[)\]}}](?P<rest>.*)"
    rf"|(?:/|,|\bin\b)\s*(?P<b>{_UNIT})\s*)$"
)


def understand(name: str) -> Head:
    """What a head as written says; ``other`` where it says nothing that is known.

    Raises:
        ValueError: One line, where unit and name contradict each other.
    """
    text, unit = split_unit(name)
    quantity, kind, factor = _dimension(unit)
    tokens = _tokens(text)
    words = set(tokens)
    direction = _direction(tokens)
    number = next((int(token) for token in reversed(tokens) if token.isdigit()), None)
    stem = " ".join(token for token in tokens if not token.isdigit())
    named = next((_QUANTITY[token] for token in tokens if token in _QUANTITY), None)
    quantity = quantity or (named if kind is None else None)
    if kind is None:
        kind = _kind(words, quantity, direction, number)
    elif kind == "voltage" and words & _READ:
        kind = "read_voltage"
    elif kind == "time" and (named or direction) and not words & (_TIME | _PULSE):
        raise ValueError(f"{name!r} has the unit {unit}, a time; allowed: S (siemens), ohm or A")
    elif kind == "value" and words & _SPREAD:
        kind = "other"
    elif kind == "value" and words & _DELTA:
        kind = "delta"
    elif kind == "value" and not (named or direction) and _is_axis(words, number):
        kind, quantity, factor = "time", None, _in_seconds(name, unit, words)
    kind = "other" if _orders_nothing(name, kind, words) else kind
    kind = "logarithm" if kind in ("value", "delta") and words & _LOGARITHM else kind
    counts: Literal["cycle", "device"] = "device" if words & _DEVICE else "cycle"
    return Head(kind, direction, quantity, unit, factor, number, counts, stem)


def labelled_direction(text: str) -> Direction | None:
    """The direction that a cell names: a word, a letter, a sign or a number; None for others."""
    found = _direction(_tokens(text))
    if found is not None:
        return found
    short, value = text.lower(), parse_number(text.replace(",", ".").replace("\u2212", "-"))
    if short in _UP_LABELS or value in _UP_NUMBERS:
        return "potentiation"
    return "depression" if short in _DOWN_LABELS or value in _DOWN_NUMBERS else None


def split_unit(name: str) -> tuple[str, str | None]:
    """A head without its unit, and the unit; None where it has none that is known."""
    match = _WITH_UNIT.match(name.strip())
    if match:
        unit = (match["a"] or match["b"]).strip()
        if _is_unit(unit):
            return f"{match['head']} {match['rest'] or ''}".strip(), unit
    # G_uS, R_kOhm
    head, _, last = name.strip().rpartition("_")
    if head and re.fullmatch(rf"{_UNIT}([SAV\u03a9\u2126]|[Oo]hms?)", last) and _is_unit(last):
        return head, last
    return name, None


def _is_unit(unit: str) -> bool:
    return _dimension(unit)[1] is not None or _is_relative(unit)


def _is_relative(unit: str) -> bool:
    return unit.replace(".", "").replace(" ", "").lower() in _RELATIVE


def _dimension(unit: str | None) -> tuple[Quantity | None, Kind | None, float]:
    """Quantity and kind that a unit belongs to, and its factor."""
    if unit is None or _is_relative(unit):
        return None, None, 1.0
    for target, quantity, kind in _TARGETS:
        factor = unit_factor(unit, target)
        if factor is not None:
            return quantity, kind, factor
    return None, None, 1.0


def _tokens(text: str) -> list[str]:
    parts = re.sub(r"(?<=[a-z]{2})(?=[A-Z])", " ", text)
    return re.findall(r"[^\W\d_]+|\d+|#", parts.lower())


def _direction(tokens: list[str]) -> Direction | None:
    for token in tokens:
        if token in _UP or token.startswith("potent"):
            return "potentiation"
        if token in _DOWN or token.startswith("depress"):
            return "depression"
    return None


def _is_axis(words: set[str], number: int | None) -> bool:
    """Whether a head in siemens, ohm or ampere has the name of times or pulses alone."""
    if number is None:
        return bool(words) and (bool(words & _TIME) or words <= _PULSE | _SPAN)
    return bool(words & (_TIME - {"t"}))  # T1 and #1 are names of devices


def _in_seconds(name: str, unit: str | None, words: set[str]) -> float:
    """What one unit of a time is whose s was written as S."""
    factor = None
    if unit is not None and words & (_TIME | _SPAN):
        factor = unit_factor(unit.replace("S", "s"), "second")
    if factor is None:
        raise ValueError(
            f"{name!r} has the unit {unit} and the name of an axis; allowed: a time in s, a count "
            "without a unit, or readings that are named (G, R, I, LTP, LTD)"
        )
    return factor


def _orders_nothing(name: str, kind: Kind, words: set[str]) -> bool:
    """Whether a column that seems to be an axis has times of single pulses, or temperatures."""
    if kind == "time" and words & _TIME == {"t"}:
        marked = _MARKED.search(name)
        unit = (marked[1] or marked[2] or "").strip() if marked else ""
        unit = re.sub(r"^(\u00b0|deg\.?)\s*", "", unit)
        if any(unit_factor(unit, other) is not None for other in _NO_TIMES):
            return True
    return kind in ("pulse", "time") and bool(words & (_SPAN | _EDGE))


def _kind(
    words: set[str], quantity: Quantity | None, direction: Direction | None, number: int | None
) -> Kind:
    """Kind of a column whose unit does not tell it."""
    numbered = number is not None
    axis = bool(words & {"pulse", "pulses"})
    electric = bool(words & {"conductance", "current", "resistance"})
    order: tuple[tuple[bool, Kind], ...] = (
        (bool(words & _SPREAD), "other"),
        (bool(words & _DELTA), "delta"),
        (bool(words & _VOLTAGE and words & _READ) and not electric, "read_voltage"),
        (bool(words & _VOLTAGE) and not electric, "voltage"),
        (quantity is not None and not axis, "value"),
        (bool(words & _TIME), "time"),
        (bool(words & _PULSE), "pulse"),
        (bool(words & _DIRECTION), "direction"),
        (direction is not None, "value"),
        (bool(words & (_CYCLE | _DEVICE)) and numbered, "value"),
        (bool(words & _CYCLE), "cycle"),
        (bool(words & _DEVICE), "device"),
    )
    return next((kind for holds, kind in order if holds), "other")
