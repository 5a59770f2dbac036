"""Device specs: YAML with units in, validated and frozen settings out."""

from neurograd.effects.conductance_window import Conductance
from neurograd.effects.faults import Faults
from neurograd.effects.levels import Levels
from neurograd.effects.nonlinearity import Nonlinearity, Slope
from neurograd.effects.pulsed_keys import Pulsed
from neurograd.effects.read_noise import Read
from neurograd.effects.training_keys import Training
from neurograd.effects.write_curve import Write
from neurograd.spec.device_schema import Device, Quantization
from neurograd.spec.loading import (
    input_files,
    json_schema,
    load_spec,
    named_files,
    spec_to_dict,
    validate_spec,
)
from neurograd.spec.migration import Migration, migrate
from neurograd.spec.network_schema import Network, SurrogateSpec
from neurograd.spec.presets import (
    Preset,
    list_inference_presets,
    list_presets,
    load_preset,
)
from neurograd.spec.rule_schema import LearningRule
from neurograd.spec.schema import Measure, Spec, Targets
from neurograd.spec.task_schema import Task
from neurograd.spec.yaml_loading import load_yaml, parse_yaml, read_text

__all__ = [
    "Conductance",
    "Device",
    "Faults",
    "LearningRule",
    "Levels",
    "Measure",
    "Migration",
    "Network",
    "Nonlinearity",
    "Preset",
    "Pulsed",
    "Quantization",
    "Read",
    "Slope",
    "Spec",
    "SurrogateSpec",
    "Targets",
    "Task",
    "Training",
    "Write",
    "input_files",
    "json_schema",
    "list_inference_presets",
    "list_presets",
    "load_preset",
    "load_spec",
    "load_yaml",
    "migrate",
    "named_files",
    "parse_yaml",
    "read_text",
    "spec_to_dict",
    "validate_spec",
]
