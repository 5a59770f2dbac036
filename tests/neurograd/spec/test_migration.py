"""Rewritten specs: only what has changed is touched, and never the meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograd.errors import SpecError
from neurograd.spec import load_spec, migrate, parse_yaml, validate_spec, versions
from neurograd.spec.versions import Change, upgrade

OLD_SPECS = sorted((Path(__file__).parents[2] / "old" / "specs").glob("*.yaml"))


@pytest.fixture
def change(monkeypatch):
    """Declares the changes of a second version."""

    def declare(*changes):
        monkeypatch.setattr(versions, "CHANGES", changes)
        monkeypatch.setattr(versions, "CURRENT", 2)

    return declare


def test_there_are_old_specs():
    assert len(OLD_SPECS) >= 4


@pytest.mark.parametrize("path", OLD_SPECS, ids=lambda path: path.stem)
def test_old_specs_load_and_keep_their_meaning(path, recwarn):
    spec = load_spec(path)
    migrated = migrate(path.read_text(), str(path))
    assert validate_spec(parse_yaml(migrated.text, "new"), "new") == spec
    assert migrated.changes == ()
    assert migrated.text.replace(f"spec_version: {versions.CURRENT}\n", "") == path.read_text()
    assert not recwarn


OLD = """\
# A chip of last year.
name: "mine"   # quoted

device:
  preset: epiram
  read_noise:   2 %    # of the range

  # Faults of the wafer.
  faults: {stuck_low: 1 %, stuck_high: 2 %}

training:  # short
  rounds: 5  # ten steps each
"""
NEW = """\
# A chip of last year.
spec_version: 2
name: "mine"   # quoted

device:
  preset: epiram

  # Faults of the wafer.
  faults: {stuck_low: 1 %, stuck_high: 2 %}
  read:
    noise: 2 %    # of the range

training:  # short
  steps: 50  # ten steps each
"""


def test_comments_and_layout_stay(change):
    moved = Change("device.read_noise", "device.read.noise", 2)
    renamed = Change("training.rounds", "training.steps", 2, rewrite=lambda rounds: 10 * rounds)
    change(moved, renamed)
    migrated = migrate(OLD, "old.yaml")
    assert migrated.text == NEW
    assert migrated.changes == (moved, renamed)
    assert migrate(NEW, "new.yaml").text == NEW
    windows = migrate(OLD.replace("\n", "\r\n"), "old.yaml").text
    assert windows.replace("\r\n", "\n") == NEW


SECTION = """\
s:
    a:
        x: 1  # one

        # two
        y: [1,
          2]
    b: 2
t:
  c: 3
"""
SECTION_MOVED = """\
s:
    b: 2
t:
  c: 3
  u:
    a:
      x: 1  # one

      # two
      y: [1,
        2]
"""


@pytest.mark.parametrize(
    ("old", "new", "text", "expected"),
    [
        ("a", "b", "a: 1\n", "b: 1\n"),
        ("a", "b", "{a: 1, c: 2}\n", "{b: 1, c: 2}\n"),
        ("s.a", "t.a", "s: {a: 1, b: 2}\nt: {}\n", "s: {b: 2}\nt: {a: 1}\n"),
        ("s.b", "t.b", "s: {a: 1, b: 2}\nt: {c: 3}\n", "s: {a: 1}\nt: {c: 3, b: 2}\n"),
        ("s.a", "t.u.a", "s: {a: 1}\nt: null\n", "t: {u: {a: 1}}\n"),
        ("s.a", "t.u.a", "s:\n  a: 1\nt:\n", "t: {u: {a: 1}}\n"),
        ("s.a", "a", "s:\n  a: 1  # one\n  b: 2", "s:\n  b: 2\na: 1  # one"),
        ("s.a", "t.u.a", SECTION, SECTION_MOVED),
        ("s.a", "t.a", "s:\n  a:\n  - 1\n  - x\nt: {b: 0}\n", "t: {b: 0, a: [1, x]}\n"),
        ("s.a", "t.a", "s:\n  a: 'it, is'\nt: {b: 0}\n", "t: {b: 0, a: 'it, is'}\n"),
        ("s.a", "t.a", "s:\n  a: |\n    two\n    lines\nt:\n  b: 0\n", None),
    ],
)
def test_a_key_moves(change, old, new, text, expected):
    change(Change(old, new, 2))
    migrated = migrate(text, "old.yaml").text
    assert parse_yaml(migrated, "") == {**upgrade(parse_yaml(text, ""), "")[0], "spec_version": 2}
    if expected is not None:
        in_flow = migrated.startswith("{")
        line = "spec_version: 2, " if in_flow else "spec_version: 2\n"
        assert migrated.replace(line, "", 1) == expected


@pytest.mark.parametrize(
    "text",
    ["spec_version: 1\na: 1\n", "a: 1\nspec_version: 1  # first\n", "{a: 1, spec_version: 1}\n"],
)
def test_the_version_is_written_where_it_stands(change, text):
    change()
    assert migrate(text, "x").text == text.replace("spec_version: 1", "spec_version: 2")


def test_what_would_change_its_meaning_is_refused(change):
    change(Change("s.a", "t.a", 2))
    with pytest.raises(SpecError, match=r"by hand: s\.a is now t\.a") as refused:
        migrate("base: &base {a: 1}\ns: {<<: *base, b: 2}\n", "old.yaml")
    assert str(refused.value).startswith("old.yaml: ")


_SCALARS = st.one_of(
    st.integers(-9, 9), st.booleans(), st.none(), st.sampled_from(["2 %", "on", "a: b", "", "#1"])
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("klm"), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(
    section=st.dictionaries(st.sampled_from("abc"), _VALUES, min_size=1, max_size=3),
    target=st.none() | st.dictionaries(st.sampled_from("xyz"), _VALUES, max_size=2),
    flow=st.sampled_from([None, False, True]),
)
def test_whatever_is_moved_keeps_its_meaning(section, target, flow):
    """Not one of them may be refused either: these are the styles that PyYAML itself writes."""
    import yaml

    text = yaml.safe_dump({"s": section, "t": target}, default_flow_style=flow, sort_keys=False)
    moved = next(iter(section))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "CHANGES", (Change(f"s.{moved}", f"t.u.{moved}", 2),))
        patch.setattr(versions, "CURRENT", 2)
        migrated = parse_yaml(migrate(text, "old.yaml").text, "")
    rest = {key: value for key, value in section.items() if key != moved}
    expected = {"t": {**(target or {}), "u": {moved: section[moved]}}, "spec_version": 2}
    assert migrated == (expected | {"s": rest} if rest else expected)
