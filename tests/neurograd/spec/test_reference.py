"""The page of all keys: current, complete, and as the checks have it."""

from pathlib import Path

from neurograd.effects.registry import all_effects
from neurograd.spec import spec_to_dict, validate_spec
from neurograd.spec.reference import page, rows

PAGE = Path(__file__).resolve().parents[3] / "docs" / "keys.md"


def _leaves(data, place=""):
    for key, value in data.items():
        name = f"{place}.{key}" if place else key
        if isinstance(value, dict):
            yield from _leaves(value, name)
        else:
            yield name


def test_the_page_in_docs_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "write it anew: python -m neurograd.spec.reference docs/keys.md"
    )


def test_every_key_of_a_spec_has_one_row():
    keys = [row.key for row in rows()]
    assert len(set(keys)) == len(keys)
    spec = {
        "device": {
            "preset": "pcm",
            "drift": {"time": "1 h"},
            "leakage": {},
            "endurance": {},
            "converters": {},
            "ir_drop": {"wire_ratio": 1e-5},
            "pulse_train": {},
        },
        "quantization": {},
    }
    found = set(_leaves(spec_to_dict(validate_spec(spec))))
    assert len(found) > 90
    assert found <= set(keys)


def test_every_effect_is_named_beside_a_key():
    named = " ".join(row.effects for row in rows())
    for effect in all_effects():
        if effect.key != "learning_rule.name":
            assert effect.label in named


def test_rows_say_what_is_allowed_and_what_holds_without():
    found = {row.key: row for row in rows()}
    noise = found["device.read.noise"]
    assert (noise.default, noise.effects) == ("0 %", "read noise")
    assert "percentage" in noise.allowed
    assert found["device.ir_drop.wire_ratio"].default == "*required*"
    assert found["device.drift.exponent"].allowed == "a number from 0 to 1 or null"
    assert "{potentiation: N, depression: N}" in found["device.conductance.levels"].allowed
    assert found["network.hidden"].allowed == "a list, each an integer from 1 to 65536"
    assert found["learning_rule.batch_size"].allowed.startswith("'full' or an integer")
    assert all(row.allowed for row in found.values())
