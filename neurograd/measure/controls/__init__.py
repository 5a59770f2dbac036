"""What is subtracted from a draw of the loss change: numbers near it whose mean is 0."""

from neurograd.measure.controls.judges import JudgedPart, judged_parts
from neurograd.measure.controls.layerwise import LayerControl
from neurograd.measure.controls.linear import LinearControl, StepControl
from neurograd.measure.controls.step import StepControls

__all__ = [
    "JudgedPart",
    "LayerControl",
    "LinearControl",
    "StepControl",
    "StepControls",
    "judged_parts",
]
