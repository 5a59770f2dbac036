"""Some of the weights of a problem, as what stores and reads them sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.problem.flat_problem import Problem
from neurograd.problem.layer_names import Parameter


@dataclass(frozen=True)
class ProblemPart:
    """Parameters of a problem's network as a flat vector of their own.

    Attributes:
        whole: The problem.
        parameters: The parameters, in the order of the flat vector.
    """

    whole: Problem
    parameters: tuple[Parameter, ...]

    @property
    def places(self) -> tuple[slice, ...]:
        """Where the weights lie in the whole vector; neighbours as one."""
        return joined([each.place for each in self.parameters])

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return sum(place.stop - place.start for place in self.places)

    @property
    def num_samples(self) -> int:
        """Number of training samples."""
        return self.whole.num_samples

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return self.whole.dtype

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.whole.device

    @property
    def initial_weights(self) -> Tensor:
        """Their first values, shape ``(n,)``."""
        return torch.cat([self.whole.initial_weights[place] for place in self.places])

    def parameters_of(self, w: Tensor) -> dict[str, Tensor]:
        """Named parameter tensors that view into a vector of these weights, shape ``(n,)``."""
        sizes = [each.place.stop - each.place.start for each in self.parameters]
        return {
            each.name: values.view(each.shape)
            for each, values in zip(self.parameters, w.split(sizes), strict=True)
        }


def joined(places: Sequence[slice]) -> tuple[slice, ...]:
    """Places in order, those that lie side by side as one."""
    found: list[slice] = []
    for place in places:
        if found and found[-1].stop == place.start:
            found[-1] = slice(found[-1].start, place.stop)
        else:
            found.append(place)
    return tuple(found)
