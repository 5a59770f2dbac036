"""Writes by pulses of a nominal step in one pass over the devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.counter_numbers import DeviceNumbers
from device_models.kernels.dispatch import (
    Properties,
    alike,
    over_devices,
    plain,
    taken,
    word_of,
)
from device_models.protocols import ElementMoments
from device_models.write import many_pulses, on_gpu, train_moments
from device_models.write.jump_table import JumpTable
from device_models.write.many_pulses import FREE_REACH, MOST_SINGLE_PULSES
from device_models.write.pulsed_step import (
    DeviceValues,
    ExponentialStep,
    LinearStep,
    PowerStep,
    Step,
    has_linear_noise,
    step_numbers,
)

if TYPE_CHECKING:
    from device_models.write.whole_pulses import NominalStepWrite


def write_fused(
    write: NominalStepWrite, w: Tensor, increment: Tensor, key: Tensor
) -> tuple[Tensor, int] | None:
    """Realized increment, without the pulses beyond ``MOST_SINGLE_PULSES``, shape ``(N,)``.

    Args:
        write: The write path.
        w: Weights, shape ``(N,)``.
        increment: Requested increments, shape ``(N,)``.
        key: Of the write.

    Returns:
        What is realized, and the number of weights that are asked for more pulses; None where the
        compiled loop does not take these tensors or this step. A GPU applies all of them.
    """
    if w.is_cuda:
        whole = on_gpu.write_all(write, w, increment, key)
        return None if whole is None else (whole, 0)
    if not taken(w, increment):
        return None
    found = write.for_loops
    if found is None or not found.fit(w):
        return None
    from device_models.kernels.trains import pulsed_loop  # noqa: PLC0415  (imports numba)

    realized = torch.empty_like(w)
    beyond = over_devices(
        pulsed_loop.write,
        w,
        word_of(key),
        w.numpy(),
        increment.numpy(),
        realized.numpy(),
        *found.arguments,
    )
    return realized, sum(beyond)


def further_fused(
    step: Step,
    devices: DeviceValues,
    state: Tensor,
    up: Tensor,
    pulses: Tensor,
    numbers: DeviceNumbers,
) -> Tensor | None:
    """``pulsed_write.further_pulses``; None where the compiled loop does not take them.

    Arguments are those there.
    """
    shape = _shape(step, state.dtype) if type(step) is not JumpTable else None
    values = (*vars(devices).values(), pulses)
    if shape is None or not taken(state) or not alike(state, *values):
        return None
    from device_models.kernels.trains import many_loop  # noqa: PLC0415  (imports numba)

    end = state.clone()
    trains = _trains(devices, end, up, pulses, numbers.device)
    over_devices(many_loop.further, end, word_of(numbers.key), trains, shape, _limits(state.dtype))
    return end


def ends_fused(
    step: Step, devices: DeviceValues, start: Tensor, up: Tensor, pulses: Tensor, part: Tensor
) -> tuple[ElementMoments, ElementMoments] | None:
    """``train_moments.after_train``; None where the compiled loop does not take them.

    Args:
        step: Mean and spread of one pulse's step.
        devices: Properties of these devices.
        start: States before, shape ``(n,)``.
        up: Direction, True is up, shape ``(n,)``.
        pulses: As there.
        part: As there.
    """
    shape = _shape(step, start.dtype) if type(step) is not JumpTable else None
    values = (*vars(devices).values(), pulses, part)
    if shape is None or not taken(start) or not alike(start, *values):
        return None
    from device_models.kernels.trains import moments_loop  # noqa: PLC0415  (imports numba)

    found = [torch.empty_like(start) for _ in range(4)]
    over_devices(
        moments_loop.ends,
        start,
        _trains(devices, start, up, pulses, torch.zeros(1, dtype=torch.int64)),
        part.expand_as(start).contiguous().numpy(),
        moments_loop.Ends(*(each.numpy() for each in found)),
        shape,
        _limits(start.dtype, train_moments.MOST_SINGLE_TRACED, train_moments.MOST_PULSES),
        *map(_real(start.dtype), (train_moments.SETTLED, train_moments.FADING)),
    )
    return ElementMoments(*found[:2]), ElementMoments(*found[2:])


def _trains(
    devices: DeviceValues, state: Tensor, up: Tensor, pulses: Tensor, numbers: Tensor
) -> Any:
    """Requests to some devices as loops take them; states are the vector that is given."""
    from device_models.kernels.trains.many_loop import Trains  # noqa: PLC0415  (imports numba)

    like = torch.ones_like(state)
    own = (
        torch.where(up, like, -like),
        pulses,
        torch.where(up, devices.step_up, devices.step_down),
        torch.where(up, devices.slope_up, devices.slope_down),
        devices.low,
        devices.high,
    )
    arrays = (
        numbers.numpy().astype(np.uint64),
        *((each * like).numpy() for each in own),
        state.numpy(),
    )
    return Trains(*arrays)


def properties(write: NominalStepWrite) -> Properties | None:
    """Devices, shape and request as compiled loops take them; None where they do not."""
    values = [tuple(vars(line).values()) for line in write.lines]
    every = (*values[0], *values[1])
    if not alike(*every):
        return None
    from device_models.kernels.trains import pulsed_loop  # noqa: PLC0415  (imports numba)

    dtype = every[0].dtype
    shape = _shape(write.step, dtype)
    if shape is None:
        return None
    plus, minus = (pulsed_loop.Devices(*(each.numpy() for each in line)) for line in values)
    size = max(each.numel() for each in every)
    return Properties(size, dtype, (plus, minus, shape, _request(write, dtype)))


def properties_in_place(write: NominalStepWrite) -> Properties | None:
    """As ``properties``, of each device in one place: for loops that visit few of them.

    They are kept beside those of the write path itself, up to 8 numbers a device.
    """
    found = write.for_loops
    if found is None:
        return None
    from device_models.kernels.trains.pulsed_loop import is_short, table_of  # noqa: PLC0415  (imports numba)

    plus, minus, shape, request = found.arguments
    table = table_of(plus, minus, one_sided=write.one_sided)
    request = request._replace(short=is_short(plus, one_sided=write.one_sided))
    return Properties(found.size, found.dtype, (table, shape, request))


def _real(dtype: torch.dtype) -> Any:
    return np.float32 if dtype == torch.float32 else np.float64


def _request(write: NominalStepWrite, dtype: torch.dtype) -> Any:
    from device_models.kernels.number_loops import ROUNDINGS  # noqa: PLC0415  (imports numba)
    from device_models.kernels.trains.pulsed_loop import Request  # noqa: PLC0415  (imports numba)

    real, (up, down), (most_up, most_down) = _real(dtype), write.steps, write.most_pulses
    if up == down:
        units = (real(write.weight_range * up),) * 2
    else:
        # In the order of the plain version, which multiplies numbers of the weights' type.
        units = (real(write.weight_range) * real(up), real(write.weight_range) * real(down))
    return Request(
        *units,
        real(most_up),
        real(most_down),
        ROUNDINGS[write.rounding],
        real(MOST_SINGLE_PULSES),
        real(FREE_REACH),
        real(write.weight_range),
        write.one_sided,
    )


def _limits(
    dtype: torch.dtype,
    single: float = MOST_SINGLE_PULSES,
    most_pulses: float = many_pulses.MOST_PULSES,
) -> Any:
    """The constants of ``many_pulses`` as loops take them."""
    from device_models.kernels.trains.many_loop import Limits  # noqa: PLC0415  (imports numba)

    number = torch.finfo(dtype)
    reals = (
        single,
        most_pulses,
        many_pulses.LARGEST_MOVE,
        many_pulses.GROWTH,
        many_pulses.PROBE,
        many_pulses.STEEPEST,
        number.eps,
        number.tiny,
    )
    return Limits(many_pulses.MOST_BLOCKS, *map(_real(dtype), reals))


def _shape(step: Step, dtype: torch.dtype) -> Any:
    """The step as the loop takes it; None for one that it does not know."""
    if type(step) is JumpTable:
        return _jumps(step, dtype)
    from device_models.kernels.trains import train_loop as loop  # noqa: PLC0415  (imports numba)

    shapes: dict[type, type[loop.Shape]] = {
        LinearStep: loop.LinearShape,
        ExponentialStep: loop.ExponentialShape,
        PowerStep: loop.PowerShape,
    }
    if type(step) not in shapes:
        return None
    real = _real(dtype)
    return shapes[type(step)](
        real(step.noise),
        bool(getattr(step, "multiplicative", False)),
        has_linear_noise(step),
        *(real(each) for each in step_numbers(step)),
    )


def _jumps(table: JumpTable, dtype: torch.dtype) -> Any:
    """A jump table as the loop takes it; None for one of another type or place."""
    columns = (table.nodes, table.up_mean, table.up_std, table.down_mean, table.down_std)
    if not all(plain(each, dtype) for each in columns):
        return None
    from device_models.kernels.trains.jump_loop import shape_of  # noqa: PLC0415  (imports numba)

    return shape_of(*(each.numpy() for each in columns))
