"""Figures of a sweep: a line over one key, a heat map over two, panels over more."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from neurograd.errors import NeurogradError
from neurograd.keys.units import NUMBER_PATTERN, UNIT_PATTERN
from neurograd.records.sweep import decided
from neurograd.report.plots import GREEN, GREY, ORANGE, RED, styled, to_image
from neurograd.words import percent

Row = dict[str, Any]

MAX_PANELS = 12
MAX_NUMBERED = 16
"""More cells than this along a side have no room for their numbers."""

_QUANTITY = re.compile(rf"\s*({NUMBER_PATTERN})\s*({UNIT_PATTERN}|%)?\s*")
_SIGNS = {"tolerated": "✓", "not tolerated": "✗", "inconclusive": "?", None: "–"}
_MEANING = "✓ tolerated    ✗ not tolerated    ? inconclusive"
_DIVERGED = "diverged: no cost"
_NOT_LEARNED = "clean network learned nothing: no cost"
_MARKERS = {
    "tolerated": ("o", GREEN),
    "not tolerated": ("X", RED),
    "inconclusive": ("s", ORANGE),
}
_KINDS = {
    "accuracy_drop": "test accuracy lost (points of %)",
    "excess_loss": "loss not gained (% of the decrease)",
}


def check_plot(keys: Sequence[str], points: Sequence[Sequence[str]], *, grid: bool) -> None:
    """Refuse a figure with more panels than can be read, before anything runs.

    Raises:
        NeurogradError: With one line that says what is allowed.
    """
    count = len({tuple(point[2:]) for point in points}) if grid else len(keys)
    if (grid and len(keys) > 2 and count > MAX_PANELS) or (not grid and count > MAX_PANELS):
        allowed = (
            f"at most {MAX_PANELS} combinations of the keys after the first two"
            if grid
            else f"at most {MAX_PANELS} keys"
        )
        raise NeurogradError(f"--plot: would have {count} panels; allowed: {allowed}")


def plot_sweep(rows: Sequence[Row], keys: Sequence[str], *, grid: bool) -> Figure:
    """Cost against the swept keys, with the verdict of every point.

    A grid over one key is a line with intervals; over two a heat map; over more the first two keys
    make a heat map for each combination of the others. A random design over two keys is a map of
    its points; over any other number it has one panel a key. Costs and what is allowed are those of
    the part that decides (``decided``), the training or its deployment.

    Args:
        rows: One row a point.
        keys: The swept keys, whose values are texts.
        grid: Whether the points are all combinations of the keys' values.
    """
    rows = [decided(row) for row in rows]
    with styled(), mpl.rc_context({"axes.titlesize": 9.5}):
        if len(keys) == 1 or (not grid and len(keys) > 2):
            return _lines(rows, keys, joined=grid)
        return _maps(rows, keys) if grid else _scatter(rows, keys)


class SweepFigure:
    """Draws a sweep for the command that runs it, `neurograd.pipeline.sweep.command.Plotter`."""

    def check(self, keys: Sequence[str], points: Sequence[Sequence[str]], *, grid: bool) -> None:
        """``check_plot``."""
        check_plot(keys, points, grid=grid)

    def image(self, rows: Sequence[Row], keys: Sequence[str], *, grid: bool, kind: str) -> bytes:
        """``plot_sweep`` as a file of a kind: png, svg or pdf."""
        return to_image(plot_sweep(rows, keys, grid=grid), kind)


# Without the darkest ends, which would make small costs look extreme.
_PALE = LinearSegmentedColormap.from_list(
    "cost", mpl.colormaps["RdBu_r"](np.linspace(0.14, 0.86, 101))
)


# -- Lines -----------------------------------------------------------------------------------------


def _lines(rows: Sequence[Row], keys: Sequence[str], *, joined: bool) -> Figure:
    columns = min(3, len(keys))
    lines = math.ceil(len(keys) / columns)
    size = (5.6, 4.0) if len(keys) == 1 else (3.4 * columns, 2.9 * lines + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes, key in itertools.zip_longest(panels.flat, keys):
        if key is None:
            axes.remove()
            continue
        _line(axes, rows, key, joined=joined)
    for axes in panels[:, 0]:
        axes.set_ylabel(_cost_label(rows))
    figure.legend(handles=_legend(rows), loc="outside lower center", ncols=2)
    return figure


def _line(axes: Axes, rows: Sequence[Row], key: str, *, joined: bool) -> None:
    x = _axis(axes.xaxis, axes.set_xscale, [row[key] for row in rows], key)
    cost = np.array([_percent(row["cost"]) for row in rows])
    named = _unit([row[key] for row in rows]) is None
    if named and not joined:
        x = x + 0.05 * (np.arange(len(x)) % 9 - 4)  # points of one name beside each other
    if joined and not named:
        order = np.argsort(x, kind="stable")
        axes.plot(x[order], cost[order], color=GREY, linewidth=1.2, zorder=1)
    for place, row, value in zip(x, rows, cost, strict=True):
        marker, colour = _MARKERS.get(row["verdict"], ("", GREY))
        if not marker or not np.isfinite(value):
            axes.plot(place, 0.02, transform=axes.get_xaxis_transform(), **_FAILED)
            continue
        low, high = (_percent(row[end]) for end in ("cost_low", "cost_high"))
        error = [[value - low], [high - value]] if np.isfinite([low, high]).all() else None
        axes.errorbar(
            place,
            value,
            yerr=error,
            fmt=marker,
            color=colour,
            markersize=6 if joined else 4.5,
            capsize=3 if joined else 0,
            elinewidth=1.1 if joined else 0.7,
        )
    for allowed in {row["allowed"] for row in rows} - {None}:
        axes.axhline(100 * allowed, color=GREY, linestyle="--", linewidth=1.1)


_FAILED: dict[str, Any] = {"marker": "|", "color": GREY, "markersize": 9, "linestyle": "none"}


def _legend(rows: Sequence[Row]) -> list[Line2D]:
    verdicts = {row["verdict"] for row in rows}
    confidence = {row["confidence"] for row in rows} - {None}
    bars = f", {100 * confidence.pop():g} % interval" if len(confidence) == 1 else ""
    handles = [
        Line2D([], [], marker=marker, color=colour, linestyle="none", label=f"{verdict}{bars}")
        for verdict, (marker, colour) in _MARKERS.items()
        if verdict in verdicts
    ]
    if any(row["allowed"] is not None for row in rows):
        handles.append(Line2D([], [], color=GREY, linestyle="--", label="allowed"))
    handles += [Line2D([], [], label=why, **_FAILED) for why in _without_cost(rows)]
    return handles


def _without_cost(rows: Sequence[Row]) -> list[str]:
    """Why rows have no cost, each reason once: no training, or a clean one with nothing to lose."""
    without = [row for row in rows if row["cost"] is None]
    return [
        why
        for why, failed in ((_DIVERGED, True), (_NOT_LEARNED, False))
        if any((row["verdict"] is None) == failed for row in without)
    ]


# -- Maps ------------------------------------------------------------------------------------------


def _maps(rows: Sequence[Row], keys: Sequence[str]) -> Figure:
    """A heat map for each combination of the keys after the second."""
    x_values, y_values = (list(dict.fromkeys(row[key] for row in rows)) for key in keys[:2])
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys[2:]), []).append(row)
    columns = min(len(groups), 3 if len(groups) != 4 else 2)
    lines = math.ceil(len(groups) / columns)
    width = min(7.0, max(3.0, 0.62 * len(x_values) + 0.8))
    height = min(5.5, max(2.4, 0.5 * len(y_values) + 0.7))
    figure = Figure(figsize=(width * columns + 1.5, height * lines + 0.6), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    norm, colours = _colours(rows)
    for axes, group in itertools.zip_longest(panels.flat, groups.items()):
        if group is None:
            axes.remove()
            continue
        values, members = group
        _map(axes, members, keys, (x_values, y_values), norm, colours)
        if values:
            pairs = zip(keys[2:], values, strict=True)
            axes.set_title("\n".join(f"{key} = {value}" for key, value in pairs))
    _label(figure, panels, keys, len(groups))
    _colourbar(figure, panels, rows, norm, colours)
    missing = {_DIVERGED: f"    – {_DIVERGED}", _NOT_LEARNED: f"    without number: {_NOT_LEARNED}"}
    meaning = _MEANING + "".join(missing[why] for why in _without_cost(rows))
    figure.text(0.5, 0.008, meaning, ha="center", va="bottom", fontsize=9)
    below = 0.3 / figure.get_figheight()
    figure.set_layout_engine("constrained", rect=(0, below, 1, 1 - below))
    return figure


def _map(
    axes: Axes,
    rows: Sequence[Row],
    keys: Sequence[str],
    ticks: tuple[list[str], list[str]],
    norm: Normalize,
    colours: Colormap,
) -> None:
    x_values, y_values = ticks
    table: np.ndarray = np.full((len(y_values), len(x_values)), np.nan)
    numbered = max(len(x_values), len(y_values)) <= MAX_NUMBERED
    for row in rows:
        place = y_values.index(row[keys[1]]), x_values.index(row[keys[0]])
        table[place] = value = _percent(row["cost"])
        # The mark of a cell stands out from its colour.
        red, green, blue, _ = colours(norm(value)) if np.isfinite(value) else (1, 1, 1, 1)
        dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.55
        sign = _SIGNS.get(row["verdict"], "–")
        digits = 0 if abs(value) >= 9.95 else 1
        shown = percent(row["cost"], decimals=digits, unit="\n", missing="")
        number = shown if numbered else ""
        axes.text(
            place[1],
            place[0],
            f"{number}{sign}".replace("-", "−"),
            ha="center",
            va="center",
            fontsize=8.5 if numbered else 7,
            linespacing=1.15,
            color="white" if dark else "black",
        )
    axes.set_facecolor("#ececec")
    axes.imshow(np.ma.masked_invalid(table), norm=norm, cmap=colours, aspect="auto", origin="lower")
    axes.grid(visible=False)
    axes.set_xticks(range(len(x_values)), x_values)
    axes.set_yticks(range(len(y_values)), y_values)
    if max(map(len, x_values)) > 8 or len(x_values) > 10:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right", rotation_mode="anchor")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)


def _are_long(values: Sequence[str]) -> bool:
    """Whether labels are too long to stand beside each other."""
    return sum(len(value) + 2 for value in values) > 40


def _label(figure: Figure, panels: np.ndarray, keys: Sequence[str], count: int) -> None:
    columns = panels.shape[1]
    for index, axes in enumerate(panels.flat[:count]):
        if index % columns == 0:
            axes.set_ylabel(keys[1])
        if index + columns >= count:
            axes.set_xlabel(keys[0])
            axes.tick_params(axis="x", labelbottom=True)


def _scatter(rows: Sequence[Row], keys: Sequence[str]) -> Figure:
    """Points of a random design, their cost as a colour and their verdict as a marker."""
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    norm, colours = _colours(rows)
    x, y = (
        _axis(axis, scale, [row[key] for row in rows], key)
        for axis, scale, key in (
            (axes.xaxis, axes.set_xscale, keys[0]),
            (axes.yaxis, axes.set_yscale, keys[1]),
        )
    )
    cost = np.array([_percent(row["cost"]) for row in rows])
    handles = []
    shapes = {"tolerated": "o", "not tolerated": "X", "inconclusive": "s", None: "|"}
    for verdict, marker in shapes.items():
        here = np.array([row["verdict"] == verdict for row in rows])
        if not here.any():
            continue
        known = here & np.isfinite(cost)
        for some in (each for each in (known, here & ~known) if each.any()):
            shown: dict[str, Any] = {"color": GREY}
            if some is known:
                shown = {"c": cost[some], "norm": norm, "cmap": colours}
                shown |= {"edgecolors": "#333333", "linewidths": 0.7}
            axes.scatter(x[some], y[some], marker=marker, s=52, **shown, zorder=2)
        handles.append(
            Line2D(
                [],
                [],
                marker=marker,
                color="#333333",
                markerfacecolor="none",
                linestyle="none",
                label=verdict or _DIVERGED,
            )
        )
    if _NOT_LEARNED in _without_cost(rows):
        handles.append(Line2D([], [], marker="s", color=GREY, linestyle="none", label=_NOT_LEARNED))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    _colourbar(figure, np.array([[axes]]), rows, norm, colours)
    return figure


def _colours(rows: Sequence[Row]) -> tuple[Normalize, Colormap]:
    """Blue below what is allowed, red above it, white at it."""
    cost = np.array([_percent(row["cost"]) for row in rows])
    cost = cost[np.isfinite(cost)]
    allowed = {row["allowed"] for row in rows} - {None}
    low, high = (cost.min(), cost.max()) if len(cost) else (0.0, 1.0)
    if len(allowed) != 1:
        return Normalize(low, max(high, low + 1e-9)), mpl.colormaps["cividis"]
    center = 100 * allowed.pop()
    margin = max(1e-9, 0.5 * center)
    limits = min(low, center - margin), max(high, center + margin)
    return TwoSlopeNorm(center, *limits), _PALE


def _colourbar(
    figure: Figure, panels: np.ndarray, rows: Sequence[Row], norm: Normalize, colours: Colormap
) -> None:
    shown = [axes for axes in panels.flat if axes.figure is not None]
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=shown, pad=0.02, aspect=25)
    bar.set_label(_cost_label(rows))
    bar.outline.set_visible(False)
    if isinstance(norm, TwoSlopeNorm):
        low, center, high = float(norm.vmin or 0), norm.vcenter, float(norm.vmax or 0)
        ticks = [center]
        for start, end in ((low, center), (center, high)):
            steps = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(start, end)
            clear = 0.12 * (end - start)
            ticks += [t for t in steps if start <= t <= end and abs(t - center) > clear]
        bar.set_ticks(ticks, labels=[_tick(t, t == center) for t in ticks])
        bar.minorticks_off()


def _tick(value: float, is_allowed: bool) -> str:
    return f"{value:.3g}{' allowed' if is_allowed else ''}".replace("-", "−")


# -- Axes ------------------------------------------------------------------------------------------


def _axis(axis: Any, set_scale: Any, texts: Sequence[str], key: str) -> np.ndarray:
    """Places of values: numbers where all have one unit, else one place for each value."""
    unit = _unit(texts)
    if unit is None:
        names = list(dict.fromkeys(texts))
        axis.set_ticks(range(len(names)), labels=names)
        axis.set_label_text(key)
        if axis.axis_name == "x" and _are_long(names):
            for label in axis.get_ticklabels():
                label.set(rotation=30, ha="right", rotation_mode="anchor")
        return np.array([names.index(text) for text in texts], dtype=float)
    numbers = np.array([float(text.removesuffix(unit)) for text in texts])
    axis.set_label_text(f"{key} ({unit})" if unit else key)
    if _are_logarithmic(numbers):
        set_scale("log")
    return numbers


def _unit(texts: Sequence[str]) -> str | None:
    """The unit that all values have, empty without one; None where they are no such numbers."""
    matches = [_QUANTITY.fullmatch(text) for text in texts]
    units = {(match[2] or "") if match else None for match in matches}
    return units.pop() if len(units) == 1 else None


def _are_logarithmic(numbers: np.ndarray) -> bool:
    """Whether numbers that span more than a decade are even on a logarithmic scale."""
    low, high, middle = (float(f(numbers)) for f in (np.min, np.max, np.median))
    if low <= 0 or high < 10 * low:
        return False
    return abs(middle - math.sqrt(low * high)) < abs(middle - 0.5 * (low + high))


def _percent(value: float | None) -> float:
    return math.nan if value is None else 100.0 * value


def _cost_label(rows: Sequence[Row]) -> str:
    kinds = {row["cost_kind"] for row in rows} - {None}
    return _KINDS[kinds.pop()] if len(kinds) == 1 else "cost (%)"
