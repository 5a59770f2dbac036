"""Jump tables: what one pulse does, as measured, against the conductance before it.

Samples of the change that one pulse makes, against the conductance before it (Nandakumar et al.,
Front. Neurosci. 2020; Burr et al., IEEE Trans. Electron Devices 2015), give a pulse a mean and a
standard deviation that depend on the state. Conductances may have any unit: only their place in
the window between the smallest and the largest one counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.moments import clipped_normal
from device_models.protocols import ElementMoments
from device_models.write.many_pulses import MOST_SINGLE_PULSES, Kick, take_together
from device_models.write.measured_curve import interpolate
from device_models.write.rounding import Rounding, check_rounding, round_whole
from device_models.write.train_moments import after_train
from device_models.write.whole_pulses import (
    WholePulseWrite,
    changes,
    pulsed_by_chance,
)

MAX_NODES = 32
"""Most states at which a jump table keeps mean and deviation."""

SMALLEST_STEP = 1e-6
"""Smallest average step of a jump table over its range: pulses are applied one by one."""


@dataclass(frozen=True)
class JumpTable:
    """Mean and standard deviation of one pulse as functions of the state.

    Linear between the nodes and constant beyond them; everything in fractions of the window.

    Attributes:
        conductance_min: Smallest conductance of the table, in its own unit.
        conductance_max: Largest one.
        nodes: States, rising, shape ``(P,)``.
        up_mean: Mean change of a pulse up, shape ``(P,)``.
        up_std: Its standard deviation, shape ``(P,)``.
        down_mean: Mean change of a pulse down, mostly below 0, shape ``(P,)``.
        down_std: Its standard deviation, shape ``(P,)``.
    """

    conductance_min: float
    conductance_max: float
    nodes: Tensor
    up_mean: Tensor
    up_std: Tensor
    down_mean: Tensor
    down_std: Tensor

    @property
    def deterministic(self) -> bool:
        """Whether no pulse has any spread."""
        return not bool(self.up_std.any() or self.down_std.any())

    def mean(self, x: Tensor, up: Tensor) -> Tensor:
        """Mean change of a pulse from the states ``x``, up where ``up`` is True."""
        rise = interpolate(self.nodes, self.up_mean, x)
        return torch.where(up, rise, interpolate(self.nodes, self.down_mean, x))

    def std(self, x: Tensor, up: Tensor) -> Tensor:
        """Standard deviation of a pulse from the states ``x``, up where ``up`` is True."""
        rise = interpolate(self.nodes, self.up_std, x)
        return torch.where(up, rise, interpolate(self.nodes, self.down_std, x))

    def typical_steps(self) -> tuple[float, float]:
        """Size of a pulse up and down, averaged over the window."""
        return _average(self.nodes, self.up_mean), -_average(self.nodes, self.down_mean)

    def to(
        self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> JumpTable:
        """The same table in another type or on another device."""
        columns = (self.nodes, self.up_mean, self.up_std, self.down_mean, self.down_std)
        moved = (column.to(dtype=dtype, device=device) for column in columns)
        return JumpTable(self.conductance_min, self.conductance_max, *moved)


def jump_table(
    up: tuple[Tensor, Tensor], down: tuple[Tensor, Tensor], nodes: int = MAX_NODES
) -> JumpTable:
    """A device from samples of the change that a pulse makes, against the conductance before it.

    Up to ``nodes`` different conductances of a direction are a node each; more of them are put into
    as many groups of equal size by their order. In a group, the change is a straight line of the
    conductance, and the deviation is that of the samples from it, so that the slope of the mean
    does not pass for noise. A single sample has no deviation.

    Args:
        up: Conductances and the changes of pulses that raise it, both of shape ``(P,)``.
        down: The same of pulses that lower it (below 0 on average); conductances and P may differ.
        nodes: Most states of a direction at which mean and deviation are kept, 1 or more.

    Raises:
        ValueError: If the samples are not of this form; one line.
    """
    if nodes < 1:
        raise ValueError(f"nodes is {nodes}; allowed: 1 or more")
    states = torch.cat([up[0], down[0]])
    low, high = float(states.min()), float(states.max())
    if low == high:
        raise ValueError(f"column conductance is {low:g} in all rows; allowed: a range")
    sides = [_side(samples, low, high, nodes) for samples in (up, down)]
    (up_nodes, up_mean, up_std), (down_nodes, down_mean, down_std) = sides
    if not torch.equal(up_nodes, down_nodes):
        # Straight lines between nodes stay what they are with the other direction's nodes between.
        both = torch.unique(torch.cat([up_nodes, down_nodes]))
        up_mean, up_std = (interpolate(up_nodes, each, both) for each in (up_mean, up_std))
        down_mean, down_std = (
            interpolate(down_nodes, each, both) for each in (down_mean, down_std)
        )
        up_nodes = both
    table = JumpTable(low, high, up_nodes, up_mean, up_std, down_mean, down_std)
    rise, fall = table.typical_steps()
    for name, size, allowed in (("delta_up", rise, "above"), ("delta_down", fall, "below")):
        if not SMALLEST_STEP <= size < math.inf:
            mean = (size if name == "delta_up" else -size) * (high - low)
            raise ValueError(
                f"column {name} is {mean:g} on average; allowed: {allowed} 0, by a millionth of "
                "the range or more"
            )
    return table


def _side(
    samples: tuple[Tensor, Tensor], low: float, high: float, nodes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes of one direction, and mean and deviation of a pulse there, in parts of the window."""
    values = torch.stack(samples, 1)
    values = values[values[:, 0].argsort(stable=True)]
    values[:, 0] -= low
    values /= high - low
    groups = _groups(values, nodes)
    pairs = [_mean_and_std(group[:, 0], group[:, 1]) for group in groups]
    mean, std = torch.tensor(pairs, dtype=values.dtype).unbind(1)
    places = torch.stack([group[:, 0].mean() for group in groups])
    return places, mean.contiguous(), std.contiguous()


def _groups(values: Tensor, nodes: int) -> list[Tensor]:
    """Rows of sorted samples, group by group."""
    _, counts = torch.unique_consecutive(values[:, 0], return_counts=True)
    if len(counts) <= nodes:
        return list(values.split(counts.tolist()))
    groups = [g for g in values.tensor_split(nodes) if len(g) > 0]
    # Equal conductances may fill several groups: these are one, so that nodes always rise.
    merged = groups[:1]
    for group in groups[1:]:
        if float(group[:, 0].mean()) > float(merged[-1][:, 0].mean()):
            merged.append(group)
        else:
            merged[-1] = torch.cat([merged[-1], group])
    return merged


def _mean_and_std(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Mean of y, and its standard deviation about the line through it."""
    centered, residual = x - x.mean(), y - y.mean()
    square, free = float(centered.square().sum()), len(y) - 1
    # A group of one conductance has no slope; rounding must not give it one.
    if square > 1e-24 * len(y):
        residual = residual - centered * float((centered * residual).sum()) / square
        free -= 1
    variance = float(residual.square().sum()) / free if free > 0 else 0.0
    return float(y.mean()), math.sqrt(variance)


def _average(nodes: Tensor, values: Tensor) -> float:
    """Average over 0 to 1 of the line through the nodes, constant beyond them."""
    inside = torch.trapezoid(values, nodes) if len(nodes) > 1 else torch.zeros(())
    outside = values[0] * nodes[0] + values[-1] * (1.0 - nodes[-1])
    return float(inside + outside)


@dataclass(frozen=True)
class JumpTableWrite(WholePulseWrite):
    """Write path of synapses whose pulses are those of a jump table.

    One device a weight beside a reference, ``w = weight_range·(2x − 1)``. The controller knows the
    table's average step only: it asks for ``|increment|`` over that step, in whole pulses, and
    never for more than would pass the whole window. Pulses act one after the other, each with the
    mean and the deviation of the state where it finds the device, cut at the window.

    Attributes:
        table: What a pulse does.
        weight_range: Largest |weight|, above 0.
        rounding: How a requested increment becomes pulses: ``stochastic``, ``nearest`` or
            ``truncate``; ``none`` divides them.
        counted: Part of the window that a pulse is counted for whatever its direction, as trains
            of coinciding pulses count; None where the controller counts by the average steps.

    Raises:
        ValueError: If weight range or rounding are not allowed.
    """

    table: JumpTable
    weight_range: float = 1.0
    rounding: Rounding = "stochastic"
    counted: float | None = None

    def __post_init__(self) -> None:
        check_rounding(self.rounding)
        if not 0 < self.weight_range < math.inf:
            raise ValueError(f"weight_range is {self.weight_range:g}; allowed: above 0")

    @property
    def deterministic(self) -> bool:
        """Whether neither the pulses nor their number are random."""
        return self.rounding != "stochastic" and self.table.deterministic

    def program(self, w: Tensor) -> Tensor:
        """Clip to the window: initial weights are written with verification."""
        return w.clamp(-self.weight_range, self.weight_range)

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Realized increment in weight units, shape ``(N,)``."""
        up = increment > 0
        pulses = round_whole(self._requested(increment), self.rounding, generator)
        start = self._state(w)
        x = start.clone()
        number = 0
        # Tables with a step of a millionth of the window ask for a million pulses across it.
        single = pulses.clamp_max(float(MOST_SINGLE_PULSES))
        while (where := torch.nonzero(single > number).squeeze(1)).numel():
            here, direction = x[where], up[where]
            noise = torch.randn(here.shape, generator=generator, dtype=w.dtype, device=w.device)
            part = (single[where] - number).clamp_max(1.0)
            jump = part * self.table.mean(here, direction)
            jump = jump + part.sqrt() * self.table.std(here, direction) * noise
            x[where] = (here + jump).clamp(0.0, 1.0)
            number += 1
        many = torch.nonzero(pulses > MOST_SINGLE_PULSES).squeeze(1)
        if many.numel():
            x[many] = self._moved_by_many(x[many], up[many], pulses[many], generator)
        return (x - start) * (2.0 * self.weight_range)

    def _moved_by_many(
        self, x: Tensor, up: Tensor, pulses: Tensor, generator: torch.Generator
    ) -> Tensor:
        """States after all pulses of requests for more than are applied one by one."""
        zero, one = torch.zeros_like(x), torch.ones_like(x)

        def noise(which: Tensor, number: int) -> Tensor:
            return torch.randn(which.shape, generator=generator, dtype=x.dtype, device=x.device)

        drawn = None if self.table.deterministic else noise
        return take_together(self._kick(up), x, zero, one, pulses, drawn)

    def _after_pulses(
        self, w: Tensor, increment: Tensor, pulses: Tensor, part: Tensor
    ) -> tuple[ElementMoments, ElementMoments]:
        x, kick = self._state(w), self._kick(increment > 0)
        ends = after_train(kick, x, torch.zeros_like(x), torch.ones_like(x), pulses, part)
        return changes(x, ends, 2.0 * self.weight_range)

    def _kick(self, up: Tensor) -> Kick:
        """What one pulse does to the state of each device, up where ``up`` is True."""

        def kick(state: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            return self.table.mean(state, up[which]), self.table.std(state, up[which])

        return kick

    def _one_pulse(
        self, w: Tensor, increment: Tensor, chance: Tensor, part: Tensor
    ) -> ElementMoments:
        x, up = self._state(w), increment > 0
        zero, one = torch.zeros_like(x), torch.ones_like(x)
        end, std = x + part * self.table.mean(x, up), part.sqrt() * self.table.std(x, up)
        jumped = clipped_normal(end, std, zero, one)
        return pulsed_by_chance(x, jumped, chance, 2.0 * self.weight_range)

    def _state(self, w: Tensor) -> Tensor:
        return (0.5 * (w / self.weight_range + 1.0)).clamp(0.0, 1.0)

    def _requested(self, increment: Tensor) -> Tensor:
        steps = self.table.typical_steps()
        rise, fall = steps if self.counted is None else (self.counted, self.counted)
        part = increment.abs() / (2.0 * self.weight_range)
        ups = (part / rise).clamp_max(math.ceil(1.0 / rise))
        downs = (part / fall).clamp_max(math.ceil(1.0 / fall))
        return torch.where(increment > 0, ups, downs)
