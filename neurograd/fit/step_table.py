"""Steps without a formula: straight lines between a few states, and the jump table of them.

Where no curve fits, the same likelihood takes a mean step that is free at a few states of the
window. Its noise is then still told from that of reads, so that a table of it holds neither the
read noise of the data nor its sign changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neurograd.fit.measurements import DIRECTIONS, Jumps
from neurograd.fit.models.curves import Curve, Values, first_step
from neurograd.fit.models.model import noise_of
from neurograd.fit.models.model_fit import ModelFit
from neurograd.fit.models.state_space import PULSE_FLOOR, Step
from neurograd.fit.models.trains import Array, Trains

READINGS_PER_NODE = 12
"""Readings of a direction that each free step is worth."""

FEWEST_NODES, MOST_NODES = 3, 8

ROWS = 16
"""States of a jump table that is written."""


def step_curve(trains: Trains) -> Curve:
    """A curve with a step of its own at equally spaced states, 3 to 8 of them.

    Args:
        trains: The runs: the more readings, the more states.
    """
    fewest = min(np.isfinite(trains.values[:, trains.of(d)]).sum() for d in trains.directions)
    nodes = int(np.clip(fewest // READINGS_PER_NODE, FEWEST_NODES, MOST_NODES))
    names = tuple(f"step {k}" for k in range(nodes))

    def step(values: Values) -> Step:
        table = np.stack([values[name] for name in names])

        def move(p: Array) -> tuple[Array, Array, Array]:
            place = np.clip(p, 0.0, 1.0) * (nodes - 1)
            below = np.minimum(place.astype(int), nodes - 2)
            shape = np.broadcast_shapes(table.shape[1:], p.shape)
            flat = np.broadcast_to(table, (nodes, *shape)).ravel()
            cells = math.prod(shape)
            at = below * cells + np.arange(cells).reshape(shape)
            start = flat[at]
            rise = flat[at + cells] - start
            inside = (p > 0.0) & (p < 1.0)
            return start + rise * (place - below), rise * (nodes - 1) * inside, 0.0 * place

        return move

    def guess(pulses: float, bend: float) -> dict[str, float]:
        start = float(first_step(pulses, bend))
        slope = float(np.expm1(-bend / pulses))
        return {
            name: max(start + slope * k / (nodes - 1), 0.02 * start) for k, name in enumerate(names)
        }

    return Curve("jump table", names, (), step, guess, straight=False)


def table_text(states: Array, up: tuple[Array, Array], down: tuple[Array, Array]) -> str:
    """A jump table as CSV that ``device.measured`` reads.

    Every state has two rows, a deviation of ``std/√2`` to either side of the mean: the reader makes
    the same mean and standard deviation of them.

    Args:
        states: Conductances, rising, shape ``(n,)``.
        up: Mean and standard deviation of a pulse up at each state.
        down: Those of a pulse down, the mean below 0.
    """
    lines = ["conductance,delta_up,delta_down"]
    for state, rise, rise_std, fall, fall_std in zip(states, *up, *down, strict=True):
        for side in (np.sqrt(0.5), -np.sqrt(0.5)):
            lines.append(f"{state:.8g},{rise + side * rise_std:.8g},{fall + side * fall_std:.8g}")
    return "\n".join(lines) + "\n"


def table_of_jumps(jumps: Sequence[Jumps]) -> str:
    """The jump table of samples of single jumps, up and down.

    Args:
        jumps: Samples of both directions.
    """
    ends = [np.quantile(each.conductance, (0.0, 1.0)) for each in jumps]
    states = np.linspace(min(e[0] for e in ends), max(e[1] for e in ends), ROWS)
    by_direction = {each.direction: _binned(each, states) for each in jumps}
    return table_text(states, by_direction["potentiation"], by_direction["depression"])


def _binned(jumps: Jumps, states: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of the samples about equally filled states, at ``states``."""
    order = np.argsort(jumps.conductance, kind="stable")
    groups = np.array_split(order, max(min(ROWS, len(order) // READINGS_PER_NODE), 1))
    places, means, deviations = [], [], []
    for group in groups:
        x, y = jumps.conductance[group], jumps.change[group]
        places.append(x.mean())
        means.append(y.mean())
        bent = len(group) > 3 and np.ptp(x) > 0
        rest = y - np.polyval(np.polyfit(x, y, 1), x) if bent else y - y.mean()
        free = len(group) - (2 if bent else 1)
        deviations.append(np.sqrt(np.square(rest).sum() / free) if free > 0 else 0.0)
    return np.interp(states, places, means), np.interp(states, places, deviations)


def table_of_fit(fit: ModelFit) -> str:
    """The jump table of a fitted step curve of both directions.

    Args:
        fit: The fit of a ``step_curve``.
    """
    model, point = fit.model, fit.top.parameters[None]
    window = fit.trains.scale * (fit.value("high") - fit.value("low"))
    parts = np.linspace(0.0, 1.0, ROWS)
    columns = []
    for direction, passed in zip(DIRECTIONS, (parts, 1.0 - parts), strict=True):
        one = fit.trains.picked(fit.trains.of(direction))
        _, values = model.values(point, one)
        step = model.curve.step({name: each[:, :1] for name, each in values.items()})
        assert callable(step)
        f = step(passed[None])[0][0]
        noise = np.full(ROWS, float(noise_of(values["noise"], PULSE_FLOOR)[0, 0]))
        sign = 1.0 if direction == DIRECTIONS[0] else -1.0
        columns.append((sign * window * f, window * noise))
    low = fit.trains.origin + fit.trains.scale * fit.value("low")
    return table_text(low + window * parts, columns[0], columns[1])
