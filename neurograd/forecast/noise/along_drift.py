"""Noise of many batches that acts along the step of their drift, not at once before it.

Batches push where curvature is large. A step that begins where those of hundreds of updates have
thrown the weights begins where none of these updates was: curvature holds noise back while it
comes. A draw ε for n updates is spread evenly over them, as a constant part ε/(nΔt) of the drift,
which a step of the polynomial P makes into

    (1 − P(z))/z · ε,      z = nΔtλ,

in a mode of curvature λ: all of ε where nothing holds it back, and ε/z where much does. n
independent updates leave the variance ``F(z) = (1 − e^{−2z})/(2z)`` of ε's there. In modes whose
curvature is known, what is more than that comes off the even part, and what is less comes after the
step. In other modes a step, which is of first order, leaves too much where z is 1.5 to 2: up to 3.6
times as much in one stage, 1.8 in two, 1.6 in three and 1.5 in six and more. Where they are stiff
it leaves most out, up to the single updates at the end of a training. Of shuffled epochs whose
samples the drift visits nothing is even but what the last batch of whole ones leaves: other modes
have none of what curvature leaves there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograd.forecast.noise.diffusion import Diffusion, Draw
from neurograd.forecast.noise.shuffled_epochs import EpochPart
from neurograd.forecast.noise.splitting import remaining_variance
from neurograd.forecast.runge_kutta_legendre import stability_polynomial


class BatchesAlongDrift(Diffusion):
    """As ``Diffusion``, which puts what is independent in all updates before and after a step.

    Attributes:
        grown: What became of the noise of a batch along a step, over that where it began.
    """

    grown: Callable[[], float]

    _batches: tuple[Tensor, Tensor] | None = None
    _carried: tuple[Tensor, NDArray[np.float64], NDArray[np.float64]] | None = None

    def take(self, before: Draw, after: Draw, w: Tensor) -> float:
        """Go on with these draws; returns the length of one over that of the weights.

        Args:
            before: Noise along the drift of a step.
            after: Noise after it, independent of the other.
            w: Weights, shape ``(N,)``.
        """
        ratio = super().take(before, after, w)
        self.forget_growth()
        both = before.batch, after.batch
        self._carried = None
        self._batches = None if both[0] is None or both[1] is None else (both[0], both[1])
        own = Draw(before.independent, None), Draw(after.independent, None)
        self._draws = None if own[0].independent is None else own
        return ratio

    def forget_growth(self) -> None:
        """Noise counts as unchanged along a step that has not been taken."""
        self.grown = _unchanged

    def along_drift(self, length: int, stages: int, epoch: EpochPart | None) -> Tensor | float:
        """What the batches of ``length`` updates add to their mean drift, in gradient units.

        What comes after that step goes by the modes that are known here.

        Args:
            length: Number of updates.
            stages: Stage count of the step that carries their drift.
            epoch: Their part of an epoch, or what the drift has of their noise itself.
        """
        if self._batches is None or length == 1:
            return 0.0
        noise = self._batches[0]
        self._carried = self._in_known_modes(noise, length, stages, epoch)
        even = _even_part(epoch)
        if even == 0.0:
            return 0.0
        directions, needed, passed = self._carried
        kept = np.sqrt(np.minimum(1.0, needed / np.maximum(passed, 1e-300))) - 1.0
        scale = math.sqrt(even / length) / self.step_size
        return scale * _changed(noise, noise, directions, kept)

    def apply_noise_after_drift(
        self, w: Tensor, length: int, stages: int, epoch: EpochPart | None = None
    ) -> Tensor:
        """Weights with what stiff modes have of the batches beyond their even part.

        Of several updates that is the even part which ``along_drift`` gave last.
        """
        w = super().apply_noise_after_drift(w, length, stages, epoch)
        if self._batches is None:
            return w
        along, after = self._batches
        if length == 1:
            # One batch moves the weights after its gradient was taken.
            return w + math.sqrt(_even_part(epoch)) * along
        assert self._carried is not None  # along_drift comes first
        directions, needed, passed = self._carried
        left = np.sqrt(length * np.maximum(needed - passed, 0.0))
        return _changed(w, after, directions, self.grown() * left)

    def _in_known_modes(
        self, like: Tensor, length: int, stages: int, epoch: EpochPart | None
    ) -> tuple[Tensor, NDArray[np.float64], NDArray[np.float64]]:
        """Directions, and variances of one update's: to be left, and left of its even part."""
        curvature, directions = self._modes.known(like)
        step = self.step_size * np.maximum(curvature.double().cpu().numpy(), 0.0)
        ratio = 1.0 if epoch is None else epoch.ratio(step)
        needed = remaining_variance(length * step) * ratio
        passed = _even_part(epoch) * _part_of_constant(length * step, length, stages)
        return directions, needed, passed

    def to_pay_back(self, length: int, epoch: EpochPart) -> Tensor | float:
        """The noise that later batches of the epoch make up for: that of the drift."""
        if self._batches is None or epoch.undamped == 0.0:
            return 0.0
        return math.sqrt(length * epoch.undamped) * self._batches[0] / self.step_size


def _unchanged() -> float:
    return 1.0


def _changed(
    vector: Tensor, noise: Tensor, directions: Tensor, factors: NDArray[np.float64]
) -> Tensor:
    """A vector and the parts of a noise along some directions, each times its factor."""
    inside = torch.as_tensor(factors).to(noise) * (directions.T @ noise)
    return torch.addmv(vector, directions, inside)


def _even_part(epoch: EpochPart | None) -> float:
    """Variance of batches that acts along the drift, over that of independent ones."""
    return 1.0 if epoch is None else epoch.undamped + epoch.leftover


def _part_of_constant(z: NDArray[np.float64], length: int, stages: int) -> NDArray[np.float64]:
    """Variance that a step leaves of a constant part of the drift, ``((1 − P(z))/z)²``.

    Args:
        z: Span times curvature, 0 or more.
        length: Updates of the step, which are taken one by one where that costs no more.
        stages: Its stages.
    """
    kept = (1.0 - z / length) ** length if stages >= length else stability_polynomial(stages, z)
    return np.where(z > 1e-4, np.square((1.0 - kept) / np.maximum(z, 1e-300)), 1.0)
