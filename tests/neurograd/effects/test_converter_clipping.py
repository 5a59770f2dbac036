"""Resolution and range of the converters are told apart, each with what makes it smaller."""

from __future__ import annotations

import pytest

from neurograd.effects.registry import active_in, knobs_of
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import validate_spec


def effects_of(converters):
    spec = validate_spec({"device": {"converters": converters}})
    return spec, {effect.name: effect for effect in active_in(spec, 100)}


@pytest.mark.parametrize(
    ("converters", "words"),
    [
        (
            {"dac_bits": 5, "adc_bits": 8, "output_range": 8},
            {
                "converters": "raise device.converters.dac_bits and device.converters.adc_bits",
                "converter_clipping": "widen device.converters.output_range, or set "
                "device.converters.bound_management to iterative",
            },
        ),
        (
            {"output_range": 8, "bound_management": "iterative", "output_noise": 0.1},
            {
                "converter_clipping": "widen device.converters.output_range",
                "output_noise": "lower device.converters.output_noise",
            },
        ),
        ({"input_range": 1}, {"converter_clipping": "widen device.converters.input_range"}),
        ({"adc_bits": 8}, {"converters": "raise device.converters.adc_bits"}),
        (
            {"input_range": 1, "output_range": 8},
            {
                "converter_clipping": "widen device.converters.output_range and "
                "device.converters.input_range, or set device.converters.bound_management to "
                "iterative"
            },
        ),
        ({}, {}),
    ],
)
def test_each_has_its_own_remedy(converters, words):
    spec, found = effects_of(converters)
    assert {name: effect.remedy(spec).words for name, effect in found.items()} == words


def test_a_fixed_range_is_a_knob_that_may_harm_either_way():
    spec, _ = effects_of({"adc_bits": 6, "output_range": 8})
    knobs = {knob.key: knob for knob in knobs_of(spec, 100)}
    assert "device.converters.input_range" not in knobs
    knob = knobs["device.converters.output_range"]
    assert (knob.now, knob.harmful, knob.either) == (8, -1, True)
    assert knob.settings(4.0) == {"device.converters.output_range": 4.0}


TILES = {"adc_bits": 8, "per": "tile", "array_rows": 4, "array_columns": 4}
TRAINS = {"preset": "reram-es", "pulse_train": {"length": 31}}
REFUSED = {
    "tiles": ({"converters": TILES}, "eprop", "per: is tile, and learning_rule.name eprop takes"),
    "trains": ({**TRAINS, "converters": TILES}, "backprop", "per: is tile, and device.pulse_train"),
    "noise": (
        {"converters": {"noise_management": "abs_max", "output_noise": 0.1}},
        "local_loss",
        "noise_management: is abs_max, and learning_rule.name local_loss takes the values",
    ),
    "bound": (
        {"converters": {"bound_management": "iterative", "output_range": 4}},
        "local_loss",
        "bound_management: is iterative, and learning_rule.name local_loss takes the values",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_rule_that_does_not_go_with_them_is_refused_by_the_keys_of_the_spec(case):
    device, rule, words = REFUSED[case]
    network = {"kind": "spiking", "hidden": [4]} if rule == "eprop" else {"hidden": [4]}
    keys = {"device": device, "learning_rule": {"name": rule}, "network": network}
    spec = validate_spec({**keys, "task": {"name": "digits", "train_samples": 20}})
    with pytest.raises(
        NeurogradError, match=rf"^device\.converters\.{words}.*; allowed: (layer|none)$"
    ):
        build_chip(spec, build_problem(spec))
