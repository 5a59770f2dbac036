"""Measured devices: a table in place of the parameters of a model.

Two tables are understood, with a header line and a comma, semicolon or tab between the cells:

- ``pulse,potentiation,depression``: conductance after a number of identical pulses, rising and
  falling. A device follows the curve from where it stands (``MeasuredCurve``), as in
  ``pulse_response.py``.
- ``conductance,delta_up,delta_down``: samples of the change that one pulse makes, against the
  conductance before it: the jump table of Nandakumar et al., Front. Neurosci. 2020, and of Burr
  et al., IEEE Trans. Electron Devices 2015. A pulse then has a mean and a standard deviation that
  depend on the state (``JumpTable``, ``JumpTableWrite``).

Conductances may have any unit: only their place in the window between the smallest and the
largest one counts.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.moments import clipped_normal, two_point_mixture
from device_models.protocols import ElementMoments
from device_models.write.rounding import (
    Rounding,
    check_rounding,
    round_whole,
    rounding_outcomes,
    split_pulses,
)

MAX_CHARACTERS = 10_000_000
"""Largest table in characters (10 MB of plain text)."""

MAX_ROWS = 1_000_000
"""Most rows of a table."""

MIN_ROWS = 3
"""Fewest rows of a table."""

MAX_NODES = 32
"""Most states at which a jump table keeps mean and deviation."""

SMALLEST_STEP = 1e-6
"""Smallest average step of a jump table over its range: pulses are applied one by one."""

LARGEST = 1e30
"""Largest magnitude of a number in a table."""

PULSE_COLUMNS = ("pulse", "potentiation", "depression")
JUMP_COLUMNS = ("conductance", "delta_up", "delta_down")


# -- pulse curves -----------------------------------------------------------------------------


@dataclass(frozen=True)
class MeasuredCurve:
    """One direction's measured response, with the ``step`` of ``PulseResponse``.

    Linear between the measured points, and at rest behind the last one. Below the first point a
    device moves as it does there.

    Attributes:
        times: Pulses over the measured number of pulses, rising within 0 to 1, shape ``(P,)``.
        positions: Fraction of the window passed in this direction, rising, shape ``(P,)``.
    """

    times: Tensor
    positions: Tensor

    def step(self, position: Tensor, pulses: Tensor) -> Tensor:
        """Distance moved, in fractions of the window.

        Args:
            position: Fraction of the window already passed in this direction, any shape.
            pulses: Number of pulses over the number of levels (ν), same shape.
        """
        start = interpolate(self.positions, self.times, position)
        end = interpolate(self.times, self.positions, start + pulses)
        return end - interpolate(self.times, self.positions, start)

    def to(
        self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> MeasuredCurve:
        """The same curve in another type or on another device."""
        return MeasuredCurve(
            self.times.to(dtype=dtype, device=device), self.positions.to(dtype=dtype, device=device)
        )


@dataclass(frozen=True)
class PulseCurves:
    """A measured device: the two directions of its pulse response.

    Attributes:
        conductance_min: Smallest conductance of the table, in its own unit.
        conductance_max: Largest one.
        levels: Pulses measured up and down.
        potentiation: Response to pulses that raise the conductance.
        depression: Response to pulses that lower it.
    """

    conductance_min: float
    conductance_max: float
    levels: tuple[int, int]
    potentiation: MeasuredCurve
    depression: MeasuredCurve


def interpolate(x: Tensor, y: Tensor, at: Tensor) -> Tensor:
    """Values at ``at`` of the line through the points ``(x, y)``, constant beyond its ends.

    Args:
        x: Rising, shape ``(P,)``, P from 1.
        y: Values at x, shape ``(P,)``.
        at: Where to interpolate, any shape.
    """
    if x.numel() == 1:
        return y.expand_as(at)
    after = torch.searchsorted(x, at.contiguous(), right=True).clamp(1, x.numel() - 1)
    before = after - 1
    part = ((at - x[before]) / (x[after] - x[before])).clamp(0.0, 1.0)
    return torch.lerp(y[before], y[after], part)


def parse_pulse_curve(text: str) -> PulseCurves:
    """Read a table of conductance against pulse number.

    Args:
        text: The table with columns ``pulse`` (whole numbers, rising), ``potentiation`` (never
            falling) and ``depression`` (never rising), 3 rows or more; other columns are ignored.

    Raises:
        ValueError: If the table is not of this form; one line that names line and column.
    """
    rows = _read_table(text, PULSE_COLUMNS)
    previous: list[float] | None = None
    for line, row in rows:
        _check_pulse_row(line, row, previous)
        previous = row
    values = torch.tensor([row for _, row in rows], dtype=torch.float64)
    pulse, up, down = values.unbind(1)
    low, high = float(values[:, 1:].min()), float(values[:, 1:].max())
    for name, column in (("potentiation", up), ("depression", down)):
        if column[0] == column[-1]:
            raise ValueError(
                f"column {name} is {float(column[0]):g} in all rows; allowed: a change"
            )
    times = (pulse - pulse[0]) / (pulse[-1] - pulse[0])
    width = high - low
    levels = int(pulse[-1] - pulse[0])
    return PulseCurves(
        low,
        high,
        (levels, levels),
        _without_plateaus(times, (up - low) / width),
        _without_plateaus(times, (high - down) / width),
    )


def _without_plateaus(times: Tensor, positions: Tensor) -> MeasuredCurve:
    """The curve with every run of equal positions as one point.

    Tables repeat a value where the meter did not resolve the change. The state cannot tell where
    in a run a device is, and it would never leave one that is longer than a train of pulses: the
    run's middle stands for it; at the curve's ends, where it leaves or reaches the end.
    """
    values, counts = torch.unique_consecutive(positions, return_counts=True)
    last = counts.cumsum(0) - 1
    first = last - counts + 1
    middle = 0.5 * (times[first] + times[last])
    middle[0], middle[-1] = times[last[0]], times[first[-1]]
    return MeasuredCurve(middle, values)


def _check_pulse_row(line: int, row: list[float], previous: list[float] | None) -> None:
    pulse, up, down = row
    if pulse != int(pulse) or pulse < 0:
        raise ValueError(f"line {line}, column pulse is {pulse:g}; allowed: whole numbers from 0")
    if previous is None:
        return
    for name, value, before, fits, allowed in (
        ("pulse", pulse, previous[0], pulse > previous[0], "above"),
        ("potentiation", up, previous[1], up >= previous[1], "not below"),
        ("depression", down, previous[2], down <= previous[2], "not above"),
    ):
        if not fits:
            raise ValueError(
                f"line {line}, column {name} is {value:.9g}; "
                f"allowed: {allowed} {before:.9g}, the one before"
            )


# -- jump tables ------------------------------------------------------------------------------


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


def parse_jump_table(text: str, nodes: int = MAX_NODES) -> JumpTable:
    """Read samples of the change that a pulse makes, against the conductance before it.

    Up to ``nodes`` different conductances are a node each; more of them are put into as many
    groups of equal size by their order. In a group, the change is a straight line of the
    conductance, and the deviation is that of the samples from it, so that the slope of the mean
    does not pass for noise. A single sample has no deviation.

    Args:
        text: The table with columns ``conductance``, ``delta_up`` and ``delta_down`` (the change
            itself, below 0 on average), 3 rows or more; other columns are ignored.
        nodes: Most states at which mean and deviation are kept, 1 or more.

    Raises:
        ValueError: If the table is not of this form; one line that names line and column.
    """
    if nodes < 1:
        raise ValueError(f"nodes is {nodes}; allowed: 1 or more")
    rows = _read_table(text, JUMP_COLUMNS)
    values = torch.tensor([row for _, row in rows], dtype=torch.float64)
    low, high = float(values[:, 0].min()), float(values[:, 0].max())
    if low == high:
        raise ValueError(f"column conductance is {low:g} in all rows; allowed: a range")
    values = values[values[:, 0].argsort(stable=True)]
    values[:, 0] -= low
    values /= high - low
    places, up, down = [], [], []
    for group in _groups(values, nodes):
        places.append(group[:, 0].mean())
        up.append(_mean_and_std(group[:, 0], group[:, 1]))
        down.append(_mean_and_std(group[:, 0], group[:, 2]))
    (up_mean, up_std), (down_mean, down_std) = _columns(up), _columns(down)
    table = JumpTable(low, high, torch.stack(places), up_mean, up_std, down_mean, down_std)
    rise, fall = table.typical_steps()
    for name, size, allowed in (("delta_up", rise, "above"), ("delta_down", fall, "below")):
        if not SMALLEST_STEP <= size < math.inf:
            mean = (size if name == "delta_up" else -size) * (high - low)
            raise ValueError(
                f"column {name} is {mean:g} on average; allowed: {allowed} 0, by a millionth of "
                "the range or more"
            )
    return table


def parse_measured(text: str) -> PulseCurves | JumpTable:
    """Read a table of either form; the header tells which.

    Raises:
        ValueError: If the table is of neither form; one line that names line and column.
    """
    first, names, _ = _open_table(text)
    if set(PULSE_COLUMNS) <= set(names):
        return parse_pulse_curve(text)
    if set(JUMP_COLUMNS) <= set(names):
        return parse_jump_table(text)
    raise ValueError(
        f"line {first} has the columns {_shown(', '.join(names))}; "
        f"allowed: {', '.join(PULSE_COLUMNS)}, or {', '.join(JUMP_COLUMNS)}"
    )


def _columns(pairs: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    first, second = torch.tensor(pairs, dtype=torch.float64).unbind(1)
    return first.contiguous(), second.contiguous()


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
class JumpTableWrite:
    """Write path of synapses whose pulses are those of a jump table.

    One device a weight beside a reference, ``w = weight_range·(2x − 1)``. The controller knows the
    table's average step only: it asks for ``|increment|`` over that step, in whole pulses, and
    never for more than would pass the whole window. Pulses act one after the other, each with the
    mean and the deviation of the state where it finds the device, cut at the window.

    Attributes:
        table: What a pulse does.
        weight_range: Largest |weight|, above 0.
        rounding: How a requested increment becomes pulses: ``stochastic``, ``nearest`` or
            ``truncate``.

    Raises:
        ValueError: If weight range or rounding are not allowed.
    """

    table: JumpTable
    weight_range: float = 1.0
    rounding: Rounding = "stochastic"

    def __post_init__(self) -> None:
        check_rounding(self.rounding)
        if self.rounding == "none":
            raise ValueError("rounding is 'none'; allowed: nearest, stochastic, truncate")
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
        pulses = round_whole(self._requested(increment, up), self.rounding, generator)
        start = self._state(w)
        x = start.clone()
        for number in range(int(pulses.max()) if pulses.numel() else 0):
            where = torch.nonzero(pulses > number).squeeze(1)
            here, direction = x[where], up[where]
            noise = torch.randn(here.shape, generator=generator, dtype=w.dtype, device=w.device)
            jump = self.table.mean(here, direction) + self.table.std(here, direction) * noise
            x[where] = (here + jump).clamp(0.0, 1.0)
        return (x - start) * (2.0 * self.weight_range)

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments | None:
        """Exact mean and variance where no weight is asked for more than one pulse, else None."""
        up = increment > 0
        low, p = rounding_outcomes(self._requested(increment, up), self.rounding)
        if bool((low + (p > 0) > 1).any()):
            return None
        x = self._state(w)
        zero, one = torch.zeros_like(x), torch.ones_like(x)
        jumped = clipped_normal(x + self.table.mean(x, up), self.table.std(x, up), zero, one)
        outcome = two_point_mixture(ElementMoments(x, zero), jumped, low + p)
        width = 2.0 * self.weight_range
        return ElementMoments((outcome.mean - x) * width, outcome.variance * width**2)

    def single_pulses(self, increment: Tensor) -> tuple[Tensor, Tensor]:
        """The part of an increment that one pulse is asked for, and the number of such parts."""
        return split_pulses(increment, self._requested(increment, increment > 0), self.rounding)

    def _state(self, w: Tensor) -> Tensor:
        return (0.5 * (w / self.weight_range + 1.0)).clamp(0.0, 1.0)

    def _requested(self, increment: Tensor, up: Tensor) -> Tensor:
        """Real-valued number of pulses."""
        rise, fall = self.table.typical_steps()
        part = increment.abs() / (2.0 * self.weight_range)
        ups = (part / rise).clamp_max(math.ceil(1.0 / rise))
        downs = (part / fall).clamp_max(math.ceil(1.0 / fall))
        return torch.where(up, ups, downs)


# -- text -------------------------------------------------------------------------------------


def _read_table(text: str, columns: tuple[str, ...]) -> list[tuple[int, list[float]]]:
    """Line number and the values of the named columns of every row."""
    first, names, reader = _open_table(text)
    missing = [name for name in columns if name not in names]
    if missing:
        found = _shown(", ".join(names))
        raise ValueError(
            f"line {first} has no column {missing[0]}, but {found}; allowed: {', '.join(columns)}"
        )
    places = [names.index(name) for name in columns]
    rows: list[tuple[int, list[float]]] = []
    for line, cells in reader:
        if len(cells) != len(names):
            raise ValueError(f"line {line} has {len(cells)} cells; allowed: {len(names)}")
        if len(rows) == MAX_ROWS:
            raise ValueError(f"line {line} is one row too many; allowed: {MAX_ROWS} rows")
        rows.append((line, [_number(line, names[place], cells[place]) for place in places]))
    if len(rows) < MIN_ROWS:
        raise ValueError(f"the table has {len(rows)} rows; allowed: {MIN_ROWS} or more")
    return rows


def _open_table(text: str) -> tuple[int, list[str], Iterator[tuple[int, list[str]]]]:
    """The header's line number and names, and an iterator over the rows that follow."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"the table has {len(text)} characters; allowed: {MAX_CHARACTERS}")
    rows = _rows(text.removeprefix("\ufeff"))
    first, cells = next(rows, (1, []))
    names = [cell.strip().lower() for cell in cells]
    for name in names:
        if name and names.count(name) > 1:
            raise ValueError(f"line {first} has column {_shown(name)} twice; allowed: once")
    return first, names, rows


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that is not blank."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = next((mark for mark in "\t;" if mark in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}; allowed: plain text cells") from None


def _number(line: int, column: str, cell: str) -> float:
    try:
        # Python's own digit grouping is not a measurement's.
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST:
        raise ValueError(
            f"line {line}, column {column} is {_shown(cell)}; "
            f"allowed: a number such as 3.8e-6, up to {LARGEST:g}"
        )
    return value


def _shown(text: str) -> str:
    """User's text in a message: quoted, on one line, cut short."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
