"""Numbers that are not known exactly: the forms, what is refused, and what stays as it was."""

import jsonschema
import pytest

from neurograd.errors import SpecError
from neurograd.keys.ranges import NumberRange
from neurograd.spec import json_schema, spec_to_dict, validate_spec

C2C, NOISE = "device.write.cycle_to_cycle", "device.read.noise"


def with_noise(value):
    return {"device": {"write": {"cycle_to_cycle": value}}}


def skewed(interval, **more):
    """5 % with an interval."""
    number = {"min": 0.01, "max": 0.2, "interval": interval, **more}
    return {**with_noise(0.05), "ranges": {"numbers": {C2C: number}}}


def known(value):
    return validate_spec(with_noise(value)).ranges.numbers[C2C]


@pytest.mark.parametrize(
    ("written", "low", "high", "std"),
    [
        ({"typ": "5 %", "min": "3 %", "max": 0.08}, 0.03, 0.08, None),
        ({"typ": 0.05, "min": 0.05, "max": "8 %"}, 0.05, 0.08, None),
        ("5 % ± 1 %", 0.02, 0.08, 0.01),
        ("5 +/- 1 %", 0.02, 0.08, 0.01),
        ("0.05 ± 0.01", 0.02, 0.08, 0.01),
        ("1 % ± 1 %", 0.0, 0.04, 0.01),
        ("95 % ± 5 %", 0.8, 1.0, 0.05),
        ("0.5 ± 0.3", 0.0, 1.0, 0.3),
        ("100 % ± 1 %", 0.97, 1.0, 0.01),
    ],
)
def test_both_forms_are_read_in_the_unit_of_the_key(written, low, high, std):
    found = known(written)
    assert (found.min, found.max) == pytest.approx((low, high), abs=1e-15)
    assert found.std == (None if std is None else pytest.approx(std, abs=1e-15))


def test_the_key_itself_has_the_typical_value():
    spec = validate_spec(with_noise({"typ": "5 %", "min": "3 %", "max": "8 %"}))
    plain = validate_spec(with_noise("5 %"))
    assert spec.device == plain.device
    assert spec.typical == plain
    assert spec != plain


def test_a_spec_without_ranges_has_the_form_that_it_had():
    assert "ranges" not in spec_to_dict(validate_spec(with_noise("5 %")))
    assert "ranges" not in spec_to_dict(validate_spec({"ranges": None}))
    assert validate_spec({"ranges": {}}) == validate_spec({})


def test_the_form_with_all_defaults_is_read_as_the_same_spec():
    pair = [C2C, NOISE, 0.5]
    device = {"write": {"cycle_to_cycle": "5 % ± 1 %"}, "read": {"noise": "2 % ± 0.5 %"}}
    spec = validate_spec({"device": device, "ranges": {"draws": 9, "correlations": [pair]}})
    assert validate_spec(spec_to_dict(spec)) == spec


def test_an_interval_is_kept():
    spec = validate_spec(skewed([0.02, 0.12]))
    assert spec.ranges.numbers[C2C] == NumberRange(min=0.01, max=0.2, interval=(0.02, 0.12))
    assert validate_spec(spec_to_dict(spec)) == spec


def test_whole_numbers_directions_and_resistances():
    conductance = {
        "min": "1 uS",
        "max": {"typ": "25 kohm", "min": "20 kohm", "max": "50 kohm"},
        "levels": {"typ": 40, "min": 30, "max": 60},
    }
    noise = {"potentiation": "2 % ± 0.1 %", "depression": "3 %"}
    device = {"conductance": conductance, "write": {"cycle_to_cycle": noise}}
    numbers = validate_spec({"device": device}).ranges.numbers
    assert numbers["device.conductance.max"].min == pytest.approx(2e-5)
    assert numbers["device.conductance.max"].max == pytest.approx(5e-5)
    assert numbers["device.conductance.levels"] == NumberRange(min=30, max=60)
    assert f"{C2C}.potentiation" in numbers


@pytest.mark.parametrize(
    ("written", "low", "high", "std"),
    [
        ("64 ± 8", 40, 88, 8),
        ("64 ± 5.5", 48, 80, 5.5),
        ("10 ± 4", 2, 22, 4),
        ("9e5 ± 1e5", 6e5, 1e6, 1e5),
    ],
)
def test_deviations_of_whole_numbers_end_at_whole_ones(written, low, high, std):
    found = validate_spec({"device": {"conductance": {"levels": written}}}).ranges.numbers
    assert found == {"device.conductance.levels": NumberRange(min=low, max=high, std=std)}


@pytest.mark.parametrize("name", ["p_+-1V.csv", "read ±1V.csv", "3±1.csv", "1V +/- 1V.csv"])
def test_a_file_may_have_a_sign_in_its_name(tmp_path, name):
    path = tmp_path / name.replace("/", "_")
    path.write_text("pulse,LTP,LTD\n" + "".join(f"{k},{k},{9 - k}\n" for k in range(10)))
    spec = validate_spec({"device": {"measured": str(path)}})
    assert (spec.device.measured, spec.ranges) == (str(path), None)
    with pytest.raises(SpecError, match=r"device.measured: .* can not be read \(No such file"):
        validate_spec({"device": {"measured": name}})


def test_a_temperature_in_degrees():
    conductance = {"min": "1 uS", "max": "20 uS"}
    read = {"voltage": "200 mV", "bandwidth": "1 MHz"}
    device = {"conductance": conductance, "read": read, "temperature": "85 °C ± 5 °C"}
    found = validate_spec({"device": device}).ranges.numbers["device.temperature"]
    assert (found.min, found.max, found.std) == pytest.approx((343.15, 373.15, 5.0))


@pytest.mark.parametrize("error", ["2 % ± 0.5 %", {"typ": "2 %", "min": "0.5 %", "max": "3.5 %"}])
def test_a_shorthand_has_the_range_of_the_number_that_it_stands_for(error):
    """deployment.program_error: 2 % is short for {error: 2 %}."""

    def spec(written):
        return validate_spec({"device": {}, "deployment": {"program_error": written}})

    assert spec(error) == spec({"error": error})
    key = "deployment.program_error.error"
    assert spec(error).ranges.numbers[key].max == pytest.approx(0.035)
    numbers = {"numbers": {key: {"min": 0.01, "max": 0.03}}}
    known = {"device": {}, "deployment": {"program_error": "2 %"}, "ranges": numbers}
    assert validate_spec(known).ranges.numbers[key].max == 0.03


def test_one_number_of_levels_may_have_a_range_each_way():
    key = "device.conductance.levels.depression"
    numbers = {"numbers": {key: {"min": 30, "max": 60}}}
    spec = validate_spec({"device": {"conductance": {"levels": 40}}, "ranges": numbers})
    assert spec.ranges.numbers == {key: NumberRange(min=30, max=60)}


def test_the_section_takes_numbers_as_text():
    """1e-6, which YAML 1.1 takes for text."""
    numbers = {
        "device.conductance.min": {"min": "1e-6", "max": "5e-6", "interval": ["2e-6", "4e-6"]}
    }
    data = {"device": {"conductance": {"min": 3e-6, "max": 1e-5}}, "ranges": {"numbers": numbers}}
    found = validate_spec(data).ranges.numbers["device.conductance.min"]
    assert found == NumberRange(min=1e-6, max=5e-6, interval=(2e-6, 4e-6))
    jsonschema.validate(data, json_schema())


def test_an_override_takes_the_place_of_a_range():
    keys = spec_to_dict(validate_spec(with_noise("5 % ± 1 %")))
    spec = validate_spec(keys, "spec", [f"{C2C}=0.2"])
    assert (spec.ranges, spec.device.write.cycle_to_cycle) == (None, 0.2)
    again = validate_spec(keys, "spec", [f"{C2C}=20 % ± 1 %"])
    assert again.ranges.numbers[C2C].max == pytest.approx(0.23)
    assert validate_spec(keys, "spec", [f"{NOISE}=0.2"]).ranges is not None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (with_noise({"typ": 0.05, "min": 0.08, "max": 0.1}), [C2C, "min <= typ <= max"]),
        (with_noise({"typ": 0.05, "min": 0.05, "max": 0.05}), [C2C, "min below max"]),
        (with_noise({"typ": 0.05, "min": 0, "max": 2}), [C2C, "2 is out of range", "the max"]),
        (with_noise({"min": 0.05, "max": 0.1}), [C2C, "typ: 5 %"]),
        (with_noise({"typ": 0.05, "min": 0, "max": 1, "std": 1}), [C2C, "allowed: {typ"]),
        (with_noise("105 % ± 3 %"), [C2C, "'105 %'"]),
        (
            {"device": {"conductance": {"min": "9 uS ± 1 uS", "max": "10 uS"}}},
            ["device.conductance", "1.2e-05 S", "3 standard deviations above"],
        ),
        (
            {"device": {"conductance": {"levels": "10 ± 0.3"}}},
            ["device.conductance.levels", "min 10, typ 10 and max 10"],
        ),
        (with_noise("5 % ± 1 uS"), [C2C, "two units"]),
        (with_noise("5 % ± 0 %"), [C2C, "above 0 behind the ±"]),
        (with_noise("0.05 ± 1 %"), [C2C, "two ways; allowed: '0.05 % ± 1 %' or '5 % ± 1 %'"]),
        (with_noise("10 % ± 0.01"), [C2C, "two ways; allowed: '10 % ± 0.01 %' or '10 % ± 1 %'"]),
        (with_noise("1e9999999 ± 1"), [C2C, "'1e9999999 ± 1' is no range"]),
        (with_noise("5 % ± 1e9999999 %"), [C2C, "'5 % ± 1e9999999 %' is no range"]),
        (with_noise("5 % ± 1e-9999999 %"), [C2C, "'5 % ± 1e-9999999 %' is no range"]),
        (with_noise("5 % ± one"), [C2C, "one standard deviation behind the ±"]),
        (
            {"device": {"conductance": {"min": "1 uS", "max": "25 kohm ± 1 kohm"}}},
            ["device.conductance.max", "allowed: {typ, min, max}"],
        ),
        ({"device": {"conductance": {"mapping": "1 ± 1"}}}, ["device.conductance.mapping"]),
        ({"device": {"write": {"typ": 1, "min": 0, "max": 2}}}, ["device.write"]),
        (
            {"layers": {"first": with_noise("5 % ± 1 %")}},
            [f"layers.first.{C2C}", "single layers"],
        ),
        ({"ranges": {"draws": 20}}, ["ranges: has no numbers"]),
        (skewed([0.02, 0.08], std=0.1), [f"ranges.numbers.{C2C}.interval", "beside std"]),
        (skewed([0.06, 0.08]), [f"ranges.numbers.{C2C}.interval", "0.06 to 0.08", "of 0.05"]),
        (skewed([0.001, 0.08]), [f"ranges.numbers.{C2C}.interval", "the min, 0.01"]),
        (skewed([0.02]), ["is no interval", "a list of two numbers"]),
        (skewed([0.02, "8 %"]), ["'8 %' is not a number"]),
        *(
            ({"device": {}, "ranges": {"numbers": {key: {"min": 0, "max": 1}}}}, [words])
            for key, words in {
                "measure.seed": "ranges.numbers.measure.seed: has no ranges; allowed: numbers of",
                "layers.layer1.device.read.noise": "numbers of device and deployment",
            }.items()
        ),
        ({"device": {}, "ranges": {"numbers": {"device.x": {"min": 0, "max": 1}}}}, ["device.x"]),
        (
            {"device": {}, "ranges": {"numbers": {NOISE: {"min": 0.1, "max": 1}}}},
            [NOISE, "min <= typ <= max"],
        ),
        (
            {
                **with_noise("5 % ± 1 %"),
                "ranges": {"correlations": [[C2C, NOISE, 0.5]]},
            },
            ["ranges.correlations[0]", NOISE, "has no range"],
        ),
        (
            {
                "device": {"write": {"cycle_to_cycle": "5 % ± 1 %"}, "read": {"noise": "5 ± 1 %"}},
                "ranges": {"correlations": [[C2C, NOISE, 1]]},
            },
            ["ranges.correlations", "no distribution"],
        ),
        (
            {
                "device": {"write": {"cycle_to_cycle": "5 % ± 1 %"}, "read": {"noise": "5 ± 1 %"}},
                "ranges": {"correlations": [[C2C, NOISE, 0.5], [NOISE, C2C, -0.5]]},
            },
            ["ranges.correlations[1]", "have a correlation already; allowed: one of each pair"],
        ),
        (
            {**with_noise("5 % ± 1 %"), "ranges": {"correlations": [[C2C, NOISE]]}},
            ["ranges.correlations", "[KEY, KEY, a number"],
        ),
    ],
)
def test_what_is_no_range_is_refused_in_one_line(data, words):
    with pytest.raises(SpecError) as caught:
        validate_spec(data, "chip.yaml")
    line = str(caught.value)
    assert line.startswith("chip.yaml: ")
    assert "\n" not in line
    for word in words:
        assert word in line


def test_an_override_is_named():
    with pytest.raises(SpecError, match=f"--set {C2C}: .*min <= typ <= max"):
        validate_spec({}, "spec", [f"{C2C}={{typ: 5 %, min: 6 %, max: 8 %}}"])


def test_the_schema_takes_ranges_at_numbers_alone():
    schema = json_schema()
    for value in ({"typ": "5 %", "min": 0, "max": 0.1}, "5 % ± 1 %", "5 %", 0.05):
        jsonschema.validate(with_noise(value), schema)
    levels = {"conductance": {"levels": {"typ": 40, "min": 30, "max": 50}}}
    jsonschema.validate({"device": levels}, schema)
    for wrong in (
        with_noise("5 % ±"),
        with_noise({"typ": 1, "min": 0}),
        {"device": {"conductance": {"mapping": "1 ± 1"}}},
        {"quantization": {"weight_bits": {"typ": 4, "min": 3, "max": 5}}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
