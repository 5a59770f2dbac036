"""The smoothed loss ``L_s(w) = E_ξ L(w + sξ)``, ξ standard normal: reference of spiking networks.

A spiking network's loss is piecewise constant in its weights, so that its gradient is 0 almost
everywhere and a bias against it undefined. L_s is smooth; on a chip s is physical, the read noise
of the synapses. Everything here needs losses only, of any network:

- ``⟨v, ∇L_s⟩`` is a one-dimensional derivative along v. Along a unit vector, with z normal,
  ``∂L_s = E[z·(L(w' + szv̂) − L(w' − szv̂))]/(2s)``, w' = w + sξ_⊥ (Stein's identity). |z| is drawn
  with density ∝ |z|φ(z) (Rayleigh), which takes the factor z out of the spread.
- ``vᵀ∇²L_s v`` likewise with the weight ``z² − 1``.
- ``‖∇L_s − c‖²`` is the U-statistic ``(‖Σd‖² − Σ‖d‖²)/(K(K − 1))`` of the antithetic samples
  ``d = ξ·((L(w + sξ) − L(w − sξ))/(2s) − ⟨ξ, c⟩)``, whose mean is the gradient minus c.
- ``Tr ∇²L_s = (1/s)·∂L_s/∂s``, because smoothing solves the heat equation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neurograd.measure.curvature import HessianTrace
from neurograd.measure.estimate import Estimate
from neurograd.measure.intervals import combine_errors, jackknife_error
from neurograd.measure.moments import MAX_GROUPS
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.seeding import generator_for

_STRATA = 8
"""Equal parts of the distribution of |z| that every block of draws covers: |z| spreads widely."""

_RADIAL_STEP = 0.1
"""Relative step of s in the derivative ∂L_s/∂s; its own error is of second order in it."""


@dataclass(frozen=True)
class SmoothedChange(Estimate):
    """A measured change of the smoothed loss by one step; in units of the loss.

    Attributes:
        draws: Number of updates whose losses were evaluated.
        residual_error: Standard error by these draws alone, without that of the mean update along
            the control.
        residual_degrees: Its degrees of freedom.
    """

    draws: int
    residual_error: float
    residual_degrees: float


@dataclass(frozen=True)
class SmoothedLoss:
    """The smoothed training loss around one point.

    Attributes:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        std: s in weight units, above 0.
        seed: Seed of the smoothing noise.
        point: Index of the place, which the draws depend on.
        samples: How many training samples judge a draw, at random for each: means stay those of
            all samples, and draws that no two share stay independent. All of them when None.

    Raises:
        ValueError: If s is not above 0.
    """

    problem: Problem
    w: Tensor
    std: float
    seed: int
    point: int = 0
    samples: int | None = None

    def __post_init__(self) -> None:
        if not self.std > 0:
            raise ValueError(f"smoothing is {self.std:g}; allowed: above 0")

    def slope(self, direction: Tensor, draws: int, *, progress: Progress | None = None) -> Estimate:
        """``⟨direction, ∇L_s⟩``, from two losses a draw.

        Args:
            direction: Vector v, shape ``(N,)``.
            draws: Number of draws, 2 or more.
            progress: Called with the number of draws done since the last call.
        """
        first, _ = self.derivatives(lambda generator: direction, draws, "slope", progress=progress)
        return first

    def derivatives(
        self,
        direction: Callable[[torch.Generator], Tensor],
        draws: int,
        purpose: str,
        *,
        progress: Progress | None = None,
    ) -> tuple[Estimate, Estimate]:
        """``E⟨v, ∇L_s⟩`` and ``E[vᵀ∇²L_s v]`` over random or fixed v, three losses a draw.

        Args:
            direction: Draws v, shape ``(N,)``; a fixed vector where nothing is drawn.
            draws: Number of draws, 2 or more.
            purpose: Name that sets these draws apart from others.
            progress: Called with the number of draws done since the last call.
        """
        strata = max(1, min(_STRATA, draws // 4))
        blocks = draws // strata
        first, second = np.zeros((blocks, strata)), np.zeros((blocks, strata))
        for k in range(blocks * strata):
            generator = self._generator(purpose, k)
            v = direction(generator)
            length = float(v.norm())
            if length > 0:
                place = (k // strata, k % strata)
                problem = self._judge(purpose, k)
                one, two = self._along(problem, v / length, (k % strata, strata), generator)
                first[place], second[place] = length * one, length**2 * two
            if progress is not None:
                progress(1)
        return Estimate.mean_of(first.mean(1)), Estimate.mean_of(second.mean(1))

    def _along(
        self,
        problem: Problem,
        unit: Tensor,
        stratum: tuple[int, int],
        generator: torch.Generator,
    ) -> tuple[float, float]:
        """One draw of the first and second derivative along a unit vector, |z| in one stratum."""
        noise = self._normal(generator)
        noise -= unit * float(noise @ unit)
        draw = torch.rand((), generator=generator, dtype=torch.float64, device=self.w.device)
        uniform = (stratum[0] + float(draw)) / stratum[1]
        radius = math.sqrt(-2.0 * math.log1p(-uniform))  # Rayleigh
        center = self.w + self.std * noise
        start = problem.per_sample_losses(center)
        up = problem.per_sample_losses(center + (self.std * radius) * unit) - start
        down = problem.per_sample_losses(center - (self.std * radius) * unit) - start
        odd, even = 0.5 * float((up - down).mean()), 0.5 * float((up + down).mean())
        weight = math.sqrt(2.0 / math.pi)  # normal density over the Rayleigh density, times r
        second = weight * (radius**2 - 1.0) * even / max(radius, 1e-12)
        return weight * odd / self.std, second / self.std**2

    def residual_square(
        self, control: Tensor, draws: int, *, progress: Progress | None = None
    ) -> Estimate:
        """``‖∇L_s − control‖²``, from two losses a draw.

        The control's own part ``2s⟨ξ, control⟩`` is taken out of every loss difference, so that the
        spread is that of the residual: its standard error is about √(2N)/K of the squared length.

        Args:
            control: Any fixed vector, the nearer to the gradient the better, shape ``(N,)``.
            draws: Number K of antithetic pairs, 2 or more; of two the error is not known, infinite.
            progress: Called with the number of draws done since the last call.

        Raises:
            ValueError: If there are fewer than two draws.
        """
        if draws < 2:
            raise ValueError(f"draws is {draws}; allowed: 2 or more")
        groups = min(draws, MAX_GROUPS)
        sums = torch.zeros(groups, self.w.numel(), dtype=self.w.dtype, device=self.w.device)
        squares, counts = np.zeros(groups), np.zeros(groups)
        for k in range(draws):
            noise = self._normal(self._generator("norm", k))
            up, down = self._losses("norm", k, noise, 1.0, -1.0)
            difference = float((up - down).mean())
            sample = noise * (difference / (2.0 * self.std) - float(noise @ control))
            group = k * groups // draws
            sums[group] += sample
            squares[group] += float(sample @ sample)
            counts[group] += 1
            if progress is not None:
                progress(1)
        return _u_statistic(sums, squares, counts)

    def trace(self, draws: int, *, progress: Progress | None = None) -> HessianTrace:
        """``Tr ∇²L_s``, from four losses a draw.

        Args:
            draws: Number of draws, 2 or more.
            progress: Called with the number of draws done since the last call.
        """
        values = np.zeros(draws)
        step = _RADIAL_STEP
        for k in range(draws):
            noise = self._normal(self._generator("trace", k))
            factors = (1 + step, -1 - step, 1 - step, step - 1)
            wide, far, narrow, near = self._losses("trace", k, noise, *factors)
            change = float((wide + far - (narrow + near)).mean())
            values[k] = change / (4.0 * step * self.std**2)
            if progress is not None:
                progress(1)
        return HessianTrace.by("smoothed", Estimate.mean_of(values))

    def loss(self, draws: int) -> Estimate:
        """L_s itself, from two losses a draw."""
        values = np.zeros(draws)
        for k in range(draws):
            noise = self._normal(self._generator("loss", k))
            up, down = self._losses("loss", k, noise, 1.0, -1.0)
            values[k] = 0.5 * float((up + down).mean())
        return Estimate.mean_of(values)

    def gradient(self, draws: int) -> Tensor:
        """Monte Carlo estimate of ∇L_s, shape ``(N,)``; its squared error is about N‖∇L_s‖²/K."""
        total = torch.zeros_like(self.w)
        for k in range(draws):
            noise = self._normal(self._generator("gradient", k))
            up, down = self._losses("gradient", k, noise, 1.0, -1.0)
            difference = float((up - down).mean())
            total += noise * (difference / (2.0 * self.std))
        return total / draws

    def change(
        self,
        sample_update: Callable[[torch.Generator], Tensor],
        step_size: float,
        draws: int,
        *,
        control: Tensor,
        known: Estimate,
        progress: Progress | None = None,
    ) -> SmoothedChange:
        """``E[L_s(w + Δt·Δw)] − L_s(w)``, with the same smoothing noise before and after.

        ``Δt⟨control, Δw⟩`` is subtracted from every draw, and its mean is added again: that mean's
        error is common to all draws, so that their spread does not show it.

        Args:
            sample_update: Draws one Δw in gradient units.
            step_size: Δt.
            draws: Number of updates, 2 or more.
            control: Any vector near ∇L_s, shape ``(N,)``.
            known: ``⟨control, E[Δw]⟩`` from other draws.
            progress: Called with the number of draws done since the last call.
        """
        values = np.zeros(draws)
        for k in range(draws):
            generator = self._generator("change", k)
            noise, update = self._normal(generator), sample_update(generator)
            center = self.w + self.std * noise
            problem = self._judge("change", k)
            after = problem.per_sample_losses(center + step_size * update)
            change = float((after - problem.per_sample_losses(center)).mean())
            values[k] = change - step_size * (float(control @ update) - known.value)
            if progress is not None:
                progress(1)
        found, of_mean = Estimate.mean_of(values), known.times(step_size)
        error, degrees = combine_errors(
            [(found.error, found.degrees), (of_mean.error, of_mean.degrees)]
        )
        return SmoothedChange(found.value, error, degrees, draws, found.error, found.degrees)

    def _judge(self, purpose: str, draw: int) -> Problem:
        """The problem on the samples that judge a draw."""
        if self.samples is None or self.samples >= self.problem.num_samples:
            return self.problem
        path = ("smoothing", "samples", purpose, self.point, draw)
        order = torch.randperm(self.problem.num_samples, generator=generator_for(self.seed, *path))
        return self.problem.on_samples(order[: self.samples].to(self.w.device))

    def _losses(self, purpose: str, draw: int, noise: Tensor, *factors: float) -> list[Tensor]:
        """Losses at ``w + factor·s·noise`` for each factor, of the samples that judge the draw."""
        problem = self._judge(purpose, draw)
        return [problem.per_sample_losses(self.w + (each * self.std) * noise) for each in factors]

    def _normal(self, generator: torch.Generator) -> Tensor:
        return torch.randn(
            self.w.shape, generator=generator, dtype=self.w.dtype, device=self.w.device
        )

    def _generator(self, purpose: str, draw: int) -> torch.Generator:
        path = ("smoothing", purpose, self.point, draw)
        return generator_for(self.seed, *path, device=self.w.device)


def _u_statistic(sums: Tensor, squares: np.ndarray, counts: np.ndarray) -> Estimate:
    """Unbiased squared length of the mean, with a delete-a-group jackknife error.

    The error is infinite where a group leaves fewer than two draws.
    """
    total = sums.sum(0)

    def square(norm: float, scatter: float, count: float) -> float:
        return (norm - scatter) / (count * (count - 1.0))

    whole = square(float(total @ total), squares.sum(), counts.sum())
    if counts.sum() - counts.max() < 2:
        return Estimate(whole, math.inf, len(counts) - 1.0)
    left = np.array(
        [
            square(
                float((total - part).square().sum()),
                squares.sum() - squares[g],
                counts.sum() - counts[g],
            )
            for g, part in enumerate(sums)
        ]
    )
    return Estimate(whole, jackknife_error(left), len(counts) - 1.0)
