"""Old specs: read as those of today with one line for each changed key, or refused by name."""

from __future__ import annotations

import warnings

import pytest

from neurograd.errors import ChangedKeyWarning, SpecError
from neurograd.spec import load_spec, spec_to_dict, validate_spec, versions
from neurograd.spec.versions import Change, upgrade

CHANGES = (
    Change("device.read_noise", "device.read.noise", 2),
    Change("training.rounds", "training.steps", 2, rewrite=lambda rounds: 10 * rounds),
    Change("measure.repeats", "measure.draws", 3, rewrite=None),
)


@pytest.fixture
def third_version(monkeypatch):
    monkeypatch.setattr(versions, "CHANGES", CHANGES)
    monkeypatch.setattr(versions, "CURRENT", 3)


def test_a_spec_of_today_is_left_as_it_is(recwarn):
    data = {"name": "x", "device": {"preset": "epiram"}}
    assert upgrade(data, "x.yaml") == (data, [])
    spec = validate_spec(data)
    assert spec.spec_version == versions.CURRENT == 1
    assert spec == validate_spec({**data, "spec_version": 1})
    assert spec_to_dict(spec)["spec_version"] == 1
    assert not recwarn


def test_a_version_may_be_text_as_any_number_may():
    assert validate_spec({"spec_version": "1"}) == validate_spec({"spec_version": 1})


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (2, "is newer than this neurograd; allowed: 1"),
        (0, "is no version; allowed: 1"),
        ("one", "is no version; allowed: 1"),
        (True, "is no version; allowed: 1"),
        (1.0, "is no version; allowed: 1"),
    ],
)
def test_unknown_versions_are_refused_before_their_keys(version, words):
    data = {"spec_version": version, "unheard_of": 1}
    with pytest.raises(SpecError, match=words) as refused:
        validate_spec(data, "new.yaml")
    assert str(refused.value).startswith("new.yaml: spec_version: ")
    with pytest.raises(SpecError, match=words):
        validate_spec({}, "new.yaml", [f"spec_version={version}"])


@pytest.mark.usefixtures("third_version")
def test_old_keys_are_read_as_the_new_ones():
    data = {
        "device": {"preset": "epiram", "read_noise": "2 %"},
        "training": {"rounds": 7},
    }
    with pytest.warns(ChangedKeyWarning) as said:
        spec = validate_spec(data, "old.yaml")
    assert spec.device.read.noise == 0.02
    assert spec.training.steps == 70
    assert [str(each.message) for each in said] == [
        "old.yaml: device.read_noise is now device.read.noise (spec_version 2); "
        "'neurograd migrate old.yaml' rewrites it",
        "old.yaml: training.rounds is now training.steps (spec_version 2); "
        "'neurograd migrate old.yaml' rewrites it",
    ]
    assert data["training"] == {"rounds": 7}


def test_values_are_rewritten_where_the_spec_is_of_an_older_version(monkeypatch):
    spell = Change("a.kind", "a.kind", 2, rewrite=lambda kind: {"old": "new"}.get(kind, kind))
    monkeypatch.setattr(versions, "CHANGES", (spell,))
    monkeypatch.setattr(versions, "CURRENT", 2)
    assert upgrade({"a": {"kind": "old"}}, "x") == ({"a": {"kind": "new"}}, [spell])
    assert upgrade({"a": {"kind": "new"}}, "x") == ({"a": {"kind": "new"}}, [])
    old = {"spec_version": 1, "a": {"kind": "old"}}
    assert upgrade(old, "x") == ({"spec_version": 2, "a": {"kind": "new"}}, [spell])
    of_today = {"spec_version": 2, "a": {"kind": "old"}}
    assert upgrade(of_today, "x") == (of_today, [])


@pytest.mark.usefixtures("third_version")
@pytest.mark.parametrize(
    ("data", "key", "words"),
    [
        ({"measure": {"repeats": 3}}, "measure.repeats", "is now measure.draws"),
        (
            {"training": {"rounds": 1, "steps": 2}},
            "training.rounds",
            "is the old name of training.steps",
        ),
        (
            {"spec_version": 2, "training": {"rounds": 1}},
            "training.rounds",
            "is now training.steps; allowed: training.steps",
        ),
        ({"device": {"read_noise": 0, "read": 3}}, "device.read", "is 3; allowed: a mapping"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_the_new_name(data, key, words):
    with pytest.raises(SpecError, match=words) as refused:
        upgrade(data, "old.yaml")
    assert str(refused.value).startswith(f"old.yaml: {key}: ")


@pytest.mark.usefixtures("third_version")
def test_an_override_takes_new_names_only():
    with pytest.raises(SpecError) as refused:
        validate_spec({}, "x.yaml", ["training.rounds=3"])
    message = "--set training.rounds: training.rounds is now training.steps; allowed: that"
    assert str(refused.value) == message


def test_sections_that_are_empty_without_a_moved_key_go_with_it(monkeypatch):
    monkeypatch.setattr(versions, "CHANGES", (Change("old.section.key", "new.key", 2),))
    monkeypatch.setattr(versions, "CURRENT", 2)
    upgraded, _ = upgrade({"old": {"section": {"key": 1}}, "new": None}, "x")
    assert upgraded == {"new": {"key": 1}}


@pytest.mark.parametrize(("old", "new"), [("a.b", "a"), ("a", "a.b")])
def test_a_key_cannot_move_into_itself(old, new):
    with pytest.raises(ValueError, match="lie within each other"):
        Change(old, new, 2)
    Change("a.b", "a.bc", 2)


@pytest.mark.usefixtures("third_version")
def test_a_file_says_its_name_once_for_each_key(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text("training: {rounds: 2}\n")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert load_spec(path).training.steps == 20
    assert len(said) == 1
    assert str(path) in str(said[0].message)
