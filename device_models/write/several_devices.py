"""Several devices a weight: their weighted sum is the weight, and an update goes to all or one.

Sources: multi-memristive synapses, Boybat et al., Nat. Commun. 9, 2514 (2018); devices of more and
less significance, Ambrogio et al., Nature 558, 60 (2018); the ``VectorUnitCell`` of IBM's aihwkit,
whose ``gamma_vec`` are the significances and whose update policies All, SingleRandom and
SingleFixed are the updates here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor

from device_models.protocols import ElementMoments, PulseWise, WritePath

Distribution = Literal["all", "one_by_one", "least_significant"]


@dataclass(frozen=True)
class SeveralDevices:
    """A weight that several cells hold, ``w = Σ_k s_k·w_k / S`` with S the sum of significances.

    A cell is what holds a weight alone: a differential pair, or a device beside its reference.
    Cells are taken as re-centred after every write, as the two devices of a pair are
    (``device_models.write.crossbar``), so that the weight alone tells the state: all stand at the
    same part of their way. An increment Δ is written

    - to ``all`` of them, each asked for Δ: noise and granularity average by ``Σs²/S²``;
    - ``one_by_one``: to one of them, asked for Δ·S/s_k. It is drawn for each weight and write, in
      place of a counter, which a state that is the weight alone cannot have;
    - to the ``least_significant`` one, whose pulses move the weight by s_k/S of their size.

    Attributes:
        cells: What holds a weight, two or more.
        bounds: Smallest and largest weight of every cell alone, shapes that go with ``(N,)``.
        significance: s_k above 0, one a cell.
        update: Which cells an increment goes to.

    Raises:
        ValueError: If there are fewer than two cells, or an attribute does not go with them.
    """

    cells: tuple[WritePath, ...]
    bounds: tuple[tuple[Tensor, Tensor], ...]
    significance: tuple[float, ...]
    update: Distribution = "all"

    def __post_init__(self) -> None:
        count = len(self.cells)
        if count < 2:
            raise ValueError(f"there are {count} cells; allowed: 2 or more")
        if not len(self.bounds) == len(self.significance) == count:
            raise ValueError(
                f"there are {len(self.bounds)} bounds and {len(self.significance)} significances "
                f"of {count} cells; allowed: one a cell"
            )
        if not min(self.significance) > 0:
            raise ValueError(f"significance is {min(self.significance):g}; allowed: above 0")
        if self.update not in get_args(Distribution):
            allowed = ", ".join(get_args(Distribution))
            raise ValueError(f"update is {self.update!r}; allowed: {allowed}")

    @property
    def deterministic(self) -> bool:
        """Whether no cell has noise, and none is drawn."""
        return self.update != "one_by_one" and all(cell.deterministic for cell in self.cells)

    @property
    def shares(self) -> tuple[float, ...]:
        """Weight change of a unit change of each cell, s_k/S."""
        total = sum(self.significance)
        return tuple(each / total for each in self.significance)

    def weight_bounds(self) -> tuple[Tensor, Tensor]:
        """Smallest and largest weight that each synapse can hold."""
        low, high = (
            sum((share * ends[end] for share, ends in zip(self.shares, self.bounds, strict=True)))
            for end in (0, 1)
        )
        return torch.as_tensor(low), torch.as_tensor(high)

    def program(self, w: Tensor) -> Tensor:
        """The nearest weight that each synapse can hold, shape ``(N,)``."""
        low, high = self.weight_bounds()
        return torch.minimum(torch.maximum(w, low), high)

    def states(self, w: Tensor) -> list[Tensor]:
        """Weight of every cell, each at the same part of its way, shape ``(N,)`` each."""
        low, width = self._window
        way = (w - low).div_(width).clamp_(0.0, 1.0)
        return [torch.lerp(a, b, way) for a, b in self.bounds]

    @cached_property
    def _window(self) -> tuple[Tensor, Tensor]:
        """Smallest weights, and how far the largest ones are from them.

        1 where they are the same: no cell has a way there, and every part of it is its end.
        """
        low, high = self.weight_bounds()
        return low, torch.where(high > low, high - low, 1.0)

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Realized increment in weight units, shape ``(N,)``."""
        drawn = None
        if self.update == "one_by_one":
            drawn = torch.randint(len(self.cells), w.shape, generator=generator, device=w.device)
        realized = torch.zeros_like(w)
        for k, share, state in self._asked(w):
            asked = increment if self.update == "all" else increment / share
            if drawn is not None:
                asked = asked.masked_fill(drawn != k, 0.0)
            realized.add_(self.cells[k].write(state, asked, generator), alpha=share)
        return realized

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments | None:
        """Mean and variance of the realized increment; None where a cell states none."""
        return self._combined(w, increment, lambda cell, state, asked: cell.moments(state, asked))

    def train_moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """Mean and variance of what trains of any number of pulses realize, shape ``(N,)``.

        Raises:
            ValueError: If a cell states none.
        """
        found = self._combined(w, increment, _of_trains)
        if found is None:
            raise ValueError("a cell states no moments")
        return found

    def _asked(self, w: Tensor) -> Iterator[tuple[int, float, Tensor]]:
        """The cells that an increment may go to: their place, share and weight."""
        states = self.states(w)
        places = range(len(self.cells))
        if self.update == "least_significant":
            places = range(self._least, self._least + 1)
        for k in places:
            yield k, self.shares[k], states[k]

    @property
    def _least(self) -> int:
        """The cell of least significance; the last one of several."""
        least = min(self.significance)
        return max(k for k, each in enumerate(self.significance) if each == least)

    def _combined(
        self,
        w: Tensor,
        increment: Tensor,
        moments_of: Callable[[WritePath, Tensor, Tensor], ElementMoments | None],
    ) -> ElementMoments | None:
        parts: list[ElementMoments] = []
        for k, share, state in self._asked(w):
            asked = increment if self.update == "all" else increment / share
            found = moments_of(self.cells[k], state, asked)
            if found is None:
                return None
            parts.append(ElementMoments(share * found.mean, share**2 * found.variance))
        mean = torch.stack([part.mean for part in parts])
        variance = torch.stack([part.variance for part in parts])
        if self.update != "one_by_one":
            return ElementMoments(mean.sum(0), variance.sum(0))
        return ElementMoments(mean.mean(0), variance.mean(0) + mean.var(0, correction=0))


def _of_trains(cell: WritePath, state: Tensor, asked: Tensor) -> ElementMoments | None:
    found = cell.moments(state, asked)
    if found is None and isinstance(cell, PulseWise):
        return cell.train_moments(state, asked)
    return found
