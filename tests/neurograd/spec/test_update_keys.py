"""The section update: what there is, and one line for what is named and not there yet."""

from __future__ import annotations

import jsonschema
import pytest

from neurograd.effects.update_keys import LATER, LATER_KEYS
from neurograd.errors import SpecError
from neurograd.spec import json_schema, load_spec, spec_to_dict, validate_spec


@pytest.mark.parametrize("update", [{"algorithm": "sgd"}, {}, None])
def test_the_plain_update_is_that_of_a_spec_without_the_section(update):
    spec = validate_spec({"update": update})
    assert spec == validate_spec({})
    assert spec.update.algorithm == "sgd"
    # The form, and with it the identity of finished work, is that of a spec without it.
    assert spec_to_dict(spec) == spec_to_dict(validate_spec({}))
    jsonschema.validate({"update": update}, json_schema())


@pytest.mark.parametrize("name", LATER)
def test_algorithms_that_are_not_there_yet(name, tmp_path):
    path = tmp_path / "chip.yaml"
    path.write_text(f"update: {{algorithm: {name}, fast_device: {{}}}}")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value) == (f"{path}: update.algorithm: {name} is not there yet; allowed: sgd")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"update": {"algorithm": name}}, json_schema())


@pytest.mark.parametrize("key", LATER_KEYS)
@pytest.mark.parametrize("more", [{}, {"algorithm": "sgd"}])
def test_keys_of_algorithms_that_are_not_there_yet(key, more):
    with pytest.raises(SpecError) as caught:
        validate_spec({"update": {key: None, **more}}, "chip.yaml")
    assert str(caught.value) == f"chip.yaml: update.{key}: is not there yet; allowed: sgd alone"


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"algorithm": "sdg"}, "update.algorithm: 'sdg' is not allowed; did you mean 'sgd'?"),
        ({"algorithm": ["sgd"]}, "update.algorithm: ['sgd'] is not allowed; allowed: sgd"),
        ({"algoritm": "sgd"}, "update.algoritm: unknown key; did you mean 'algorithm'?"),
        ("sgd", "update: 'sgd' is not a mapping; allowed: a mapping with algorithm"),
    ],
)
def test_other_mistakes(update, message):
    with pytest.raises(SpecError) as caught:
        validate_spec({"update": update}, "chip.yaml")
    assert str(caught.value).startswith(f"chip.yaml: {message}")
    assert "\n" not in str(caught.value)
