"""Writes of samples one after the other by the outer products that their gradients are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.compiled import loop_of
from device_models.kernels.dispatch import Properties, plain, taken
from device_models.outer_products import OuterProducts, PackedProducts, SampleStreams, keys_of
from device_models.write import on_gpu

if TYPE_CHECKING:
    from device_models.write.memristor_write import MemristorWrite
    from device_models.write.whole_pulses import NominalStepWrite


def write_pulses(
    write: NominalStepWrite,
    w: Tensor,
    layers: Sequence[OuterProducts],
    factor: float,
    generator: torch.Generator | SampleStreams,
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
    from device_models.kernels.outer import pulses  # noqa: PLC0415  (imports numba)

    request, products = found.arguments[-1], _products(layers)
    if request.most > request.single:
        unit = min(request.up, request.down)
        asked = _run(pulses.largest, w, *products)
        # A comparison with NaN is never true: those are left to the write of all weights.
        if not asked * abs(factor) <= request.single * unit:
            return False
    keys = keys_of(write, generator, _samples(layers))
    _write(pulses.write, w, keys, products, factor, found)
    return True


def write_curves(
    write: MemristorWrite,
    w: Tensor,
    layers: Sequence[OuterProducts],
    factor: float,
    generator: torch.Generator | SampleStreams,
) -> bool:
    """``OuterWrite.write_outer`` of ``MemristorWrite``; arguments as there."""
    if w.is_cuda:
        return on_gpu.write_products(write, w, layers, factor, generator)
    found = write.for_loops if _taken(w, layers) else None
    if found is None or not found.fit(w):
        return False
    from device_models.kernels.outer import curves  # noqa: PLC0415  (imports numba)

    keys = keys_of(write, generator, _samples(layers))
    _write(curves.write, w, keys, _products(layers), factor, found)
    return True


def _samples(layers: Sequence[OuterProducts]) -> int:
    """Number of samples."""
    return layers.samples if isinstance(layers, PackedProducts) else len(layers[0].inputs)


def _taken(w: Tensor, layers: Sequence[OuterProducts]) -> bool:
    """Whether loops take weights and factors."""
    if isinstance(layers, PackedProducts):
        return taken(w) and plain(layers.factors, w.dtype)
    factors = (each for layer in layers for each in (layer.inputs, layer.errors))
    return taken(w) and all(plain(each, w.dtype) for each in factors)


def _write(
    loop: Callable[..., Any],
    w: Tensor,
    keys: Tensor,
    products: tuple[Any, Any],
    factor: float,
    found: Properties,
) -> None:
    scale = (np.float32 if w.dtype == torch.float32 else np.float64)(factor)
    words = keys.numpy().view(np.uint64)
    _run(loop, w, words, w.numpy(), *products, scale, *found.arguments)


def _products(layers: Sequence[OuterProducts]) -> tuple[Any, Any]:
    """Factors and layers as loops take them: see ``kernels.outer.pulses.write``."""
    if isinstance(layers, PackedProducts):
        return layers.factors.numpy(), layers.rows
    rows, begin = [], 0
    for layer in layers:
        (samples, width), height = layer.inputs.shape, layer.errors.shape[1]
        bias = -1 if layer.bias is None else layer.bias
        rows.append((layer.first, bias, width, height, begin, samples))
        begin += samples * (width + height)
    factors = [each.reshape(-1) for layer in layers for each in (layer.inputs, layer.errors)]
    return torch.cat(factors).numpy(), np.array(rows, np.int64)


def _run(loop: Callable[..., Any], w: Tensor, *arguments: Any) -> Any:
    return loop_of(loop, w.dtype).ready_for(arguments)(*arguments)
