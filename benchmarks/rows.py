"""One row of the table of ratios: ours beside a peer, or beside a ceiling of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import Literal

from benchmarks.clock import Timing

Spread = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: What was done, and at which size.
        unit: Of ``ours`` and ``peer``.
        ours: Our number; None where it was not measured, and the note says why.
        peer: The peer's number; None where there is no peer, or it was not measured (see note).
        peer_name: The peer: a library, a ceiling of the machine; empty where there is none.
        ratio: ``ours / peer``, the median over repeats of both in turn; None where one is missing.
        spread: First and last quartile of that ratio; None where nothing was repeated.
        wall_ratio: The same ratio from the wall clock; None where ``ours`` is no time.
        allowed: The ratio that the project asks for; None where it asks for none.
        better: Whether a ratio below or above ``allowed`` is right.
        note: What else there is to know, such as what was extrapolated.
        alike: Whether both sides did the same work; no ratio of other rows is a verdict.
    """

    name: str
    unit: str
    ours: float | None
    peer: float | None = None
    peer_name: str = ""
    ratio: float | None = None
    spread: Spread | None = None
    wall_ratio: float | None = None
    allowed: float | None = None
    better: Literal["below", "above"] = "below"
    note: str = ""
    alike: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the ratio is as asked for; None where none is, or nothing alike was measured."""
        if self.ratio is None or self.allowed is None or not self.alike:
            return None
        if self.better == "below":
            return self.ratio <= self.allowed
        return self.ratio >= self.allowed


def timed(
    name: str,
    ours: Timing,
    peer: Timing,
    peer_name: str,
    *,
    allowed: float | None = None,
    note: str = "",
    alike: bool = True,
) -> Row:
    """A row of two timings that were taken in turn: milliseconds of processor time a call.

    Args:
        name: What was done.
        ours: Our timing.
        peer: The peer's, of as many rounds.
        peer_name: The peer.
        allowed: Largest ratio that the project asks for.
        note: What else there is to know.
        alike: Whether both sides do the same work.
    """
    row = compared(
        name,
        "ms",
        [1e3 * value for value in ours.cpu],
        [1e3 * value for value in peer.cpu],
        peer_name,
        wall_ratio=ratio_of(ours.wall, peer.wall),
        allowed=allowed,
        note=note,
    )
    return replace(row, alike=alike)


def rated(
    name: str,
    ours: Timing,
    peer: Timing,
    peer_name: str,
    items: float,
    unit: str,
    *,
    allowed: float | None = None,
    note: str = "",
) -> Row:
    """A row of two timings as rates: items a second of processor time; more is better.

    Args:
        name: What was done.
        ours: Our timing.
        peer: The peer's, of as many rounds.
        peer_name: The peer.
        items: How many items one call has, in units of ``unit``.
        unit: Such as ``million devices/s``.
        allowed: Smallest ratio that the project asks for.
        note: What else there is to know.
    """
    return compared(
        name,
        unit,
        [items / value for value in ours.cpu],
        [items / value for value in peer.cpu],
        peer_name,
        wall_ratio=ratio_of(peer.wall, ours.wall),
        allowed=allowed,
        better="above",
        note=note,
    )


def compared(
    name: str,
    unit: str,
    ours: Sequence[float],
    peer: Sequence[float],
    peer_name: str,
    *,
    wall_ratio: float | None = None,
    allowed: float | None = None,
    better: Literal["below", "above"] = "below",
    note: str = "",
) -> Row:
    """A row of repeats that were taken in turn.

    Args:
        name: What was done.
        unit: Of the numbers.
        ours: Our numbers, one a repeat.
        peer: The peer's, as many.
        peer_name: The peer.
        wall_ratio: The ratio from the wall clock, where the numbers are times.
        allowed: The ratio that the project asks for.
        better: Whether a ratio below or above it is right.
        note: What else there is to know.
    """
    ratios = [one / other for one, other in zip(ours, peer, strict=True)]
    low, _, high = quantiles(ratios, method="inclusive") if len(ratios) > 1 else 3 * ratios
    return Row(
        name,
        unit,
        median(ours),
        median(peer),
        peer_name,
        median(ratios),
        (low, high) if len(ratios) > 1 else None,
        wall_ratio,
        allowed,
        better,
        note,
    )


def not_measured(name: str, peer_name: str, reason: str) -> Row:
    """A row that says why there is no number.

    Args:
        name: What would have been done.
        peer_name: With which peer.
        reason: Such as ``aihwkit is not installed``.
    """
    return Row(name, "", None, None, peer_name, note=f"not measured: {reason}")


def ratio_of(ours: Sequence[float], peer: Sequence[float]) -> float:
    """Median over repeats of the ratio of two numbers taken in turn."""
    return median(one / other for one, other in zip(ours, peer, strict=True))
