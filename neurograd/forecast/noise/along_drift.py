"""Noise of many batches that acts along the step of their drift, not at once before it.

Batches push where curvature is large. A step that begins where those of hundreds of updates have
thrown the weights begins where none of these updates was: curvature holds noise back while it
comes. A draw ε for n updates is spread evenly over them, as a constant part ε/(nΔt) of the drift,
which a step of the polynomial P makes into

    (1 − P(z))/z · ε,      z = nΔtλ,

in a mode of curvature λ: all of ε where nothing holds it back, and ε/z where much does. What n
independent updates leave there has the variance ``F(z) = (1 − e^{−2z})/(2z)`` of ε's: the rest of it
comes after the step in modes whose curvature is known. In other stiff modes it is left out, up to
the single updates at the end of a training.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neurograd.forecast.noise.diffusion import Diffusion, Draw
from neurograd.forecast.noise.shuffled_epochs import EpochPart
from neurograd.forecast.noise.splitting import remaining_variance
from neurograd.forecast.runge_kutta_legendre import stability_polynomial


class BatchesAlongDrift(Diffusion):
    """As ``Diffusion``, which puts what is independent in all updates before and after a step."""

    _batches: tuple[Tensor, Tensor] | None = None

    def take(self, before: Draw, after: Draw, w: Tensor) -> float:
        """Go on with these draws; returns the length of one over that of the weights.

        Args:
            before: Noise along the drift of a step.
            after: Noise after it, independent of the other.
            w: Weights, shape ``(N,)``.
        """
        ratio = super().take(before, after, w)
        both = before.batch, after.batch
        self._batches = None if both[0] is None or both[1] is None else (both[0], both[1])
        own = Draw(before.independent, None), Draw(after.independent, None)
        self._draws = None if own[0].independent is None else own
        return ratio

    def along_drift(self, length: int, epoch: EpochPart | None) -> Tensor | float:
        """What the batches of ``length`` updates add to their mean drift, in gradient units.

        Args:
            length: Number of updates.
            epoch: Their part of an epoch, or what the drift has of their noise itself.
        """
        if self._batches is None or length == 1:
            return 0.0
        scale = math.sqrt(_even_part(epoch) / length) / self.step_size
        return scale * self._batches[0]

    def apply_noise_after_drift(
        self, w: Tensor, length: int, stages: int, epoch: EpochPart | None = None
    ) -> Tensor:
        """Weights with what stiff modes have of the batches beyond their even part."""
        w = super().apply_noise_after_drift(w, length, stages, epoch)
        if self._batches is None:
            return w
        along, after = self._batches
        if length == 1:
            # One batch moves the weights after its gradient was taken.
            return w + math.sqrt(_even_part(epoch)) * along
        curvature, directions = self._modes.known(w)
        step = self.step_size * curvature.clamp_min(0.0)
        ratio = 1.0 if epoch is None else epoch.ratio(step)
        needed = remaining_variance(length * step) * ratio
        passed = _even_part(epoch) * _part_of_constant(length * step, length, stages)
        left = (length * (needed - passed)).clamp_min(0.0).sqrt()
        return w + directions @ (left * (directions.T @ after))

    def to_pay_back(self, length: int, epoch: EpochPart) -> Tensor | float:
        """The noise that later batches of the epoch make up for: that of the drift."""
        if self._batches is None:
            return 0.0
        return math.sqrt(length * epoch.undamped) * self._batches[0] / self.step_size


def _even_part(epoch: EpochPart | None) -> float:
    """Variance of batches that acts along the drift, over that of independent ones."""
    return 1.0 if epoch is None else epoch.undamped + epoch.leftover


def _part_of_constant(z: Tensor, length: int, stages: int) -> Tensor:
    """Variance that a step leaves of a constant part of the drift, ``((1 − P(z))/z)²``.

    Args:
        z: Span times curvature, 0 or more.
        length: Updates of the step, which are taken one by one where that costs no more.
        stages: Its stages.
    """
    kept = (1.0 - z / length) ** length if stages >= length else stability_polynomial(stages, z)
    found: Tensor = torch.where(z > 1e-4, ((1.0 - kept) / z.clamp_min(1e-300)).square(), 1.0)
    return found
