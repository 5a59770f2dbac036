"""What a report shows, as tables of text: the console and the page have the same content."""

from neurograd.report.content.deployments import deployment_sheet
from neurograd.report.content.effects import (
    contribution_columns,
    contributions_sheet,
    mitigation_columns,
    mitigation_sheet,
)
from neurograd.report.content.headline import BESIDE, heading
from neurograd.report.content.points import (
    LOSS_CHANGE,
    MOMENTS,
    SMOOTHING,
    THRESHOLDS,
    descends,
    point_sheets,
    smoothing_sheet,
)
from neurograd.report.content.ranges import ranges_sheet
from neurograd.report.content.sheet import Column, Sheet, bound, percent
from neurograd.report.content.trainings import training_sheet

__all__ = [
    "BESIDE",
    "LOSS_CHANGE",
    "MOMENTS",
    "SMOOTHING",
    "THRESHOLDS",
    "Column",
    "Sheet",
    "bound",
    "contribution_columns",
    "contributions_sheet",
    "deployment_sheet",
    "descends",
    "heading",
    "mitigation_columns",
    "mitigation_sheet",
    "percent",
    "point_sheets",
    "ranges_sheet",
    "smoothing_sheet",
    "training_sheet",
]
