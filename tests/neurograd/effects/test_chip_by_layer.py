"""Chips whose layers differ: what is built for each, and which keys turn what."""

from __future__ import annotations

import pytest
import torch

from device_models.scaled_layers import scale_output
from neurograd.effects.layer_keys import layer_remedy
from neurograd.effects.registry import active_in, hints_of, knobs_of
from neurograd.errors import ModelError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import validate_spec

BASE = {
    "network": {"hidden": [4, 3]},
    "task": {
        "name": "teacher_student", "train_samples": 12, "test_samples": 6, "inputs": 5,
        "outputs": 2, "teacher_hidden": [4],
    },
    "training": {"step_size": 0.2, "steps": 2},
}  # fmt: skip
NOISY = {"write": {"cycle_to_cycle": 0.1}, "read": {"noise": 0.05}}
FIRST, HIDDEN, LAST = slice(0, 24), slice(24, 39), slice(39, 47)


def spec_of(**keys):
    return validate_spec({**BASE, **keys})


def built(**keys):
    spec = spec_of(**keys)
    problem = build_problem(spec)
    return problem, build_chip(spec, problem)


def update(problem, chip, seed=0):
    w = chip.program(problem.initial_weights)
    return w, chip.sample_update(problem, w, torch.Generator().manual_seed(seed))


def test_a_digital_layer_is_read_and_written_exactly():
    problem, chip = built(device=NOISY, layers={"first": {"device": None}})
    w, realized = update(problem, chip)
    seen = chip.read(w, torch.Generator().manual_seed(0))
    assert torch.equal(seen[FIRST], w[FIRST])
    assert (seen[24:] != w[24:]).all()
    estimate = torch.randn(47, generator=torch.Generator().manual_seed(1)).double() / 10
    written = chip.write(w, estimate, torch.Generator().manual_seed(2))
    torch.testing.assert_close(written[FIRST], -estimate[FIRST], rtol=1e-14, atol=0)
    assert (written[24:] != -estimate[24:]).all()
    assert torch.isfinite(realized).all()


def test_layers_without_keys_of_their_own_change_no_law():
    """The same devices by another draw: mean and variance of a write without spread are equal."""
    device = {"write": {"cycle_to_cycle": 0.1}, "conductance": {"levels": 30}}
    problem, plain = built(device=device)
    _, by_layer = built(device=device, layers={"layer2": {}})
    w = 0.5 * torch.rand(47, generator=torch.Generator().manual_seed(0)).double()
    increment = torch.full_like(w, 0.03)
    for one, other in zip(
        vars(plain.write_moments(w, increment)).values(),
        vars(by_layer.write_moments(w, increment)).values(),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    closed = by_layer.closed_form(problem, w)
    torch.testing.assert_close(closed.mean, plain.closed_form(problem, w).mean)
    assert by_layer.independent_noise


def test_each_layer_has_the_law_of_its_own_device():
    device = {"write": {"cycle_to_cycle": 0.01}}
    layers = {"layer2": {"device": {"write": {"cycle_to_cycle": 0.02}}}, "last": {"device": None}}
    _, chip = built(device=device, layers=layers)
    w = torch.zeros(47).double()
    variance = chip.write_moments(w, torch.full_like(w, 0.01)).variance
    first, second = float(variance[0]), float(variance[24])
    assert torch.allclose(variance[FIRST], torch.full((24,), first).double())
    assert second == pytest.approx(4.0 * first)
    assert not variance[LAST].any()


def test_devices_of_a_layer_do_not_depend_on_the_others():
    varied = {"write": {"device_to_device": 0.3}}
    _, one = built(device=varied, layers={"last": {"device": None}})
    _, other = built(device=varied, layers={"first": {"device": NOISY}, "last": {}})
    w, increment = torch.zeros(47).double(), torch.full((47,), 0.02).double()
    found = [each.write_moments(w, increment).mean for each in (one, other)]
    assert torch.equal(found[0][HIDDEN], found[1][HIDDEN])
    assert not torch.equal(found[0][LAST], found[1][LAST])
    assert not torch.allclose(found[0][FIRST][:15], found[0][HIDDEN])


def test_each_layer_has_its_converters_and_its_wires():
    wires = {"ir_drop": {"wire_ratio": 0.01}, "converters": {"dac_bits": 3}}
    problem, chip = built(
        device=wires, layers={"last": {"device": {"converters": {"dac_bits": 5}, "ir_drop": None}}}
    )
    assert {(each.inner.dac_bits, len(each.weights)) for each in chip.passes} == {(3, 4), (5, 2)}
    w = problem.initial_weights
    seen = chip.read(w, torch.Generator())
    assert torch.equal(seen[LAST], w[LAST])
    weights = problem.parameters_of(seen - w)
    assert (weights["2.weight"] != 0).all()


def test_biases_are_analog_unless_the_spec_says_otherwise():
    problem, analog = built(device=NOISY)
    _, digital = built(device=NOISY, network={"hidden": [4, 3], "biases": "digital"})
    w = problem.initial_weights
    for chip, exact in ((analog, False), (digital, True)):
        change = problem.parameters_of(chip.read(w, torch.Generator().manual_seed(0)) - w)
        for name, part in change.items():
            assert bool((part == 0).all()) is (exact and name.endswith("bias"))


@pytest.mark.parametrize(
    "network",
    [{"hidden": [4, 3]}, {"architecture": "cnn", "channels": [2]}, {"kind": "spiking"}],
)
def test_networks_without_biases_start_with_the_same_weights(network):
    small = {"task": {"name": "digits", "train_samples": 4, "test_samples": 4}}
    spec = validate_spec({**BASE, **small, "network": network})
    without = validate_spec({**BASE, **small, "network": {**network, "biases": "none"}})
    one, other = build_problem(spec), build_problem(without)
    named = one.parameters_of(one.initial_weights)
    found = other.parameters_of(other.initial_weights)
    assert all(len(each.shape) > 1 for each in found.values())
    assert all(torch.equal(values, named[name]) for name, values in found.items())
    assert len(found) < len(named)


def test_samples_are_written_one_by_one_and_leaks_act_once():
    device = {**NOISY, "leakage": {"lifetime": 50}}
    problem, chip = built(
        device=device, layers={"first": {"device": None}}, learning_rule={"write_each": "sample"}
    )
    assert chip.writes_samples
    w, realized = update(problem, chip)
    assert torch.isfinite(realized).all()
    still = chip.writes[-1].write(w, torch.zeros_like(w), torch.Generator())
    assert not still[FIRST].any()
    torch.testing.assert_close(still[24:], -w[24:] / 50, rtol=0.02, atol=1e-12)


def test_unknown_layers_are_refused_when_the_network_is_built():
    with pytest.raises(
        ModelError, match=r"layers: the network has no layer 'fc1'; allowed: layer1"
    ):
        build_problem(spec_of(layers={"fc1": {"device": None}}))
    with pytest.raises(ModelError, match="first and layer1 are one layer"):
        build_problem(spec_of(layers={"first": {}, "layer1": {}}))


def test_effects_and_numbers_of_all_layers_count():
    spec = spec_of(
        device=NOISY,
        layers={
            "first": {"device": None, "quantization": {"weight_bits": 8}},
            "last": {"device": {"write": {"cycle_to_cycle": 0.2}}},
        },
    )
    effects = {effect.name: effect for effect in active_in(spec, 12)}
    assert {"weight_rounding", "cycle_to_cycle", "read_noise"} <= set(effects)
    knobs = {knob.key: knob for knob in knobs_of(spec, 12)}
    assert knobs["device.write.cycle_to_cycle"].now == 0.1
    own = knobs["layers.last.device.write.cycle_to_cycle"]
    assert (own.now, own.label) == (0.2, "cycle-to-cycle noise of last")
    assert own.settings(0.3) == {"layers.last.device.write.cycle_to_cycle": 0.3}
    assert knobs["layers.first.quantization.weight_bits"].now == 8
    assert "layers.last.device.read.noise" not in knobs
    assert not any(key.startswith("layers.first.device") for key in knobs)
    remedy = layer_remedy(effects["cycle_to_cycle"], spec, 12)
    assert remedy.words == (
        "lower device.write.cycle_to_cycle, and lower layers.last.device.write.cycle_to_cycle"
    )
    assert layer_remedy(effects["weight_rounding"], spec, 12).key == (
        "layers.first.quantization.weight_bits"
    )


def test_sentences_about_keys_name_those_of_the_layer():
    small = {"device": {"conductance": {"levels": 4}}}
    whole, own = spec_of(**small), spec_of(layers={"last": small})
    (sentence,) = hints_of(whole, 12)
    assert sentence.startswith("device.conductance.levels are")
    (sentence,) = hints_of(own, 12)
    assert sentence.startswith("layers.last.device.conductance.levels are")
    assert hints_of(spec_of(**small, layers={"last": {}}), 12) == hints_of(whole, 12)


def test_a_learned_factor_is_digital_on_every_chip():
    """Read, held and written exactly beside noisy devices, coarse digital weights and a window."""
    device = {**NOISY, "conductance": {"weight_range": 0.5, "levels": 4}}
    layers = {"first": {"output_scale": "learned"}}
    problem, chip = built(device=device, quantization={"weight_bits": 3}, layers=layers)
    assert problem.num_parameters == 48
    w = problem.initial_weights.clone()
    factor = problem.parameters_of(torch.arange(48))["0.output_scale"]
    w[factor] = 3.7
    assert float(chip.program(w)[factor]) == 3.7
    assert float(chip.program(w).abs().max()) == 3.7
    assert float(chip.read(w, torch.Generator().manual_seed(0))[factor]) == 3.7
    estimate = torch.full((48,), 1e-3, dtype=torch.float64)
    written = chip.write(chip.program(w), estimate, torch.Generator().manual_seed(1))
    assert float(written[factor]) == pytest.approx(-1e-3, rel=1e-14)
    assert (written != -estimate).sum() == 47
    moments = chip.write_moments(w, -0.2 * estimate)
    assert float(moments.mean[factor]) == -0.2e-3
    assert float(moments.variance[factor]) == 0.0


def test_a_factor_of_a_programs_own_network_is_digital_too():
    spec = spec_of(device=NOISY)
    problem = build_problem(spec).changed(lambda module: scale_output(module[0]))
    chip = build_chip(spec, problem)
    w = problem.initial_weights
    changed = chip.read(w, torch.Generator().manual_seed(0)) != w
    names = {name: bool(part.any()) for name, part in problem.parameters_of(changed).items()}
    assert [name for name, moved in names.items() if not moved] == ["0.output_scale"]


def test_a_factor_without_devices_makes_no_chip_of_parts():
    problem, chip = built(layers={"last": {"output_scale": "learned"}})
    assert (chip.reads, chip.writes, chip.passes) == ((), (), ())
    assert problem.num_parameters == 48


@pytest.mark.parametrize(
    "network",
    [
        {"architecture": "cnn", "channels": [2], "activation": "tanh"},
        {"kind": "spiking", "hidden": [4], "time_steps": 3, "threshold": 0.3},
    ],
)
def test_factors_learn_in_networks_of_every_kind(network):
    """Behind converters as well, which see the arrays' products and not the factors."""
    layers = {"first": {"output_scale": "learned"}, "last": {"output_scale": "learned"}}
    device = {**NOISY, "converters": {"adc_bits": 6}}
    small = {"task": {"name": "digits", "train_samples": 6, "test_samples": 4}}
    spec = spec_of(device=device, layers=layers, network=network, **small)
    problem = build_problem(spec)
    _, realized = update(problem, build_chip(spec, problem))
    moved = problem.parameters_of(realized)
    factors = [values for name, values in moved.items() if name.endswith("output_scale")]
    assert len(factors) == 2
    assert all(float(each) != 0.0 for each in factors)
