"""Two designs side by side, from their specs or from their reports."""

from neurograd.pipeline.compare.reports import compare_reports
from neurograd.pipeline.compare.result import ComparisonResult
from neurograd.pipeline.compare.specs import compare_specs

__all__ = ["ComparisonResult", "compare_reports", "compare_specs"]
