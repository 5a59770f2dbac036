"""``neurograd fit`` from a file to a device that a spec takes."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from neurograd.cli.application import run
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import load_spec
from tests.neurograd.fit.reading.dresses import Dress, curves

SMALL = {"network": {"hidden": [4]}, "task": {"name": "digits", "train_samples": 20}}


def fitted(capsys, *arguments):
    assert run(["fit", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def _chip(path):
    spec = load_spec(path)
    return spec, build_chip(spec, build_problem(spec))


def _with_network(path):
    """The device that a command wrote, in a whole spec beside it."""
    found = path.parent / "spec.yaml"
    found.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | SMALL))
    return found


def test_a_clean_curve_becomes_a_device(capsys, tmp_path):
    true = curves(30, 20, 2, 0.0, seed=0)
    data = tmp_path / "data.csv"
    data.write_bytes(Dress(unit="kΩ", separator=";", decimal=",").file(true))
    out = fitted(capsys, data, "--yaml", tmp_path / "d.yaml", "--plot", tmp_path / "d.png")
    assert out == (tmp_path / "d.yaml").read_text()
    assert "# read: potentiation (kΩ), depression (kΩ): resistances in kΩ, inverted" in out
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    spec, chip = _chip(_with_network(tmp_path / "d.yaml"))
    assert spec.device.conductance.min == pytest.approx(4e-6)
    assert spec.device.conductance.max == pytest.approx(56e-6)
    (write,) = chip.writes
    assert write.levels == (29, 19)
    assert "read" not in yaml.safe_load(out)["device"]


def test_scatter_is_read_noise_and_said(capsys, tmp_path):
    true = curves(60, 60, 6, 0.02, seed=1)
    data = tmp_path / "data.csv"
    data.write_bytes(Dress(unit="uA", layout="side by side").file(true))
    out = fitted(capsys, data, "--yaml", tmp_path / "d.yaml")
    assert "all of which read.noise takes here" in out
    assert "device_to_device is unknown" in out
    spec, _ = _chip(_with_network(tmp_path / "d.yaml"))
    # 360 readings a direction; the average of 6 takes a sixth of the variance with it.
    assert spec.device.read.noise == pytest.approx(0.02 * np.sqrt(5 / 6), rel=0.1)


def test_columns_and_jumps(capsys, tmp_path):
    data = tmp_path / "data.csv"
    rows = "\n".join(f"{k},{1 + k},{1 + k},7" for k in range(9))
    data.write_text(f"t,LTP,LTD,x\n{rows}\n")
    with pytest.raises(NeurogradError, match="depression=LTD:reversed"):
        run(["fit", str(data)])
    columns = "potentiation=LTP:uS,depression=LTD:uS:reversed"
    out = fitted(capsys, data, "--columns", columns)
    assert yaml.safe_load(out)["device"]["conductance"] == {"min": "1 uS", "max": "9 uS"}
    assert f"--columns {columns}" in out
    assert "--yaml FILE also writes the table" in out
    jumps = tmp_path / "jumps.csv"
    jumps.write_text("conductance,delta_up,delta_down\n0,1,\n5,1,-1\n9,,-1\n4,1,-2\n")
    fitted(capsys, jumps, "--yaml", tmp_path / "j.yaml", "--plot", tmp_path / "j.svg")
    _, chip = _chip(_with_network(tmp_path / "j.yaml"))
    assert type(chip.writes[0]).__name__ == "JumpTableWrite"


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("n,LTP\n0,1\n1,2\n2,3\n", [], "data.csv: there is no depression"),
        ("a,b\n0,1\n1,2\n2,3\n", [], "has the columns a, b; allowed"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--columns", "up=a"], "'up=a' is not understood"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--plot", "x.txt"], "a name that ends in .png"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--yaml", "-"], "only --json can be printed"),
    ],
)
def test_mistakes_are_one_line(tmp_path, text, options, words):
    data = tmp_path / "data.csv"
    data.write_text(text)
    with pytest.raises(NeurogradError, match=words) as caught:
        run(["fit", str(data), *options])
    assert "\n" not in str(caught.value)
