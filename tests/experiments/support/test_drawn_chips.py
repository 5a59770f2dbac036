"""Specs that are drawn until one exists and learns: what is drawn again has a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from device_models import UnstableRuleError
from experiments.support.drawn_chips import AWAY, cost_beside, first_drawn, first_that_learns
from experiments.support.forecasts.drawn import REGIMES
from experiments.support.record import Run
from neurograd.errors import DivergenceError, NeurogradError
from neurograd.judge.cost import Baseline
from tests.neurograd.chip_specs import draw_spec
from tests.neurograd.judge.networks import Judged, right

REGIME = replace(REGIMES["full"], steps=60, tasks=({"name": "digits", "train_samples": 150},))


def test_what_is_drawn_again_is_told_by_its_reason(tmp_path):
    """A spec is refused, two rows fail; the clean networks of all learn, seed 4."""
    run = Run("drawn", True, torch.device("cpu"), 0, tmp_path)
    asked, rows = [], []

    def refuse(spec):
        asked.append(spec)
        if len(asked) == 1:
            raise NeurogradError("not\nwanted")

    def compute(spec, clean):
        rows.append(spec)
        if len(rows) < 3:
            raise (UnstableRuleError("unstable"), DivergenceError("diverged"))[len(rows) - 1]
        return {"row": 1}

    row = first_that_learns(run, (4,), compute, REGIME, refuse)
    assert row["row"] == 1
    assert row["failed"] == ["unstable", "diverged"]
    assert "not wanted" in row["refused"]
    assert len(asked) == row["not_learned"] + 4
    assert row["sections"] == draw_spec((4, len(asked) - 1), REGIME).sections


def test_first_draws_are_those_that_are_tried_first():
    found = first_drawn({"a": (4,), "b": (5,)}, {"a": REGIME, "b": None})
    assert found == {"a": draw_spec((4, 0), REGIME).sections, "b": draw_spec((5, 0)).sections}


def test_a_chip_costs_accuracy_or_a_part_of_the_decrease():
    start = Baseline(loss=1.0, accuracy=None)
    assert cost_beside(start, right(90), right(70)) == pytest.approx(0.2)
    assert cost_beside(start, Judged(0.2), Judged(0.6)) == pytest.approx(0.5)


def test_chips_that_are_trained_are_none_of_those_of_a_forecast():
    """Numbers of chips of a spec end at ``training.max_seeds``, 1,000 at most."""
    assert AWAY >= 1000
