"""Parts of the flat vector of weights, each of which has devices of its own, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class WeightPart:
    """Some of the weights, such as a layer's.

    Attributes:
        places: Where they lie in the flat vector, in order and apart from each other.
    """

    places: tuple[slice, ...]

    def take(self, whole: Tensor) -> Tensor:
        """These weights of a vector of shape ``(..., N)``."""
        if len(self.places) == 1:
            return whole[..., self.places[0]]
        return torch.cat([whole[..., place] for place in self.places], -1)

    def put(self, whole: Tensor, values: Tensor) -> None:
        """Sets these weights of a vector of shape ``(..., N)``, in place."""
        sizes = [place.stop - place.start for place in self.places]
        for place, value in zip(self.places, values.split(sizes, -1), strict=True):
            whole[..., place] = value


def check_parts(parts: Sequence[WeightPart]) -> None:
    """Raise ValueError unless parts fill a vector from its first weight on, without an overlap."""
    places = sorted((place.start, place.stop) for part in parts for place in part.places)
    end = 0
    for start, stop in places:
        if start != end or stop <= start:
            raise ValueError(
                f"the parts have weights {start} to {stop} behind {end}; allowed: every weight once"
            )
        end = stop


def part_generators(
    parts: Sequence[Any], generator: torch.Generator
) -> Iterator[tuple[Any, torch.Generator]]:
    """Each part with a generator of its own: what one draws changes no draw of another.

    One vector of seeds is drawn from the generator, so that part k of as many parts has the same
    stream whatever the others are.
    """
    for part, seed in zip(parts, part_seeds(len(parts), generator), strict=True):
        yield part, torch.Generator(device=generator.device).manual_seed(seed)


def part_seeds(count: int, generator: torch.Generator) -> list[int]:
    """Seeds of the generators of so many parts."""
    seeds = torch.randint(2**62, (count,), generator=generator, device=generator.device)
    found: list[int] = seeds.tolist()
    return found
