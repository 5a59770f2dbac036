"""Pulse responses of the shipped devices, against their published ends and nonlinearities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from neurograd.cli import main
from neurograd.pipeline.pulse_curves import pulse_curve
from neurograd.report.figures.pulse_response import plot_pulse_curve
from neurograd.report.plots import to_image
from neurograd.spec import Device, list_presets
from tests.neurograd.spec.test_presets import AIHWKIT, NEUROSIM

LABEL_OF_UNIT_GAP = 10.101525


def device_of(name: str) -> Device:
    return Device.model_validate({"preset": name})


@pytest.mark.parametrize("name", NEUROSIM)
def test_published_ends_and_nonlinearity(name):
    """The nominal device, in siemens: ends, and the largest gap to the straight line."""
    levels, labels, resistance, ratio, _, _ = NEUROSIM[name]
    curve = pulse_curve(device_of(name), devices=30)
    assert curve.unit == "S"
    top, bottom = 1 / resistance, 1 / resistance / ratio
    for branch, count, label in zip((curve.up, curve.down), levels, labels, strict=True):
        ideal, x = branch.ideal, branch.pulses / count
        start, end = (bottom, top) if branch is curve.up else (top, bottom)
        assert branch.pulses[-1] == count
        assert ideal[0] == pytest.approx(start, rel=1e-9)
        assert ideal[-1] == pytest.approx(end, rel=1e-6)
        gap = np.abs((ideal - start) / (end - start) - x).max()
        # The gap is read at whole pulses, so it may miss the largest by little.
        assert gap == pytest.approx(abs(label) / LABEL_OF_UNIT_GAP, rel=0.02)
        rises = np.diff((ideal - start) / (end - start))
        assert (rises > 0).all()
        large_first = rises[0] > rises[-1]
        assert large_first == (label > 0 if branch is curve.up else label < 0)


@pytest.mark.parametrize("name", AIHWKIT)
def test_behavioural_ends_and_first_steps(name):
    """The nominal device's bounds, and its step where the model gives it in closed form."""
    curve = pulse_curve(device_of(name), devices=30)
    pulsed = device_of(name).pulsed
    assert curve.unit == "weight"
    pair = pulsed.model == "one_sided_pair"
    low = -pulsed.w_max if pair else pulsed.w_min
    assert curve.up.ideal[0] == pytest.approx(0.0 if pair else pulsed.w_min)
    # Soft bounds are approached, not reached: within 4 %.
    close = 0.04 * (pulsed.w_max - pulsed.w_min)
    assert curve.up.ideal[-1] == pytest.approx(pulsed.w_max, abs=close)
    assert curve.down.ideal[-1] == pytest.approx(low, abs=close)
    if pulsed.model == "constant":
        slope = np.diff(curve.up.ideal)[0] / curve.up.pulses[1]
        assert slope == pytest.approx(pulsed.dw_min, rel=1e-9)
    assert (np.diff(curve.up.ideal) >= -1e-12).all()
    assert (np.diff(curve.down.ideal) <= 1e-12).all()


def test_spread_is_the_devices_own():
    varied = pulse_curve(device_of("idealized"), devices=400)
    ends = (varied.up.high - varied.up.low)[-1]
    # 5 to 95 % of a normal bound with a spread of 30 %, cut by slow devices.
    assert ends > 0.8
    still = pulse_curve(Device.model_validate({"conductance": {"levels": 30}}), devices=20)
    assert (still.up.high - still.up.low).max() == pytest.approx(0.0, abs=1e-12)
    again = pulse_curve(device_of("pcmo"), devices=20, seed=1)
    assert (again.up.mean == pulse_curve(device_of("pcmo"), devices=20, seed=1).up.mean).all()


def test_continuous_device_is_drawn_too():
    device = Device.model_validate({"write": {"nonlinearity": {"potentiation": 3}}})
    curve = pulse_curve(device, devices=3)
    assert curve.up.pulses[-1] == 100


def test_figure_is_the_same_for_the_same_curve():
    curve = pulse_curve(device_of("pcmo"), devices=10)
    images = [to_image(plot_pulse_curve(curve, "pcmo"), "svg") for _ in range(2)]
    assert images[0] == images[1]
    assert b"<svg" in images[0]


@pytest.mark.parametrize("name", ["pcm", "ag-asi"])
def test_command_draws_a_figure(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        main(["presets", name, "--plot"])
    assert done.value.code == 0
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plot"], "which device? allowed: neurograd presets NAME --plot"),
        (["pcm", "--plot-file", "x.docx"], "x.docx: is no figure; allowed: a name that ends in"),
        (["pcm", "--plot-file", "/dev/null/x.png"], "is not a folder; allowed"),
        (["nothing", "--plot"], "'nothing' is not a preset"),
        (["pcm-inference", "--plot"], "pcm-inference has no response to pulses; allowed: a device"),
        (["pcm_nandakumar_2019", "--plot"], "pcm_nandakumar_2019 has no response to pulses"),
        (["there_is_none.yaml", "--plot"], "there_is_none.yaml: no such file"),
    ],
)
def test_bad_figures_are_one_line(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        main(["presets", *arguments])
    assert done.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def _run(*arguments):
    with pytest.raises(SystemExit) as done:
        main(["presets", *arguments])
    return done.value.code


MINE = """
name: mine
device: {preset: gokmen-vlasov, pulsed: {dw_min: 0.05}}
"""


def test_a_spec_shows_and_draws_its_own_device(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(MINE)
    assert _run("mine.yaml", "--plot") == 0
    assert Path("mine.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert "the device of mine" in shown
    assert yaml.safe_load(shown.partition("device:\n")[2])["pulsed"]["dw_min"] == 0.05
    assert _run("mine.yaml", "--plot-file", "other.svg") == 0
    assert b"<svg" in Path("other.svg").read_bytes()
    Path("ideal.yaml").write_text("name: ideal")
    assert _run("ideal.yaml") == 2
    assert "ideal.yaml: device: is missing; allowed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("reram_wan_2022_1d", ["W. Wan", "0.701 + 22.086 x - 50.773 x^2", "G_max = 40 uS"]),
        (
            "pcm_nandakumar_2019",
            ["Nandakumar", "1.05 %", "read noise", "4.19 %"],
        ),
        ("pcm-inference", ["Nandakumar", "verified: no", "read_noise: pcm_nandakumar_2019"]),
    ],
)
def test_what_is_published_of_programmed_devices(name, words, capsys):
    assert _run(name) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for word in words:
        assert word in shown, word
    assert _run() == 0
    assert name in capsys.readouterr().out


def test_every_preset_has_its_figure_in_the_docs():
    folder = Path(__file__).parents[3] / "docs" / "presets"
    assert {path.stem for path in folder.glob("*.png")} == set(list_presets())
