"""The noise of many updates: one draw of it before, and one after the step of their mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neurograd.forecast.estimates import Estimates
from neurograd.forecast.response import Response
from neurograd.forecast.splitting import late_part, mean_curvature, split_parts
from neurograd.forecast.stiffness import StiffDirections


class UpdateNoise:
    """Noise of a chip's updates near its weights, and the curvature that it meets.

    Args:
        estimates: The chip's gradient estimates.
        response: What its writes make of them.
        stiff: Directions whose curvature is known.
        step_size: Δt.
    """

    def __init__(
        self, estimates: Estimates, response: Response, stiff: StiffDirections, step_size: float
    ) -> None:
        self._estimates, self._response, self._stiff = estimates, response, stiff
        self._step_size = step_size
        self._draws: tuple[Tensor, Tensor] | None = None
        self._felt = 0.0

    def draw(self, w: Tensor, estimate: Tensor, generator: torch.Generator) -> float:
        """Draw noise of single updates at ``w``; returns its length over that of the weights.

        The closed-form variance of the write is independent in all weights; estimates vary
        together, as the deviations of real ones do.

        Args:
            w: Stored weights, shape ``(N,)``.
            estimate: Mean gradient estimate there, shape ``(N,)``.
            generator: Source of the noise.
        """
        self._draws = None
        realized = [self._response.at(w, estimate + each) for each in self._estimates.deviations]
        if realized:
            variance = torch.stack([each.variance for each in realized]).mean(0)
        else:
            variance = self._response.at(w, estimate).variance
        if not realized and not bool((variance > 0).any()):
            return 0.0
        mean = self._response.at(w, estimate, self._estimates.spread).mean

        def one() -> Tensor:
            normal = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
            noise = variance.sqrt() * normal
            for each in realized:
                weight = torch.randn((), generator=generator, device=w.device)
                noise += float(weight) / math.sqrt(len(realized)) * (each.mean - mean)
            return noise

        late, early = one(), one()
        self._draws = early, late
        return float(early.norm() / w.norm().clamp_min(1e-300))

    def early(self, w: Tensor, length: int, stages: int) -> Tensor:
        """Weights with the part of the noise of ``length`` updates that comes before their mean.

        Args:
            w: Stored weights, shape ``(N,)``.
            length: Number of updates.
            stages: Stages of the step that carries their mean.
        """
        if self._draws is None:
            return w
        noise = self._draws[0]
        return w + (noise if length == 1 else self._part(noise, length, stages, late=False))

    def late(self, w: Tensor, length: int, stages: int) -> Tensor:
        """Weights with the part that comes after it, which nothing has damped yet."""
        if self._draws is None or length == 1:
            return w
        return w + self._part(self._draws[1], length, stages, late=True)

    def feel(self, change: Tensor, slope_change: Tensor) -> None:
        """Learn the curvature that the noise meets off the stiff directions.

        Args:
            change: What noise has made of the weights, shape ``(N,)``.
            slope_change: What that has made of the mean update in gradient units, shape ``(N,)``.
        """
        if self._draws is not None:
            rest = self._stiff.split(change)[0]
            self._felt = 0.5 * (self._felt + mean_curvature(rest, slope_change))

    def _part(self, noise: Tensor, length: int, stages: int, *, late: bool) -> Tensor:
        span = length * self._step_size
        rest, curvature, along, directions = self._stiff.split(noise)
        known = split_parts(span * curvature, stages)[late]
        felt = float(late_part(torch.tensor(span * self._felt, dtype=noise.dtype), stages))
        part = math.sqrt(felt if late else 1.0 - felt)
        return math.sqrt(length) * (part * rest + directions @ (known.sqrt() * along))
