"""Changes of a design of which no cost can be predicted: said in words, and never the best ones."""

from __future__ import annotations

import math

import pytest
import torch

from neurograd.pipeline.limits import outlook
from neurograd.pipeline.limits.design_changes import (
    DesignChange,
    PredictedChange,
    best_first,
    try_change,
)
from neurograd.pipeline.limits.limits_report import change_result
from neurograd.pipeline.limits.outlook import Outlook
from neurograd.records.report import LimitsReport
from neurograd.report.content.limits import remedies_sheet
from neurograd.training.keyed_rule import UnstableKeyError
from tests.neurograd.pipeline.pool.specs import LIMITED

SLOWER = DesignChange("half the step size", {"training.step_size": 0.25}, "less noise")
FASTER = DesignChange("far too large a step", {"training.step_size": 20.0}, "fewer writes")


def _tried(change):
    return try_change(LIMITED, change, Outlook(torch.device("cpu"), None))


def _rows(*changes):
    """The cells of the table of changes."""
    report = LimitsReport.model_construct(
        remedies=tuple(change_result(each) for each in changes), confidence=0.99
    )
    sheet = remedies_sheet(report)
    return sheet.cells()


@pytest.fixture(scope="module")
def slower() -> PredictedChange:
    return _tried(SLOWER)


def test_a_change_with_which_the_clean_network_learns_nothing_saves_nothing(slower):
    hopeless = _tried(FASTER)
    assert best_first([hopeless, slower]) == [slower, hopeless]
    result = change_result(hopeless)
    assert (result.saves, result.cost, result.ci, result.verdict) == (False, None, None, None)
    (good, bad) = _rows(slower, hopeless)
    assert good[-1] == SLOWER.why
    assert bad[1:4] == ["–", "–", ""]
    assert "learn nothing" in bad[-1]


def test_chips_that_cannot_compute_with_a_change_say_why(slower, monkeypatch):
    predicted = outlook.forecast_network

    def failing(spec, problem, index, **options):
        if index != outlook.CLEAN:
            raise UnstableKeyError("the relaxation diverges")
        return predicted(spec, problem, index, **options)

    monkeypatch.setattr(outlook, "forecast_network", failing)
    failed = _tried(SLOWER)
    assert failed.estimate.cost == math.inf
    assert best_first([failed, slower]) == [slower, failed]
    assert change_result(failed).saves is False
    (row,) = _rows(failed)
    assert row[1:] == ["no training", "–", "not tolerated", "the relaxation diverges"]
