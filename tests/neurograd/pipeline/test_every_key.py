"""Every key of a spec changes some number, but for those listed as changing none.

Walks the schema: a key without an entry here fails. An entry is a spec in which the key acts, and
two values of it. Data, first weights, what is read and three updates of a small chip must then
differ somewhere, or for keys of the measurement the numbers of a whole small check; and no note may
call the key idle.
"""

from __future__ import annotations

import copy
import typing
from functools import cache

import nir
import numpy as np
import pytest
import torch
from pydantic import BaseModel

from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import check
from neurograd.pipeline.notes import notes
from neurograd.records.json_form import to_json_dict
from neurograd.spec import Spec, validate_spec

TEACHER = {
    "name": "teacher_student", "train_samples": 12, "test_samples": 6, "inputs": 5, "outputs": 3,
    "teacher_hidden": [4],
}  # fmt: skip
DIGITS = {"name": "digits", "train_samples": 20, "test_samples": 10}
BASE = {
    "network": {"hidden": [4]},
    "task": TEACHER,
    "training": {"step_size": 0.2, "steps": 2, "seeds": 2},
    "measure": {"draws": 4, "loss_draws": 4, "points": 1},
}

NO_NUMBER = {
    "name": "words of a report",
    "ranges.data": "words of a report",
    "ranges.other_curves": "words of a report",
    "task.folder": "where files lie",
    "measure.budget": "measuring that is little work is done in full (points/test_work.py)",
    "measure.chunk_size": "memory; passes give the same sums whatever their size",
    "spec_version": "the form of the keys",
    "update.algorithm": "the one value that there is",
}

OWN = {"name": "file", "train": "own.npz"}
HALVES = {**OWN, "test_fraction": 0.4}
TABLE = {"name": "file", "train": "own.csv", "test_fraction": 0.4}
IMAGES = {"name": "mnist", "folder": "idx"}
CURVE = "pulse,potentiation,depression\n0,1,9\n1,5,4\n2,9,1\n"
SCATTERED = "pulse,potentiation,depression\n" + "\n".join(
    f"{k},{up},{9 - up}"
    for k, up in enumerate((0.2, 1.9, 3.1, 4.6, 5.2, 6.5, 6.6, 7.4, 7.3, 8.1, 8.0, 8.6))
)
STEEP = "pulse,potentiation,depression\n0,1,9\n1,8,2\n2,9,1\n"

WINDOW = {"device.drift": {"time": 100, "exponent": 0.1}, "device.conductance.max": 2e-5}
LEVELS = {"device.conductance.levels": {"potentiation": 8, "depression": 8}}
PULSE_NOISE = {"device.write.cycle_to_cycle": {"potentiation": 0.1, "depression": 0.1}}
EXPONENTIAL = {"device.pulsed": {"model": "exponential", "dw_min": 0.01, "dw_min_std": 1}}
SOFT = {"device.pulsed": {"model": "soft_bounds", "dw_min": 0.01, "up_down": 0.3}}
TRAIN = {"device.conductance.levels": 50}
SEVERAL = {**TRAIN, "device.devices_per_weight.count": 2}
WIRES = {"device.ir_drop": {"wire_ratio": 0.01, "array_rows": 3, "array_columns": 3}}
THERMAL = {
    "device.conductance": {"min": 0, "max": 1e-9},
    "device.read": {"voltage": 0.1, "bandwidth": 1e6},
}
OLD = {"device.endurance": {"age": 1e6}}
SPIKING = {
    "task": DIGITS, "network.kind": "spiking", "network.time_steps": 4, "network.threshold": 0.3,
}  # fmt: skip
ADAM = {"training.optimizer": {"name": "adam"}}
CLASSES = {"task": DIGITS, "training.step_size": 0.5}
TINY_SPIKES = {**SPIKING, "measure.smoothing_draws": 4}
UNSURE = {
    "device.read.noise": "10 % ± 1 %", "device.faults.stuck_low": "10 % ± 3 %", "ranges.draws": 4,
}  # fmt: skip
KNOWN_ENDS = {
    "device.read.noise": 0.1, "ranges.draws": 4, "ranges.numbers.first": {"min": 0.01, "max": 0.5},
}  # fmt: skip


NETS = """
from torch import nn
def make_net(width=3):
    return nn.Sequential(nn.Linear(5, width), nn.{0}(), nn.Linear(width, 3))
def wider():
    return make_net(4)
"""
MODULE = {"network": {"kind": "module", "file": "nets.py"}}
GRAPH = {
    "network": {"kind": "nir", "file": "graph.nir", "coding": "current", "time_steps": 3},
}


class Beside(typing.NamedTuple):
    """A value that needs another key with it."""

    value: object
    key: str
    other: object


def rule(name, **more):
    return {"learning_rule": {"name": name, **more}}


# key: (keys of a spec in which it acts, one value, another)
ACTS = {
    "device.preset": ({}, "epiram", "ag-asi"),
    "device.conductance.min": (WINDOW, 5e-6, 1e-5),
    "device.conductance.max": ({**WINDOW, "device.conductance.min": 1e-5}, 2e-5, 3e-5),
    "device.conductance.levels.potentiation": (LEVELS, 8, 9),
    "device.conductance.levels.depression": (LEVELS, 8, 9),
    "device.conductance.states": ({}, 4, 5),
    "device.conductance.mapping": ({"device.read.noise": 0.1}, "reference", "differential_pair"),
    "device.conductance.weight_range": ({"device.read.noise": 0.1}, 1, 2),
    "device.write.model": ({}, "linear", "soft_bounds"),
    "device.write.nonlinearity.potentiation": ({}, 1, 2),
    "device.write.nonlinearity.depression": ({}, -1, -2),
    "device.write.slope.potentiation": ({}, 0.5, 0.6),
    "device.write.slope.depression": ({}, 0.5, 0.6),
    "device.write.cycle_to_cycle": ({}, 0.1, 0.2),
    "device.write.cycle_to_cycle.potentiation": (PULSE_NOISE, 0.1, 0.2),
    "device.write.cycle_to_cycle.depression": (PULSE_NOISE, 0.1, 0.2),
    "device.write.device_to_device": ({"device.write.model": "soft_bounds"}, 0.1, 0.2),
    "device.pulsed.model": ({}, "constant", "power"),
    "device.pulsed.dw_min": ({}, 0.01, 0.02),
    "device.pulsed.dw_min_dtod": ({}, 0.1, 0.2),
    "device.pulsed.dw_min_dtod_log_normal": ({"device.pulsed.dw_min_dtod": 0.3}, False, True),
    "device.pulsed.dw_min_std": ({}, 0.1, 0.2),
    "device.pulsed.up_down": ({}, 0.1, 0.2),
    "device.pulsed.up_down_dtod": ({}, 0.1, 0.2),
    "device.pulsed.w_max": ({}, 0.1, 0.2),
    "device.pulsed.w_min": ({}, -0.1, -0.2),
    "device.pulsed.w_max_dtod": ({"device.pulsed.w_max": 0.1}, 0.1, 0.2),
    "device.pulsed.w_min_dtod": ({"device.pulsed.w_min": -0.1}, 0.1, 0.2),
    "device.pulsed.gamma.potentiation": (
        {"device.pulsed": {"model": "linear", "gamma": {"depression": 0.1}}}, 0.1, 0.2,
    ),
    "device.pulsed.gamma.depression": (
        {"device.pulsed": {"model": "linear", "gamma": {"potentiation": 0.1}}}, 0.1, 0.2,
    ),
    "device.pulsed.gamma_dtod": ({"device.pulsed.model": "linear"}, 0.1, 0.2),
    "device.pulsed.noise": (
        {"device.pulsed": {"model": "soft_bounds", "dw_min_std": 1}}, "additive", "multiplicative",
    ),
    "device.pulsed.amplitude.potentiation": (
        {"device.pulsed": {"model": "exponential", "amplitude": {"depression": -0.1}}}, -0.1, -2,
    ),
    "device.pulsed.amplitude.depression": (
        {"device.pulsed": {"model": "exponential", "amplitude": {"potentiation": -0.1}}}, -0.1, -2,
    ),
    "device.pulsed.a": (EXPONENTIAL, -0.5, 0.5),
    "device.pulsed.b": (EXPONENTIAL, -0.5, 0.5),
    "device.pulsed.noise_offset": (EXPONENTIAL, 0.1, 0.2),
    "device.pulsed.noise_slope": (EXPONENTIAL, 0.1, 0.2),
    "device.pulsed.exponent": ({"device.pulsed.model": "power"}, 1, 2),
    "device.pulsed.reference_std": (SOFT, 0.1, 0.2),
    "device.pulsed.subtract_symmetry_point": (SOFT, False, True),
    "device.pulsed.write_noise_std": ({}, 1, 2),
    "device.pulsed.corrupt": ({}, 0.1, 0.5),
    "device.pulsed.known_step": ({"device.pulsed.up_down": 0.5}, "each", "mean"),
    "device.pulsed.max_pulses": ({"device.pulsed.dw_min": 0.001}, 1, 5),
    "device.measured": ({}, "curve.csv", "steep.csv"),
    "device.measured_as": (
        {"device.measured": "noisy.csv", "device.read.noise": 0.1}, "table", "constant",
    ),
    "device.devices_per_weight.count": (TRAIN, 2, 3),
    "device.devices_per_weight.significance": (SEVERAL, [2, 1], [8, 1]),
    "device.devices_per_weight.update": (SEVERAL, "all", "one_by_one"),
    "device.pulse_train.kind": (TRAIN, "stochastic", "deterministic"),
    "device.pulse_train.length": (TRAIN, 5, 31),
    "device.read.noise": ({}, 0.1, 0.2),
    "device.read.voltage": (THERMAL, 0.1, 0.2),
    "device.read.bandwidth": (THERMAL, 1e6, 1e7),
    "device.temperature": (THERMAL, 310, 400),
    "device.leakage.activation_energy": (
        {"device.leakage.lifetime": 1e4, "device.temperature": 330}, 0.5, 0.6,
    ),
    "device.converters.dac_bits": ({}, 3, 4),
    "device.converters.adc_bits": ({}, 3, 4),
    "device.converters.input_range": ({"device.converters.dac_bits": 4}, 1, 2),
    "device.converters.output_range": ({"device.converters.adc_bits": 4}, 1, 2),
    "device.converters.output_noise": ({}, 0.1, 0.2),
    "device.converters.noise_management": (
        {"device.converters.output_noise": 0.1}, "none", "abs_max",
    ),
    "device.converters.bound_management": (
        {"device.converters.output_range": 0.2}, "none", "iterative",
    ),
    "device.converters.per": (
        {"device.converters.adc_bits": 3, "device.ir_drop": WIRES["device.ir_drop"]},
        "layer", "tile",
    ),
    "device.converters.array_rows": (
        {"device.converters": {"adc_bits": 3, "per": "tile", "array_columns": 3}}, 2, 3,
    ),
    "device.converters.array_columns": (
        {"device.converters": {"adc_bits": 3, "per": "tile", "array_rows": 3}}, 2, 3,
    ),
    "device.ir_drop.wire_ratio": (WIRES, 0.01, 0.02),
    "device.ir_drop.array_rows": (WIRES, 2, 4),
    "device.ir_drop.array_columns": (WIRES, 2, 4),
    "device.drift.time": ({}, 100, 1000),
    "device.drift.t0": ({"device.drift.time": 100}, 20, 30),
    "device.drift.exponent": ({"device.drift.time": 100}, 0.1, 0.2),
    "device.drift.exponent_spread": (
        {"device.drift": {"time": 100, "exponent": 0.1}}, 0.01, 0.02,
    ),
    "device.leakage.lifetime": ({}, 100, 200),
    "device.leakage.spread": ({"device.leakage.lifetime": 100}, 0.1, 0.2),
    "device.faults.stuck_low": ({}, 0.2, 0.5),
    "device.faults.stuck_high": ({}, 0.2, 0.5),
    "device.endurance.cycles": (OLD, 1e6, 1e7),
    "device.endurance.spread": ({"device.endurance": {"age": 1.5e6}}, 0.5, 3),
    "device.endurance.age": (OLD, 1e6, 1e7),
    "device.endurance.fails": (OLD, "low", "held"),
    "quantization.weight_bits": ({}, 3, 4),
    "quantization.weight_rounding": (
        {"quantization": {"weight_bits": 3, "update_bits": 8}}, "nearest", "stochastic",
    ),
    "quantization.update_bits": ({}, 6, 8),
    "quantization.update_rounding": ({"quantization.update_bits": 6}, "stochastic", "nearest"),
    "quantization.weight_range": ({"quantization.weight_bits": 3}, 1, 2),
    "layers.first.device": ({}, {"read": {"noise": 0.1}}, {"read": {"noise": 0.2}}),
    "layers.first.quantization": ({}, {"weight_bits": 3}, {"weight_bits": 4}),
    "layers.first.output_scale": ({}, None, "learned"),
    "learning_rule.name": ({}, "backprop", "manhattan"),
    "learning_rule.batch_size": ({}, 3, 4),
    "learning_rule.write_each": ({"device.conductance.levels": 20}, "batch", "sample"),
    "learning_rule.feedback_seed": (rule("feedback_alignment"), 1, 2),
    "learning_rule.feedback_scale": (rule("feedback_alignment"), 1, 2),
    "learning_rule.feedback": ({**SPIKING, **rule("eprop")}, "random", "symmetric"),
    "learning_rule.truncation": ({**SPIKING, **rule("surrogate")}, 1, 3),
    "learning_rule.perturbation": (rule("weight_perturbation"), 0.01, 0.1),
    "learning_rule.samples": (rule("weight_perturbation"), 1, 2),
    "learning_rule.nudging": (rule("equilibrium_propagation"), 0.1, 0.2),
    "learning_rule.relaxation_steps": (rule("equilibrium_propagation"), 3, 6),
    "learning_rule.relaxation_rate": (rule("equilibrium_propagation"), 0.1, 0.01),
    "learning_rule.symmetric": (rule("equilibrium_propagation"), True, False),
    "learning_rule.magnitude": (rule("manhattan"), 0.1, 0.2),
    "network.kind": ({"task": DIGITS}, "rate", "spiking"),
    "network.file": (MODULE, "nets.py", "other.py"),
    "network.factory": (MODULE, "make_net", "wider"),
    "network.arguments": (MODULE, {"width": 3}, {"width": 4}),
    "network.architecture": ({"task": DIGITS}, "mlp", "cnn"),
    "network.hidden": ({}, [4], [5]),
    "network.channels": ({"task": DIGITS, "network.architecture": "cnn"}, [2], [3]),
    "network.activation": ({}, "relu", "tanh"),
    "network.output_activation": ({"task": DIGITS}, None, "sigmoid"),
    "network.init": ({}, "xavier", "kaiming"),
    "network.biases": ({"device.write.cycle_to_cycle": 0.1}, "analog", "digital"),
    "network.weights": ({}, "start.npz", "later.npz"),
    "network.surrogate.name": (SPIKING, "atan", "sigmoid"),
    **{
        f"network.surrogate.{key}": ({**SPIKING, "network.surrogate": {"name": name}}, *values)
        for key, name, *values in (
            ("slope", "fast_sigmoid", 5, 25), ("alpha", "atan", 1, 2),
            ("threshold", "triangular", 0.5, 1), ("beta", "spike_rate_escape", 1, 2),
            ("mean", "SSO", 0, 1), ("variance", "SSO", 0.2, 2), ("B", "SFS", -1, 1),
        )
    },
    "network.time_steps": (SPIKING, 4, 5),
    "network.decay": (SPIKING, 0.5, 0.9),
    "network.threshold": (SPIKING, 0.2, 0.3),
    "network.reset": (SPIKING, "subtract", "zero"),
    "network.readout": (SPIKING, "membrane", "spikes"),
    "network.coding": (SPIKING, "rate", "current"),
    "network.step_duration": (GRAPH, 1e-4, 2e-4),
    "task.name": ({"task": {"train_samples": 20, "test_samples": 10}}, "digits", "teacher_student"),
    "task.train": ({"task": HALVES}, "own.npz", "other.npz"),
    "task.test": ({"task": OWN}, "own.npz", "other.npz"),
    "task.test_fraction": ({"task": OWN}, 0.2, 0.4),
    "task.target": ({"task": TABLE}, "a", "b"),
    "task.loss": ({"task": HALVES}, "cross_entropy", "squared_error"),
    "task.crop": ({"task": IMAGES}, 6, 8),
    "task.binarise": ({"task": IMAGES}, 0.3, 0.6),
    "task.train_samples": ({}, 12, 13),
    "task.test_samples": ({}, 6, 7),
    "task.inputs": ({}, 5, 6),
    "task.outputs": ({}, 3, 4),
    "task.teacher_hidden": ({}, [4], [5]),
    "task.label_noise": ({}, 0.1, 0.2),
    "training.step_size": ({}, 0.1, 0.2),
    "training.optimizer.name": ({}, "sgd", "adam"),
    "training.optimizer.momentum": ({}, 0.5, 0.9),
    "training.optimizer.weight_decay": ({}, 0.1, 0.2),
    "training.optimizer.beta1": (ADAM, 0.5, 0.9),
    "training.optimizer.beta2": (ADAM, 0.9, 0.99),
    "training.optimizer.epsilon": (ADAM, 0.1, 0.2),
    "training.clip": ({}, 0.1, 0.2),
    "measure.seed": ({}, 1, 2),
    "measure.precision": ({}, "float64", "float32"),
}  # fmt: skip
NOISY = {"device.write.cycle_to_cycle": 0.05}
AGEING = {"device.drift": {"exponent": 0.1, "exponent_spread": 0.05}, "deployment": {}}
EPOCHS = {"learning_rule.batch_size": 5, "training.steps": None}
JUDGED = {
    "training.steps": (NOISY, 2, 3),
    "training.epochs": (EPOCHS, 1, 2),
    "training.order": ({"learning_rule.batch_size": 5}, "fresh", "shuffled"),
    "training.schedule.kind": (
        {"training.schedule": None},
        Beside("step", "training.schedule.every", 1),
        Beside("cosine", "training.schedule.minimum", 0.0),
    ),
    "training.schedule.every": ({"training.schedule": {"factor": 0.5}}, 1, 2),
    "training.schedule.factor": ({"training.schedule": {"every": 1}}, 0.5, 0.6),
    "training.schedule.minimum": ({"training.schedule": {"kind": "cosine"}}, 0.0, 0.5),
    "training.seeds": (NOISY, 2, 3),
    "training.max_seeds": ({**NOISY, "training.looks": 2}, 3, 4),
    "training.looks": ({**NOISY, "training.max_seeds": 6}, 2, 3),
    "targets.max_accuracy_drop": ({**NOISY, **CLASSES}, 0.0, 1.0),
    "targets.max_excess_loss": (NOISY, 0.01, 1.0),
    "targets.confidence": (NOISY, 0.9, 0.95),
    "targets.max_accuracy_drop_deployed": ({**AGEING, **CLASSES}, 0.0, 1.0),
    "deployment.program_error.model": (
        {
            "device.conductance.mapping": "reference",
            "deployment": {"program_error": {"error": 0.05}},
        },
        "normal",
        "proportional",
    ),
    "deployment.program_error.error": (AGEING, 0.05, 0.1),
    "deployment.times": (AGEING, [3600], [86400]),
    "deployment.compensation": (AGEING, "none", "global"),
    "deployment.read_noise": (AGEING, "none", "pcm_nandakumar_2019"),
    "deployment.preset": ({}, "pcm-inference", "reram-inference"),
    "measure.draws": (NOISY, 4, 5),
    "measure.loss_draws": (NOISY, 4, 5),
    "measure.points": (NOISY, 1, 2),
    "measure.smoothing": (TINY_SPIKES, 0.02, 0.1),
    "ranges.draws": (UNSURE, 4, 5),
    "ranges.numbers.first.min": (KNOWN_ENDS, 0.01, 0.02),
    "ranges.numbers.first.max": (KNOWN_ENDS, 0.4, 0.5),
    "ranges.numbers.first.std": (KNOWN_ENDS, None, 0.05),
    "ranges.numbers.first.interval": (KNOWN_ENDS, None, [0.05, 0.4]),
    "ranges.correlations": (UNSURE, [], [["device.read.noise", "device.faults.stuck_low", 0.9]]),
    "measure.smoothing_draws": (TINY_SPIKES, 4, 5),
}
"""As ACTS; these change what is trained, measured or judged, not the chip."""


def leaves(model, place=""):
    """Every key of a spec."""
    for name, field in model.model_fields.items():
        key = f"{place}.{name}" if place else name
        section = _section(field.annotation)
        if typing.get_origin(field.annotation) is dict and section is not None:
            key = f"{key}.first"
        if section is None or float in typing.get_args(field.annotation):
            yield key
        if section is not None:
            yield from leaves(section, key)


def _section(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section(part) for part in typing.get_args(annotation))
    return next((section for section in found if section is not None), None)


def test_every_key_has_an_entry():
    entries = [*ACTS, *JUDGED, *NO_NUMBER]
    assert len(set(entries)) == len(entries)
    assert set(leaves(Spec)) ^ set(entries) == set()


def spec_of(*settings):
    data = copy.deepcopy(BASE)
    for key, value in settings:
        beside = isinstance(value, Beside)
        if beside:
            _set(data, value.key, value.other)
        _set(data, key, value.value if beside else value)
    return data


def _set(data, key, value):
    here = data
    *path, last = (
        "device.read.noise" if name == "first" and "ranges" in key else name
        for name in key.split(".")
    )
    for name in path:
        if here.get(name) is None:
            here[name] = {}
        here = here[name]
    here[last] = copy.deepcopy(value)


@cache
def own_files(folder):
    for name, text in (("curve.csv", CURVE), ("steep.csv", STEEP), ("noisy.csv", SCATTERED)):
        (folder / name).write_text(text)
    for name, activation in (("nets.py", "ReLU"), ("other.py", "Tanh")):
        (folder / name).write_text(NETS.format(activation))
    source = np.random.default_rng(0)
    for name in ("own.npz", "other.npz"):
        np.savez(folder / name, x=source.normal(size=(20, 3)), y=np.arange(20) % 2)
    lines = [",".join(f"{v:.3f}" for v in source.normal(size=3)) for _ in range(20)]
    (folder / "own.csv").write_text("\n".join(["a,b,c", *lines]))
    shapes = {"0.weight": (4, 5), "0.bias": (4,), "2.weight": (3, 4), "2.bias": (3,)}
    for name in ("start.npz", "later.npz"):
        np.savez(folder / name, **{key: source.normal(size=size) for key, size in shapes.items()})
    neurons = nir.LI(np.full(3, 1e-3), np.ones(3), np.zeros(3))
    graph = nir.NIRGraph.from_list(nir.Linear(source.normal(size=(3, 5))), neurons)
    nir.write(folder / "graph.nir", graph)
    (folder / "idx").mkdir()
    for part in ("train", "t10k"):
        for what, array in (
            ("images-idx3", source.integers(0, 256, (20, 28, 28))),
            ("labels-idx1", np.arange(20) % 10),
        ):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            path = folder / "idx" / f"{part}-{what}-ubyte"
            path.write_bytes(head + array.astype(np.uint8).tobytes())


def numbers_of(data):
    """Data, weights, a read and three updates of a spec's chip, with its spec and problem."""
    spec = validate_spec(data).beside(allow_code=True)
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    w = chip.program(problem.initial_weights)
    state = chip.start(w)
    found = [*problem.data("train"), *problem.data("test"), w]
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        found.append(chip.read(w, generator))
        update, state = chip.sample_step(problem, w, state, generator)
        w = w + chip.step_size * update
        found.append(w)
    return spec, problem, found


def differ(one, other):
    return any(
        a.dtype != b.dtype or a.shape != b.shape or not a.equal(b)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("key", ACTS)
def test_a_key_changes_the_chip_or_its_problem(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_files(tmp_path)
    settings, one, other = ACTS[key]
    assert one != other
    found = [numbers_of(spec_of(*settings.items(), (key, value))) for value in (one, other)]
    assert differ(found[0][2], found[1][2])
    assert not differ(found[0][2], numbers_of(spec_of(*settings.items(), (key, one)))[2])
    for spec, problem, _ in found:
        for note in notes(spec, problem, "check"):
            assert not ("no number" in note and key in note.split())


@pytest.mark.parametrize("key", JUDGED)
def test_a_key_changes_what_is_measured_or_judged(key):
    settings, one, other = JUDGED[key]
    found = []
    for value in (one, other):
        report = to_json_dict(check(validate_spec(spec_of(*settings.items(), (key, value)))).record)
        # Sentences quote the spec itself.
        for words in ("spec", "timing", "versions", "reasons", "notes", "mitigation"):
            report.pop(words)
        if key.startswith("ranges"):  # all else quotes the ranges
            report = [draw["cost"] for draw in report["ranges"]["draws"]]
        found.append(report)
    assert found[0] != found[1]
    if key.startswith("targets"):
        costs = [report["training"]["cost"] for report in found]
        if key.endswith("deployed"):
            costs = [report["deployment"][0]["cost"] for report in found]
        assert costs[0] != costs[1]
