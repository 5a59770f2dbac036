"""YAML from an untrusted source."""

import os

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neurograd.errors import SpecError
from neurograd.keys.units import show
from neurograd.spec.yaml_loading import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    load_yaml,
    parse_value,
    parse_yaml,
)


def problem_of(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_yaml(text, "chip.yaml")
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith("chip.yaml: ")
    assert len(message) < 300
    return message


def doubling(levels: int) -> str:
    lines = ["k0: &k0 [x, x, x, x]"]
    lines += [f"k{i}: &k{i} [*k{i - 1}, *k{i - 1}]" for i in range(1, levels)]
    return "\n".join(lines)


def test_plain_values():
    text = "a: 1\nb: [x, 2.5, null, true]\nc: {d: 5 %, e: '1'}\nf: 1e-3\ng: 0x10"
    assert parse_yaml(text, "f") == {
        "a": 1,
        "b": ["x", 2.5, None, True],
        "c": {"d": "5 %", "e": "1"},
        "f": "1e-3",
        "g": 16,
    }


def test_dates_stay_text():
    assert parse_yaml("a: 2018-12-01\nb: 2018-99-99", "f") == {"a": "2018-12-01", "b": "2018-99-99"}


@pytest.mark.parametrize(
    "text", ["0100", "-0100", "00", "1:30", "1:30:00", "1:30.5", "1:1" + ":1" * 2000]
)
def test_octal_and_sexagesimal_numbers_stay_text(text):
    """YAML 1.1 reads 0100 as 64 and 1:30 as 90."""
    assert parse_yaml(f"a: [{text}]", "f") == {"a": [text]}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-12", -12),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0b11", 3),
        ("0.5", 0.5),
        ("-.5", "-.5"),
    ],
)
def test_other_numbers_are_read(text, number):
    found = parse_yaml(f"a: {text}", "f")["a"]
    assert (found, type(found)) == (number, type(number))


def test_byte_order_mark_and_units_are_read(tmp_path):
    path = tmp_path / "chip.yaml"
    path.write_bytes("\ufeffa: 16.9 kΩ".encode())
    assert load_yaml(path) == {"a": "16.9 kΩ"}


def test_aliases_and_merge_keys():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: *a\nd: {z: 0, <<: [*a, {w: 5}]}"
    assert parse_yaml(text, "f") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 3, "y": 2},
        "c": {"x": 1, "y": 2},
        "d": {"x": 1, "y": 2, "z": 0, "w": 5},
    }


def test_a_merged_key_may_be_overridden_wherever_the_mapping_is_merged_again():
    text = "a: &a {x: 1}\nb: &b {x: 2, <<: *a}\nc: {<<: *b}"
    assert parse_yaml(text, "f") == {"a": {"x": 1}, "b": {"x": 2}, "c": {"x": 2}}
    text = text.replace("x", "a_longer_key")
    two = {"a_longer_key": 2}
    assert parse_yaml(text, "f") == {"a": {"a_longer_key": 1}, "b": two, "c": two}


def test_the_earlier_mapping_of_a_merged_list_wins():
    for key in ("x", "a_longer_key"):
        text = f"a: {{<<: [{{{key}: 1}}, {{{key}: 2}}]}}"
        assert parse_yaml(text, "f") == {"a": {key: 1}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("# only a comment", ["empty"]),
        ("null", ["empty"]),
        ("- a", ["top level", "not a mapping"]),
        ("just text", ["top level", "'just text'"]),
        ("a: 1\nb: 2\na: 3", ["line 3", "duplicate key 'a'"]),
        ("a: {b: {c: 1, c: 2}}", ["line 1", "duplicate key 'c'"]),
        ("1: a", ["line 1", "key '1' is not text"]),
        ("a:\n  on: 1", ["line 2", "key 'on' is not text"]),
        ("null: a", ["key 'null' is not text"]),
        ("? [a, b]\n: 1", ["key a collection is not text"]),
        ("a: !!python/object/apply:os.system [ls]", ["line 1", "tag", "python/object"]),
        ("a: !" + "x" * 1000 + "!y", ["line 1", "undefined tag handle", "x…"]),
        ("a: !mine x", ["tag '!mine' is not allowed"]),
        ("a: !!set {x}", ["tag '!!set'"]),
        ("a: !!int x", ["tag '!!int'"]),
        ("a: !!str {b: 1}", ["line 1", "expected a scalar"]),
        ("a: 1\n---\nb: 2", ["line 2", "single document"]),
        ("a: [1", ["line 1"]),
        ("a: b: c", ["line 1", "mapping values are not allowed"]),
        ("a:\n\t- b", ["line 2", "'\\t'"]),
        ("a: *nope", ["alias 'nope' is not defined"]),
        ("a: &a [*a]", ["alias 'a' is inside the value"]),
        ("a: {<<: 3}", ["line 1", "merging"]),
        ("a: \x00", ["position 3"]),
        ("a: \ud800", ["position 3"]),
        ("a: 0b_", ["'0b_'", "not a number"]),
        ("a: " + "9" * 4000, ["too large a number"]),
        ("a: 0x" + "f" * 4000, ["too large a number"]),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1", ["not valid YAML"]),
        ('a: "\\U99999999"', ["not valid YAML"]),
        ("a: " + "x" * 5000, ["longer than 4096"]),
        ("a: " + "x" * MAX_BYTES, ["larger than 256 kB"]),
        ("a: " + "[" * 30 + "]" * 30, ["nested too deeply", "20"]),
        ("[" * 200_000, ["nested too deeply"]),
        ("{" * 200_000, ["nested too deeply"]),
        ("- " * 100_000, ["nested too deeply"]),
        ("a: [" + "1," * 120_000 + "]", ["more than 10000 values"]),
        ("a: &a x\nb: [" + "*a," * 21 + "]", ["more than 20 aliases"]),
        ("a: &a [" + "x," * 1500 + "]\nb: [" + "*a," * 8 + "]", ["more than 10000 values"]),
    ],
    ids=show,
)
def test_refuses(text, words, monkeypatch):
    """With an error long before a large text has been read to its end."""
    read, parse = [], yaml.parse

    def counting(*arguments, **options):
        for event in parse(*arguments, **options):
            read.append(1)
            yield event

    monkeypatch.setattr("yaml.parse", counting)
    message = problem_of(text)
    assert all(word in message for word in words), message
    assert len(read) < MAX_NODES + 2 * MAX_DEPTH


def test_aliases_count_with_what_they_repeat():
    assert len(parse_yaml(doubling(10), "f")["k9"]) == 2
    wide = "k0: &k0 [" + "x," * 100 + "]\n"
    wide += "\n".join(f"k{i}: &k{i} [*k{i - 1}, *k{i - 1}]" for i in range(1, 10))
    assert "more than 10000 values" in problem_of(wide)


def test_depth_counts_through_aliases():
    def nested(value, depth):
        return "[" * depth + value + "]" * depth

    assert parse_yaml(f"a: &a {nested('x', 8)}\nb: {nested('*a', 8)}", "f")
    text = f"a: &a {nested('x', MAX_DEPTH - 5)}\nb: {nested('*a', 8)}"
    assert "nested too deeply" in problem_of(text)


def test_deepest_allowed():
    depth = MAX_DEPTH - 2  # the top mapping and the innermost value count too
    assert parse_yaml("a: " + "[" * depth + "1" + "]" * depth, "f")
    assert "nested too deeply" in problem_of("a: " + "[" * (depth + 1) + "1" + "]" * (depth + 1))


@pytest.mark.parametrize("error", [RecursionError(), OverflowError("big"), IndexError("pop")])
def test_failures_inside_the_parser_are_one_line(monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("yaml.parse", fail)
    assert problem_of("a: 1")


def file_problem(path) -> str:
    with pytest.raises(SpecError) as caught:
        load_yaml(path)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    missing = tmp_path / "missing.yaml"
    assert file_problem(missing) == f"{missing}: no such file; allowed: the path of a spec"
    assert "is a directory" in file_problem(tmp_path)
    assert "not a regular file" in file_problem("/dev/zero")
    assert "cannot be read" in file_problem(tmp_path / ("x" * 5000))
    assert "is not a path" in file_problem("a\0b")
    (tmp_path / "plain").write_text("a: 1")
    assert "cannot be read" in file_problem(tmp_path / "plain" / "chip.yaml")


def test_files_with_bad_content(tmp_path):
    path = tmp_path / "chip.yaml"
    path.write_bytes(b"a: \xff")
    assert "not UTF-8 text (byte 3)" in file_problem(path)
    path.write_bytes("a: 1".encode("utf-16"))
    assert "not UTF-8" in file_problem(path)
    path.write_bytes(b"")
    assert "empty" in file_problem(path)


def test_size_is_checked_before_reading(tmp_path, monkeypatch):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(10**12)  # sparse: takes no space
    monkeypatch.setattr(type(path), "open", lambda *args: pytest.fail("the file was opened"))
    assert "larger than 256 kB" in file_problem(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file(tmp_path):
    path = tmp_path / "chip.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    assert "Permission denied" in file_problem(path)


def test_a_named_pipe_does_not_hang(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert "not a regular file" in file_problem(path)


def test_errors_name_the_path_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert file_problem("./nope.yaml").startswith("./nope.yaml: ")


@pytest.mark.parametrize(
    ("text", "value"),
    [("5 %", "5 %"), ("[1, 2]", [1, 2]), ("null", None), ("{a: 1}", {"a": 1}), ("0.5", 0.5)],
)
def test_value(text, value):
    assert parse_value(text, "--set a") == value


@pytest.mark.parametrize("text", ["", "  ", "[1", "!!python/name:os.system", "&a [*a]", "a: b: c"])
def test_value_refuses(text):
    with pytest.raises(SpecError, match=r"^--set a: "):
        parse_value(text, "--set a")


def outcome(read, *args):
    """What is read, or else the message; any other exception escapes and fails the test."""
    try:
        return read(*args), "no error"
    except SpecError as error:
        return {}, str(error)


YAML_PIECES = st.lists(
    st.one_of(
        st.sampled_from(list("a[]{},'\"|>%#\t1_~=.:-?!<\n ")),
        st.sampled_from(
            [": ", "- ", "  ", "&a ", "*a", "!!", "<<", "? ", "---", "...", "0b", "0x"]
        ),
    )
).map("".join)


@settings(deadline=None)
@given(st.one_of(st.text(), YAML_PIECES))
@example("a: =")
@example("=: 1")
@example("a: {<<: [[1]]}")
@example("a: 0x_")
@example("a: -_")
@example("a: +")
def test_any_text_gives_a_dict_or_a_spec_error(text):
    data, message = outcome(parse_yaml, text, "f")
    assert len(message.splitlines()) == 1
    assert isinstance(data, dict)
    assert all(isinstance(key, str) for key in data)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_give_a_dict_or_a_spec_error(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(raw)
    data, message = outcome(load_yaml, path)
    assert len(message.splitlines()) == 1
    assert isinstance(data, dict)
