"""The noise of many updates: one draw of it before, and one after the step of their drift."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neurograd.forecast.gradient_estimates import GradientEstimates
from neurograd.forecast.noise_splitting import (
    curvature_along,
    part_after_drift,
    split_variance,
)
from neurograd.forecast.stiff_modes import StiffModes
from neurograd.forecast.write_response import WriteResponse

_CURVATURE_WEIGHT = 0.5
"""Weight of the newest value in the running mean of the curvature off the stiff modes.

A pure number from 0 to 1. Tuned with ``experiments.agreement`` on its 63 chips. Smaller lags behind
the weights; larger follows the error of single draws. Either puts the loss floor off.
"""


class Diffusion:
    """Noise of a chip's updates near its weights, and the curvature that it meets.

    Args:
        estimates: The chip's gradient estimates.
        response: What its writes make of them.
        modes: Stiff modes, whose curvature is known.
        step_size: Δt.
    """

    def __init__(
        self,
        estimates: GradientEstimates,
        response: WriteResponse,
        modes: StiffModes,
        step_size: float,
    ) -> None:
        self._estimates, self._response, self._modes = estimates, response, modes
        self._step_size = step_size
        self._draws: tuple[Tensor, Tensor] | None = None
        self._curvature = 0.0

    def draw_noise(self, w: Tensor, estimate: Tensor, generator: torch.Generator) -> float:
        """Draw noise of single updates at ``w``; returns its length over that of the weights.

        The closed-form variance of the write is independent in all weights; estimates vary
        together, as the deviations of real ones do.

        Args:
            w: Stored weights, shape ``(N,)``.
            estimate: Mean gradient estimate there, shape ``(N,)``.
            generator: Source of the noise.
        """
        self._draws = None
        found = self._response.noise(w, estimate, self._estimates.spread)
        std, deviations = found.own_variance.sqrt(), found.deviations
        if deviations is None and not bool(std.any()):
            return 0.0

        def one() -> Tensor:
            normal = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
            noise = std * normal
            if deviations is not None:
                weights = torch.randn(
                    len(deviations), generator=generator, dtype=w.dtype, device=w.device
                )
                noise += weights @ deviations / math.sqrt(len(deviations))
            return noise

        after, before = one(), one()
        self._draws = before, after
        return float(before.norm() / w.norm().clamp_min(1e-300))

    def apply_noise_before_drift(self, w: Tensor, length: int, stages: int) -> Tensor:
        """Weights with the part of the noise of ``length`` updates that comes before their drift.

        Args:
            w: Stored weights, shape ``(N,)``.
            length: Number of updates.
            stages: Stage count of the step that carries their drift.
        """
        if self._draws is None:
            return w
        noise = self._draws[0]
        return w + (noise if length == 1 else self._scaled(noise, length, stages, after=False))

    def apply_noise_after_drift(self, w: Tensor, length: int, stages: int) -> Tensor:
        """Weights with the part that comes after the drift, which nothing has damped yet.

        Args:
            w: Stored weights, shape ``(N,)``.
            length: Number of updates.
            stages: Stage count of the step that carried their drift.
        """
        if self._draws is None or length == 1:
            return w
        return w + self._scaled(self._draws[1], length, stages, after=True)

    def observe_curvature(self, change: Tensor, drift_change: Tensor) -> None:
        """Learn the curvature that the noise meets off the stiff modes.

        Args:
            change: What noise has made of the weights, shape ``(N,)``.
            drift_change: What that has made of the drift in gradient units, shape ``(N,)``.
        """
        if self._draws is not None:
            rest = self._modes.project(change)[0]
            newest = curvature_along(rest, drift_change)
            before = (1.0 - _CURVATURE_WEIGHT) * self._curvature
            self._curvature = before + _CURVATURE_WEIGHT * newest

    def _scaled(self, noise: Tensor, length: int, stages: int, *, after: bool) -> Tensor:
        """Noise of one update, scaled to the part before or after the drift of ``length``."""
        span = length * self._step_size
        rest, curvature, along, directions = self._modes.project(noise)
        known = split_variance(span * curvature, stages)[after]
        off_modes = torch.tensor(span * self._curvature, dtype=noise.dtype)
        part_after = float(part_after_drift(off_modes, stages))
        part = math.sqrt(part_after if after else 1.0 - part_after)
        return math.sqrt(length) * (part * rest + directions @ (known.sqrt() * along))
