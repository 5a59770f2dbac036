"""Judgements of made rows, whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.support.fig3.claims import compare, difference, trends_of, verdict
from neurograd.measure.intervals import mean_interval


def row(value, sd, **setting):
    setting = {"width": 12, "depth": 1, "activation": "linear", **setting}
    return {**setting, "x": value, "x_sd": sd, "x_seeds": 9, "x_ci": mean_interval([value] * 2)[1]}


def test_trends_need_an_interval_without_zero():
    rows = [row(1.0, 0.1), row(0.5, 0.1, depth=2), row(0.49, 0.1, depth=4), row(2.0, 0.1, depth=8)]
    trends = [trend for _, trend in trends_of(rows, "x", "depth", (1, 2, 4, 8))]
    assert trends == ["falls", "unclear", "rises"]
    change, (low, high) = difference(rows[0], rows[1], "x")
    assert change == -0.5
    assert (low + high) / 2 == pytest.approx(-0.5)
    assert (high - low) / 2 == pytest.approx(2.921 * 0.1 * np.sqrt(2 / 9), rel=1e-3)  # t, 16 dof
    assert compare(rows, "x", "width", (12, 25)) == []


@pytest.mark.parametrize(
    ("trends", "held"),
    [
        (["falls", "falls"], "held"),
        (["falls", "unclear"], "inconclusive"),
        (["falls", "rises"], "partly"),
        (["rises", "unclear"], "not held"),
    ],
)
def test_verdict(trends, held):
    assert verdict(trends) == held
