"""Programming a trained network once: how far devices end up from what they were meant to hold.

A device is programmed by writing and reading it until it is near enough (program and verify), which
leaves an error. A ``WeightError`` is one of the weight, whichever devices hold it; a
``DeviceError`` one of each device by itself, as a function of the conductance it is meant to have.
``PUBLISHED`` holds errors of real devices with their sources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from device_models.write.weight_cells import WeightCells

Hold = Callable[[Tensor], Tensor]
"""The weights nearest to given ones that the synapses of a chip can hold, shape ``(N,)``."""


class ProgrammingError(Protocol):
    """What programming makes of the conductances that devices are meant to have."""

    def missed(
        self, cells: WeightCells, w: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Both cells of every weight ``w``, shape ``(N,)`` each, in units of G_max."""


@dataclass(frozen=True)
class WeightError:
    """A normal error of every weight.

    Attributes:
        std: Standard deviation over the range of the weights, which goes from the smallest to the
            largest one; 0 or more. Beside a reference it is that of the device over its window; of
            a pair whose devices err alike, each has √2 of it.

    Raises:
        ValueError: If the standard deviation is negative.
    """

    std: float

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise ValueError(f"std is {self.std:g}; allowed: 0 or more")

    def missed(
        self, cells: WeightCells, w: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Cells of the weights with their error."""
        std = self.std * cells.span * (2.0 if cells.reference is None else 1.0)
        return cells.conductances(w + std * _normal(w, generator))


@dataclass(frozen=True)
class DeviceError:
    """A normal error of every device whose standard deviation depends on its conductance.

    Attributes:
        coefficients: c_i of ``σ(g)/G_max = Σ c_i (g/G_max)^i``, which counts as 0 where it is
            negative. A fixed reference has no error.

    Raises:
        ValueError: If there are no coefficients.
    """

    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.coefficients:
            raise ValueError("there are no coefficients; allowed: one or more")

    @classmethod
    def proportional(cls, part: float) -> DeviceError:
        """A standard deviation that is a part of the device's own conductance."""
        return cls((0.0, part))

    def std(self, conductance: Tensor) -> Tensor:
        """σ(g) in units of G_max, as the conductance, any shape."""
        powers = (c * conductance**i for i, c in enumerate(self.coefficients))
        return torch.stack(list(powers)).sum(0).clamp_min(0.0)

    def missed(
        self, cells: WeightCells, w: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Cells of the weights, each with its own error and not below 0."""
        plus, minus = cells.conductances(w)
        plus = self._missed(plus, generator)
        return plus, minus if cells.reference is not None else self._missed(minus, generator)

    def _missed(self, g: Tensor, generator: torch.Generator) -> Tensor:
        return (g + self.std(g) * _normal(g, generator)).clamp_min(0.0)


@dataclass(frozen=True)
class PublishedError:
    """A measured programming error.

    Attributes:
        title: What was measured.
        source: Paper, and where its numbers were read.
        microsiemens: c_i of ``σ(g)/µS = Σ c_i (g/G_max)^i``.
        largest: G_max in µS that they were fitted with.
    """

    title: str
    source: str
    microsiemens: tuple[float, ...]
    largest: float

    @property
    def error(self) -> DeviceError:
        """The same for devices of any window: conductances scale with G_max."""
        return DeviceError(tuple(c / self.largest for c in self.microsiemens))


_WAN = (
    "W. Wan et al., Nature 608, 2022, Extended Data Fig. 3d, as fitted by IBM aihwkit's "
    "ReRamWan2022NoiseModel"
)

PUBLISHED = {
    "pcm_nandakumar_2019": PublishedError(
        "phase-change memory, program and verify",
        "S. R. Nandakumar et al., ICECS 2019, as in IBM aihwkit's PCMLikeNoiseModel",
        (0.26348, 1.9650, -1.1731),
        25.0,
    ),
    "reram_wan_2022": PublishedError(
        "ReRAM, 1 s after program and verify",
        _WAN,
        (0.348, 16.030, -43.853, 45.393, -16.815),
        40.0,
    ),
    "reram_wan_2022_1d": PublishedError(
        "ReRAM, relaxed for 1 day after program and verify",
        _WAN,
        (0.701, 22.086, -50.773, 47.095, -16.458),
        40.0,
    ),
    "reram_wan_2022_2d": PublishedError(
        "ReRAM, relaxed for 2 days after program and verify",
        _WAN,
        (0.782, 20.274, -43.507, 37.062, -11.934),
        40.0,
    ),
}
"""Programming errors of real devices, by name."""


def programmed(
    cells: WeightCells,
    w: Tensor,
    error: ProgrammingError | None,
    hold: Hold,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Conductances of all devices after they were programmed once, in units of G_max.

    What a synapse cannot hold is brought to what it can: a device that is stuck stays where it is,
    and no weight leaves its window. States of devices are for the weights that are programmed: a
    device that is missed stands between two.

    Args:
        cells: The conductances that hold weights.
        w: Weights that are programmed, shape ``(N,)``.
        error: What programming misses them by; None for none.
        hold: The nearest weights that the chip can hold, by windows and faults.
        generator: Source of the errors.

    Returns:
        The positive and the negative cell of every weight, shape ``(N,)`` each.
    """
    w = hold(w)
    if error is None:
        return cells.conductances(w)
    plus, minus = error.missed(cells, w, generator)
    reached = cells.weights(plus, minus) + cells.beyond(w)
    held = hold(reached)
    moved = (held - reached).abs() > 1e-9 * cells.span
    back = cells.conductances(held)
    return torch.where(moved, back[0], plus), torch.where(moved, back[1], minus)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
