"""What the arrays make of products and of batches: clipped values, and samples that cancel."""

from neurograd.measure.arrays.cancellation import Cancellation, measure_cancellation
from neurograd.measure.arrays.conversion import Conversion, measure_conversion

__all__ = ["Cancellation", "Conversion", "measure_cancellation", "measure_conversion"]
