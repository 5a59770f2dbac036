"""The style of all figures; the same numbers give the same text and the same file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation

# Okabe and Ito's palette, which colour-blind readers tell apart.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6b6b6b"

INK, _EDGE, _BAR, _GRID, _PAGE = "#000000", "#555555", "#333333", "#e4e4e4", "#ffffff"

PAGE_COLOURS: dict[str, str] = {
    INK: "ink",
    _BAR: "ink",
    _EDGE: "edge",
    _GRID: "grid",
    _PAGE: "page",
    GREY: "grey",
    BLUE: "blue",
    ORANGE: "orange",
    GREEN: "green",
    RED: "red",
}
"""Colours of figures by the name that a page's style sheet gives its own value for: ``--plot-ink``
and so on, so that a dark page has dark figures."""

_STYLE: dict[str, Any] = {
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    # Names of the user may hold dollars, which begin no formula.
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "axes.edgecolor": _EDGE,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, RED]),
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


@contextmanager
def styled() -> Iterator[None]:
    """The style of all figures, while the context is open."""
    with mpl.rc_context(_STYLE):
        yield


def small_figure() -> tuple[Figure, Axes]:
    """One panel, as the page shows them side by side."""
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    return figure, figure.subplots()


def interval_errors(
    centers: np.ndarray, ends: Sequence[tuple[float | None, float | None]]
) -> np.ndarray:
    """Lengths of error bars, shape ``(2, n)``; none where an interval is not finite.

    Args:
        centers: Values, shape ``(n,)``.
        ends: Their intervals; None or infinite for an end without bound.
    """

    def known(end: float | None, center: float) -> float:
        return center if end is None or not np.isfinite(end) else end

    low = [known(each[0], center) for center, each in zip(centers, ends, strict=True)]
    high = [known(each[1], center) for center, each in zip(centers, ends, strict=True)]
    errors: np.ndarray = np.array([centers - np.array(low), np.array(high) - centers])
    return errors.clip(min=0.0)


def log_if_positive(axes: Axes) -> None:
    """A logarithmic vertical axis where all that is shown is above 0."""
    low, _ = axes.dataLim.intervaly
    if np.isfinite(low) and low > 0:
        axes.set_yscale("log")


class _PlainPowers(LogFormatterSciNotation):
    """Powers of ten as plain text, ``2×10⁻³``: setting formulas took a quarter of a page's time."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of a place on a logarithmic axis."""
        return _without_formula(super().__call__(x, pos))


def _without_formula(label: str) -> str:
    """A label of powers as plain text; any other one as it is."""
    found = _POWER.fullmatch(label)
    if found is None:
        return label
    factor, power = found["factor"].replace(r"\times", "×"), found["power"] or ""
    return (factor + power.translate(_RAISED)).replace("-", "−")


_POWER = re.compile(
    r"\$\\mathdefault\{(?P<factor>[-\d.]+(?:\\times10)?)(?:\^\{(?P<power>[-\d]+)\})?\}\$"
)
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _set_plain_powers(figure: Figure) -> None:
    """Have the axes of a figure label powers of ten as plain text."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        for given, put in (
            (axis.get_major_formatter(), axis.set_major_formatter),
            (axis.get_minor_formatter(), axis.set_minor_formatter),
        ):
            if type(given) is LogFormatterSciNotation:
                plain = _PlainPowers()
                plain.__dict__.update(given.__dict__)
                put(plain)


def to_svg(figure: Figure, prefix: str) -> str:
    """The figure as an SVG element that can stand beside others in one page.

    The same figure gives the same text: no dates, no random names. Its colours are those of the
    page around it (``PAGE_COLOURS``), and its own where the page has none.

    Args:
        figure: The figure.
        prefix: What its ids begin with; another one for each figure of a page.
    """
    _set_plain_powers(figure)
    buffer = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": prefix}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns:(?:cc|dc|rdf)="[^"]*"', "", text)
    text = _with_page_colours(text)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    return re.sub(r"url\(#", f"url(#{prefix}-", text)


def _with_page_colours(svg: str) -> str:
    """The text of a figure, each of whose colours is a variable of the page's style sheet."""

    def variable(found: re.Match[str]) -> str:
        colour = found[0].lower()
        name = _NAMED.get(colour)
        return found[0] if name is None else f"var(--plot-{name}, {colour})"

    # What has no colour of its own, as letters, is drawn in black.
    svg = svg.replace("<svg", f'<svg style="fill: {INK}"', 1)
    return re.sub(r"(?<=: )#[0-9a-fA-F]{6}\b", variable, svg)


_NAMED = {colour.lower(): name for colour, name in PAGE_COLOURS.items()}


def to_image(figure: Figure, kind: str) -> bytes:
    """A figure as a file of its own; the same figure gives the same bytes.

    Args:
        figure: The figure.
        kind: ``png``, ``svg`` or ``pdf``.
    """
    _set_plain_powers(figure)
    buffer = io.BytesIO()
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "neurograd"}):
        figure.savefig(buffer, format=kind, dpi=150, metadata=dates[kind])
    return buffer.getvalue()
