"""Two designs side by side: the record of a comparison, and chips as a report keeps them."""

from neurograd.records.comparison.comparison_report import (
    ComparisonReport,
    DifferenceResult,
    KeyDifference,
    SideResult,
)
from neurograd.records.comparison.kept import KeptChip, kept_chips

__all__ = [
    "ComparisonReport",
    "DifferenceResult",
    "KeptChip",
    "KeyDifference",
    "SideResult",
    "kept_chips",
]
