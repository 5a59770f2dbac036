"""Writes of samples one after the other by the outer products that their gradients are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.compiled import loop_of
from device_models.kernels.counter_numbers import draw_key
from device_models.kernels.dispatch import Properties, plain, taken
from device_models.outer_products import (
    KeyedWrite,
    OuterProducts,
    PackedProducts,
    SampleStreams,
    TrainSettings,
    keys_of,
)
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
    _write(pulses.write, w, keys, products, (_real(w)(factor),), found)
    return True


def write_pulse_trains(
    write: NominalStepWrite,
    w: Tensor,
    layers: Sequence[OuterProducts],
    trains: TrainSettings,
    factor: float,
    generator: torch.Generator,
) -> bool:
    """``TrainWrite.write_trains`` of writes by pulses of a nominal step.

    Arguments as there. Not taken on a GPU, nor where a weight might be asked for more pulses than
    are applied one by one.
    """
    found = write.for_outer_loops if _trained(w, layers) else None
    if found is None or not found.fit(w):
        return False
    from device_models.kernels.outer import pulses  # noqa: PLC0415  (imports numba)

    request, products, count = found.arguments[-1], _products(layers), _samples(layers)
    if request.most > request.single:
        factors, rows = products
        asked = _run(pulses.largest, w, factors, rows[len(rows) - _digital(layers) :])
        most = max(asked * abs(factor), trains.length * abs(_unit(trains, factor)))
        if not most <= request.single * min(request.up, request.down):
            return False
    keys, how = _train_keys(write, generator, count, trains), _how(w, layers, trains, factor)
    _write(pulses.write_trains, w, keys, products, how, found)
    return True


def write_curve_trains(
    write: MemristorWrite,
    w: Tensor,
    layers: Sequence[OuterProducts],
    trains: TrainSettings,
    factor: float,
    generator: torch.Generator,
) -> bool:
    """``TrainWrite.write_trains`` of ``MemristorWrite``, not on a GPU; arguments as there."""
    found = write.for_loops if _trained(w, layers) else None
    if found is None or not found.fit(w):
        return False
    from device_models.kernels.outer import curves  # noqa: PLC0415  (imports numba)

    keys, how = (
        _train_keys(write, generator, _samples(layers), trains),
        _how(w, layers, trains, factor),
    )
    _write(curves.write_trains, w, keys, _products(layers), how, found)
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
    _write(curves.write, w, keys, _products(layers), (_real(w)(factor),), found)
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


def _trained(w: Tensor, layers: Sequence[OuterProducts]) -> bool:
    """The same of samples that have trains, whose lines are no probabilities where one is NaN."""
    if not _taken(w, layers):
        return False
    if isinstance(layers, PackedProducts):
        return math.isfinite(layers.factors.sum())
    return all(math.isfinite(each.inputs.sum() + each.errors.sum()) for each in layers)


def _write(
    loop: Callable[..., Any],
    w: Tensor,
    keys: Tensor,
    products: tuple[Any, Any],
    how: tuple[Any, ...],
    found: Properties,
) -> None:
    _run(loop, w, keys.numpy().view(np.uint64), w.numpy(), *products, *how, *found.arguments)


def _real(w: Tensor) -> Any:
    return np.float32 if w.dtype == torch.float32 else np.float64


def _how(
    w: Tensor, layers: Sequence[OuterProducts], trains: TrainSettings, factor: float
) -> tuple[Any, ...]:
    """What a loop over trains gets between products and devices."""
    from device_models.kernels.outer.trains import Trains  # noqa: PLC0415  (imports numba)

    unit, samples = _unit(trains, factor), float(trains.samples)
    numbers = trains.length, float(trains.alpha), samples, unit, trains.counted
    return len(layers) - _digital(layers), _real(w)(factor), Trains(*numbers)


def _unit(trains: TrainSettings, factor: float) -> float:
    """Increment of a coincidence of lines of the same sign; with −Δt exactly a quantum down.

    In this order: where counts are halves of a device's pulses, the last digit decides a rounding.
    """
    return factor / trains.step_size * trains.quantum


def _train_keys(
    write: KeyedWrite, generator: torch.Generator, samples: int, trains: TrainSettings
) -> Tensor:
    """Keys of writes of trains, which draw even where the write draws nothing."""
    return keys_of(write, generator, samples) if trains.counted else draw_key(generator, samples)


def _digital(layers: Sequence[OuterProducts]) -> int:
    """How many of the layers, which are the last ones, no array holds."""
    if isinstance(layers, PackedProducts):
        return layers.digital
    return sum(layer.digital for layer in layers)


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
