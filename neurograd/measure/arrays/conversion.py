"""Which part of the values the converters clip, at one point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from device_models import Chip, Converters
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

    Args:
        problem: Network, loss and data.
        chip: The chip.
        w: Stored weights, shape ``(N,)``.
        seed: Seed of the read.
        point: Index of the place.
    """
    found = [each for each in chip.passes if isinstance(each, Converters)]
    if not found:
        return None
    counting, inputs, sums = watched(found[0])
    passes = tuple(counting if each is found[0] else each for each in chip.passes)
    generator = generator_for(seed, "conversion", point, device=w.device)
    weights = chip.read(w, generator)
    seen = replace(chip, passes=passes).see(problem, generator)
    seen.loss(weights)
    return Conversion(found[0].input_range, found[0].output_range, inputs, sums)
