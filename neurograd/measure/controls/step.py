"""Which control the draws of a step get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.measure.controls.layerwise import (
    IndependentLayers,
    LayerControl,
    independent_layers,
)
from neurograd.measure.controls.linear import ControlVariate, LinearControl, smoothed_gradient
from neurograd.measure.controls.smoothed_slopes import widths_of
from neurograd.problem import Problem
from neurograd.seeding import generator_for

PILOTS, PILOT_SAMPLES = 16, 64
"""Most updates, and training samples that they are judged on, for the widths of kinks."""

DRAWS_A_PILOT = 4
"""Draws of the loss for each such update."""

LAYER_BYTES = 2**28
"""Memory for what a ``LayerControl`` keeps of a part of the training set; above, linear ones."""


def pilots_of(draws: int) -> int:
    """How many updates the widths of kinks are told by.

    Args:
        draws: Draws of the loss that follow.
    """
    return min(PILOTS, draws // DRAWS_A_PILOT)


@dataclass(frozen=True, eq=False)
class ControlChoice:
    """Controls of one step, for any part of the training set.

    Attributes:
        w: Weights, shape ``(N,)``.
        step_size: Δt.
        mean: Mean update, shape ``(N,)``.
        widths: What moves the inputs of each call of an activation; none for the plain slopes.
        layers: The layers whose own noise is followed, one or more; None for linear controls:
            where weights are not independent, or no layer's weight is a parameter itself.
        keep_inputs: Whether the controls' ``direction`` is asked for.
    """

    w: Tensor
    step_size: float
    mean: Tensor
    widths: tuple[Tensor, ...]
    layers: IndependentLayers | None
    keep_inputs: bool

    @staticmethod
    def of(
        problem: Problem,
        w: Tensor,
        sample_update: Callable[[torch.Generator], Tensor],
        step_size: float,
        mean: Tensor,
        draws: int,
        seed: int,
        *,
        point: int = 0,
        independent: bool,
        keep_inputs: bool,
    ) -> ControlChoice:
        """Look at a few updates for the widths of kinks, and at a pass for the layers.

        Args:
            problem: Network, loss and data.
            w: Weights, shape ``(N,)``.
            sample_update: Draws one Δw in gradient units.
            step_size: Δt.
            mean: Mean update, shape ``(N,)``.
            draws: Draws of the loss that the controls are for.
            seed: Seed of the few updates; they are independent of those draws.
            point: Index of the place.
            independent: Whether the noise of different weights is independent.
            keep_inputs: Whether the controls' ``direction`` is asked for.
        """
        generator = generator_for(seed, "loss pilot samples", point)
        order = torch.randperm(problem.num_samples, generator=generator)[:PILOT_SAMPLES]
        few, landed = problem.on_samples(order.to(problem.device)), w + step_size * mean
        pilots = (
            generator_for(seed, "loss pilot", point, k, device=w.device)
            for k in range(pilots_of(draws))
        )
        moved = (w + step_size * sample_update(generator) for generator in pilots)
        layers = independent_layers(few, landed) if independent else None
        return ControlChoice(
            w,
            step_size,
            mean,
            widths_of(few, landed, moved),
            layers if layers is not None and layers.weights else None,
            keep_inputs,
        )

    def on(self, problem: Problem) -> ControlVariate:
        """The control for the draws that some training samples judge.

        Args:
            problem: Network, loss and those samples.
        """
        if self.layers is not None and self._bytes(problem) <= LAYER_BYTES:
            return LayerControl(
                problem,
                self.w,
                self.step_size,
                self.mean,
                self.layers,
                self.widths,
                keep_inputs=self.keep_inputs,
            )
        landed = self.w + self.step_size * self.mean
        slope = self.step_size * smoothed_gradient(problem, landed, self.widths)
        return LinearControl(problem, self.w, self.step_size, self.mean, slope)

    def _bytes(self, problem: Problem) -> int:
        """Of inputs, outputs, what is kept of the loss's derivatives, and sums of inputs."""
        assert self.layers is not None
        return 3 * self.layers.numbers * problem.num_samples * problem.dtype.itemsize
