"""Numbers that are not known exactly: forecasts over them, and what they say."""

from neurograd.pipeline.ranges.forecasts import (
    RangedSpecs,
    RangeForecasts,
    typical_notes,
    values_in_ranges,
)

__all__ = ["RangeForecasts", "RangedSpecs", "typical_notes", "values_in_ranges"]
