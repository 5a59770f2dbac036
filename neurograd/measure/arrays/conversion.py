"""Which part of the values the converters clip, at one point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from device_models import Chip, Converters
from device_models.passes.by_layer import LayerPasses
from device_models.passes.converter_use import Tally, watched
from neurograd.problem import Problem
from neurograd.seeding import generator_for


@dataclass(frozen=True)
class Conversion:
    """Counts over one forward pass of the whole training set, through one read of the weights.

    Attributes:
        input_range: Range of the DACs; None where it is that of each vector.
        output_range: Range of the ADCs; None where it is that of each vector.
        inputs: Of the values that enter the arrays.
        sums: Of the products that leave them.
    """

    input_range: float | None
    output_range: float | None
    inputs: Tally
    sums: Tally


def measure_conversion(
    problem: Problem, chip: Chip, w: torch.Tensor, seed: int, *, point: int = 0
) -> Conversion | None:
    """What the converters of a chip make of its training set; None without converters.

    Where layers have different ones, of those whose sums are clipped most.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        w: Stored weights, shape ``(N,)``.
        seed: Seed of the read.
        point: Index of the place.
    """
    found = [_conversion(problem, chip, w, seed, point, k) for k in range(len(chip.passes))]
    known = [each for each in found if each is not None]
    return max(known, key=lambda each: each.sums.part_clipped) if known else None


def _conversion(
    problem: Problem, chip: Chip, w: torch.Tensor, seed: int, point: int, place: int
) -> Conversion | None:
    """What the converters at one place among the passes make of it."""
    own = chip.passes[place]
    inner = own.inner if isinstance(own, LayerPasses) else own
    if not isinstance(inner, Converters):
        return None
    counting, inputs, sums = watched(inner)
    passes = list(chip.passes)
    passes[place] = replace(own, inner=counting) if isinstance(own, LayerPasses) else counting
    generator = generator_for(seed, "conversion", point, device=w.device)
    weights = chip.read(w, generator)
    seen = replace(chip, passes=tuple(passes)).see(problem, generator)
    seen.loss(weights)
    return Conversion(inner.input_range, inner.output_range, inputs, sums)
