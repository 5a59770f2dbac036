"""Time and memory of the work on a spec, before it begins."""

from neurograd.pipeline.planning.planned_work import (
    LOADING,
    Command,
    Plan,
    PlannedStage,
    check_planned,
    plan,
    plan_points,
)

__all__ = ["LOADING", "Command", "Plan", "PlannedStage", "check_planned", "plan", "plan_points"]
