"""The samples of a task as input of a spiking network."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from neurograd.errors import DataError
from neurograd.problem.coding import Coding, encode
from neurograd.problem.datasets import Dataset
from neurograd.seeding import generator_for
from neurograd.spec import Spec

DEFAULT_TIME_STEPS = 10
"""Time steps of spike trains that are made of a user's own samples."""


def as_trains(spec: Spec, data: Dataset, shape: tuple[int, ...] | None = None) -> Dataset:
    """The data as spike trains or currents, drawn once.

    Args:
        spec: The validated spec, of a network that spikes.
        data: The task's samples.
        shape: Shape of the network's input in one time step; None for a vector of any length.

    Raises:
        DataError: If the samples cannot become input of such a shape.
    """
    network = spec.network
    coding, steps = network.coding or "rate", network.time_steps
    trains = len(data.input_shape) == 1 + (1 if shape is None else len(shape))
    if coding == "events" or (network.coding is None and trains):
        return _as_events(data, steps, shape)
    data = _as_values(data, coding, shape)

    def encoded(values: Tensor, part: str) -> Tensor:
        source = generator_for(spec.measure.seed, "coding", part)
        time_steps = steps or DEFAULT_TIME_STEPS
        flat = encode(values.flatten(1), coding, time_steps, source)
        return flat.reshape(len(values), time_steps, *values.shape[1:])

    return replace(
        data,
        inputs=encoded(data.inputs, "train"),
        test_inputs=encoded(data.test_inputs, "test"),
    )


def _as_values(data: Dataset, coding: Coding, shape: tuple[int, ...] | None) -> Dataset:
    """Samples of values that can become spike trains, in the shape that the network takes."""
    if shape is None and len(data.input_shape) != 1:
        raise DataError(
            f"task.train: samples of shape {data.input_shape}; allowed for a spiking network: "
            "(inputs,), or (time steps, inputs) with network.coding events"
        )
    ends = [float(end) for x in (data.inputs, data.test_inputs) for end in (x.min(), x.max())]
    if coding != "current" and not 0 <= min(ends) <= max(ends) <= 1:
        raise DataError(
            f"network.coding: {coding} needs inputs from 0 to 1, and those of the task run from "
            f"{min(ends):g} to {max(ends):g}; allowed: current, or scaled inputs"
        )
    return data if shape is None else _shaped(data, (), shape)


def _as_events(data: Dataset, time_steps: int | None, shape: tuple[int, ...] | None) -> Dataset:
    """Samples that are spike trains already.

    Raises:
        DataError: If they are none, or have other time steps than the spec says.
    """
    if len(data.input_shape) != 2 and (shape is None or len(data.input_shape) < 2):
        raise DataError(
            f"network.coding: events needs samples of shape (time steps, inputs), and those of "
            f"task.train have {data.input_shape}; allowed there: rate, latency, current"
        )
    if time_steps not in (None, data.input_shape[0]):
        raise DataError(
            f"network.time_steps: {time_steps}, and the samples of task.train have "
            f"{data.input_shape[0]}; allowed: that, or no such key"
        )
    return data if shape is None else _shaped(data, data.input_shape[:1], shape)


def _shaped(data: Dataset, steps: tuple[int, ...], shape: tuple[int, ...]) -> Dataset:
    """Samples in the shape that a graph takes, where they have as many numbers."""
    if math.prod(data.input_shape) != math.prod((*steps, *shape)):
        what = "each time step of a sample" if steps else "a sample"
        raise DataError(
            f"network.file: its graph takes inputs of shape {shape}, and {what} of the task has "
            f"{data.input_shape[len(steps) :]}; allowed: {math.prod(shape)} numbers"
        )
    made = [each.reshape(-1, *steps, *shape) for each in (data.inputs, data.test_inputs)]
    return replace(data, inputs=made[0], test_inputs=made[1])
