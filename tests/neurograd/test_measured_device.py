"""A measured device's file beside its spec: found, checked, and refused in one line."""

from __future__ import annotations

import pytest

from neurograd.errors import NeurogradError, SpecError
from neurograd.spec import load_spec
from neurograd.spec.build import build_chip, build_problem

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


def test_a_jump_table_has_one_device_a_weight(tmp_path):
    more = ", conductance: {mapping: differential_pair}"
    spec = load_spec(spec_beside(tmp_path, JUMPS, more))
    with pytest.raises(NeurogradError, match="allowed: reference"):
        build_chip(spec, build_problem(spec))
