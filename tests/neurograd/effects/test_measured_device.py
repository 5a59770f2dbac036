"""A measured device's file beside its spec: found, checked, and refused in one line."""

from __future__ import annotations

import pytest

from neurograd.errors import SpecError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import load_spec

CURVE = "pulse,potentiation,depression\n0,1,9\n1,5,4\n2,9,1\n"
JUMPS = "conductance,delta_up,delta_down\n0,1,-1\n5,1,-1\n9,1,-1\n"


def spec_beside(tmp_path, text, more=""):
    (tmp_path / "table.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    path = tmp_path / "chip.yaml"
    path.write_text(f"device: {{measured: table.csv{more}}}\nnetwork: {{hidden: [4]}}\n")
    return path


@pytest.mark.parametrize("text", [CURVE, JUMPS])
def test_file_is_found_beside_the_spec(tmp_path, text):
    spec = load_spec(spec_beside(tmp_path, text))
    chip = build_chip(spec, build_problem(spec))
    assert len(chip.writes) == 1
    assert spec.device.conductance.mapping == "reference"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pulse,potentiation\n0,1\n", "depression"),
        (CURVE.replace("5,4", "x,4"), "'x'"),
        (CURVE.replace("5,4", "0.5,4"), "line 3"),
        ("a,b\n1,2\n", "allowed"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"x" * 10_000_001, "larger than 10 MB"),
    ],
)
def test_bad_tables_are_one_line(tmp_path, text, words):
    path = spec_beside(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: device.measured: ")
    assert words in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "more", "key", "words"),
    [
        (JUMPS, "conductance: {mapping: differential_pair}", "conductance.mapping", "reference"),
        (JUMPS, "conductance: {levels: 9}", "conductance.levels", "remove the key"),
        (JUMPS, "write: {cycle_to_cycle: 5 %}", "write.cycle_to_cycle", "remove the key"),
        (JUMPS, "write: {device_to_device: 5 %}", "write.device_to_device", "remove the key"),
        (CURVE, "write: {slope: {potentiation: 0.5}}", "write", "allowed there: cycle_to_cycle"),
        (CURVE, "write: {model: soft_bounds}", "write", "allowed there: cycle_to_cycle"),
        (CURVE, "pulsed: {}", "measured", "give one of"),
    ],
)
def test_no_key_beside_a_table_is_ignored(tmp_path, text, more, key, words):
    path = spec_beside(tmp_path, text, f", {more}")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value).startswith(f"{path}: device.{key}: ")
    assert words in str(caught.value)


def test_a_curve_has_the_spec_s_noise(tmp_path):
    more = ", preset: alox-hfo2, write: {cycle_to_cycle: 7 %, device_to_device: 3 %}"
    spec = load_spec(spec_beside(tmp_path, CURVE, more))
    (write,) = build_chip(spec, build_problem(spec)).writes
    assert write.cycle_to_cycle == 0.07
    assert write.levels == (2, 2)
    assert float(write.crossbar.populations[0].scale.std()) > 0
