"""What a chip does to a weight update: one physical effect or learning rule a file."""

from device_models.chip import Chip
from device_models.passes.converters import Converters
from device_models.passes.ir_drop import IrDrop
from device_models.protocols import (
    BatchRule,
    ElementMoments,
    LearningRule,
    PassPath,
    ReadPath,
    UnstableRuleError,
    WritePath,
)
from device_models.read.drift import ConductanceDrift, draw_deviates
from device_models.read.read_noise import ReadNoise
from device_models.read.thermal_noise import ThermalNoise
from device_models.read.weight_rounding import WeightRounding
from device_models.read.write_noise import WriteNoise
from device_models.rules.backprop import Backprop
from device_models.rules.direct_feedback_alignment import (
    DirectFeedbackAlignment,
    draw_direct_feedback,
)
from device_models.rules.eprop import EProp, draw_eprop
from device_models.rules.equilibrium_propagation import EquilibriumPropagation
from device_models.rules.feedback_alignment import FeedbackAlignment, draw_feedback
from device_models.rules.forward_gradient import ForwardGradient
from device_models.rules.local_loss import LocalLoss, draw_readouts
from device_models.rules.manhattan import Manhattan
from device_models.rules.minibatch import Minibatch
from device_models.rules.node_perturbation import NodePerturbation
from device_models.rules.relative_noise import RelativeNoise
from device_models.rules.sign_symmetric import SignSymmetric
from device_models.rules.surrogate_bptt import SurrogateBptt
from device_models.rules.weight_perturbation import WeightPerturbation
from device_models.rules.white_noise import WhiteNoise
from device_models.spiking.network import SpikingNetwork
from device_models.spiking.surrogate_gradient import SURROGATES, Surrogate
from device_models.updates.pulse_trains import PulseTrains
from device_models.write.conductance import ConductanceRange
from device_models.write.conductance_states import ConductanceStates
from device_models.write.crossbar import Crossbar, draw_crossbar
from device_models.write.endurance import WornDevices, draw_worn
from device_models.write.fixed_point_grid import FixedPointGrid
from device_models.write.jump_table import JumpTable, jump_table
from device_models.write.jump_table_write import jump_table_write
from device_models.write.measured_curve import PulseCurves, pulse_curves
from device_models.write.memristor_write import MemristorWrite
from device_models.write.one_sided_pair import OneSidedPair
from device_models.write.pulse_response import PulseResponse, linear_response, nonlinear_response
from device_models.write.pulsed_devices import NominalDevice, draw_devices
from device_models.write.pulsed_step import ExponentialStep, LinearStep, PowerStep
from device_models.write.pulsed_write import PulsedWrite
from device_models.write.retention import Leakage, PairLeakage, draw_lifetimes
from device_models.write.several_devices import SeveralDevices
from device_models.write.update_rounding import UpdateRounding
from device_models.write.weight_cells import WeightCells

__all__ = [
    "SURROGATES",
    "Backprop",
    "BatchRule",
    "Chip",
    "ConductanceDrift",
    "ConductanceRange",
    "ConductanceStates",
    "Converters",
    "Crossbar",
    "DirectFeedbackAlignment",
    "EProp",
    "ElementMoments",
    "EquilibriumPropagation",
    "ExponentialStep",
    "FeedbackAlignment",
    "FixedPointGrid",
    "ForwardGradient",
    "IrDrop",
    "JumpTable",
    "Leakage",
    "LearningRule",
    "LinearStep",
    "LocalLoss",
    "Manhattan",
    "MemristorWrite",
    "Minibatch",
    "NodePerturbation",
    "NominalDevice",
    "OneSidedPair",
    "PairLeakage",
    "PassPath",
    "PowerStep",
    "PulseCurves",
    "PulseResponse",
    "PulseTrains",
    "PulsedWrite",
    "ReadNoise",
    "ReadPath",
    "RelativeNoise",
    "SeveralDevices",
    "SignSymmetric",
    "SpikingNetwork",
    "Surrogate",
    "SurrogateBptt",
    "ThermalNoise",
    "UnstableRuleError",
    "UpdateRounding",
    "WeightCells",
    "WeightPerturbation",
    "WeightRounding",
    "WhiteNoise",
    "WornDevices",
    "WriteNoise",
    "WritePath",
    "draw_crossbar",
    "draw_deviates",
    "draw_devices",
    "draw_direct_feedback",
    "draw_eprop",
    "draw_feedback",
    "draw_lifetimes",
    "draw_readouts",
    "draw_worn",
    "jump_table",
    "jump_table_write",
    "linear_response",
    "nonlinear_response",
    "pulse_curves",
]
