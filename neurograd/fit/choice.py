"""Which curve runs of pulses have: the one that hidden readings bear out.

All curves of ``curves.py`` are fitted, with steps that stop at the window's ends and with steps
that go on. Of those that the test of ``goodness.py`` does not rule out, the one under which hidden
readings are likeliest is taken, or the one of fewest numbers that is at most ``PRICE`` of log
likelihood behind (of as many numbers, one with constant noise).

Which of the near curves is right is not known, so intervals of numbers that others have as well
hold theirs. Such rivals are the curves within ``RIVAL`` of the chosen one. A curve that becomes the
chosen one at some values of its numbers is as near with nothing gained by it; it is a rival where
it is ahead by ``AHEAD`` (and by less than ``PRICE``), or where Akaike's criterion of all readings
has it ahead: hidden ones are a part of these, and tell a curve from its special case less well.

Source: Akaike, IEEE Transactions on Automatic Control 19, 1974.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurograd.errors import DataError
from neurograd.fit.goodness import LEVEL, Goodness, goodness, together
from neurograd.fit.models.curves import CURVES, Curve, form_of, forms_within
from neurograd.fit.models.model_fit import ModelFit, fit_model, fit_stopping, held_out
from neurograd.fit.models.trains import Trains

PRICE = 2.0
"""Log likelihood of hidden readings that a curve of more numbers must be ahead by."""

RIVAL = 3.0
"""Log likelihood of hidden readings, a ratio of 20, within which a curve may be the right one."""

AHEAD = 1.0
"""Log likelihood of hidden readings ahead of its special case from which a curve is its rival."""

CHOOSING = 12
"""Most devices that a curve is chosen on: of more, as many that are evenly spread."""

BEHIND = 15.0
"""Log likelihood of all readings behind the best beyond which a curve is not tried on hidden ones:
these are a part of all."""


@dataclass(frozen=True)
class Tried:
    """A curve that was tried.

    Attributes:
        fits: Its fit to all readings of each device.
        held_out: Log likelihood of hidden readings; None where it was too far behind to be tried.
        goodness: P-values of the test of the fit.
    """

    fits: tuple[ModelFit, ...]
    held_out: float | None
    goodness: Goodness

    @property
    def curve(self) -> Curve:
        """The curve."""
        return self.fits[0].model.curve

    @property
    def name(self) -> str:
        """Of the curve."""
        return self.curve.name

    @property
    def stops(self) -> bool:
        """Whether its steps stop at the window's ends."""
        return self.fits[0].model.stops

    @property
    def numbers(self) -> int:
        """Numbers that were fitted, of all devices."""
        return sum(len(fit.model.names) for fit in self.fits)

    @property
    def log_likelihood(self) -> float:
        """Restricted, of all readings."""
        return sum(fit.top.value for fit in self.fits)

    @property
    def score(self) -> float:
        """Log likelihood of hidden readings; minus infinity where the curve does not stand."""
        if self.held_out is None or not self.goodness.fits:
            return -np.inf
        return self.held_out


@dataclass(frozen=True)
class Choice:
    """The curve that was chosen.

    Attributes:
        tried: All curves, those of the likeliest hidden readings first.
        chosen: The one that is taken; None where all are ruled out.
        rivals: Others that may be right, each with the better of its two kinds of ends.
    """

    tried: tuple[Tried, ...]
    chosen: Tried | None
    rivals: tuple[Tried, ...]

    @property
    def other_forms(self) -> tuple[str, ...]:
        """Forms of rivals that the chosen curve has at no values of its numbers."""
        if self.chosen is None:
            return ()
        within = forms_within(self.chosen.name)
        forms = (form_of(each.name) for each in self.rivals)
        return tuple(dict.fromkeys(form for form in forms if form not in within))

    def notes(self) -> tuple[str, ...]:
        """What has to be known of the choice, a line each."""
        if self.chosen is None:
            return (self._none_in_words(),)
        return (*self._rivals_in_words(self.chosen), *self._ends_in_words(self.chosen))

    def _none_in_words(self) -> str:
        best = max(self.tried, key=lambda each: each.goodness.smallest)
        return (
            f"No curve fits at level {LEVEL:g}: the nearest is {best.name} "
            f"(p = {best.goodness.smallest:.2g}, by {best.goodness.worst}). "
            "The device is a jump table."
        )

    def _rivals_in_words(self, chosen: Tried) -> tuple[str, ...]:
        if not self.rivals:
            return ()
        names = "; ".join(each.name for each in self.rivals)
        return (
            f"Not told from {chosen.name}: {names} (by the likelihood of hidden readings or of "
            "all). Intervals of numbers that they share hold those under each.",
        )

    def _ends_in_words(self, chosen: Tried) -> tuple[str, ...]:
        """Whether pulses stop at the window's ends; nothing where the readings do not tell."""
        others = [e for e in self.tried if e.curve is chosen.curve and e.stops != chosen.stops]
        ahead = chosen.log_likelihood - others[0].log_likelihood if others else 0.0
        if ahead < PRICE:
            return ()
        if chosen.stops:
            way, other, rest = "stop at", "go on", ""
        else:
            way, other, rest = "go on beyond", "stop", "; those of a spec's device stop there"
        return (
            f"Pulses are taken to {way} the window's ends (log likelihood {ahead:.1f} above pulses "
            f"that {other}){rest}.",
        )


def choose(trains: Trains, curves: tuple[Curve, ...] = CURVES) -> Choice:
    """Fit all curves, of several devices each for itself, and choose one for all of them.

    Args:
        trains: The runs.
        curves: What is tried.

    Raises:
        DataError: If none of the curves can be told from the runs.
    """
    devices = choosing(trains.by_device())
    there = [curve for curve in curves if all(_applies(curve, own) for own in devices)]
    if not there:
        raise DataError(
            f"{curves[-1].name} is not told from pulses of {' and '.join(trains.directions)} "
            "alone; allowed: runs up and down, or soft_bounds"
        )
    every = [tuple(fit_model(curve, own) for own in devices) for curve in there]
    every += [stopping for fits in every if (stopping := stopping_of(fits)) is not None]
    values = [sum(fit.top.value for fit in fits) for fits in every]
    tried = []
    for fits, value in zip(every, values, strict=True):
        near = value >= max(values) - BEHIND
        hidden = float(sum(held_out(fit).sum() for fit in fits)) if near else None
        tried.append(Tried(fits, hidden, together([goodness(fit) for fit in fits])))
    tried.sort(key=lambda each: (each.held_out is None, -(each.held_out or 0.0)))
    standing = [each for each in tried if each.score > -np.inf]
    if not standing:
        return Choice(tuple(tried), None, ())
    least = max(each.score for each in standing) - PRICE
    good = [each for each in standing if each.score >= least]
    chosen = min(good, key=_rank)
    return Choice(tuple(tried), chosen, rivals_of(chosen, standing))


def choosing(devices: Sequence[Trains]) -> tuple[Trains, ...]:
    """The devices that a curve is chosen on."""
    return tuple(devices[:: -(-len(devices) // CHOOSING)])


def fits_of(tried: Tried, trains: Trains) -> tuple[ModelFit, ...]:
    """The fits of a curve to all devices, those that it was not chosen on as well.

    Args:
        tried: The curve, from ``choose``.
        trains: The runs.
    """
    devices = trains.by_device()
    done = dict(zip(map(id, choosing(devices)), tried.fits, strict=True))
    return tuple(done.get(id(own)) or _fit_as(tried, own) for own in devices)


def _fit_as(tried: Tried, own: Trains) -> ModelFit:
    fit = fit_model(tried.curve, own)
    return (tried.stops and fit_stopping(fit)) or fit


def stopping_of(fits: Sequence[ModelFit]) -> tuple[ModelFit, ...] | None:
    """The same curve with steps that stop at the window's ends; None where none gets there.

    Args:
        fits: Of all devices, without. Of a device that does not get there it is the fit.
    """
    found = [fit_stopping(fit) for fit in fits]
    if all(each is None for each in found):
        return None
    return tuple(fit if each is None else each for fit, each in zip(fits, found, strict=True))


def _rank(tried: Tried) -> tuple[int, bool, float]:
    return tried.numbers, tried.curve.relative, -tried.score


def rivals_of(chosen: Tried, standing: list[Tried]) -> tuple[Tried, ...]:
    """The better kind of every other curve that may be the right one.

    Args:
        chosen: The curve that is taken.
        standing: All curves that are not ruled out.
    """
    found: dict[str, Tried] = {}
    for each in sorted(standing, key=lambda each: -each.score):
        if chosen.name in each.curve.holds:
            rival = each.score >= chosen.score + AHEAD or _better_of_all(each, chosen)
        else:
            rival = each.name != chosen.name and each.score >= chosen.score - RIVAL
        if rival:
            found.setdefault(each.name, each)
    return tuple(found.values())


def _better_of_all(larger: Tried, special: Tried) -> bool:
    """Whether all readings have a curve before its special case, one unit a further number."""
    return larger.log_likelihood - special.log_likelihood >= larger.numbers - special.numbers


def _applies(curve: Curve, trains: Trains) -> bool:
    """Whether the numbers of a curve can be told from the runs that there are."""
    both = len(trains.directions) == 2
    if curve.whole:
        pulses = trains.pulses()
        return all(len(set(pulses[trains.of(name)])) == 1 for name in trains.directions)
    # The window of one direction alone is as long as its curve.
    return both or curve.name == "soft bounds"
