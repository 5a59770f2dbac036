"""The shipped devices, against the published numbers in devices.md."""

from importlib import resources

import pytest

from neurograd.errors import SpecError
from neurograd.spec import Device, list_presets, load_preset, presets, validate_spec

NEUROSIM = {
    # name: levels, nonlinearity, on-resistance, on/off, cycle-to-cycle, verified
    "ag-asi": ((97, 100), (2.4, -4.88), 26e6, 12.5, 0.035, True),
    "taox-tiox": ((102, 102), (1.85, -1.79), 5e6, 2, 0.01, False),
    "pcmo": ((50, 50), (3.68, -6.76), 23e6, 6.84, 0.01, False),
    "alox-hfo2": ((40, 40), (1.94, -0.61), 16.9e3, 4.43, 0.05, False),
    "epiram": ((64, 64), (0.5, -0.5), 81e3, 50.2, 0.02, False),
}
AIHWKIT = {
    # name: dw_min, dw_min_dtod, dw_min_std, w_max, w_min, gamma up and down
    "capacitor": (0.005, 0.1, 0.3, 1, -1, 0.05, 0.05),
    "ecram-li": (0.002, 0.1, 0.3, 1.1724, -0.8276, 0.1153, 0.5085),
    "ecram-mo": (2.8214e-4, 0.1, 2.0, 1.1714, -0.8286, 0.4152, 0.7342),
    "idealized": (0.0002, 0.3, 0.3, 1, -1, 0, 0),
    "gokmen-vlasov": (0.0016, 0.3, 0.3, 1, -1, 0, 0),
}


def test_list():
    assert list_presets() == tuple(sorted([*NEUROSIM, *AIHWKIT]))


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_is_complete(name):
    preset = load_preset(name)
    assert preset.name == name
    assert preset.title
    assert preset.notes.strip()
    assert preset.source.strip()
    device = Device.model_validate({"preset": name})
    assert device.conductance.weight_range == 1.0
    assert device.conductance.levels is not None
    assert device.read.noise == device.faults.stuck_low == device.faults.stuck_high == 0
    assert validate_spec({"device": {"preset": name}}).device == device
    for section, keys in preset.device.items():  # nothing in the file is ignored
        for key in keys:
            assert key in getattr(device, section).model_fields_set


@pytest.mark.parametrize("name", NEUROSIM)
def test_neurosim(name):
    levels, labels, resistance, ratio, noise, verified = NEUROSIM[name]
    device = Device.model_validate({"preset": name})
    window, write = device.conductance, device.write
    assert window.max == pytest.approx(1 / resistance, rel=1e-12)
    assert window.max / window.min == pytest.approx(ratio, rel=1e-12)
    assert (window.levels.potentiation, window.levels.depression) == levels
    assert write.model == "nonlinear"
    assert (write.nonlinearity.potentiation, write.nonlinearity.depression) == labels
    assert write.cycle_to_cycle == noise
    assert write.device_to_device == 0
    assert load_preset(name).verified is verified
    assert ("below 1 %" in load_preset(name).notes) == (name in ("taox-tiox", "pcmo"))


def test_ag_asi_conductances_as_published():
    window = Device.model_validate({"preset": "ag-asi"}).conductance
    assert window.max == pytest.approx(38.46e-9, rel=1e-3)
    assert window.min == pytest.approx(3.077e-9, rel=1e-3)


@pytest.mark.parametrize("name", AIHWKIT)
def test_aihwkit(name):
    step, dtod, noise, top, bottom, up, down = AIHWKIT[name]
    device = Device.model_validate({"preset": name})
    window, write = device.conductance, device.write
    assert window.levels.potentiation == window.levels.depression == round((top - bottom) / step)
    assert window.min is None
    assert window.max is None
    assert write.model == "linear"
    assert (write.slope.potentiation, write.slope.depression) == (up, down)
    assert write.cycle_to_cycle == pytest.approx(noise * step / (top - bottom), rel=1e-9)
    assert write.device_to_device == dtod
    notes = load_preset(name).notes
    assert "Not modelled yet: device-to-device variation of the bounds" in notes
    assert ("symmetric one of the same width" in notes) == (top != -bottom)


def test_unknown_preset():
    with pytest.raises(SpecError, match="'alox_hfo2' is not a preset; did you mean 'alox-hfo2'"):
        load_preset("alox_hfo2")
    with pytest.raises(SpecError, match="allowed: ag-asi, alox-hfo2, capacitor"):
        load_preset("../../../etc/passwd")


def test_presets_are_frozen_and_not_shared():
    preset = load_preset("pcmo")
    with pytest.raises(ValueError, match="frozen"):
        preset.verified = True
    preset.device["write"]["cycle_to_cycle"] = "99 %"
    assert load_preset("pcmo").device["write"]["cycle_to_cycle"] == "1 %"
    assert Device.model_validate({"preset": "pcmo"}).write.cycle_to_cycle == 0.01


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("broken-a", "name: broken-a", ["preset broken-a: title"]),
        ("broken-b", "[", ["preset broken-b: line 1"]),
        ("broken-c", None, ["preset broken-c: name", "not the file's name"]),
    ],
)
def test_a_damaged_preset_file_is_one_line(tmp_path, monkeypatch, name, text, words):
    path = tmp_path / f"{name}.yaml"
    source = resources.files("device_models") / "presets" / "pcmo.yaml"
    path.write_text(text or source.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(presets, "_files", lambda: {name: path})
    with pytest.raises(SpecError) as caught:
        load_preset(name)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
