"""Cells of the heat maps, and how much is tried in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

INPUTS, OUTPUTS, SPREAD = 25, 10, 4.0

STEP_SIZES = (1e-3, 1e-2)

CURVATURES = (60.0, 12000.0)

BIAS_STEP = 5e-3

PAIR = (1.0, 1 / 18)

MOST_S = 2.4


@dataclass(frozen=True)
class Effort:
    """How much is tried.

    Attributes:
        cells: Cells of a heat map along one side.
        steps: Steps in every cell.
        chunks: Chunks of random quadratics.
        quadratics: Random quadratics of a chunk, for each bound.
        network_steps: Steps that are also taken in a network.
    """

    cells: int = 32
    steps: int = 500
    chunks: int = 8
    quadratics: int = 250_000
    network_steps: int = 40


QUICK = Effort(cells=12, steps=60, chunks=1, quadratics=20_000, network_steps=5)


def spectrum(largest: float, size: int = INPUTS, outputs: int = OUTPUTS) -> Tensor:
    """Evenly spaced eigenvalues from λ_1/4 to λ_1, once for every output, shape ``(N,)``."""
    one = torch.linspace(largest / SPREAD, largest, size, dtype=torch.float64)
    return one.repeat(outputs)


def step_sizes(effort: Effort) -> np.ndarray:
    """Δt of the columns of A and B."""
    return np.linspace(*STEP_SIZES, effort.cells)


def curvatures(effort: Effort) -> np.ndarray:
    """λ_1 of the rows of A and B."""
    return np.geomspace(*CURVATURES, effort.cells)


def ratios(effort: Effort) -> np.ndarray:
    """‖bias‖/‖g‖ of the columns of C and D."""
    return np.linspace(0.02, 1.2, effort.cells)


def products(effort: Effort) -> np.ndarray:
    """λ_1·Δt of the rows of C and D."""
    return np.linspace(0.05, MOST_S, effort.cells)
