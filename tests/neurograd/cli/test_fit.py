"""``neurograd fit`` from a file to a device that a spec takes."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from neurograd.cli.application import run
from neurograd.errors import NeurogradError
from neurograd.fit import device_block, device_fit
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import load_spec, validate_spec
from tests.neurograd.fit.reading.dresses import Dress, curves

SMALL = {"network": {"hidden": [4]}, "task": {"name": "digits", "train_samples": 20}}


LINES = "n,LTP,LTD\n" + "\n".join(f"{k},{1 + k},{12 - k}" for k in range(12))


def fitted(capsys, *arguments):
    assert run(["fit", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def _chip(path):
    """A chip of the device that a command wrote, in a whole spec beside it."""
    whole = path.parent / "spec.yaml"
    whole.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | SMALL))
    spec = load_spec(whole)
    return spec, build_chip(spec, build_problem(spec))


def test_a_file_becomes_a_device_that_a_spec_takes(capsys, tmp_path):
    true = curves(25, 25, 2, 0.02, seed=1)
    data = tmp_path / "data.csv"
    data.write_bytes(Dress(unit="kΩ", separator=";", decimal=",").file(true))
    out = fitted(capsys, data, "--yaml", tmp_path / "d.yaml", "--plot", tmp_path / "d.png")
    assert out == (tmp_path / "d.yaml").read_text()
    assert "# read: potentiation (kΩ), depression (kΩ): resistances in kΩ, inverted" in out
    assert "# unknown: write.device_to_device: one device" in out
    assert "by the likelihood of hidden readings" in out
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    spec, _ = _chip(tmp_path / "d.yaml")
    assert spec.device.conductance.min == pytest.approx(4e-6, abs=2e-6)
    assert spec.device.conductance.max == pytest.approx(56e-6, abs=2e-6)


def test_columns_and_jumps(capsys, tmp_path):
    data = tmp_path / "data.csv"
    rows = "\n".join(f"{k},{1 + k},{1 + k},7" for k in range(12))
    data.write_text(f"t,LTP,LTD,x\n{rows}\n")
    with pytest.raises(NeurogradError, match="depression=LTD:reversed"):
        run(["fit", str(data)])
    columns = "potentiation=LTP:uS,depression=LTD:uS:reversed"
    out = fitted(capsys, data, "--columns", columns)
    assert yaml.safe_load(out)["device"]["conductance"]["max"].endswith("uS")
    assert f"--columns {columns}" in out
    jumps = tmp_path / "jumps.csv"
    jumps.write_text("conductance,delta_up,delta_down\n0,1,\n5,1,-1\n9,,-1\n4,1,-2\n")
    out = fitted(capsys, jumps)
    assert "--yaml FILE also writes the jump table" in out
    fitted(capsys, jumps, "--yaml", tmp_path / "j.yaml", "--plot", tmp_path / "j.svg")
    _, chip = _chip(tmp_path / "j.yaml")
    assert type(chip.writes[0].step).__name__ == "JumpTable"
    assert "<svg" in (tmp_path / "j.svg").read_text()


def _falling(count, heads, *, seed=0):
    """A file of one direction that forgets: no equal steps make such a curve."""
    values = 20 + 30 * np.exp(-np.arange(count) / 6)
    values += 0.05 * np.random.default_rng(seed).normal(size=count)
    rows = [f"{1.4**k:.4g},{value:.4f}" for k, value in enumerate(values)]
    return "\n".join([heads, *rows]) + "\n"


@pytest.mark.parametrize("options", [[], ["--yaml", "d.yaml"]])
def test_one_direction_that_no_curve_fits_is_no_device(tmp_path, monkeypatch, capsys, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept.csv").write_text(_falling(30, "Time (s),Conductance (uS)"))
    problem = "kept.csv: no curve fits the pulses of depression, and a jump table takes those of bo"
    with pytest.raises(NeurogradError, match=problem):
        run(["fit", "kept.csv", "--model", "constant", *options])
    assert not (tmp_path / "d.yaml").exists()
    assert not capsys.readouterr().out


def test_noise_beyond_the_window_is_no_device(tmp_path):
    rng, data = np.random.default_rng(5), tmp_path / "noisy.csv"
    rows = [
        f"{k},{20 + 0.6 * k + rng.normal(0, 40):.3f},{32 - 0.6 * k + rng.normal(0, 40):.3f}"
        for k in range(21)
    ]
    data.write_text("\n".join(["pulse,LTP (uS),LTD (uS)", *rows]))
    with pytest.raises(NeurogradError, match=r"read.noise is \d+.* % of the window that readings"):
        run(["fit", str(data), "--model", "linear"])


def test_a_mistake_of_the_fit_is_no_refusal(tmp_path, monkeypatch):
    """An error of numpy is one of values to Python, which advises nothing to a user."""

    def fails(*given):
        raise np.linalg.LinAlgError("Eigenvalues did not converge")

    data = tmp_path / "data.csv"
    data.write_bytes(Dress(unit="uS").file(curves(12, 12, 1, 0.02, seed=1)))
    monkeypatch.setattr(device_fit, "fit_device", fails)
    spec = {"device": {"measured": str(data), "measured_as": "fit"}, "task": {"name": "digits"}}
    for way in (lambda: run(["fit", str(data)]), lambda: validate_spec(spec)):
        with pytest.raises(np.linalg.LinAlgError):
            way()


def test_a_device_that_no_spec_takes_is_not_written(tmp_path, monkeypatch):
    """Numbers that a key does not take are said in one line, by the spec's own model."""
    data = tmp_path / "data.csv"
    data.write_bytes(Dress(unit="uS").file(curves(12, 12, 1, 0.02, seed=1)))
    monkeypatch.setattr(device_block, "_percent", lambda part: f"{300 * part:.3g} parts")
    with pytest.raises(
        NeurogradError, match=r"no spec takes the device that fits: device.* parts'"
    ):
        run(["fit", str(data), "--model", "constant", "--yaml", str(tmp_path / "d.yaml")])
    assert not (tmp_path / "d.yaml").exists()


def test_a_jump_table_that_no_spec_takes_names_no_other_file(tmp_path, monkeypatch):
    data = tmp_path / "jumps.csv"
    data.write_text("conductance,delta_up,delta_down\n0,1,\n5,1,-1\n9,,-1\n4,1,-2\n")
    monkeypatch.setattr(device_fit, "table_of_jumps", lambda jumps: "a,b\n1,2\n")
    with pytest.raises(NeurogradError, match=r"fits: device.measured table.csv has the columns a"):
        run(["fit", str(data)])


def test_several_files_are_several_devices(capsys, tmp_path):
    files = []
    for seed in (1, 2):
        path = tmp_path / f"d{seed}.csv"
        path.write_bytes(Dress(unit="uS").file(curves(12, 12, 1, 0.02, seed=seed)))
        files.append(path)
    options = ["--model", "nonlinear", "--yaml", tmp_path / "d.yaml", "--plot", tmp_path / "d.svg"]
    out = fitted(capsys, *files, *options)
    assert out.splitlines()[0].endswith("d2.csv --model nonlinear")
    assert "curve: nonlinear" in out
    assert "# read: 2 files, the devices of each its own" in out
    assert "# write.device_to_device" in out
    spec, _ = _chip(tmp_path / "d.yaml")
    assert "device_to_device" in spec.device.write.model_fields_set
    assert "device_to_device" in (tmp_path / "d.svg").read_text()


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("n,LTP,LTD\n0,1,3\n1,2,2\n2,3,1\n", [], "data.csv: .*readings.*allowed"),
        ("a,b\n0,1\n1,2\n2,3\n", [], "has the columns a, b; allowed"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--columns", "up=a"], "'up=a' is not understood"),
        (LINES, ["--model", "exp"], "--model exp is not there; allowed: constant, nonlinear,"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--plot", "x.txt"], "a name that ends in .png"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--yaml", "-"], "only --json can be printed"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--yaml", "{data}.yaml"], "its jump table would be"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--yaml", "."], "is a folder"),
        ("a,b\n0,1\n1,2\n2,3\n", ["--yaml", "x" * 300], "cannot be written .File name too long"),
        ("a,b\n0,1\n1,2\n2,3\n", ["x" * 300], "cannot be read .File name too long"),
    ],
)
def test_mistakes_are_one_line(tmp_path, text, options, words):
    data = tmp_path / "data.csv"
    data.write_text(text)
    filled = [each.format(data=data.with_suffix("")) for each in options]
    with pytest.raises(NeurogradError, match=words) as caught:
        run(["fit", str(data), *filled])
    assert "\n" not in str(caught.value)
