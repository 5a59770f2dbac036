"""What a chip's writes make of single updates, along a step that looks at a subset of samples.

Where the write is linear in the increment on either side of 0, its mean is ``F·E x − G·E|x|``
(Wu et al., arXiv:2406.12774). F and G depend on the weight, and pull it back to where G is 0: at
every stage of a step they are those of its own weights, on lines through two places near the step.
Trains of pulses bend a little: the secant of a typical increment, ``E x²/E|x|``, has the mean of a
response that bends as a parabola. Lines are measured again where weights or increments have left
what was measured, not in every step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from device_models import Chip, ElementMoments
from neurograd.forecast.held_range import HeldRange
from neurograd.forecast.write_response import (
    LEAST_OF_LINE,
    SMALL_PART,
    LinearResponse,
    WriteResponse,
)

SMALL = SMALL_PART
"""Increments at which slopes are measured, as a part of the mean size of typical ones.

A pure number. Not tuned: less than a pulse where typical increments are of few, so that they take
the closed form of one. Smaller drowns in rounding where weights are float32.
"""

_SHORTEST, _LONGEST = 0.2, 0.4
"""Distance of the two places of a line, as parts of the weights' root mean square.

Pure numbers. Not tuned. Slopes of soft bounds are lines in the weight, whatever the distance.
"""

_BEYOND = 5.0
"""How far lines are followed, in distances of their two places."""

_LEFT = 1.0
"""Mean way of weights after which lines are measured again, in distances of their two places.

A pure number. Not tuned. On the lines of soft bounds the way does not matter. Larger follows
responses that bend in the weight beyond where their lines hold; smaller costs time.
"""

_OTHER_SIZE = 1.5
"""Factor on typical increments, up or down, from which they count as others.

A pure number above 1. Not tuned. Larger keeps the bend of trains that are no longer so long;
smaller costs time.
"""


class SubsetResponse:
    """Linear responses of a chip's write along its path.

    Args:
        chip: The chip.
        like: Weights, for their shape.

    Attributes:
        is_linear: Whether there is such a response; known after the first ``prepare``.
    """

    def __init__(self, chip: Chip, like: Tensor) -> None:
        self._measure, self._range = WriteResponse(chip), HeldRange.of(chip, like)
        self.is_linear = False
        self._size = 0.0
        # What small increments realize, row by row as of ``_rows``: at one place of each weight,
        # how it changes to another one, the inverse distance of the two, and what it is multiplied
        # with for typical increments; the first two with that, as ``at`` takes them.
        self._place: Tensor
        self._rows: Tensor
        self._slopes: Tensor
        self._inverse_gap: Tensor
        self._bend: Tensor
        self._bent: tuple[Tensor, Tensor]

    def use(self, chip: Chip) -> None:
        """Go on with the step size of this chip."""
        self._measure.chip = chip

    def stack(self, w: Tensor, increments: Tensor) -> ElementMoments:
        """What is realized of each of some increments, as ``WriteResponse.stack``."""
        return self._measure.stack(w, increments)

    def prepare(self, w: Tensor, typical: Tensor, way: Tensor) -> None:
        """Lines for a step; those that are known serve it as long as they hold.

        Args:
            w: Stored weights where it begins, shape ``(N,)``.
            typical: Size ``E x²/E|x|`` of single increments, shape ``(N,)``.
            way: About where the step goes, shape ``(N,)``.
        """
        if self._size > 0.0 and not self.is_linear:
            return
        size = float(typical.mean())
        if self._size / _OTHER_SIZE < size < self._size * _OTHER_SIZE:
            if float(self._along(w).abs().mean()) > _LEFT:
                self._lay_lines(w, way)
                self._bent = self._rows * self._bend, self._slopes * self._bend
            return
        self._size = max(size, torch.finfo(w.dtype).tiny)
        self._measure.prepare(w, typical, random=True)
        found = self._measure.line
        self.is_linear = found is not None
        if found is not None:
            self._lay_lines(w, way)
            self.is_linear = self._realizes_small(found)
            self._bend = _ratio(_rows(found), self._rows)
            self._bent = self._rows * self._bend, self._slopes * self._bend

    def _realizes_small(self, secant: LinearResponse) -> bool:
        """Whether increments of one small size are not swallowed by a dead zone in most weights."""
        small = float(self._rows[1:3].abs().sum())
        return small >= LEAST_OF_LINE * float(
            secant.up_gain.abs().sum() + secant.down_gain.abs().sum()
        )

    def _lay_lines(self, w: Tensor, way: Tensor) -> None:
        """Measure small increments at ``w`` and beside it."""
        small, there = torch.full_like(w, SMALL * self._size), self._beside(w, way)
        self._place, gap = w, there - w
        self._inverse_gap = torch.where(gap == 0, 0.0, 1.0 / torch.where(gap == 0, 1.0, gap))
        self._rows = _rows(self._measure.measured(w, small))
        self._slopes = _rows(self._measure.measured(there, small)) - self._rows

    def _along(self, w: Tensor) -> Tensor:
        """Place on the lines: 0 where they were measured and 1 beside it."""
        return (w - self._place) * self._inverse_gap

    def _beside(self, w: Tensor, way: Tensor) -> Tensor:
        """Another place of each weight that its device can hold, towards where it goes."""
        scale = float(w.square().mean().sqrt())
        length = way.abs().clamp(_SHORTEST * scale, _LONGEST * scale)
        move = torch.where(way < 0, -length, length)
        ahead = self._range.clip(w + move)
        blocked = (ahead - w).abs() < 0.5 * length
        return torch.where(blocked, self._range.clip(w - move), ahead)

    def at(self, w: Tensor) -> LinearResponse:
        """The response at ``w``, shape ``(N,)``, near the step that was prepared."""
        means, variances = self._lines_at(w, slice(0, 3)), self._lines_at(w, slice(3, 6))
        variances[0].clamp_min_(0.0)
        at_rest = ElementMoments(means[0], variances[0])
        return LinearResponse(at_rest, means[1], means[2], variances[1], variances[2])

    def mean(self, w: Tensor, increment: Tensor, size: Tensor) -> Tensor:
        """Mean of what is realized at ``w``, shape ``(N,)``: ``at(w).moments``, in fewer calls.

        Args:
            w: Stored weights, shape ``(N,)``.
            increment: Mean increment, shape ``(N,)``.
            size: Its mean size E|x|, shape ``(N,)``.
        """
        rest, up, down = self._lines_at(w, slice(0, 3))
        change = up.mul_(size + increment).sub_(down.mul_(size - increment))
        return torch.add(rest, change, alpha=0.5)

    def _lines_at(self, w: Tensor, rows: slice) -> Tensor:
        """Three rows at ``w``, of which the last two have no sign, shape ``(3, N)``."""
        along = self._along(w).clamp_(-_BEYOND, _BEYOND)
        base, slopes = self._bent
        found = torch.addcmul(base[rows], along, slopes[rows])
        found[1:].clamp_min_(0.0)
        return found


def _rows(found: LinearResponse) -> Tensor:
    """A response as rows, shape ``(6, N)``: means, of which that at rest has a sign, variances."""
    means = (found.at_rest.mean, found.up_gain, found.down_gain)
    variances = (found.at_rest.variance, found.up_variance, found.down_variance)
    return torch.stack([*means, *variances])


def _ratio(secant: Tensor, slope: Tensor) -> Tensor:
    """Secant over slope, row by row; 1 where nothing is realized."""
    eps = torch.finfo(slope.dtype).eps
    nothing = slope.abs() <= eps * slope.abs().amax(1, keepdim=True)
    return torch.where(nothing, 1.0, secant / torch.where(nothing, 1.0, slope))
