"""The noise of many updates: one draw of it before, and one after the step of their drift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograd.forecast.gradient_estimates import EstimateSpread
from neurograd.forecast.noise.shuffled_epochs import EpochPart
from neurograd.forecast.noise.splitting import (
    curvature_along,
    part_after_drift,
    split_variance,
)
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.write_response import WriteResponse

_CURVATURE_WEIGHT = 0.5
"""Weight of the newest value in the running mean of the curvature off the stiff modes.

A pure number from 0 to 1. Tuned with ``experiments.agreement`` on its 63 chips. Smaller lags behind
the weights; larger follows the error of single draws. Either puts the loss floor off.
"""

_BRIDGE = 1.0 / 6.0
"""Mean over an epoch of n(E − n)/E², the variance of a shuffled sum over that of E updates."""


@dataclass(frozen=True)
class Draw:
    """Noise of one update in weight units, each part of shape ``(N,)``.

    Attributes:
        independent: Noise of every update for itself; None without.
        batch: Noise of what is not drawn for each update itself, as the batches of a shuffled epoch
            or of samples that the drift has seen; None without.
    """

    independent: Tensor | None
    batch: Tensor | None

    @property
    def whole(self) -> Tensor:
        """All of it."""
        if self.independent is None or self.batch is None:
            found = self.batch if self.independent is None else self.independent
            assert found is not None
            return found
        return self.independent + self.batch


class Estimates(Protocol):
    """What the noise is made of: how single estimates vary, None where they do not."""

    @property
    def spread(self) -> EstimateSpread | None:
        """By the last refresh."""
        ...


class Diffusion:
    """Noise of a chip's updates near its weights, and the curvature that it meets.

    Args:
        estimates: The chip's gradient estimates.
        response: What its writes make of them.
        modes: Stiff modes, whose curvature is known.
        step_size: Δt.

    Attributes:
        step_size: Δt of the next updates.
    """

    def __init__(
        self,
        estimates: Estimates,
        response: WriteResponse,
        modes: StiffModes,
        step_size: float,
    ) -> None:
        self._estimates, self._response, self._modes = estimates, response, modes
        self.step_size = step_size
        self._draws: tuple[Draw, Draw] | None = None
        # Off the stiff modes, as the noise meets it: the mean curvature and its mean square.
        self._curvature = self._square = 0.0

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
        own, all_batches = bool(std.any()), found.batches is deviations
        if deviations is None and not own:
            return 0.0

        def one() -> Draw:
            normal = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
            if deviations is None:
                return Draw(std * normal, None)
            weights = torch.randn(
                len(deviations), generator=generator, dtype=w.dtype, device=w.device
            )
            root = math.sqrt(len(deviations))
            batch = None if found.batches is None else weights @ found.batches / root
            if all_batches:
                return Draw(std * normal if own else None, batch)
            alone = deviations if found.batches is None else deviations - found.batches
            return Draw(std * normal + weights @ alone / root, batch)

        after, before = one(), one()
        return self.take(before, after, w)

    def take(self, before: Draw, after: Draw, w: Tensor) -> float:
        """Go on with these draws; returns the length of one over that of the weights.

        Args:
            before: Noise before the drift of a step.
            after: Noise after it, independent of the other.
            w: Weights, shape ``(N,)``.
        """
        self._draws = before, after
        return float(before.whole.norm() / w.norm().clamp_min(1e-300))

    def apply_noise_before_drift(
        self, w: Tensor, length: int, stages: int, epoch: EpochPart | None = None
    ) -> Tensor:
        """Weights with the part of the noise of ``length`` updates that comes before their drift.

        Args:
            w: Stored weights, shape ``(N,)``.
            length: Number of updates.
            stages: Stage count of the step that carries their drift.
            epoch: Their part of an epoch where batches are shuffled.
        """
        if self._draws is None:
            return w
        draw = self._draws[0]
        if length > 1:
            return w + self._scaled(draw, length, stages, epoch, after=False)
        return w if draw.independent is None else w + draw.independent

    def along_drift(self, length: int, stages: int, epoch: EpochPart | None) -> Tensor | float:
        """What noise adds to the drift of ``length`` updates, in gradient units: nothing."""
        return 0.0

    def apply_noise_after_drift(
        self, w: Tensor, length: int, stages: int, epoch: EpochPart | None = None
    ) -> Tensor:
        """Weights with the part that comes after the drift, which nothing has damped yet.

        Args:
            w: Stored weights, shape ``(N,)``.
            length: Number of updates.
            stages: Stage count of the step that carried their drift.
            epoch: Their part of an epoch where batches are shuffled.
        """
        if self._draws is None:
            return w
        if length > 1:
            return w + self._scaled(self._draws[1], length, stages, epoch, after=True)
        batch = self._draws[0].batch
        if batch is None or epoch is None:
            return w
        # The batch of one update moves the weights after its gradient was taken, and what later
        # batches pay back is as large: nothing of it is forgotten in between.
        return w + math.sqrt(epoch.undamped + epoch.leftover) * batch

    def to_pay_back(self, length: int, epoch: EpochPart) -> Tensor | float:
        """The noise of updates that later batches of their epoch make up for, in gradient units.

        Args:
            length: Number of updates.
            epoch: Their part of an epoch.
        """
        if self._draws is None or self._draws[0].batch is None:
            return 0.0
        before, after = (each.batch for each in self._draws)
        assert before is not None
        assert after is not None
        noise = before if length == 1 else (before + after) / math.sqrt(2.0)
        return math.sqrt(length * epoch.undamped) * noise / self.step_size

    def probe(self, epoch_length: int) -> Tensor | None:
        """A change of the weights as the batches of an epoch make it on their way, None without.

        Args:
            epoch_length: Updates of an epoch.
        """
        batch = None if self._draws is None else self._draws[0].batch
        return None if batch is None else math.sqrt(_BRIDGE * epoch_length) * batch

    def observe_curvature(self, change: Tensor, drift_change: Tensor) -> None:
        """Learn the curvature that the noise meets off the stiff modes.

        Args:
            change: What noise has made of the weights, shape ``(N,)``.
            drift_change: What that has made of the drift in gradient units, shape ``(N,)``.
        """
        if self._draws is not None:
            rest, response = (self._modes.project(each)[0] for each in (change, drift_change))
            square = float(response @ response) / max(float(rest @ rest), 1e-300)
            self._curvature = _lagged(self._curvature, curvature_along(rest, drift_change))
            self._square = _lagged(self._square, square)

    def _scaled(
        self, draw: Draw, length: int, stages: int, epoch: EpochPart | None, *, after: bool
    ) -> Tensor:
        """Noise of one update, scaled to the part before or after the drift of ``length``."""
        curvature, directions = self._modes.known(draw.whole)
        modes, curvatures = len(curvature), np.append(curvature.cpu().numpy(), self._off_modes)
        z = length * self.step_size * curvatures
        part = part_after_drift(z, stages)
        known = split_variance(z, part)[after]
        # Each noise with its variances off the stiff modes and along them.
        scaled: list[tuple[Tensor, float, NDArray[np.float64]]] = []
        if draw.independent is not None:
            off = float((part if after else 1.0 - part)[modes])
            scaled.append((draw.independent, off, known[:modes]))
        if draw.batch is not None and epoch is not None:
            left = known * epoch.ratio(self.step_size * curvatures)
            off = self._mean_off_modes(left[modes + 1 :])
            scaled.append((draw.batch, off, left[:modes]))
        found, inside = torch.zeros_like(draw.whole), torch.zeros_like(curvature)
        for noise, off, along in scaled:
            found.add_(noise, alpha=math.sqrt(length * off))
            beside = math.sqrt(length) * (np.sqrt(along) - math.sqrt(off))
            inside += torch.as_tensor(beside).to(inside) * (directions.T @ noise)
        return torch.addmv(found, directions, inside)

    @property
    def _off_modes(self) -> tuple[float, float, float]:
        """Curvatures off the stiff modes: their mean, (mean square)/mean, and none."""
        steep = self._square / self._curvature if self._curvature > 0 else 0.0
        return self._curvature, steep, 0.0

    def _mean_off_modes(self, left: NDArray[np.float64]) -> float:
        """Mean variance off the stiff modes of noise of shuffled epochs.

        Curvatures spread there, and flat modes forget nothing. Mean and mean square of the
        curvature are kept: a part p = mean²/(mean square) has (mean square)/mean, the rest none.

        Args:
            left: What is left at both curvatures, shape ``(2,)``.
        """
        mean, steep, _ = self._off_modes
        part = min(1.0, mean / steep) if steep > 0 else 0.0
        return part * float(left[0]) + (1.0 - part) * float(left[1])


def _lagged(before: float, newest: float) -> float:
    """Running mean with the newest value in it."""
    return (1.0 - _CURVATURE_WEIGHT) * before + _CURVATURE_WEIGHT * newest
