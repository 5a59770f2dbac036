"""Jump tables: what one pulse does, as measured, against the conductance before it.

Samples of the change that one pulse makes, against the conductance before it (Nandakumar et al.,
Front. Neurosci. 2020; Burr et al., IEEE Trans. Electron Devices 2015), give a pulse a mean and a
standard deviation that depend on the state. Conductances may have any unit: only their place in
the window between the smallest and the largest one counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from device_models.write.measured_curve import interpolate
from device_models.write.pulsed_step import DeviceValues

MAX_NODES = 32
"""Most states at which a jump table keeps mean and deviation."""

SMALLEST_STEP = 1e-6
"""Smallest average step of a jump table over its range: a write asks for 1e6 pulses at most."""


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
    def noise(self) -> float:
        """1, as the table's deviations are what they are; 0 where no pulse has any."""
        return 1.0 if bool(self.up_std.any() or self.down_std.any()) else 0.0

    def moments(self, h: Tensor, up: Tensor, devices: DeviceValues) -> tuple[Tensor, Tensor]:
        """As of every ``Step``, from states in fractions of the window."""

        def along(rise: Tensor, fall: Tensor) -> Tensor:
            found = interpolate(self.nodes, rise, h), interpolate(self.nodes, fall, h)
            return torch.where(up, *found)

        return along(self.up_mean, -self.down_mean), along(self.up_std, self.down_std)

    def typical_steps(self) -> tuple[float, float]:
        """Size of a pulse up and down, averaged over the window."""
        return _average(self.nodes, self.up_mean), -_average(self.nodes, self.down_mean)

    def straight(self, step: float | None = None) -> JumpTable:
        """The same with pulses of one mean size whatever the state: the typical ones.

        Args:
            step: Mean size in both directions, a part of the window; None for the typical ones.
        """
        rise, fall = self.typical_steps() if step is None else (step, step)
        ends = torch.full_like(self.up_mean, rise), torch.full_like(self.down_mean, -fall)
        return replace(self, up_mean=ends[0], down_mean=ends[1])

    def quiet(self) -> JumpTable:
        """The same without deviations: every pulse is the mean one."""
        still = torch.zeros_like(self.up_std), torch.zeros_like(self.down_std)
        return replace(self, up_std=still[0], down_std=still[1])

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
    does not pass for noise. A single sample has no deviation. Noise of the conductances themselves
    is not told apart: it is in the deviations, and draws the means near the ends of the window
    towards the middle (errors in variables).

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
