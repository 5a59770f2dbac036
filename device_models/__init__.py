"""What a chip does to a weight update: one physical effect or learning rule a file."""

from device_models.backprop import Backprop
from device_models.chip import Chip
from device_models.conductance import ConductanceRange
from device_models.crossbar import Crossbar, draw_crossbar
from device_models.feedback_alignment import FeedbackAlignment, draw_feedback
from device_models.memristor_write import MemristorWrite
from device_models.minibatch import Minibatch
from device_models.protocols import ElementMoments, LearningRule, PassPath, ReadPath, WritePath
from device_models.pulse_response import PulseResponse, linear_response, nonlinear_response
from device_models.quantization import FixedPointGrid, UpdateRounding, WeightRounding
from device_models.read_noise import ReadNoise
from device_models.white_noise import WhiteNoise

__all__ = [
    "Backprop",
    "Chip",
    "ConductanceRange",
    "Crossbar",
    "ElementMoments",
    "FeedbackAlignment",
    "FixedPointGrid",
    "LearningRule",
    "MemristorWrite",
    "Minibatch",
    "PassPath",
    "PulseResponse",
    "ReadNoise",
    "ReadPath",
    "UpdateRounding",
    "WeightRounding",
    "WhiteNoise",
    "WritePath",
    "draw_crossbar",
    "draw_feedback",
    "linear_response",
    "nonlinear_response",
]
