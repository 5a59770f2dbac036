"""What a chip's writes make of single updates, along a step that looks at a subset of samples.

Where the write is linear in the increment on either side of 0, its mean is ``F·E x − G·E|x|``
(Wu et al., arXiv:2406.12774). F and G depend on the weight, and pull it back to where G is 0: at
every stage of a step they are those of its own weights, on lines through two places near the step.
Trains of pulses bend a little: the secant of a typical increment, ``E x²/E|x|``, has the mean of a
response that bends as a parabola. How far it is from the slope of small ones changes slowly, and is
measured again whenever the number of updates has doubled.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models import Chip
from neurograd.forecast.held_range import HeldRange
from neurograd.forecast.write_response import LinearResponse, WriteResponse

SMALL = 0.1
"""Increments at which slopes are measured, as a part of the mean size of typical ones.

A pure number. Not tuned: less than a pulse where typical increments are of few, so that they take
the closed form of one. Smaller drowns in rounding where weights are float32.
"""

_SHORTEST, _LONGEST = 0.1, 0.3
"""Distance of the two places of a line, as parts of the weights' root mean square.

Pure numbers. Not tuned. Slopes of soft bounds are lines in the weight, whatever the distance.
"""

_BEYOND = 5.0
"""How far lines are followed, in distances of their two places."""

_AGE = 2.0
"""Growth of the number of updates after which typical increments are measured again."""


@dataclass(frozen=True)
class _Place:
    """Slopes for small increments at some weights, and what is realized without one."""

    w: Tensor
    rest: Tensor
    up: Tensor
    down: Tensor


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
        self._typical: LinearResponse | None = None
        self._bend: tuple[Tensor, Tensor]
        self._here: _Place
        self._there: _Place
        self._measured = 0

    def use(self, chip: Chip) -> None:
        """Go on with the step size of this chip."""
        self._measure.chip = chip

    def prepare(self, w: Tensor, typical: Tensor, way: Tensor, done: int) -> None:
        """Lines for a step.

        Args:
            w: Stored weights where it begins, shape ``(N,)``.
            typical: Size ``E x²/E|x|`` of single increments, shape ``(N,)``.
            way: About where the step goes, shape ``(N,)``.
            done: Updates before it.
        """
        if self._typical is not None and not self.is_linear:
            return
        small = torch.full_like(w, SMALL * float(typical.mean()))
        self._here = self._at(w, small)
        if self._typical is None or done >= _AGE * self._measured:
            self._measured = done
            self._measure.prepare(w, typical, random=True)
            found = self._measure.line
            self.is_linear = found is not None
            self._typical = found or self._measure.measured(w, typical)
            self._bend = (
                _ratio(self._typical.up_gain, self._here.up),
                _ratio(self._typical.down_gain, self._here.down),
            )
        self._there = self._at(self._beside(w, way), small)

    def _at(self, w: Tensor, size: Tensor) -> _Place:
        found = self._measure.measured(w, size)
        return _Place(w, found.at_rest.mean, found.up_gain, found.down_gain)

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
        assert self._typical is not None
        here, there = self._here, self._there
        gap = there.w - here.w
        along = torch.where(gap == 0, 0.0, (w - here.w) / torch.where(gap == 0, 1.0, gap))
        along = along.clamp(-_BEYOND, _BEYOND)
        rest = here.rest + along * (there.rest - here.rest)
        return LinearResponse(
            at_rest=type(self._typical.at_rest)(rest, self._typical.at_rest.variance),
            up_gain=self._bend[0] * (here.up + along * (there.up - here.up)).clamp_min(0.0),
            down_gain=self._bend[1] * (here.down + along * (there.down - here.down)).clamp_min(0.0),
            up_variance=self._typical.up_variance,
            down_variance=self._typical.down_variance,
        )


def _ratio(secant: Tensor, slope: Tensor) -> Tensor:
    """Secant over slope; 1 where nothing is realized."""
    nothing = slope.abs() <= torch.finfo(slope.dtype).eps
    return torch.where(nothing, 1.0, secant / torch.where(nothing, 1.0, slope))
