"""Judgements of made rows, whose answers are known."""

from __future__ import annotations

import math

from experiments.support.multistep.claims import again, factor


def test_factors():
    row = {"predicted": 2.0, "measured": 1.0, "measured_ci": (0.5, 1.6)}
    assert factor(row) == (2.0, (1.25, 4.0))
    assert factor({**row, "measured_ci": (-0.1, 1.6)}) == (2.0, (1.25, math.inf))
    assert factor({**row, "measured": -1.0, "measured_ci": (-2.0, -0.5)})[0] == math.inf
    assert again({"relinearized": None, "rows": [row]}) == math.inf
    assert again({"relinearized": 3.0, "rows": [row]}) == 3.0
