"""Time and memory of the work on a spec, before it begins."""

from neurograd.pipeline.planning.planned_work import Command, Plan, PlannedStage, plan, plan_points

__all__ = ["Command", "Plan", "PlannedStage", "plan", "plan_points"]
