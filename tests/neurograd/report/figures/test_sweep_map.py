"""Rows of a sweep without a cost: chips that diverged, and clean networks with nothing to lose."""

from __future__ import annotations

import pytest

from neurograd.report.figures.sweep_map import plot_sweep

KEYS = ("a", "b")
_NO_COST = dict.fromkeys(("cost", "cost_low", "cost_high"))


def _row(place, verdict, cost):
    known = {"cost": cost, "cost_low": 0.0, "cost_high": 0.1, "confidence": 0.99, "allowed": 0.05}
    row = {"a": str(place), "b": "1 %", "verdict": verdict, "cost_kind": "excess_loss", **known}
    return row if cost is not None else {**row, **_NO_COST}


def _said(rows, keys, *, grid):
    figure = plot_sweep(rows, keys, grid=grid)
    legends = [text.get_text() for each in figure.legends for text in each.get_texts()]
    return " ".join([*legends, *(text.get_text() for text in figure.texts)]), figure


@pytest.mark.parametrize(
    ("verdict", "why"), [(None, "diverged"), ("inconclusive", "learned nothing")]
)
@pytest.mark.parametrize(("keys", "grid"), [(KEYS[:1], True), (KEYS, True), (KEYS, False)])
def test_why_there_is_no_cost_is_told_apart(keys, grid, verdict, why):
    said, figure = _said([_row(1, "tolerated", 0.01), _row(2, verdict, None)], keys, grid=grid)
    assert (why in said, "no cost" in said) == (True, True)
    assert ("diverged" in said) == (verdict is None)
    figure.canvas.draw()
    if not grid:
        offsets = [len(each.get_offsets()) for each in figure.axes[0].collections]
        assert sum(offsets) == 2, "a point without cost is drawn as well"
