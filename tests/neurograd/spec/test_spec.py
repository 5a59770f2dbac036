"""Specs: the contract's example, defaults, presets, overrides, and every mistake in one line."""

import copy
import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_models.spiking.surrogate_gradient import surrogate_parameters
from neurograd.errors import SpecError
from neurograd.keys.fields import SpecModel
from neurograd.keys.units import show
from neurograd.spec import (
    Conductance,
    Device,
    Network,
    Spec,
    Task,
    Write,
    json_schema,
    list_presets,
    load_spec,
    parse_yaml,
    spec_to_dict,
    validate_spec,
)
from neurograd.spec.network_schema import SURROGATE_DEFAULTS
from neurograd.spec.rule_schema import RULE_DEFAULTS

# Section 6 of the design, as written there.
CONTRACT = """\
name: HfO2 crossbar
device:
  preset: alox-hfo2               # optional; any key below overrides it
  conductance: {min: 3.8 uS, max: 59 uS, levels: 40}
  write: {nonlinearity: {potentiation: 1.94, depression: -0.61}, cycle_to_cycle: 5 %, device_to_device: 0 %}
  read: {noise: 0 %}
  faults: {stuck_low: 0 %, stuck_high: 0 %}
quantization: {weight_bits: 6, update_rounding: stochastic}      # or nearest
learning_rule: {name: backprop, batch_size: full}                # feedback_alignment, ...
network: {kind: rate, hidden: [128, 128], activation: relu}      # or kind: spiking, surrogate, time_steps, decay
task: {name: digits}
training: {step_size: 0.1, steps: 1000}
targets: {max_accuracy_drop: 2 %, confidence: 95 %}
measure: {draws: 2000, points: 5, seed: 0}
"""  # noqa: E501

VARIANTS = [
    "{}",
    CONTRACT,
    "device: {}",
    "device: {preset: ecram-mo, write: {nonlinearity: {potentiation: 2}}}",
    "device: {preset: ag-asi, write: {model: linear, slope: {depression: 0.5}}}",
    "device: {write: {model: soft_bounds}, conductance: {levels: null, mapping: reference}}",
    "device: {preset: pcmo, conductance: {levels: null}}",
    "{device: {conductance: {weight_range: 2}}, quantization: {update_bits: 4}}",
    "learning_rule: {name: feedback_alignment, batch_size: 64, feedback_seed: 3}",
    "network: {architecture: cnn, hidden: []}",
    "network: {kind: spiking, surrogate: atan, time_steps: 4, coding: latency}",
    "network: {kind: spiking, surrogate: {name: SFS, B: -0.5}, readout: spikes, reset: zero}",
    "{network: {kind: spiking}, learning_rule: {name: eprop, feedback: symmetric}}",
    "learning_rule: {name: equilibrium_propagation, nudging: 0.5, symmetric: false}",
    "learning_rule: {name: node_perturbation, perturbation: 1e-4, samples: 4}",
    "device: {pulsed: {model: exponential, dw_min_std: 5}, leakage: {}}",
    "device: {preset: pcm, drift: {time: 1 h}, ir_drop: {wire_ratio: 1e-5}}",
    "device: {converters: {dac_bits: 7, adc_bits: 9}, endurance: {age: 1e5}}",
    "device: {pulsed: {}, pulse_train: {kind: deterministic}}",
    "task: {name: teacher_student, teacher_hidden: [], label_noise: 1e-3}",
    "task: {name: mnist, folder: /data/mnist, train_samples: 1000}",
    *[f"device: {{preset: {name}}}" for name in list_presets()],
]


def read(text: str, *overrides: str) -> Spec:
    return validate_spec(parse_yaml(text, "chip.yaml"), "chip.yaml", overrides)


def problem_of(text: str, *overrides: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        read(text, *overrides)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


# -- What is read ----------------------------------------------------------------------------------


def test_contract_example_loads_as_written(tmp_path):
    path = tmp_path / "chip.yaml"
    path.write_text(CONTRACT, encoding="utf-8")
    spec = load_spec(path)
    assert spec.name == "HfO2 crossbar"
    assert spec.device.preset == "alox-hfo2"
    assert (spec.device.conductance.min, spec.device.conductance.max) == (3.8e-6, 59e-6)
    assert spec.device.conductance.levels.potentiation == 40
    assert spec.device.conductance.levels.depression == 40
    assert spec.device.write.model == "nonlinear"
    assert spec.device.write.nonlinearity.depression == -0.61
    assert spec.device.write.cycle_to_cycle == 0.05
    assert spec.quantization.weight_bits == 6
    assert spec.quantization.update_bits is None
    assert spec.learning_rule.batch_size == "full"
    assert spec.network.hidden == (128, 128)
    assert spec.targets.max_accuracy_drop == 0.02
    assert spec.targets.confidence == 0.95
    assert spec.measure.draws == 2000


def test_defaults():
    spec = read("{}")
    assert spec == Spec()
    assert spec.name == "unnamed chip"
    assert spec.device is None
    assert spec.quantization is None
    assert spec_to_dict(spec) == {
        "name": "unnamed chip",
        "spec_version": 1,
        "device": None,
        "quantization": None,
        "layers": {},
        "learning_rule": {
            "name": "backprop",
            "batch_size": "full",
            "write_each": "batch",
            **dict.fromkeys(
                [
                    "feedback_seed",
                    "feedback_scale",
                    "feedback",
                    "truncation",
                    "perturbation",
                    "samples",
                    "nudging",
                    "relaxation_steps",
                    "relaxation_rate",
                    "symmetric",
                    "magnitude",
                ]
            ),
        },
        "network": {
            "kind": "rate",
            "architecture": "mlp",
            "hidden": [128, 128],
            "channels": None,
            "activation": "relu",
            "init": "xavier",
            "biases": "analog",
            "weights": None,
            **dict.fromkeys(
                [
                    "file",
                    "factory",
                    "arguments",
                    "surrogate",
                    "time_steps",
                    "decay",
                    "threshold",
                    "reset",
                    "readout",
                    "coding",
                    "step_duration",
                    "output_activation",
                ]
            ),
        },
        "task": {
            "name": "digits",
            **dict.fromkeys(
                [
                    "folder",
                    "train",
                    "test",
                    "test_fraction",
                    "target",
                    "loss",
                    "crop",
                    "binarise",
                ]
            ),
            "train_samples": None,
            "test_samples": None,
            "inputs": None,
            "outputs": None,
            "teacher_hidden": None,
            "label_noise": None,
        },
        "training": {
            "step_size": 0.1,
            "optimizer": None,
            "clip": None,
            "steps": 1000,
            "epochs": None,
            "order": "fresh",
            "schedule": None,
            "seeds": 5,
            "max_seeds": 40,
            "looks": 4,
        },
        "deployment": None,
        "targets": {
            "max_accuracy_drop": 0.02,
            "max_accuracy_drop_deployed": None,
            "max_excess_loss": 0.05,
            "confidence": 0.95,
        },
        "measure": {
            "draws": 2000,
            "loss_draws": 200,
            "budget": "training",
            "points": 5,
            "seed": 0,
            "smoothing": None,
            "smoothing_draws": None,
            "chunk_size": 4096,
            "precision": "float64",
        },
    }


def test_default_device_does_no_harm():
    assert spec_to_dict(read("device: {}"))["device"] == {
        "preset": None,
        "conductance": {
            "min": None,
            "max": None,
            "levels": None,
            "states": None,
            "mapping": "differential_pair",
            "weight_range": 1.0,
        },
        "write": {
            "model": "linear",
            "nonlinearity": None,
            "slope": {"potentiation": 0.0, "depression": 0.0},
            "cycle_to_cycle": 0.0,
            "device_to_device": 0.0,
        },
        "pulsed": None,
        "measured": None,
        "devices_per_weight": None,
        "pulse_train": None,
        "read": {"voltage": None, "bandwidth": None, "noise": 0.0},
        "converters": None,
        "ir_drop": None,
        "drift": None,
        "leakage": None,
        "faults": {"stuck_low": 0.0, "stuck_high": 0.0},
        "temperature": None,
        "endurance": None,
    }


def test_default_quantization():
    assert spec_to_dict(read("quantization: {}"))["quantization"] == {
        "weight_bits": None,
        "weight_rounding": "nearest",
        "update_bits": None,
        "update_rounding": "stochastic",
        "weight_range": 1.0,
    }


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("training: {step_size: 1e-3}", "training.step_size", 1e-3),
        ("training: {step_size: '0.5'}", "training.step_size", 0.5),
        ("measure: {draws: 1e5}", "measure.draws", 100_000),
        ("measure: {draws: 1000.0}", "measure.draws", 1000),
        ("measure: {seed: 9223372036854775807}", "measure.seed", 2**63 - 1),
        ("measure: {seed: '9223372036854775807'}", "measure.seed", 2**63 - 1),
        ("network: {hidden: []}", "network.hidden", ()),
        ("network: {architecture: cnn}", "network.channels", (8, 16)),
        ("network: {architecture: cnn, channels: [4]}", "network.channels", (4,)),
        ("learning_rule: {name: feedback_alignment}", "learning_rule.feedback_scale", 1.0),
        ("learning_rule: {batch_size: 32}", "learning_rule.batch_size", 32),
        ("task: {name: teacher_student}", "task.inputs", 25),
        ("task: {name: teacher_student}", "task.teacher_hidden", (50, 50, 50)),
        ("task: {name: teacher_student, teacher_hidden: []}", "task.teacher_hidden", ()),
        ("task: {name: cifar10, folder: data}", "task.folder", "data"),
        ("task: {name: yin_yang}", "task.train_samples", 5000),
        ("task: {name: mnist_5k, binarise: true}", "task.binarise", 0.5),
        ("task: {name: mnist_5k, binarise: false}", "task.binarise", None),
        ("task: {name: mnist_5k, binarise: 0.4}", "task.binarise", 0.4),
        (
            "task: {name: file, train: [a.npy, b.npy], test: c.npz}",
            "task.train",
            ("a.npy", "b.npy"),
        ),
        (
            "task: {name: file, train: a.csv, test_fraction: 20 %, target: 5}",
            "task.target",
            ("5",),
        ),
        ("network: {activation: sigmoid}", "network.activation", "sigmoid"),
        ("network: {weights: start.npz}", "network.weights", "start.npz"),
        ("network: {kind: spiking}", "network.coding", "rate"),
        ("device: {conductance: {levels: 7}}", "device.conductance.levels.depression", 7),
        (
            "device: {conductance: {levels: {potentiation: 7, depression: 9}}}",
            "device.conductance.levels.depression",
            9,
        ),
        ("device: {conductance: {min: 1 Mohm, max: 1 uS}}", None, None),
        ("device: {conductance: {min: 75 kΩ, max: 16.9 kΩ}}", "device.conductance.max", 1 / 16900),
        ("device: {write: {nonlinearity: {potentiation: 1}}}", "device.write.model", "nonlinear"),
        ("device: {write: {model: nonlinear}}", "device.write.nonlinearity.depression", 0.0),
        ("device: {write: {slope: {potentiation: 1}}}", "device.write.slope.depression", 0.0),
        ("device: {write: {model: soft_bounds}}", "device.write.slope", None),
        ("device: {faults: {stuck_low: 50 %, stuck_high: 0.5}}", "device.faults.stuck_high", 0.5),
        ("{device: , training: }", "training.steps", 1000),
        ("device: {write: , read: }", "device.write.model", "linear"),
        (
            "{device: {conductance: {weight_range: 2}}, quantization: {weight_bits: 4}}",
            "quantization.weight_range",
            2.0,
        ),
        (
            "{device: {conductance: {weight_range: 2}}, quantization: {weight_range: 2}}",
            "quantization.weight_range",
            2.0,
        ),
        ("quantization: {weight_range: 3}", "quantization.weight_range", 3.0),
    ],
)
def test_reads(text, path, value):
    if path is None:
        assert problem_of(text).key == "device.conductance.min"  # 1 Mohm is 1 uS: not below max
        return
    spec = read(text)
    for name in path.split("."):
        spec = getattr(spec, name)
    assert spec == value
    assert type(spec) is type(value)


@pytest.mark.parametrize("text", VARIANTS)
def test_canonical_form_validates_to_an_equal_spec(text):
    spec = read(text)
    canonical = spec_to_dict(spec)
    again = json.loads(json.dumps(canonical, allow_nan=False))
    assert again == canonical
    assert validate_spec(again) == spec
    assert Spec.model_validate(again) == spec
    assert spec_to_dict(validate_spec(again)) == canonical


def test_specs_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        read("{}").training.steps = 3


def test_input_is_not_changed():
    data = parse_yaml(CONTRACT, "f")
    before = copy.deepcopy(data)
    validate_spec(data, "f", ["device.conductance.levels=3", "training.steps=2"])
    assert data == before


# -- Presets ---------------------------------------------------------------------------------------


def test_user_keys_win_over_the_preset():
    preset = Device.model_validate({"preset": "ag-asi"})
    device = read(
        "device: {preset: ag-asi, conductance: {levels: {potentiation: 5}}, "
        "write: {nonlinearity: {depression: -1}, cycle_to_cycle: 0}, read: {noise: 1 %}}"
    ).device
    assert device.conductance.levels.potentiation == 5
    assert device.conductance.levels.depression == 100
    assert device.conductance.max == preset.conductance.max
    assert device.write.nonlinearity.potentiation == 2.4
    assert device.write.nonlinearity.depression == -1
    assert device.write.cycle_to_cycle == 0
    assert device.read.noise == 0.01


def test_null_levels_make_a_preset_continuous():
    device = read("device: {preset: ag-asi, conductance: {levels: null}}").device
    assert device.conductance.levels is None
    assert device.conductance.max is not None


def test_empty_sections_override_nothing():
    device = read("device: {preset: ag-asi, write: , conductance: }").device
    assert device == read("device: {preset: ag-asi}").device


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("device: {preset: ag-asi, write: {model: linear}}", "linear"),
        ("device: {preset: ag-asi, write: {model: soft_bounds}}", "soft_bounds"),
        ("device: {preset: ag-asi, write: {slope: {potentiation: 0.5}}}", "linear"),
        ("device: {preset: ecram-li, write: {model: nonlinear}}", "nonlinear"),
        ("device: {preset: ecram-li, write: {nonlinearity: {potentiation: 1}}}", "nonlinear"),
        ("device: {preset: ecram-li, write: {model: soft_bounds}}", "soft_bounds"),
    ],
)
def test_another_write_model_does_not_inherit_the_preset_s_shape(text, model):
    write = read(text).device.write
    preset = Device.model_validate({"preset": text.split()[2].strip(",")}).write
    assert write.model == model
    assert (write.nonlinearity is None) == (model != "nonlinear")
    assert (write.slope is None) == (model != "linear")
    if write.nonlinearity:
        assert write.nonlinearity.depression == 0
    if write.slope:
        assert write.slope.depression == 0
    assert write.cycle_to_cycle == preset.cycle_to_cycle
    assert write.device_to_device == preset.device_to_device


def test_a_one_sided_pair_is_told_by_its_pulses_up():
    device = read("device: {pulsed: {model: one_sided_pair, gamma: {potentiation: 2}}}").device
    assert device.pulsed.gamma.potentiation == 2
    assert device.pulsed.amplitude.potentiation == -27.235
    again = read(f"device: {device.model_dump_json()}").device
    assert again == device


@pytest.mark.parametrize(
    ("text", "kept", "dropped"),
    [
        ("device: {preset: ag-asi, pulsed: {model: linear}}", {}, ("a",)),
        ("device: {preset: pcm, pulsed: {model: constant}}", {"w_max": 2}, ("a", "amplitude")),
        (
            "device: {preset: ecram-li, pulsed: {model: soft_bounds}}",
            {"w_max": 1.1724, "w_min": -0.8276, "dw_min": 0.002, "noise": "additive"},
            ("gamma", "gamma_dtod"),
        ),
        (
            "device: {preset: ecram-li, pulsed: {model: one_sided_pair}}",
            {"w_max": 1.1724, "w_min": 0, "w_min_dtod": 0, "a": -1},
            ("noise",),
        ),
        (
            "device: {preset: reram-es, pulsed: {model: one_sided_pair}}",
            {"known_step": "each", "w_min": 0},
            (),
        ),
        ("device: {preset: ecram-li, pulsed: {model: linear}}", {"noise": "multiplicative"}, ()),
    ],
)
def test_another_pulsed_model_inherits_what_both_have(text, kept, dropped):
    device = read(text).device
    for key, value in kept.items():
        assert getattr(device.pulsed, key) == value
    for key in dropped:
        assert getattr(device.pulsed, key) is None
    assert device.conductance.levels is None


def test_the_python_api_applies_presets_too():
    assert Device(preset="alox-hfo2") == read("device: {preset: alox-hfo2}").device


# -- Overrides -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "path", "value"),
    [
        (["training.steps=7"], "training.steps", 7),
        (["training.steps=7", "training.steps=8"], "training.steps", 8),
        (["network.hidden=[3, 4]"], "network.hidden", (3, 4)),
        (["training={steps: 3}"], "training.steps", 3),
        (["targets.confidence=90 %"], "targets.confidence", 0.9),
        (["name=a=b"], "name", "a=b"),
        (["device.preset=pcmo"], "device.conductance.levels.potentiation", 50),
        (["device.preset=pcmo", "device.conductance.levels=9"], "device.conductance.min", None),
        (["device.conductance.max=59 uS", "device.conductance.min=1 uS"], None, None),
        (["device=null"], "device", None),
    ],
)
def test_overrides(overrides, path, value):
    spec = read("{training: {steps: 5}, device: {}}", *overrides)
    if path is None:
        assert (spec.device.conductance.min, spec.device.conductance.max) == (1e-6, 59e-6)
        return
    for name in path.split("."):
        spec = getattr(spec, name)
    if path.endswith("min"):
        assert spec == pytest.approx(1 / 157.32e6)
    else:
        assert spec == value


def test_overrides_of_a_file(tmp_path):
    path = tmp_path / "chip.yaml"
    path.write_text(CONTRACT, encoding="utf-8")
    spec = load_spec(str(path), ["quantization=null", "device.write.cycle_to_cycle=1 %"])
    assert spec.quantization is None
    assert spec.device.write.cycle_to_cycle == 0.01
    assert spec.device.write.nonlinearity.potentiation == 1.94


@pytest.mark.parametrize(
    ("override", "start", "key", "words"),
    [
        ("training.steps=abc", "--set training.steps: ", "training.steps", ["'abc'", "integer"]),
        ("training.setps=1", "--set training.setps: ", "training.setps", ["'steps'"]),
        ("training={setps: 1}", "--set training: training.setps: ", "training.setps", ["steps"]),
        ("network.hidden=[1, x]", "--set network.hidden: network.hidden[1]: ", None, ["'x'"]),
        ("training.steps=[1", "--set training.steps: ", "", ["line 1"]),
        ("training.steps=", "--set training.steps: ", "", ["empty"]),
        ("name=!!python/name:os.system", "--set name: ", "", ["tag"]),
        ("training.steps", "--set: ", "", ["a.dotted.key=value"]),
        ("=3", "--set: ", "", ["a.dotted.key=value"]),
        ("a..b=3", "--set: ", "", ["a.dotted.key=value"]),
        ("a\nb=3", "--set: ", "", ["a.dotted.key=value"]),
        ("training.steps.x=3", "--set training.steps.x: ", "", ["training.steps is 5"]),
        ("device.preset=pmco", "--set device.preset: ", "device.preset", ["'pcmo'"]),
    ],
)
def test_errors_of_overrides_name_the_override(override, start, key, words):
    error = problem_of("training: {steps: 5}", override)
    assert str(error).startswith(start), str(error)
    assert all(word in str(error) for word in words), str(error)
    if key is not None:
        assert error.key == key


def test_errors_elsewhere_name_the_file():
    error = problem_of("{training: {steps: x}, name: a}", "name=b")
    assert str(error).startswith("chip.yaml: training.steps: ")


def test_error_source_is_the_path_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.yaml").write_text("nmae: x")
    with pytest.raises(SpecError, match=r"^\./chip\.yaml: nmae: unknown key; did you mean 'name'"):
        load_spec("./chip.yaml")


# -- Mistakes --------------------------------------------------------------------------------------

BAD = [
    # text, key, words of the message
    ("foo: 1", "foo", ["unknown key", "allowed: name, device, quantization"]),
    ("device: {write: {cycle_to_cylce: 1 %}}", "device.write.cycle_to_cylce", ["'cycle_to_cycle'"]),
    ("device: {conductnace: {}}", "device.conductnace", ["'conductance'", "allowed: preset"]),
    ('"a.b\\n": 1', r"'a.b\n'", ["unknown key"]),
    ("'a b': 1", "'a b'", ["unknown key"]),
    ("{" + "x" * 500 + ": 1}", None, ["unknown key"]),
    ("name: 3", "name", ["3 is not text", "quotes"]),
    ("name: ''", "name", ["1 to 200"]),
    ("name: " + "x" * 201, "name", ["1 to 200"]),
    ('name: "a\\nb"', "name", ["one line"]),
    ("name: null", "name", ["null"]),
    ("device: 3", "device", ["3 is not a mapping", "preset"]),
    ("device: [1]", "device", ["not a mapping"]),
    ("training: {optimizer: adam}", "training.optimizer", ["a mapping with name, momentum"]),
    ("training: {optimizer: {nme: adam}}", "training.optimizer.nme", ["'name'?", "name, momentum"]),
    ("deployment: {times: 1 h}", "deployment.times", ["a list, each a time such as '1 h'"]),
    (
        "device: {devices_per_weight: {count: 2, significance: 8}}",
        "device.devices_per_weight.significance",
        ["8 is not a list (write [8]); allowed: a list, each a number above 0"],
    ),
    (
        "network: {kind: module, file: n.py, arguments: 5}",
        "network.arguments",
        ["5 is not a mapping; allowed: a mapping or null"],
    ),
    ("network: abc", "network", ["'abc' is not a mapping", "hidden"]),
    ("device: {preset: alox-hfo}", "device.preset", ["'alox-hfo2'", "allowed: ag-asi"]),
    ("device: {preset: 3}", "device.preset", ["3 is not a preset", "allowed: ag-asi"]),
    ("device: {preset: [a]}", "device.preset", ["is not a preset"]),
    ("device: {preset: ../../x}", "device.preset", ["is not a preset"]),
    ("device: {conductance: {min: 1 uS}}", "device.conductance.max", ["missing", "both or"]),
    ("device: {conductance: {max: 1 uS}}", "device.conductance.min", ["missing", "both or"]),
    (
        "device: {conductance: {min: 2 uS, max: 1 uS}}",
        "device.conductance.min",
        ["2e-06 S is not below max, 1e-06 S", "larger resistance"],
    ),
    (
        "device: {preset: alox-hfo2, conductance: {min: 60 uS}}",
        "device.conductance.min",
        ["not below max"],
    ),
    (
        "device: {conductance: {min: 1 us, max: 1 uS}}",
        "device.conductance.min",
        ["'us'", "uS", "kΩ"],
    ),
    (
        "device: {conductance: {min: 9**9**9 S, max: 1 S}}",
        "device.conductance.min",
        ["cannot be read"],
    ),
    ("device: {conductance: {min: 3, max: 59}}", "device.conductance.min", ["write '3 uS'"]),
    (
        "device: {conductance: {levels: 1}}",
        "device.conductance.levels",
        ["from 2 to 1000000", "potentiation", "null"],
    ),
    ("device: {conductance: {levels: abc}}", "device.conductance.levels", ["not an integer"]),
    ("device: {conductance: {levels: true}}", "device.conductance.levels", ["true", "integer"]),
    ("device: {conductance: {levels: 2.5}}", "device.conductance.levels", ["2.5", "integer"]),
    (
        "device: {conductance: {levels: {potentiation: 3}}}",
        "device.conductance.levels.depression",
        ["missing", "potentiation, depression"],
    ),
    (
        "device: {conductance: {levels: {potentiation: 3, depression: 1}}}",
        "device.conductance.levels.depression",
        ["from 2 to 1000000"],
    ),
    ("device: {conductance: {mapping: pair}}", "device.conductance.mapping", ["differential_pair"]),
    ("device: {conductance: {weight_range: 0}}", "device.conductance.weight_range", ["above 0"]),
    ("device: {write: {model: exponential}}", "device.write.model", ["linear, nonlinear"]),
    ("device: {write: {model: non_linear}}", "device.write.model", ["did you mean 'nonlinear'"]),
    (
        "device: {write: {nonlinearity: {potentiation: 9.1}}}",
        "device.write.nonlinearity.potentiation",
        ["from -9 to 9"],
    ),
    ("device: {write: {nonlinearity: 2}}", "device.write.nonlinearity", ["potentiation"]),
    (
        "device: {write: {model: linear, nonlinearity: {potentiation: 1}}}",
        "device.write.nonlinearity",
        ["model nonlinear only", "linear"],
    ),
    (
        "device: {write: {nonlinearity: {potentiation: 1}, slope: {potentiation: 1}}}",
        "device.write.slope",
        ["model linear only"],
    ),
    (
        "device: {write: {model: soft_bounds, slope: {potentiation: 1}}}",
        "device.write.slope",
        ["model linear only", "soft_bounds"],
    ),
    ("device: {write: {slope: {depression: 1.1}}}", "device.write.slope.depression", ["0 to 1"]),
    ("device: {write: {cycle_to_cycle: 5}}", "device.write.cycle_to_cycle", ["write '5 %'"]),
    ("device: {write: {cycle_to_cycle: 5 uS}}", "device.write.cycle_to_cycle", ["'uS'", "'5 %'"]),
    ("device: {write: {cycle_to_cycle: .nan}}", "device.write.cycle_to_cycle", ["nan"]),
    ("device: {write: {cycle_to_cycle: true}}", "device.write.cycle_to_cycle", ["true"]),
    ("device: {write: {cycle_to_cycle: [1 %]}}", "device.write.cycle_to_cycle", ["potentiation"]),
    (
        "device: {write: {cycle_to_cycle: {potentiation: 1 %}}}",
        "device.write.cycle_to_cycle.depression",
        ["missing", "potentiation, depression"],
    ),
    (
        "device: {write: {cycle_to_cycle: {potentiation: 1 %, depression: 5}}}",
        "device.write.cycle_to_cycle.depression",
        ["write '5 %'"],
    ),
    (
        "device: {write: {cycle_to_cycle: {potentiation: 0, depression: 0, up: 1 %}}}",
        "device.write.cycle_to_cycle.up",
        ["allowed: potentiation, depression"],
    ),
    ("device: {write: {device_to_device: -1 %}}", "device.write.device_to_device", ["out of"]),
    (
        "device: {converters: {bound_management: iterative}}",
        "device.converters.output_range",
        ["managed only of a range"],
    ),
    (
        "device: {converters: {adc_bits: 6, noise_management: abs_max}}",
        "device.converters.noise_management",
        ["changes no number without output_noise"],
    ),
    (
        "device: {converters: {input_range: 2, per: tile}}",
        "device.converters.per",
        ["changes no number without adc_bits"],
    ),
    (
        "device: {converters: {adc_bits: 6, array_rows: 8}}",
        "device.converters.array_rows",
        ["per tile only"],
    ),
    (
        "device: {converters: {adc_bits: 6, per: tile}}",
        "device.converters.array_rows",
        ["missing"],
    ),
    (
        "device: {converters: {adc_bits: 6, per: tile, array_rows: 8, array_columns: 8}, "
        "ir_drop: {wire_ratio: 0.001, array_rows: 8, array_columns: 16}}",
        "device.converters.array_columns",
        ["is 8, and ir_drop.array_columns is 16"],
    ),
    (
        "device: {devices_per_weight: {count: 3, significance: [8, 1]}}",
        "device.devices_per_weight.significance",
        ["has 2 numbers for 3 devices"],
    ),
    (
        "device: {devices_per_weight: {count: 1}}",
        "device.devices_per_weight.count",
        ["from 2 to 64"],
    ),
    (
        "device: {devices_per_weight: {count: 2}, leakage: {}}",
        "device.leakage",
        ["one device, or one pair"],
    ),
    (
        "device: {devices_per_weight: {count: 2}, conductance: {states: 4}}",
        "device.conductance.states",
        ["one device, or one pair"],
    ),
    (
        "device: {devices_per_weight: {count: 2, update: one_by_one}, pulse_train: {}, "
        "conductance: {levels: 9}}",
        "device.pulse_train",
        ["devices_per_weight.update all"],
    ),
    (
        "device: {temperature: 85 °C}",
        "device.temperature",
        ["changes no number without read.bandwidth or leakage.activation_energy"],
    ),
    (
        "device: {temperature: 2 K, leakage: {activation_energy: 1}}",
        "device.temperature",
        ["out of range", "from 4 to 1000 K"],
    ),
    (
        "device: {temperature: warm, leakage: {activation_energy: 1}}",
        "device.temperature",
        ["cannot be read", "'85 °C'"],
    ),
    ("device: {read: {voltage: 0.2 V}}", "device.read.bandwidth", ["give both voltage"]),
    (
        "device: {read: {voltage: 0.2 V, bandwidth: 100 MHz}}",
        "device.conductance.max",
        ["missing", "of a conductance"],
    ),
    (
        "device: {read: {voltage: 0.2 S, bandwidth: 100 MHz}}",
        "device.read.voltage",
        ["has the unit 'S'", "a number of volt from 1e-09 to 1000"],
    ),
    (
        "device: {read: {voltage: 1e-200 V, bandwidth: 100 MHz}}",
        "device.read.voltage",
        ["out of range", "from 1e-09 to 1000"],
    ),
    (
        "device: {conductance: {max: 1e-30 S, min: 0}, read: {voltage: 1e-9, bandwidth: 1}}",
        "device.read.voltage",
        ["a power of 1e-48 W", "1e-40 or more"],
    ),
    (
        "device: {conductance: {weight_range: 1e200}}",
        "device.conductance.weight_range",
        ["above 0 and up to 1e+15"],
    ),
    (
        "device: {converters: {output_range: 1e300}}",
        "device.converters.output_range",
        ["above 0 and up to 1e+15"],
    ),
    ("device: {converters: {output_noise: -1}}", "device.converters.output_noise", ["at least 0"]),
    ("device: {read: {noise: null}}", "device.read.noise", ["null", "'5 %'"]),
    ("device: {faults: {stuck_low: 110 %}}", "device.faults.stuck_low", ["out of range"]),
    (
        "device: {faults: {stuck_low: 60 %, stuck_high: 50 %}}",
        "device.faults.stuck_high",
        ["1.1", "100 %"],
    ),
    ("quantization: {weight_bits: 0}", "quantization.weight_bits", ["from 1 to 32", "null"]),
    ("quantization: {weight_bits: 33}", "quantization.weight_bits", ["from 1 to 32"]),
    ("quantization: {weight_rounding: truncate}", "quantization.weight_rounding", ["nearest, st"]),
    ("quantization: {update_rounding: up}", "quantization.update_rounding", ["truncate"]),
    (
        "{device: {}, quantization: {weight_range: 2}}",
        "quantization.weight_range",
        ["device.conductance.weight_range", "2", "1"],
    ),
    (
        "learning_rule: {name: backprob}",
        "learning_rule.name",
        ["did you mean 'backprop'", "allowed: backprop, surrogate"],
    ),
    ("learning_rule: {batch_size: 0}", "learning_rule.batch_size", ["'full' or an integer"]),
    ("learning_rule: {batch_size: half}", "learning_rule.batch_size", ["'half'", "'full' or"]),
    ("learning_rule: {feedback_seed: 1}", "learning_rule.feedback_seed", ["feedback_alignment"]),
    ("learning_rule: {feedback_scale: 1}", "learning_rule.feedback_scale", ["feedback_alignment"]),
    (
        "learning_rule: {name: feedback_alignment, feedback_scale: 0}",
        "learning_rule.feedback_scale",
        ["above 0"],
    ),
    ("network: {kind: quantum}", "network.kind", ["'quantum'", "allowed: rate, spiking"]),
    ("network: {kind: spiking, surrogate: fast}", "network.surrogate.name", ["fast_sigmoid"]),
    (
        "network: {kind: spiking, surrogate: {name: atan, slope: 1}}",
        "network.surrogate.slope",
        ["not atan", "fast_sigmoid"],
    ),
    (
        "network: {kind: spiking, surrogate: {slope: 0}}",
        "network.surrogate.slope",
        ["out of range"],
    ),
    ("network: {kind: spiking, surrogate: [1]}", "network.surrogate", ["not a mapping"]),
    ("network: {kind: spiking, time_steps: 0}", "network.time_steps", ["from 1 to 10000"]),
    ("network: {kind: spiking, decay: 1.5}", "network.decay", ["from 0 to 1"]),
    ("network: {kind: spiking, threshold: 0}", "network.threshold", ["0 is out of range"]),
    ("network: {kind: spiking, reset: none}", "network.reset", ["subtract, zero"]),
    ("network: {kind: spiking, readout: sum}", "network.readout", ["membrane, spikes"]),
    ("network: {kind: spiking, coding: morse}", "network.coding", ["rate, latency, current"]),
    (
        "network: {kind: spiking, coding: latency, time_steps: 1}",
        "network.time_steps",
        ["2 or more"],
    ),
    ("network: {kind: spiking, activation: relu}", "network.activation", ["rate only"]),
    ("network: {kind: spiking, architecture: cnn}", "network.architecture", ["allowed: mlp"]),
    ("network: {surrogate: atan}", "network.surrogate", ["spiking only"]),
    ("network: {time_steps: 5}", "network.time_steps", ["spiking only"]),
    (
        "{network: {kind: spiking}, task: {name: teacher_student}}",
        "network.coding",
        ["allowed: current"],
    ),
    ("measure: {smoothing: 0.1}", "measure.smoothing", ["networks that spike"]),
    (
        "{network: {kind: spiking}, measure: {smoothing: 0}}",
        "measure.smoothing",
        ["0 is out of range"],
    ),
    ("learning_rule: {name: surrogate}", "learning_rule.name", ["needs network.kind spiking"]),
    (
        "learning_rule: {name: eprop}",
        "learning_rule.name",
        ["needs network.kind spiking", "allowed for rate: backprop, feedback_alignment"],
    ),
    (
        "{learning_rule: {name: equilibrium_propagation}, network: {kind: spiking}}",
        "learning_rule.name",
        ["needs network.kind rate"],
    ),
    (
        "learning_rule: {name: weight_perturbation, nudging: 1}",
        "learning_rule.nudging",
        ["equilibrium_propagation only"],
    ),
    (
        "learning_rule: {name: weight_perturbation, perturbation: 0}",
        "learning_rule.perturbation",
        ["above 0"],
    ),
    ("learning_rule: {name: forward_gradient, samples: 0}", "learning_rule.samples", ["from 1"]),
    ("learning_rule: {name: manhattan, magnitude: -1}", "learning_rule.magnitude", ["above 0"]),
    (
        "learning_rule: {name: equilibrium_propagation, symmetric: maybe}",
        "learning_rule.symmetric",
        ["'maybe'", "allowed: true or false"],
    ),
    (
        "learning_rule: {name: equilibrium_propagation, nudging: 0}",
        "learning_rule.nudging",
        ["above 0"],
    ),
    (
        "learning_rule: {name: equilibrium_propagation, relaxation_steps: 0}",
        "learning_rule.relaxation_steps",
        ["from 1"],
    ),
    (
        "learning_rule: {name: equilibrium_propagation, relaxation_rate: 0}",
        "learning_rule.relaxation_rate",
        ["above 0"],
    ),
    (
        "{learning_rule: {name: surrogate, truncation: 0}, network: {kind: spiking}}",
        "learning_rule.truncation",
        ["from 1"],
    ),
    (
        "{learning_rule: {name: eprop, feedback: none}, network: {kind: spiking}}",
        "learning_rule.feedback",
        ["random, symmetric"],
    ),
    (
        "{network: {kind: spiking}, measure: {smoothing_draws: 1}}",
        "measure.smoothing_draws",
        ["from 2"],
    ),
    ("device: {pulsed: {model: linear, a: 1}}", "device.pulsed.a", ["exponential"]),
    ("device: {pulsed: {dw_min: 1e-9}}", "device.pulsed.dw_min", ["from 1e-06 to 1"]),
    ("device: {pulsed: {dw_min_dtod: -1}}", "device.pulsed.dw_min_dtod", ["from 0 to 5"]),
    (
        "device: {pulsed: {dw_min_dtod_log_normal: maybe}}",
        "device.pulsed.dw_min_dtod_log_normal",
        ["true or false"],
    ),
    ("device: {pulsed: {dw_min_std: loud}}", "device.pulsed.dw_min_std", ["from 0 to 100"]),
    ("device: {pulsed: {up_down: 1}}", "device.pulsed.up_down", ["-0.99 to 0.99"]),
    ("device: {pulsed: {up_down_dtod: -1}}", "device.pulsed.up_down_dtod", ["from 0 to 5"]),
    ("device: {pulsed: {w_max: 0}}", "device.pulsed.w_max", ["above 0 and up to 100"]),
    ("device: {pulsed: {w_max_dtod: -1}}", "device.pulsed.w_max_dtod", ["from 0 to 5"]),
    ("device: {pulsed: {w_min_dtod: -1}}", "device.pulsed.w_min_dtod", ["from 0 to 5"]),
    (
        "device: {pulsed: {model: linear, gamma: {potentiation: 1}}}",
        "device.pulsed.gamma.depression",
        ["missing; required: potentiation, depression"],
    ),
    (
        "device: {pulsed: {model: linear, gamma: {potentiation: 1, depression: -1.5}}}",
        "device.pulsed.gamma.depression",
        ["-1.5 is out of range; allowed of model linear: -1 to 100"],
    ),
    ("device: {pulsed: {gamma_dtod: 0.1}}", "device.pulsed.gamma_dtod", ["linear only"]),
    (
        "device: {pulsed: {model: linear, noise: loud}}",
        "device.pulsed.noise",
        ["additive, multiplicative"],
    ),
    (
        "device: {pulsed: {model: exponential, amplitude: {potentiation: x, depression: 1}}}",
        "device.pulsed.amplitude.potentiation",
        ["from -100 to 100"],
    ),
    ("device: {pulsed: {model: exponential, b: 1e3}}", "device.pulsed.b", ["from -100 to 100"]),
    (
        "device: {pulsed: {model: exponential, noise_offset: -1}}",
        "device.pulsed.noise_offset",
        ["from 0 to 100"],
    ),
    (
        "device: {pulsed: {model: exponential, noise_slope: -1}}",
        "device.pulsed.noise_slope",
        ["from 0 to 100"],
    ),
    ("device: {pulsed: {model: power, exponent: -1}}", "device.pulsed.exponent", ["from 0 to 20"]),
    (
        "device: {pulsed: {model: soft_bounds, reference_std: -1}}",
        "device.pulsed.reference_std",
        ["from 0 to 5"],
    ),
    (
        "device: {pulsed: {subtract_symmetry_point: true}}",
        "device.pulsed.subtract_symmetry_point",
        ["soft_bounds only"],
    ),
    ("device: {pulsed: {write_noise_std: -1}}", "device.pulsed.write_noise_std", ["0 to 1000"]),
    ("device: {pulsed: {max_pulses: 0}}", "device.pulsed.max_pulses", ["from 1 to 10000"]),
    ("device: {pulsed: {model: cubic}}", "device.pulsed.model", ["constant, linear"]),
    ("device: {pulsed: {dw_min: 0}}", "device.pulsed.dw_min", ["0 is out of range"]),
    ("device: {pulsed: {w_min: 0}}", "device.pulsed.w_min", ["below 0"]),
    (
        "device: {pulsed: {model: one_sided_pair, w_min: -1}}",
        "device.pulsed.w_min",
        ["begin at 0"],
    ),
    (
        "device: {pulsed: {model: one_sided_pair, w_min_dtod: 0.1}}",
        "device.pulsed.w_min_dtod",
        ["begin at 0"],
    ),
    (
        "device: {pulsed: {model: one_sided_pair, known_step: mean}}",
        "device.pulsed.known_step",
        ["steps up only"],
    ),
    (
        "device: {preset: pcm, pulsed: {amplitude: {depression: 50}}}",
        "device.pulsed.amplitude.depression",
        ["50 is not allowed; a one-sided pair has no pulses down; remove the key"],
    ),
    (
        "device: {pulsed: {model: one_sided_pair, gamma: {potentiation: 2, depression: 1}}}",
        "device.pulsed.gamma.depression",
        ["1 is not allowed; a one-sided pair has no pulses down"],
    ),
    ("device: {pulsed: {corrupt: 200 %}}", "device.pulsed.corrupt", ["200"]),
    (
        "device: {pulsed: {}, write: {cycle_to_cycle: 1 %}}",
        "device.write",
        ["give one of write, pulsed and measured"],
    ),
    ("device: {pulsed: {}, conductance: {levels: 9}}", "device.conductance.levels", ["its own"]),
    (
        "device: {pulsed: {}, conductance: {mapping: differential_pair}}",
        "device.conductance.mapping",
        ["allowed: reference"],
    ),
    ("device: {measured: nowhere.csv}", "device.measured", ["nowhere.csv", "CSV file"]),
    ("device: {measured: 3}", "device.measured", ["not text"]),
    ("device: {drift: {}}", "device.drift.time", ["is missing"]),
    ("device: {drift: {time: 1 V}}", "device.drift.time", ["1 V"]),
    ("device: {drift: {time: 1 s}}", "device.drift.time", ["before t0"]),
    ("device: {drift: {time: 1 h, t0: 0}}", "device.drift.t0", ["above 0 s"]),
    (
        "device: {drift: {time: 1 h, exponent_spread: 0.1}}",
        "device.drift.exponent_spread",
        ["exponent only"],
    ),
    ("device: {converters: {dac_bits: 1}}", "device.converters.dac_bits", ["from 2 to 16"]),
    ("device: {converters: {output_range: 0}}", "device.converters.output_range", ["above 0"]),
    ("device: {converters: {adc_bits: 17}}", "device.converters.adc_bits", ["from 2 to 16"]),
    ("device: {converters: {input_range: 0}}", "device.converters.input_range", ["above 0"]),
    (
        "device: {ir_drop: {}}",
        "device.ir_drop.wire_ratio",
        ["is missing; required: wire_ratio"],
    ),
    ("device: {ir_drop: {wire_ratio: 1}}", "device.ir_drop.wire_ratio", ["from 0 to 0.1"]),
    (
        "device: {ir_drop: {wire_ratio: 1e-4, array_rows: 8}}",
        "device.ir_drop.array_columns",
        ["give both"],
    ),
    ("device: {leakage: {lifetime: 0.5}}", "device.leakage.lifetime", ["at least 1"]),
    ("device: {leakage: {spread: 200 %}}", "device.leakage.spread", ["'5 %'"]),
    ("device: {endurance: {cycles: 0}}", "device.endurance.cycles", ["above 0"]),
    ("device: {endurance: {spread: 0}}", "device.endurance.spread", ["above 0"]),
    ("device: {endurance: {age: -1}}", "device.endurance.age", ["at least 0"]),
    ("device: {drift: {time: 1 h, exponent: 2}}", "device.drift.exponent", ["from 0 to 1"]),
    ("device: {endurance: {fails: open}}", "device.endurance.fails", ["low, high, held"]),
    ("device: {pulse_train: {length: 0}}", "device.pulse_train.length", ["from 1 to 1000"]),
    ("device: {pulse_train: {kind: poisson}}", "device.pulse_train.kind", ["stochastic"]),
    (
        "{device: {pulsed: {}, pulse_train: {}}, learning_rule: {name: manhattan}}",
        "device.pulse_train",
        ["needs learning_rule.name backprop"],
    ),
    (
        "{device: {pulsed: {}, pulse_train: {}}, network: {kind: spiking}, "
        "learning_rule: {name: backprop}}",
        "device.pulse_train",
        ["network.kind rate"],
    ),
    ("device: {pulse_train: {}}", "device.pulse_train", ["allowed: with device.pulsed"]),
    (
        "network: {activation: relo}",
        "network.activation",
        ["'relu'", "allowed: relu, tanh, sigmoid, linear"],
    ),
    (
        "network: {activation: [relu]}",
        "network.activation",
        ["allowed: relu, tanh, sigmoid, linear"],
    ),
    ("network: {activation: true}", "network.activation", ["true", "allowed: relu"]),
    (
        "network: {hidden: 128}",
        "network.hidden",
        ["128 is not a list (write [128])", "each an integer from"],
    ),
    ("network: {hidden: '128'}", "network.hidden", ["not a list"]),
    ("network: {hidden: {a: 1}}", "network.hidden", ["not a list"]),
    ("network: {hidden: null}", "network.hidden", ["null is not a list"]),
    ("network: {hidden: [128, 0]}", "network.hidden[1]", ["from 1 to 65536"]),
    ("network: {hidden: [128, true]}", "network.hidden[1]", ["true"]),
    (f"network: {{hidden: {[1] * 65}}}", "network.hidden", ["more than 64"]),
    ("network: {channels: [8]}", "network.channels", ["cnn only"]),
    ("network: {architecture: cnn, channels: []}", "network.channels", ["at least 1"]),
    ("network: {init: he}", "network.init", ["xavier, kaiming"]),
    ("task: {name: minst}", "task.name", ["did you mean 'mnist'"]),
    ("task: {name: mnist}", "task.folder", ["missing", "mnist"]),
    ("task: {name: cifar10}", "task.folder", ["missing"]),
    ("task: {folder: x}", "task.folder", ["mnist, cifar10 and image_folder only"]),
    (
        "task: {name: teacher_student, folder: x}",
        "task.folder",
        ["mnist, cifar10 and image_folder only"],
    ),
    ("task: {inputs: 25}", "task.inputs", ["teacher_student only"]),
    ("task: {train: a.npz}", "task.train", ["name file only"]),
    ("task: {crop: 20}", "task.crop", ["mnist and mnist_5k only"]),
    ("task: {name: mnist_5k, crop: 29}", "task.crop", ["1 to 28"]),
    ("task: {name: mnist_5k, binarise: 1}", "task.binarise", ["below 1"]),
    ("task: {name: image_folder}", "task.folder", ["missing", "image_folder"]),
    ("task: {name: file}", "task.train", ["missing"]),
    ("task: {name: file, train: a.npz}", "task.test", ["test_fraction"]),
    (
        "task: {name: file, train: a.npz, test: b.npz, test_fraction: 20 %}",
        "task.test_fraction",
        ["one of them"],
    ),
    ("task: {name: file, train: a.npz, test_fraction: 100 %}", "task.test_fraction", ["below"]),
    ("task: {name: file, train: [a.npy], test_fraction: 0.2}", "task.train", ["[x.npy, y.npy]"]),
    ("task: {name: file, train: 3, test_fraction: 0.2}", "task.train", ["path"]),
    (
        "task: {name: file, train: a.csv, test_fraction: 0.2, target: [a, a]}",
        "task.target",
        ["twice"],
    ),
    ("task: {name: file, train: a.csv, test_fraction: 0.2, target: []}", "task.target", ["name"]),
    ("task: {label_noise: 0}", "task.label_noise", ["teacher_student only"]),
    ("task: {name: teacher_student, label_noise: -1}", "task.label_noise", ["at least 0"]),
    ("task: {train_samples: 0}", "task.train_samples", ["from 1", "null"]),
    ("training: {step_size: 0}", "training.step_size", ["above 0"]),
    ("training: {step_size: -1}", "training.step_size", ["above 0"]),
    ("training: {step_size: .inf}", "training.step_size", ["inf", "finite"]),
    ("training: {step_size: false}", "training.step_size", ["false"]),
    ("training: {step_size: fast}", "training.step_size", ["'fast'", "above 0"]),
    ("training: {steps: abc}", "training.steps", ["'abc' is not an integer", "0 to 10000000"]),
    ("training: {steps: -1}", "training.steps", ["-1 is out of range"]),
    ("training: {steps: 0}", "training.steps", ["1 to 10000000, or 0 with both network.weights"]),
    ("deployment: {}", "deployment", ["needs devices", "device: {}"]),
    ("device: {drift: {}}", "device.drift.time", ["is missing", "a deployment"]),
    (
        "{device: {drift: {t0: 20 s}}, deployment: {times: [5 s]}}",
        "deployment.times",
        ["5 s is before device.drift.t0, 20 s", "0, or t0 or later"],
    ),
    ("{device: {}, deployment: {times: []}}", "deployment.times", ["at least 1"]),
    ("{device: {}, deployment: {times: [1 h, 3600]}}", "deployment.times", ["names a time twice"]),
    (
        "{device: {}, deployment: {program_error: 120 %}}",
        "deployment.program_error.error",
        ["out of range"],
    ),
    (
        "{device: {}, deployment: {program_error: {model: proportional}}}",
        "deployment.program_error.error",
        ["is missing", "model proportional"],
    ),
    (
        "{device: {}, deployment: {program_error: {model: reram_wan_2022, error: 1 %}}}",
        "deployment.program_error.error",
        ["whose error is published"],
    ),
    (
        "{device: {}, deployment: {program_error: {model: pcm}}}",
        "deployment.program_error.model",
        ["pcm_nandakumar_2019"],
    ),
    (
        "{device: {converters: {output_range: 2}}, deployment: {compensation: global}}",
        "deployment.compensation",
        ["fixed device.converters.output_range", "allowed: none"],
    ),
    (
        "targets: {max_accuracy_drop_deployed: 5 %}",
        "targets.max_accuracy_drop_deployed",
        ["is for a deployment"],
    ),
    ("training: {steps: 5, epochs: 2}", "training.epochs", ["beside steps", "one of them"]),
    ("training: {steps: {a: 1}}", "training.steps", ["integer"]),
    ("training: {seeds: 1001}", "training.seeds", ["1 to 1000"]),
    ("training: {seeds: 9, max_seeds: 8}", "training.max_seeds", ["less than", "9", "at least"]),
    ("training: {looks: 0}", "training.looks", ["1 to 20"]),
    ("targets: {confidence: 50 %}", "targets.confidence", ["above 50%", "below 100%"]),
    ("targets: {confidence: 1}", "targets.confidence", ["below 100%"]),
    ("targets: {confidence: 95}", "targets.confidence", ["write '95 %'"]),
    ("targets: {max_accuracy_drop: 2}", "targets.max_accuracy_drop", ["write '2 %'"]),
    ("targets: {max_excess_loss: x}", "targets.max_excess_loss", ["'x'"]),
    ("measure: {draws: 1}", "measure.draws", ["from 2 to 10000000"]),
    ("measure: {draws: 10000001}", "measure.draws", ["from 2 to 10000000"]),
    ("measure: {loss_draws: 1}", "measure.loss_draws", ["from 2"]),
    ("measure: {points: 0}", "measure.points", ["1 to 1000"]),
    ("measure: {seed: -1}", "measure.seed", ["from 0"]),
    ("measure: {seed: 9223372036854775808}", "measure.seed", ["9223372036854775807"]),
    ("measure: {chunk_size: 0}", "measure.chunk_size", ["from 1"]),
    ("measure: {precision: float16}", "measure.precision", ["float64, float32"]),
    (
        "{network: {architecture: cnn}, task: {name: teacher_student}}",
        "network.architecture",
        ["images", "mlp"],
    ),
    (
        "{learning_rule: {batch_size: 101}, task: {train_samples: 100}}",
        "learning_rule.batch_size",
        ["101", "task.train_samples, 100"],
    ),
    ("training: {steps: '" + "x" * 1000 + "'}", "training.steps", ["xxx…"]),
    ('training: {steps: "a\\nb\\u2028c"}', "training.steps", ["'a\\nb\\u2028c'"]),
]


@pytest.mark.parametrize(("text", "key", "words"), BAD, ids=show)
def test_mistakes(text, key, words):
    error = problem_of(text)
    if key is not None:
        assert error.key == key
        assert str(error).startswith(f"chip.yaml: {key}: ")
    assert all(word in str(error) for word in words), str(error)
    assert error.source == "chip.yaml"
    assert len(str(error)) < 500


SURROGATES = tuple(SURROGATE_DEFAULTS)


@pytest.mark.parametrize("name", RULE_DEFAULTS)
def test_every_rule_is_read_with_its_defaults(name):
    kind = "spiking" if name in ("surrogate", "eprop") else "rate"
    rule = read(f"{{learning_rule: {{name: {name}}}, network: {{kind: {kind}}}}}").learning_rule
    for key, value in RULE_DEFAULTS[name].items():
        assert getattr(rule, key) == value
    assert (rule.batch_size, rule.write_each) == ("full", "batch")
    others = {"batch_size", "write_each", "name", *RULE_DEFAULTS[name]}
    assert all(getattr(rule, key) is None for key in type(rule).model_fields if key not in others)


def test_a_spiking_network_has_its_own_defaults():
    spec = read("network: {kind: spiking}")
    assert spec.learning_rule.name == "surrogate"
    assert spec.network.surrogate.name == "fast_sigmoid"
    assert spec.network.surrogate.parameters() == {"slope": 25.0}
    assert (spec.network.time_steps, spec.network.decay) == (10, 0.9)
    assert spec.network.activation is None
    assert spec.measure.smoothing_draws == 500
    named = read("network: {kind: spiking}\nlearning_rule: {name: feedback_alignment}")
    assert named.learning_rule.name == "feedback_alignment"


@pytest.mark.parametrize("name", SURROGATES)
def test_every_surrogate_is_read_with_snntorchs_defaults(name):
    spec = read(f"network: {{kind: spiking, surrogate: {name}}}")
    assert spec.network.surrogate.parameters() == surrogate_parameters(name)


def test_every_key_has_a_description_with_its_default():
    def check(section):
        for name, field in section.model_fields.items():
            inner = [
                candidate
                for candidate in (field.annotation, *getattr(field.annotation, "__args__", ()))
                if isinstance(candidate, type) and issubclass(candidate, SpecModel)
            ]
            assert field.description, f"{section.__name__}.{name}"
            if not inner and not field.is_required() and name != "folder":
                assert "Default:" in field.description, f"{section.__name__}.{name}"
            for model in inner:
                check(model)

    check(Spec)


SECTIONS = (Spec, Device, Conductance, Write, Network, Task)
WORDS = st.one_of(
    st.sampled_from([key for section in SECTIONS for key in section.model_fields]),
    st.sampled_from(["ag-asi", "ecram-li", "nonlinear", "5 %", "3 uS", "1e-3", "cnn", "mnist"]),
    st.sampled_from(["potentiation", "depression", "teacher_student"]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "device": st.one_of(
                VALUES,
                st.fixed_dictionaries(
                    {"preset": WORDS}, optional={"write": VALUES, "conductance": VALUES}
                ),
            ),
            "network": VALUES,
            "task": VALUES,
            "training": st.dictionaries(st.sampled_from(["steps", "step_size"]), VALUES),
            "quantization": VALUES,
            "name": VALUES,
        },
    )
)
def test_any_values_give_a_spec_or_a_spec_error(data):
    try:
        spec = validate_spec(data, "f")
        message, key = "no error", "none"
    except SpecError as error:
        spec, message, key = Spec(), str(error), error.key
    assert len(message.splitlines()) == 1
    assert key
    assert validate_spec(spec_to_dict(spec)) == spec


def test_keys_that_are_not_text_are_refused_in_python_too():
    with pytest.raises(SpecError):
        validate_spec({1: 2})
    with pytest.raises(SpecError):
        validate_spec({"device": {None: 2}})


# -- JSON Schema -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(json.dumps(json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("text", VARIANTS)
def test_json_schema_accepts_what_is_read(validator, text):
    data = parse_yaml(text, "f")
    validator.validate(data)
    validator.validate(spec_to_dict(validate_spec(data)))


@pytest.mark.parametrize(
    "text",
    [
        "device: {write: {cycle_to_cycle: 0.05}}",
        "device: {write: {cycle_to_cycle: 5%}}",
        "device: {conductance: {min: 75 kΩ, max: 5.9e-5}}",
        "device: {conductance: {min: 3 µS, max: 5.9e-05}}",
        "device: {conductance: {levels: {potentiation: 2, depression: 3}}}",
        "{device: , targets: }",
        "training: {step_size: 1e-3}",
        "learning_rule: {batch_size: 8}",
    ],
)
def test_json_schema_accepts_units_and_short_forms(validator, text):
    read(text)
    validator.validate(parse_yaml(text, "f"))


@pytest.mark.parametrize(
    "text",
    [
        "foo: 1",
        "device: {write: {cycle_to_cylce: 5 %}}",
        "device: {write: {cycle_to_cycle: 5}}",
        "device: {write: {cycle_to_cycle: five}}",
        "device: {write: {cycle_to_cycle: 5 uS}}",
        "device: {conductance: {min: 3 uS/m, max: 1 S}}",
        "device: {preset: nope}",
        "device: {conductance: {levels: 1}}",
        "device: {conductance: {levels: {potentiation: 3}}}",
        "network: {activation: relo}",
        "network: {hidden: 128}",
        "network: {hidden: [0]}",
        "learning_rule: {batch_size: half}",
        "learning_rule: {name: hebb}",
        "network: {kind: spiking, surrogate: fast}",
        "device: {pulsed: {dw_min: 0}}",
        "training: {steps: true}",
        "training: {step_size: 0}",
        "targets: {confidence: 0.5}",
    ],
)
def test_json_schema_refuses_what_is_refused(validator, text):
    problem_of(text)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(parse_yaml(text, "f"))
