"""What is subtracted from a draw of the loss change: numbers near it whose mean is 0."""

from neurograd.measure.controls.judges import JudgedPart, judged_parts
from neurograd.measure.controls.layerwise import LayerControl
from neurograd.measure.controls.linear import ControlVariate, LinearControl
from neurograd.measure.controls.step import ControlChoice

__all__ = [
    "ControlChoice",
    "ControlVariate",
    "JudgedPart",
    "LayerControl",
    "LinearControl",
    "judged_parts",
]
