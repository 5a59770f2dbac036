"""Single effects of the library: every row is a spec, and every part of a device has one."""

from __future__ import annotations

import json
import typing

import pytest

from experiments.library import EFFECTS, STEP_SIZE, clean_weights, common_spec, effect_row, page
from experiments.support.record import RESULTS, ROOT, parse
from neurograd.pipeline.build import active_effects, build_problem
from neurograd.spec import Device, Pulsed
from neurograd.spec.yaml_loading import parse_yaml


def sections_of(text):
    sections = dict(parse_yaml(text, text))
    if "measured" in sections.get("device", {}):
        sections["device"]["measured"] = str(ROOT.parent / sections["device"]["measured"])
    return sections


@pytest.mark.parametrize("text", EFFECTS)
def test_every_row_switches_something_on(text):
    small = {"train_samples": 20, "test_samples": 10}
    spec = common_spec(**sections_of(text), task=small)
    step_only = text == "device: {pulsed: {model: constant, dw_min: 0.01}}"
    assert active_effects(spec, build_problem(spec)) or step_only


def test_every_section_and_every_pulsed_model_has_a_row():
    devices = [sections_of(text).get("device", {}) for text in EFFECTS]
    shown = {key for device in devices for key in device}
    # How a file is read is no effect of its own.
    assert shown | {"preset", "measured_as"} == set(Device.model_fields)
    models = {device["pulsed"].get("model") for device in devices if "pulsed" in device}
    # The pair is the preset pcm.
    assert models - {None} == {*typing.get_args(Pulsed.model_fields["model"].annotation)} - {
        "one_sided_pair"
    }


def test_a_row_in_a_small_form(tmp_path):
    """Leakage's bias is exactly that of w/lifetime per update, in gradient units."""
    run = parse("library", "", ["--quick", "--out", str(tmp_path)])
    w = clean_weights(common_spec(), run)
    text = "device: {leakage: {lifetime: 1000}}"
    row = effect_row(text, w, run)
    assert row["noise"] == 0
    # The window clips the few weights that are beyond it.
    held = w.clamp(-1.0, 1.0)
    gradient = build_problem(common_spec()).gradient(held)
    after = (held - STEP_SIZE * gradient).clamp(-1.0, 1.0)
    bias = (after * (1 - 1 / 1000) - held) / STEP_SIZE + gradient
    assert row["b"] == pytest.approx(float(bias.norm()) / len(w) ** 0.5, rel=1e-9)
    assert f"| `{text}` |" in page({"devices": [], "effects": [row], "rules": []}, "a command")


def test_the_kept_record_has_every_effect():
    record = json.loads((RESULTS / "library.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in record["effects"]] == list(EFFECTS)
    for row in record["effects"]:
        low, high = row["b_ci"]
        assert low <= row["b"] <= high
        assert row["grad_norm"] > 0
