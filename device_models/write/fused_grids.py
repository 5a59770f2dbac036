"""Writes that end on a grid in one pass over the devices, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.dispatch import alike, over_devices, taken, word_of

if TYPE_CHECKING:
    from device_models.write.conductance_states import ConductanceStates
    from device_models.write.update_rounding import UpdateRounding


def round_fused(write: UpdateRounding, w: Tensor, increment: Tensor, key: Tensor) -> Tensor | None:
    """Realized increment of a rounded update, shape ``(N,)``.

    None where the compiled loop does not take these tensors.

    Args:
        write: The write path.
        w: Weights, shape ``(N,)``.
        increment: Requested increments, shape ``(N,)``.
        key: Of the write.
    """
    if not taken(w, increment):
        return None
    from device_models.kernels import grid_loop  # noqa: PLC0415  (imports numba)
    from device_models.kernels.number_loops import ROUNDINGS  # noqa: PLC0415  (imports numba)

    grid, real = write.grid, _real(w)
    ends = (real(grid.lowest), real(grid.highest))
    settings = grid_loop.Grid(real(grid.step), *ends, ROUNDINGS[write.rounding], write.stores)
    return _realized(grid_loop.round_updates, w, increment, key, settings)


def land_fused(write: ConductanceStates, w: Tensor, aimed: Tensor, key: Tensor) -> Tensor | None:
    """Realized increment of a write that lands on states, shape ``(N,)``.

    None where the compiled loop does not take these tensors.

    Args:
        write: The write path.
        w: Weights, shape ``(N,)``.
        aimed: Increments that the synapses would make without states, shape ``(N,)``.
        key: Of the write.
    """
    if not (taken(w, aimed) and alike(w, write.low, write.high, write.zero)):
        return None
    from device_models.kernels import grid_loop  # noqa: PLC0415  (imports numba)
    from device_models.kernels.number_loops import ROUNDINGS  # noqa: PLC0415  (imports numba)

    last = _real(w)(write.states - 1)
    states = grid_loop.States(last, ROUNDINGS[write.rounding])
    bounds = [each.numpy() for each in (write.low, write.high, write.zero)]
    return _realized(grid_loop.land, w, aimed, key, *bounds, states)


def _real(w: Tensor) -> Any:
    return np.float32 if w.dtype == torch.float32 else np.float64


def _realized(loop: Any, w: Tensor, increment: Tensor, key: Tensor, *arguments: Any) -> Tensor:
    realized = torch.empty_like(w)
    vectors = (w.numpy(), increment.numpy(), realized.numpy())
    over_devices(loop, w, word_of(key), *vectors, *arguments)
    return realized
