"""The shipped devices, against the published numbers in devices.md."""

import subprocess
import sys
from importlib import resources

import pytest
import torch

from neurograd.effects.measured_table import window_of
from neurograd.errors import SpecError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.changed import with_settings
from neurograd.spec import (
    Device,
    Spec,
    list_inference_presets,
    list_presets,
    load_preset,
    presets,
    spec_to_dict,
    validate_spec,
)
from neurograd.spec.schema import Deployment

PROGRAMMED = "pcm-inference"
NEUROSIM = {
    # name: levels, nonlinearity, on-resistance, on/off, cycle-to-cycle, verified
    "ag-asi": ((97, 100), (2.4, -4.88), 26e6, 12.5, 0.035, True),
    "taox-tiox": ((102, 102), (1.85, -1.79), 5e6, 2, 0.01, True),
    "pcmo": ((50, 50), (3.68, -6.76), 23e6, 6.84, 0.01, True),
    "alox-hfo2": ((40, 40), (1.94, -0.61), 16.9e3, 4.43, 0.05, True),
    "epiram": ((64, 64), (0.5, -0.5), 81e3, 50.2, 0.02, True),
    "taox-hfox": ((128, 128), (0.04, -0.63), 100e3, 10, 0.037, False),
    "gst-pcm": ((100, 120), (0.105, -2.4), 4.71e3, 19.8, 0.015, False),
    "hzo-fefet": ((32, 32), (1.75, 1.46), 559e3, 45, 0.005, False),
}
AIHWKIT = {
    # name: model, dw_min, its spread, its noise, up_down and spread, w_max, w_min and spreads
    "reram-es": ("exponential", 0.00135, 0.2, 5.0, 0.259359, 0.05, 1, -1, 0.3, 0.3),
    "reram-sb": ("soft_bounds", 0.002, 0.3, 3.75, 0, 0.01, 1.25, -0.75, 0.24, 0.4),
    "capacitor": ("linear", 0.005, 0.1, 0.3, 0, 0.06, 1, -1, 0.07, 0.07),
    "ecram-li": ("linear", 0.002, 0.1, 0.3, 0, 0.01, 1.1724, -0.8276, 0.05, 0.05),
    "ecram-mo": ("linear", 2.8214e-4, 0.1, 2.0, 0, 0.01, 1.1714, -0.8286, 0.05, 0.05),
    "idealized": ("constant", 0.0002, 0.3, 0.3, 0, 0, 1, -1, 0.3, 0.3),
    "gokmen-vlasov": ("constant", 0.0016, 0.3, 0.3, 0, 0.01, 1, -1, 0.3, 0.3),
    "pcm": ("one_sided_pair", 0.01, 0.2, 0.6, 0, 0.05, 2, 0, 0.1, 0),
    "reram-array-om": ("soft_bounds", 0.0949, 0.7829, 0.4158, 0, 0.01, 1, -1, 0.3499, 0.5695),
    "reram-array-hfo2": ("soft_bounds", 0.4622, 0.7125, 0.2174, 0, 0.01, 1, -1, 0.4295, 0.5990),
}
MORE = {
    "reram-es": {"write_noise_std": 75, "a": -0.5, "b": -0.5},
    "reram-sb": {"write_noise_std": 56, "noise": "additive"},
    "capacitor": {"gamma": (0.05, 0.05), "gamma_dtod": 0.01, "noise": "additive"},
    "ecram-li": {"gamma": (0.1153, 0.5085), "gamma_dtod": 0.05, "noise": "multiplicative"},
    "ecram-mo": {"gamma": (0.4152, 0.7342), "gamma_dtod": 0.05, "noise": "multiplicative"},
    "pcm": {"gamma": (2.5, 2.5), "a": -1, "b": 0, "noise_offset": 0.042, "noise_slope": 0.108},
    "reram-array-om": {"write_noise_std": 1.4113, "corrupt": 0.135, "reference_std": 0.05},
    "reram-array-hfo2": {"write_noise_std": 0.5841, "corrupt": 0.098, "reference_std": 0.05},
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
    assert (device.conductance.levels is None) == (device.pulsed is not None)
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
    assert write.cycle_to_cycle == pytest.approx(noise, rel=1e-12)
    assert write.device_to_device == 0
    assert load_preset(name).verified is verified
    assert ("below 1 %" in load_preset(name).notes) == (name in ("taox-tiox", "pcmo"))


@pytest.mark.parametrize(
    ("name", "depression", "returns"),
    [("gst-pcm", -2.4, True), ("gst-pcm", 2.4, False), ("epiram", -0.5, True)],
)
def test_the_sign_of_a_label_says_where_pulses_up_and_down_lead(name, depression, returns):
    """One pulse up and one down move a weight off the middle back to it, or further away."""
    write = {"nonlinearity": {"depression": depression}, "cycle_to_cycle": 0}
    device = {"preset": name, "conductance": {"mapping": "reference"}, "write": write}
    task, network = {"train_samples": 20, "test_samples": 10}, {"hidden": [3]}
    rounding = {"update_rounding": "nearest"}
    spec = validate_spec(
        {"device": device, "quantization": rounding, "task": task, "network": network}
    )
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    w = torch.full_like(problem.initial_weights, 0.4)
    w[::2] = -0.4
    start, generator = w.clone(), torch.Generator().manual_seed(0)
    step = 2.0 / 100
    for sign in (1.0, -1.0):
        w = w + chip.writes[0].write(w, torch.full_like(w, sign * step), generator)
    moved = (w - start) * start.sign()
    assert bool((moved < 0).all() if returns else (moved > 0).all())


def test_ag_asi_conductances_as_published():
    window = Device.model_validate({"preset": "ag-asi"}).conductance
    assert window.max == pytest.approx(38.46e-9, rel=1e-3)
    assert window.min == pytest.approx(3.077e-9, rel=1e-3)


@pytest.mark.parametrize("name", AIHWKIT)
def test_aihwkit(name):
    pulsed = Device.model_validate({"preset": name}).pulsed
    keys = ("model", "dw_min", "dw_min_dtod", "dw_min_std", "up_down", "up_down_dtod")
    keys += ("w_max", "w_min", "w_max_dtod", "w_min_dtod")
    assert tuple(getattr(pulsed, key) for key in keys) == AIHWKIT[name]
    for key, value in MORE.get(name, {}).items():
        found = getattr(pulsed, key)
        found = tuple(found.model_dump().values()) if key == "gamma" else found
        assert found == value, key
    array = name.startswith("reram-array")
    assert pulsed.dw_min_dtod_log_normal == array
    assert bool(pulsed.subtract_symmetry_point) == array


def test_the_rest_of_the_published_numbers():
    exponential = Device.model_validate({"preset": "reram-es"}).pulsed
    assert tuple(exponential.amplitude.model_dump().values()) == (-1.18445, -0.081404)
    assert tuple(exponential.gamma.model_dump().values()) == (5, 5)
    pcm = Device.model_validate({"preset": "pcm"})
    assert tuple(pcm.pulsed.amplitude.model_dump().values()) == (-27.235, -2.235)
    assert pcm.conductance.max == 25e-6
    assert pcm.conductance.mapping == "differential_pair"
    leakage = Device.model_validate({"preset": "capacitor"}).leakage
    assert (leakage.lifetime, leakage.spread) == (1e6, 0.3)


def test_another_way_of_writing_takes_the_place_of_the_preset():
    curve = {"preset": "ecram-li", "write": {"nonlinearity": {"potentiation": 1}}}
    device = Device.model_validate(curve)
    assert device.pulsed is None
    assert device.write.nonlinearity.potentiation == 1
    changed = Device.model_validate({"preset": "ecram-li", "pulsed": {"dw_min_std": 1.0}})
    assert (changed.pulsed.dw_min_std, changed.pulsed.dw_min) == (1.0, 0.002)


def test_null_takes_a_section_of_the_preset_away():
    still = validate_spec({"device": {"preset": "capacitor", "leakage": None}})
    assert still.device.leakage is None
    assert still.device.pulsed is not None
    assert validate_spec(spec_to_dict(still)) == still
    leaking = validate_spec({"device": {"preset": "capacitor"}})
    assert with_settings(leaking, {"device.leakage": None}).device == still.device
    curve = Device.model_validate({"preset": "reram-es", "pulsed": None})
    assert (curve.pulsed, curve.write.model) == (None, "linear")
    without = {"device": {"preset": "pcm", "drift": None}, "deployment": {"preset": PROGRAMMED}}
    assert validate_spec(without).device.drift is None


SIEMENS = "pulse,potentiation (uS),depression (uS)\n0,10,50\n1,30,30\n2,50,10\n"


@pytest.mark.parametrize("unit", [" (uS)", ""])
def test_the_conductances_of_a_measured_file_come_before_a_preset_s(tmp_path, unit):
    """Where it is in siemens; one without a unit leaves them to the preset."""
    path = tmp_path / "curve.csv"
    path.write_text(SIEMENS.replace(" (uS)", unit))
    own = (10e-6, 50e-6)
    measured = {"measured": str(path)}
    preset = load_preset("pcm").device["conductance"]
    assert preset == {"min": "0 uS", "max": "25 uS"}
    specs = [
        validate_spec({"device": {"preset": "pcm", **measured}}),
        validate_spec({"device": measured, "deployment": {"preset": PROGRAMMED}}),
    ]
    layered = {"device": {"preset": "epiram", "measured": None}, "layers": {"a": {}}}
    layered["layers"]["a"]["device"] = measured
    for spec in specs:
        assert window_of(spec.device) == pytest.approx(own if unit else (0.0, 25e-6))
        assert validate_spec(spec_to_dict(spec)) == spec
    layer = validate_spec(layered).views()["a"].device
    assert window_of(layer) == (pytest.approx(own) if unit else None)
    given = {"conductance": {"min": "1 uS", "max": "2 uS"}, **measured, "preset": "pcm"}
    assert window_of(Device.model_validate(given)) == pytest.approx((1e-6, 2e-6))


# -- Inference presets -----------------------------------------------------------------------------

PCM = {"deployment": {"preset": "pcm-inference"}}


@pytest.mark.parametrize("name", list_inference_presets())
def test_an_inference_preset_is_one_line_of_a_spec(name):
    preset = load_preset(name)
    assert preset.title
    assert preset.source
    assert preset.notes
    spec = validate_spec({"deployment": {"preset": name}})
    for section in ("device", "deployment"):
        for key in getattr(preset, section):  # nothing in the file is ignored
            assert key in getattr(spec, section).model_fields_set
    assert name not in list_presets(), "it is no device to be trained"


def test_phase_change_memory_as_it_is_published():
    spec = validate_spec(PCM)
    assert spec.deployment.program_error.model == "pcm_nandakumar_2019"
    assert spec.deployment.read_noise == "pcm_nandakumar_2019"
    assert spec.deployment.compensation == "global"
    assert (spec.device.conductance.max, spec.device.drift.t0) == (25e-6, 20.0)
    assert spec.device.drift.exponent is None, "the published, state-dependent one"


def test_the_spec_s_own_keys_win_over_an_inference_preset():
    own = {"preset": "pcm-inference", "compensation": "none", "program_error": None}
    device = {"preset": "epiram", "drift": {"exponent": 0.03}}
    spec = validate_spec({"deployment": own, "device": device})
    assert spec.deployment.compensation == "none"
    assert spec.deployment.program_error is None
    assert spec.device.drift.exponent == 0.03
    assert spec.device.drift.t0 == 20.0
    assert spec.device.conductance.levels.potentiation == 64
    assert spec.device.conductance.max == pytest.approx(1 / 81e3)
    still = validate_spec({**PCM, "device": {"drift": None}})
    assert still.device.drift is None
    for each in (spec, still, validate_spec(PCM)):
        assert validate_spec(spec_to_dict(each)) == each


def test_models_in_place_of_mappings_are_merged_too():
    spec = Spec(deployment=Deployment(preset="pcm-inference"), device=Device(read={"noise": 0.1}))
    assert spec.device.read.noise == 0.1
    assert spec.device.drift is not None
    assert spec.deployment.read_noise == "pcm_nandakumar_2019"


def test_unknown_inference_preset():
    with pytest.raises(
        SpecError, match=r"deployment\.preset: 'pcm' is not a preset; .*pcm-inference"
    ):
        validate_spec({"device": {}, "deployment": {"preset": "pcm"}})
    with pytest.raises(SpecError, match="'pcm-inference' is not a preset"):
        validate_spec({"device": {"preset": "pcm-inference"}})


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


def test_presets_are_read_without_torch():
    code = (
        "import sys; from neurograd.spec import json_schema, validate_spec; json_schema(); "
        "validate_spec({'device': {'preset': 'alox-hfo2'}}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
