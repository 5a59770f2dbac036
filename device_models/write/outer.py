"""Writes of samples one after the other by the outer products that their gradients are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.compiled import loop_of
from device_models.kernels.dispatch import Properties, plain, taken, word_of
from device_models.outer_products import OuterProducts
from device_models.write import on_gpu

if TYPE_CHECKING:
    from device_models.write.memristor_write import MemristorWrite
    from device_models.write.whole_pulses import NominalStepWrite

Keys = Callable[[torch.Generator], Tensor]


def write_pulses(
    write: NominalStepWrite,
    w: Tensor,
    layers: Sequence[OuterProducts],
    factor: float,
    generator: torch.Generator,
) -> bool:
    """``OuterWrite.write_outer`` of writes by pulses of a nominal step.

    On the CPU not taken where a weight might be asked for more pulses than are applied one by one.

    Args:
        write: The write path.
        w: As there.
        layers: As there.
        factor: As there.
        generator: As there.
    """
    if w.is_cuda:
        return on_gpu.write_products(write, w, layers, factor, generator)
    found = write.for_outer_loops if _taken(w, layers) else None
    if found is None or not found.fit(w):
        return False
    from device_models.kernels import rank_one_loop  # noqa: PLC0415  (imports numba)

    request = found.arguments[-1]
    if request.most > request.single:
        unit = min(request.up, request.down)
        asked = [_run(rank_one_loop.largest, w, *_products(each)) for each in layers]
        # A comparison with NaN is never true: those are left to the write of all weights.
        if not all(each * abs(factor) <= request.single * unit for each in asked):
            return False
    _write_layers(rank_one_loop.write_pulses, write.key_of, w, layers, factor, generator, found)
    return True


def write_curves(
    write: MemristorWrite,
    w: Tensor,
    layers: Sequence[OuterProducts],
    factor: float,
    generator: torch.Generator,
) -> bool:
    """``OuterWrite.write_outer`` of ``MemristorWrite``; arguments as there."""
    if w.is_cuda:
        return on_gpu.write_products(write, w, layers, factor, generator)
    found = write.for_loops if _taken(w, layers) else None
    if found is None or not found.fit(w):
        return False
    from device_models.kernels import rank_one_loop  # noqa: PLC0415  (imports numba)

    _write_layers(rank_one_loop.write_curves, write.key_of, w, layers, factor, generator, found)
    return True


def _taken(w: Tensor, layers: Sequence[OuterProducts]) -> bool:
    """Whether loops take weights and factors."""
    factors = (each for layer in layers for each in (layer.inputs, layer.errors))
    return taken(w) and all(plain(each, w.dtype) for each in factors)


def _write_layers(
    loop: Callable[..., Any],
    key_of: Keys,
    w: Tensor,
    layers: Sequence[OuterProducts],
    factor: float,
    generator: torch.Generator,
    found: Properties,
) -> None:
    from device_models.kernels.outer_order import Place  # noqa: PLC0415  (imports numba)

    keys = np.array([word_of(key_of(generator)) for _ in layers[0].inputs], dtype=np.uint64)
    scale = (np.float32 if w.dtype == torch.float32 else np.float64)(factor)
    for layer in layers:
        bias = -1 if layer.bias is None else layer.bias
        place = Place(layer.first, bias, layer.inputs.shape[1])
        _run(loop, w, keys, w.numpy(), *_products(layer), place, scale, *found.arguments)


def _products(layer: OuterProducts) -> tuple[Any, Any]:
    return layer.inputs.contiguous().numpy(), layer.errors.contiguous().numpy()


def _run(loop: Callable[..., Any], w: Tensor, *arguments: Any) -> Any:
    return loop_of(loop, w.dtype).ready_for(arguments)(*arguments)
