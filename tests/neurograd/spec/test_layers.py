"""``layers``: what is merged with what, what is read, and what is refused."""

from __future__ import annotations

import pytest

from neurograd.errors import SpecError
from neurograd.spec import load_spec, spec_to_dict, validate_spec

CHIP = {
    "device": {
        "preset": "alox-hfo2",
        "converters": {"adc_bits": 6},
        "faults": {"stuck_low": 0.01},
        "write": {"cycle_to_cycle": "4 %"},
    },
    "quantization": {"weight_bits": 6},
}


def spec_of(layers, **more):
    return validate_spec({**CHIP, **more, "layers": layers})


def view(keys, **more):
    return spec_of({"a": keys}, **more).views()["a"]


def test_keys_of_a_layer_lie_over_those_of_the_whole_chip():
    spec = spec_of({"a": {"device": {"write": {"cycle_to_cycle": "2 %"}}}})
    own, others = spec.views()["a"], spec.views()[""]
    assert own.device.write.cycle_to_cycle == 0.02
    assert others.device.write.cycle_to_cycle == 0.04
    changed = own.device.write.model_copy(update={"cycle_to_cycle": 0.04})
    assert own.device.model_copy(update={"write": changed, "preset": "alox-hfo2"}) == others.device
    assert own.quantization == others.quantization == spec.quantization
    assert (own.layers, others.layers) == ({}, {})


def test_null_is_a_digital_layer_and_an_absent_section_the_whole_chips():
    assert view({"device": None}).device is None
    assert view({"device": None}).quantization.weight_bits == 6
    assert view({"quantization": None}).quantization is None
    assert view({"quantization": None}).device is not None
    assert view({}).device.write.cycle_to_cycle == 0.04
    assert view(None).device.write.cycle_to_cycle == 0.04
    assert view({"device": {"converters": None}}).device.converters is None


def test_a_preset_takes_the_place_of_all_that_presets_bring():
    device = view({"device": {"preset": "reram-es"}}).device
    assert (device.preset, device.pulsed.model) == ("reram-es", "exponential")
    assert device.write.cycle_to_cycle == 0.0
    assert device.conductance.levels is None
    assert device.conductance.mapping == "reference"
    assert device.converters.adc_bits == 6
    assert device.faults.stuck_low == 0.01


def test_another_way_of_writing_takes_the_place_of_the_whole_chips():
    device = view({"device": {"pulsed": {"dw_min": 0.01}}}).device
    assert (device.pulsed.dw_min, device.conductance.levels) == (0.01, None)
    assert (device.conductance.mapping, device.write.nonlinearity) == ("reference", None)
    back = view({"device": {"write": {"slope": {"potentiation": 0.5}}}}, device={"pulsed": {}})
    assert back.device.pulsed is None
    assert back.device.write.slope.potentiation == 0.5
    assert back.device.conductance.mapping == "differential_pair"


PCM = {"preset": "pcm"}
CAPACITOR = {"preset": "capacitor"}
SOFT = {"write": {"model": "soft_bounds"}}


def test_another_way_of_writing_has_neither_leak_nor_conductances_of_the_whole_chip():
    layers = {"a": {"device": SOFT}}
    leaking = spec_of(layers, device={**CAPACITOR, "conductance": {"weight_range": 2}})
    device = leaking.views()["a"].device
    assert (device.write.model, device.pulsed, device.leakage) == ("soft_bounds", None, None)
    assert device.conductance.weight_range == 2
    assert leaking.has_own("a", "device.leakage.lifetime")
    assert spec_of(layers, device=PCM).views()["a"].device.conductance.max is None
    assert spec_of(layers, device=PCM).has_own("a", "device.conductance.min")
    kept = view({"device": {"leakage": {"lifetime": 9}, **SOFT}}, device=CAPACITOR).device
    assert (kept.leakage.lifetime, kept.leakage.spread) == (9, 0)
    again = validate_spec(spec_to_dict(leaking))
    assert again.views() == leaking.views()


@pytest.mark.parametrize(
    ("chip", "model", "mapping", "lowest"),
    [
        (PCM, "constant", "reference", -1.0),
        (CAPACITOR, "one_sided_pair", "differential_pair", 0.0),
        ({"preset": "reram-es"}, "one_sided_pair", "differential_pair", 0.0),
    ],
)
def test_another_pulsed_model_of_a_layer_may_be_a_pair_or_leave_it(chip, model, mapping, lowest):
    keys = {"pulsed": {"model": model}}
    device = view({"device": keys}, device=chip).device
    assert (device.conductance.mapping, device.pulsed.w_min) == (mapping, lowest)
    whole = validate_spec({"device": {**chip, **keys}}).device
    assert device.pulsed == whole.pulsed


def test_the_temperature_of_the_chip_acts_on_the_layers_that_have_a_use_for_it():
    arrhenius = {**CAPACITOR, "leakage": {"activation_energy": 0.5}}
    still, hot = {"preset": "reram-es"}, {"temperature": "85 °C"}
    for chip, layer in ((arrhenius, still), (still, arrhenius)):
        spec = spec_of({"a": {"device": layer}}, device={**chip, **hot})
        assert spec.views()["a"].device.temperature == pytest.approx(358.15)
        assert validate_spec(spec_to_dict(spec)) == spec
    own = {**arrhenius, "temperature": "300 K"}
    problem = "changes no number without read.bandwidth or leakage.activation_energy"
    for chip, layer, key in (
        ({**still, **hot}, still, "device.temperature"),
        ({**still, **hot}, own, "device.temperature"),
        (arrhenius, {**still, **hot}, "layers.a.device.temperature"),
    ):
        with pytest.raises(SpecError, match=f"^spec: {key}: {problem}"):
            spec_of({"a": {"device": layer}}, device=chip)


def test_null_takes_a_section_of_a_layers_preset_away():
    assert view({"device": {**CAPACITOR, "leakage": None}}).device.leakage is None
    assert view({"device": {"leakage": None}}, device=CAPACITOR).device.leakage is None
    written = view({"device": {"pulsed": None}}, device={"preset": "reram-es"}).device
    assert (written.pulsed, written.write.model) == (None, "linear")


def test_the_range_of_weights_is_that_of_the_layers_device():
    own = view({"device": {"conductance": {"weight_range": 2}}})
    assert own.quantization.weight_range == 2
    digital = view({"device": None, "quantization": {"weight_range": 3}})
    assert digital.quantization.weight_range == 3


def test_a_layer_may_have_a_device_where_the_chip_has_none():
    own = view({"device": {"read": {"noise": "3 %"}}}, device=None)
    assert own.device.read.noise == 0.03


def test_the_canonical_form_keeps_what_differs_and_reads_as_the_same():
    layers = {
        "first": {"device": None, "quantization": {"weight_bits": 8}},
        2: {"device": {"write": {"cycle_to_cycle": "2 %"}, "conductance": {"levels": 8}}},
        "last": {"device": {"preset": "reram-es"}},
    }
    spec = spec_of(layers)
    data = spec_to_dict(spec)
    assert data["layers"] == {
        "first": {"device": None, "quantization": {"weight_bits": 8}},
        "2": {
            "device": {
                "write": {"cycle_to_cycle": 0.02},
                "conductance": {"levels": {"potentiation": 8, "depression": 8}},
            }
        },
        "last": {"device": {"preset": "reram-es"}},
    }
    again = validate_spec(data)
    assert again == spec
    assert spec_to_dict(again) == data
    assert again.views() == spec.views()
    assert spec_to_dict(validate_spec(CHIP))["layers"] == {}


def test_a_key_of_the_whole_chip_still_reaches_the_layers_in_the_canonical_form():
    data = spec_to_dict(spec_of({"a": {"device": {"read": {"noise": 0.1}}}}))
    own = validate_spec(data, "f", ["device.write.cycle_to_cycle=9 %"]).views()["a"]
    assert (own.device.write.cycle_to_cycle, own.device.read.noise) == (0.09, 0.1)


def test_overrides_reach_single_layers():
    layers = {"a": {"device": {"read": {"noise": 0.1}}}}
    data = {**CHIP, "layers": layers}
    spec = validate_spec(data, "f", ["layers.a.device=null", "layers.b.device.read.noise=2 %"])
    assert spec.views()["a"].device is None
    assert spec.views()["b"].device.read.noise == 0.02
    data["layers"] = {0: {}, "deep.inner": {}}
    both = ["layers.0.device.read.noise=0.1", "layers.deep_inner.device=null"]
    views = validate_spec(spec_to_dict(validate_spec(data)), "f", both).views()
    assert views["0"].device.read.noise == 0.1
    assert views["deep_inner"].device is None


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        (3, "layers: 3 is not a mapping"),
        (
            [],
            "layers: [] is not a mapping; allowed: a mapping of names, each to a mapping with dev",
        ),
        ({"": {}}, "layers: '' is no name; allowed: each layer once, by letters, digits, _ and ."),
        ({"a b": {}}, "layers: 'a b' is no name"),
        ({"a.b": {}, "a_b": {}}, "layers: 'a_b' is there twice"),
        ({"a": 3}, "layers.a: 3 is not a mapping; allowed: a mapping with device, quantization"),
        ({"a": {"devise": None}}, "layers.a.devise: unknown key; did you mean 'device'?"),
        (
            {"a": {"device": 4}},
            "layers.a.device: 4 is not a mapping; allowed: a mapping with preset",
        ),
        ({"a": {"device": {"wrte": 1}}}, "layers.a.device.wrte: unknown key; did you mean 'write'"),
        (
            {"a": {"device": {"write": {"cycle_to_cycle": 2}}}},
            "layers.a.device.write.cycle_to_cycle: 2 is out of range; write '2 %'",
        ),
        ({"a": {"device": {"preset": "x"}}}, "layers.a.device.preset: 'x' is not a preset"),
        ({"a": {"quantization": {"weight_bits": 0}}}, "layers.a.quantization.weight_bits: 0 is ou"),
        (
            {"a": {"quantization": {"weight_range": 3}}},
            "layers.a.quantization.weight_range: 3 differs from device.conductance.weight_range, 1",
        ),
        (
            {"a": {"device": {"pulse_train": {}}}},
            "layers.a.device.pulse_train: is for a chip whose weights are all written alike",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(layers, problem):
    with pytest.raises(SpecError) as caught:
        spec_of(layers)
    assert str(caught.value).startswith(f"spec: {problem}")
    assert "\n" not in str(caught.value)


def test_mistakes_of_an_override_name_it():
    with pytest.raises(SpecError, match=r"^--set layers.a.device.read.noise: '200 %' is out of"):
        validate_spec(CHIP, "f", ["layers.a.device.read.noise=200 %"])


def test_digital_biases_are_refused_where_they_are_a_part_of_the_array():
    trains = {"device": {"conductance": {"levels": 20}, "pulse_train": {}}}
    with pytest.raises(SpecError, match=r"device.pulse_train: .*not beside network.biases"):
        validate_spec({**trains, "network": {"biases": "digital"}})
    with pytest.raises(SpecError, match=r"network.biases: none is not for kind module"):
        validate_spec({"network": {"kind": "module", "file": "net.py", "biases": "none"}})


def test_files_of_a_layer_lie_beside_the_spec(tmp_path):
    (tmp_path / "curve.csv").write_text("pulse,potentiation,depression\n0,1,9\n1,5,4\n2,9,1\n")
    path = tmp_path / "spec.yaml"
    path.write_text("device: {}\nlayers: {a: {device: {measured: curve.csv}}, b: }\n")
    assert load_spec(path).views()["a"].device.measured == str(tmp_path / "curve.csv")


@pytest.mark.parametrize(
    ("keys", "key", "own"),
    [
        ({"device": {"write": {"cycle_to_cycle": 0.1}}}, "device.write.cycle_to_cycle", True),
        ({"device": {"write": {"cycle_to_cycle": 0.1}}}, "device.write", True),
        ({"device": {"write": {"cycle_to_cycle": 0.1}}}, "device.write.nonlinearity", False),
        ({"device": {"conductance": {"levels": 8}}}, "device.conductance.levels.depression", True),
        ({"device": {"preset": "reram-es"}}, "device.pulsed.dw_min", True),
        ({"device": {"preset": "reram-es"}}, "device.converters.adc_bits", False),
        ({"device": {"pulsed": {}}}, "device.write.cycle_to_cycle", True),
        ({"device": None}, "device.read.noise", False),
        ({"quantization": {"weight_bits": 3}}, "quantization.weight_bits", True),
        ({"quantization": {"weight_bits": 3}}, "learning_rule.batch_size", False),
    ],
)
def test_what_a_layer_has_for_itself(keys, key, own):
    assert spec_of({"a": keys}).has_own("a", key) is own


def test_a_layer_has_the_whole_device_for_itself_where_the_chip_has_none():
    spec = spec_of({"a": {"device": {"read": {"noise": 0.1}}}}, device=None)
    assert spec.has_own("a", "device.write.cycle_to_cycle")


def test_a_learned_factor_is_kept_and_its_absence_leaves_the_spec_as_it_was():
    spec = spec_of({"b": {"output_scale": "learned"}, "a": {"device": None}})
    assert spec.output_scales == ("b",)
    assert spec_to_dict(spec)["layers"] == {"b": {"output_scale": "learned"}, "a": {"device": None}}
    null = spec_of({"b": {"output_scale": None}})
    assert spec_to_dict(null) == spec_to_dict(spec_of({"b": {}}))
    assert null.output_scales == ()
    with pytest.raises(SpecError, match=r"layers\.b\.output_scale.*allowed: learned"):
        spec_of({"b": {"output_scale": 2}})
    rule = {"learning_rule": {"name": "node_perturbation"}}
    with pytest.raises(SpecError, match=r"layers\.b\.output_scale: learned is not there for lear"):
        spec_of({"b": {"output_scale": "learned"}}, **rule)
