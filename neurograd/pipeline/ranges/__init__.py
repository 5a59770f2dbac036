"""Numbers that are not known exactly: forecasts over them, and what they say."""

from neurograd.pipeline.ranges.forecasts import RangeForecasts, typical_notes, values_in_ranges

__all__ = ["RangeForecasts", "typical_notes", "values_in_ranges"]
