"""What a spec asks for is what its chip has: from the text to the parts."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import (
    Converters,
    EProp,
    EquilibriumPropagation,
    ExponentialStep,
    ForwardGradient,
    IrDrop,
    LinearStep,
    Manhattan,
    NodePerturbation,
    NominalDevice,
    OneSidedPair,
    PowerStep,
    PulseTrains,
    SignSymmetric,
    Surrogate,
    SurrogateBptt,
    WeightCells,
    WeightPerturbation,
    draw_devices,
    linear_response,
)
from neurograd.cli import main
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.seeding import generator_for
from neurograd.spec import Spec, validate_spec
from neurograd.spec.yaml_loading import parse_yaml

SMALL = {"train_samples": 40, "test_samples": 20}


def spec_of(text: str) -> Spec:
    data = dict(parse_yaml(text, "chip.yaml"))
    network = {"hidden": [8], **data.get("network", {})}
    return validate_spec({"task": SMALL, **data, "network": network}, "chip.yaml")


def chip_of(text: str):
    spec = spec_of(text)
    problem = build_problem(spec)
    return build_chip(spec, problem), problem


# -- what can only be told when the chip is built ----------------------------------------------


def test_a_relaxation_that_diverges_is_one_line(tmp_path, capsys):
    """At the command line: no traceback, and the key that mends it."""
    path = tmp_path / "chip.yaml"
    path.write_text(
        "learning_rule: {name: equilibrium_propagation, relaxation_rate: 3}\n"
        "network: {hidden: [8]}\ntask: {train_samples: 40, test_samples: 20}\n"
        "training: {steps: 4, seeds: 2, max_seeds: 2}\n"
        "measure: {draws: 4, points: 1, loss_draws: 4}\n"
    )
    with pytest.raises(SystemExit) as done:
        main(["check", str(path), "--quick"])
    error = capsys.readouterr().err
    assert done.value.code == 2
    assert f"{path}: learning_rule.relaxation_rate: the relaxation diverges at" in error
    assert "allowed: small enough" in error
    assert len(error.splitlines()) == 1


def test_a_pulse_that_moves_nothing_is_one_line():
    text = (
        "device: {pulsed: {model: exponential, amplitude: {potentiation: 9, depression: 9}, "
        "gamma: {potentiation: 0, depression: 0}}}"
    )
    with pytest.raises(NeurogradError, match=r"device\.pulsed: a pulse moves .* by 0 .* allowed: "):
        chip_of(text)


# -- devices -----------------------------------------------------------------------------------


def writes_of(text: str):
    return chip_of(text)[0].writes


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("{model: constant, dw_min_std: 0.3}", LinearStep(0.3)),
        (
            "{model: linear, dw_min_std: 2, noise: multiplicative, gamma_dtod: 0.1}",
            LinearStep(2.0, True),
        ),
        # Without a slope the present step is dw_min, without noise there is none to scale.
        ("{model: linear, dw_min_std: 2, noise: multiplicative}", LinearStep(2.0)),
        ("{model: soft_bounds, noise: multiplicative}", LinearStep()),
        ("{model: soft_bounds, dw_min_std: 3, noise: additive}", LinearStep(3.0, False)),
        ("{model: power, exponent: 1.5, dw_min_std: 0.4}", PowerStep(0.4, 1.5)),
        (
            "{model: exponential, dw_min_std: 5, amplitude: {potentiation: -1, depression: -0.1}, "
            "gamma: {potentiation: 4, depression: 3}, a: 0.6, b: -0.2, noise_offset: 0.04, "
            "noise_slope: 0.1}",
            ExponentialStep(5.0, (-1.0, -0.1), (4.0, 3.0), 0.6, -0.2, 0.04, 0.1),
        ),
    ],
)
def test_pulsed_steps(text, step):
    (write,) = writes_of(f"device: {{pulsed: {text}}}")
    assert write.step == step


@pytest.mark.parametrize(
    ("text", "nominal"),
    [
        ("dw_min: 0.02, dw_min_dtod: 0.3", NominalDevice(dw_min=0.02, dw_min_dtod=0.3)),
        (
            "dw_min_dtod: 0.7, dw_min_dtod_log_normal: true",
            NominalDevice(dw_min_dtod=0.7, log_normal=True),
        ),
        ("up_down: 0.2, up_down_dtod: 0.05", NominalDevice(up_down=0.2, up_down_dtod=0.05)),
        (
            "w_max: 1.2, w_min: -0.8, w_max_dtod: 0.1, w_min_dtod: 0.2",
            NominalDevice(w_max=1.2, w_min=-0.8, w_max_dtod=0.1, w_min_dtod=0.2),
        ),
        (
            "model: linear, gamma: {potentiation: 0.1, depression: 0.5}, gamma_dtod: 0.05",
            NominalDevice(gamma=(0.1, 0.5), gamma_dtod=0.05),
        ),
        (
            "model: soft_bounds, up_down: 0.1, reference_std: 0.05, subtract_symmetry_point: true",
            NominalDevice(
                up_down=0.1, soft_bounds=True, reference_std=0.05, subtract_symmetry_point=True
            ),
        ),
        ("corrupt: 30 %", NominalDevice(corrupt=0.3)),
    ],
)
def test_pulsed_devices(text, nominal):
    """The very devices that the chip's generator draws from the same numbers."""
    (write,) = writes_of(f"device: {{pulsed: {{{text}}}, conductance: {{weight_range: 2}}}}")
    size = write.program(torch.zeros(610).double()).numel()
    expected = draw_devices(nominal, size, generator_for(0, "chip", 0))
    for name, value in vars(expected).items():
        assert torch.equal(getattr(write.devices, name), value), name
    assert write.weight_range == 2.0


def test_one_sided_pairs_have_two_devices_of_their_own():
    (write,) = writes_of("device: {preset: pcm}")
    assert isinstance(write, OneSidedPair)
    assert not torch.equal(write.positive.high, write.negative.high)
    assert write.step.noise_offset == 0.042


def test_pulses_of_an_update():
    (write,) = writes_of(
        "{device: {pulsed: {max_pulses: 7}}, quantization: {update_rounding: truncate}}"
    )
    assert (write.max_pulses, write.rounding) == (7, "truncate")


@pytest.mark.parametrize(
    ("text", "std"),
    [
        ("pulsed: {dw_min: 0.002, write_noise_std: 56}", 2 * 0.112),
        ("read: {noise: 1 %}", 0.01 * 2 * math.sqrt(2)),
        ("read: {noise: 1 %}, pulsed: {}", 0.01 * 4),
    ],
)
def test_noise_of_reads_in_weight_units(text, std):
    """A range of 2 either side; a pair is two devices of that, one device has twice the range."""
    head, _, tail = text.partition("}")
    chip, _ = chip_of(f"device: {{conductance: {{weight_range: 2}}, {head}}}{tail}}}")
    assert [read.std for read in chip.reads] == [pytest.approx(std)]


def test_drift():
    chip, _ = chip_of("device: {preset: pcm, drift: {time: 1 h}}")
    (drift,) = chip.reads
    assert (drift.time_ratio, drift.cells, drift.exponent) == (180.0, WeightCells(2.0), None)
    chip, _ = chip_of(
        "device: {drift: {time: 1 h, t0: 2 s, exponent: 0.05, exponent_spread: 0.01}}"
    )
    (drift,) = chip.reads
    assert (drift.time_ratio, drift.cells, drift.exponent) == (1800.0, WeightCells(), (0.05, 0.01))


def test_wires_and_converters():
    chip, problem = chip_of(
        "device: {ir_drop: {wire_ratio: 1e-4, array_rows: 6, array_columns: 20}, converters: "
        "{dac_bits: 5, adc_bits: 7, input_range: 2, output_range: 3}}"
    )
    shapes = tuple(tuple(p.shape) for p in problem.module.parameters())
    assert chip.reads == (IrDrop(shapes, 1e-4, WeightCells(), (6, 20)),)
    assert chip.passes == (Converters(5, 7, 2.0, 3.0),)


@pytest.mark.parametrize("wires", [True, False])
def test_arrays_with_converters_of_their_own(wires):
    """Outputs by inputs, as the wires have them or as named."""
    size = "array_rows: 6, array_columns: 20"
    ir_drop, own = (f"ir_drop: {{wire_ratio: 1e-4, {size}}}, ", "") if wires else ("", f", {size}")
    chip, _ = chip_of(f"device: {{{ir_drop}converters: {{adc_bits: 7, per: tile{own}}}}}")
    assert chip.passes == (Converters(adc_bits=7, array_size=(6, 20)),)


def test_leaking_synapses():
    _, leakage = writes_of("device: {leakage: {lifetime: 100, spread: 10 %}}")
    for lifetimes in (leakage.positive, leakage.negative):
        assert float(lifetimes.mean()) == pytest.approx(100, rel=0.02)
        assert float(lifetimes.std()) == pytest.approx(10, rel=0.12)


@pytest.mark.parametrize(("fails", "held"), [("high", 1.0), ("low", -1.0)])
def test_where_worn_devices_of_a_pulse_model_stand(fails, held):
    """Half of the devices are worn at the median lifetime; 99.9 % of a binomial of 610."""
    age = f"endurance: {{cycles: 1e4, spread: 0.5, age: 1e4, fails: {fails}}}"
    (write,) = writes_of(f"device: {{pulsed: {{}}, {age}}}")
    assert set(write.held[write.worn].tolist()) == {held}
    assert float(write.worn.double().mean()) == pytest.approx(0.5, abs=3.3 * 0.5 / math.sqrt(610))


@pytest.mark.parametrize("device", ["", "pulsed: {}, ", "preset: pcm, "])
def test_worn_devices_that_hold_their_weight(device):
    chip, problem = chip_of(f"device: {{{device}endurance: {{cycles: 1, age: 10, fails: held}}}}")
    w, (write,) = problem.initial_weights, chip.writes
    torch.testing.assert_close(chip.program(w), w)
    moved = write.write(w, torch.full_like(w, 0.1), generator_for(0))
    torch.testing.assert_close(moved, torch.zeros_like(w))


@pytest.mark.parametrize(("key", "end"), [("stuck_low", 0), ("stuck_high", 1)])
def test_stuck_pulsed_devices(key, end):
    (write,) = writes_of(f"device: {{pulsed: {{w_max_dtod: 0.1}}, faults: {{{key}: 100 %}}}}")
    assert torch.equal(write.held, write.inner.weight_bounds()[end].expand(610))
    assert bool(write.worn.all())


@pytest.mark.parametrize(("key", "end"), [("stuck_low", 0.0), ("stuck_high", 1.0)])
@pytest.mark.parametrize("mapping", ["differential_pair", "reference"])
def test_stuck_devices_of_a_curve(mapping, key, end):
    """At the lowest and the highest conductance: both of a pair cancel, one is an end of w."""
    text = f"conductance: {{mapping: {mapping}}}, faults: {{{key}: 100 %}}"
    chip, problem = chip_of(f"device: {{{text}}}")
    for devices in chip.writes[0].crossbar.populations:
        assert set(devices.low.tolist()) == set(devices.high.tolist()) == {end}
    w = chip.program(problem.initial_weights)
    assert set(w.tolist()) == {2.0 * end - 1.0 if mapping == "reference" else 0.0}


def _of_one_pulse(text: str) -> dict[str, float]:
    """Standard deviation of what one pulse up and one down do in the middle of the window."""
    (write,) = writes_of(
        "device: {conductance: {mapping: reference, levels: {potentiation: 50, depression: 80}}, "
        f"write: {{{text}}}}}"
    )
    w = torch.zeros(610).double()
    pulses = {"up": 2.0 / 50, "down": -2.0 / 80}
    found = {way: write.moments(w, torch.full_like(w, one)) for way, one in pulses.items()}
    return {way: float(moments.variance.mean().sqrt()) for way, moments in found.items()}


def test_noise_of_pulses_up_and_down():
    """In weight units the window is 2 wide."""
    found = _of_one_pulse("cycle_to_cycle: {potentiation: 5 %, depression: 1 %}")
    assert found == pytest.approx({"up": 0.1, "down": 0.02}, rel=1e-3)
    found = _of_one_pulse("cycle_to_cycle: 3 %")
    assert found == pytest.approx({"up": 0.06, "down": 0.06}, rel=1e-3)


def test_slopes_of_pulses_up_and_down():
    (write,) = writes_of(
        "device: {conductance: {levels: {potentiation: 50, depression: 80}}, "
        "write: {slope: {potentiation: 0.2, depression: 0.7}}}"
    )
    assert write.potentiation == linear_response(0.2, 50)
    assert write.depression == linear_response(0.7, 80)
    (fine,) = writes_of("device: {write: {slope: {potentiation: 0.2, depression: 0.7}}}")
    ways = (fine.potentiation, fine.depression)
    assert ways == (linear_response(0.2, None), linear_response(0.7, None))


def test_pulse_trains_count_the_device_s_own_pulses():
    chip, _ = chip_of(
        "{device: {pulsed: {model: power, exponent: 2, dw_min: 0.01}, pulse_train: "
        "{kind: deterministic, length: 9}}, training: {step_size: 0.3}}"
    )
    assert chip.rule == PulseTrains(0.01 * 0.5**2, 0.3, 9, "deterministic")


# -- rules and networks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            "name: weight_perturbation, perturbation: 0.02, samples: 3",
            WeightPerturbation(0.02, 3),
        ),
        ("name: node_perturbation, perturbation: 0.02, samples: 3", NodePerturbation(0.02, 3)),
        ("name: forward_gradient, samples: 4", ForwardGradient(4)),
        ("name: manhattan, magnitude: 0.3", Manhattan(0.3)),
        ("name: sign_symmetric", SignSymmetric()),
    ],
)
def test_rules(text, rule):
    assert chip_of(f"learning_rule: {{{text}}}")[0].rule == rule


def test_equilibrium_propagation():
    text = (
        "learning_rule: {name: equilibrium_propagation, nudging: 0.2, relaxation_steps: 3, "
        "relaxation_rate: 0.4, symmetric: false}"
    )
    assert chip_of(text)[0].rule.rule == EquilibriumPropagation(0.2, 3, 0.4, symmetric=False)


@pytest.mark.parametrize("name", ["feedback_alignment", "direct_feedback_alignment", "local_loss"])
def test_fixed_feedback_has_its_own_seed_and_scale(name):
    def drawn(more: str) -> torch.Tensor:
        rule = chip_of(f"learning_rule: {{name: {name}, {more}}}")[0].rule
        (matrices,) = vars(rule).values()
        return next(iter(matrices.values()))

    plain = drawn("feedback_seed: 1")
    torch.testing.assert_close(drawn("feedback_seed: 1, feedback_scale: 3"), 3.0 * plain)
    assert not torch.equal(drawn("feedback_seed: 2"), plain)
    assert torch.equal(drawn("feedback_seed: 0"), drawn("batch_size: full"))


def test_spiking_rules():
    spiking = "network: {kind: spiking, surrogate: SSO}"
    text = f"{{{spiking}, learning_rule: {{name: surrogate, truncation: 3}}}}"
    assert chip_of(text)[0].rule == SurrogateBptt(3, stochastic=True)
    symmetric = f"{{{spiking}, learning_rule: {{name: eprop, feedback: symmetric}}}}"
    assert chip_of(symmetric)[0].rule == EProp()
    random = f"{{{spiking}, learning_rule: {{name: eprop}}}}"
    assert chip_of(random)[0].rule.feedback is not None


def test_spiking_networks():
    text = (
        "network: {kind: spiking, surrogate: {name: atan, alpha: 3}, time_steps: 4, decay: 0.7, "
        "threshold: 0.6, reset: zero, readout: spikes, coding: current}"
    )
    problem = build_problem(spec_of(text))
    module = problem.module
    assert module.surrogate == Surrogate("atan", {"alpha": 3.0})
    assert (module.readout, module.threshold) == ("spikes", 0.6)
    for neuron in module.neurons:
        assert (float(neuron.beta), float(neuron.threshold)) == (0.7, 0.6)
        assert neuron.reset_mechanism == "zero"
    inputs, _ = problem.data()
    assert inputs.shape == (40, 4, 64)
    assert torch.equal(inputs[:, 0], inputs[:, 3]), "a constant current"


# -- outputs of a sigmoid ---------------------------------------------------------------------


def test_outputs_of_a_sigmoid_learn_classes_by_squared_error():
    """Of the last layer: the error a − t times a(1 − a), here of the mean over outputs."""
    text = (
        "network: {activation: sigmoid, output_activation: sigmoid, biases: none, hidden: [6]}\n"
        "task: {train_samples: 30, test_samples: 20}\n"
    )
    problem = build_problem(spec_of(text))
    w = problem.initial_weights
    first, last = problem.parameters_of(w).values()
    x, y = problem.data("train")
    h = torch.sigmoid(x @ first.T)
    a = torch.sigmoid(h @ last.T)
    t = torch.eye(10, dtype=a.dtype)[y]
    assert torch.allclose(problem.outputs(problem.parameters_of(w), x), a)
    assert problem.loss(w) == pytest.approx(float((a - t).square().mean()))
    expected = (2 / 10) * ((a - t) * a * (1 - a)).T @ h / len(x)
    found = problem.parameters_of(problem.gradient(w))[list(problem.parameters_of(w))[1]]
    assert torch.allclose(found, expected, rtol=0, atol=1e-15)
    assert problem.is_classification
    assert 0 <= problem.accuracy(w) <= 1


def test_values_that_a_sigmoid_cannot_reach_are_refused():
    text = "network: {output_activation: sigmoid}\ntask: {name: teacher_student}\n"
    with pytest.raises(NeurogradError, match="a sigmoid gives 0 to 1, and the targets") as told:
        build_problem(spec_of(text))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("kind: spiking, output_activation: sigmoid", "is for kind rate only"),
        ("architecture: resnet18, output_activation: sigmoid, hidden: []", "not for architecture"),
    ],
)
def test_networks_without_an_activation_of_outputs(network, said):
    with pytest.raises(NeurogradError, match=rf"network\.output_activation: .*{said}"):
        spec_of(f"network: {{{network}}}")
