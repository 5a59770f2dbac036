"""Wires and drift act on the conductances that hold the weights, whatever the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from device_models import WeightCells
from neurograd import train
from neurograd.effects.weight_cells import smallest_part
from neurograd.errors import NeurogradError, SpecError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.seeding import generator_for
from neurograd.spec import Spec, validate_spec
from neurograd.spec.yaml_loading import parse_yaml
from tests.device_models.passes.resistor_network import seen_by_passes

SMALL = {"train_samples": 40, "test_samples": 20}


def spec_of(text: str) -> Spec:
    data = dict(parse_yaml(text, "chip.yaml"))
    network = {"hidden": [8], **data.get("network", {})}
    return validate_spec({"task": SMALL, **data, "network": network}, "chip.yaml")


def chip_of(text: str):
    spec = spec_of(text)
    problem = build_problem(spec)
    return build_chip(spec, problem), problem


PULSED = "pulsed: {model: soft_bounds, w_max: 1.5, w_min: -0.5"


@pytest.mark.parametrize(
    ("device", "cells", "devices"),
    [
        ("conductance: {weight_range: 2}", WeightCells(2.0), 2),
        ("conductance: {min: 1 uS, max: 4 uS}", WeightCells(1.0, 0.25), 2),
        (
            "conductance: {min: 1 uS, max: 4 uS, weight_range: 2, mapping: reference}",
            WeightCells(4.0, 0.25, 0.5),
            1,
        ),
        ("measured: examples/devices/jump_table.csv", WeightCells(2.0, 0.0, 0.5), 1),
        (f"{PULSED}}}, conductance: {{weight_range: 2}}", WeightCells(4.0, 0.0, 0.25), 1),
        ("preset: pcm", WeightCells(2.0), 2),
        ("preset: pcm, conductance: {min: 5 uS, max: 25 uS}", WeightCells(2.0, 0.2), 2),
    ],
)
def test_wires_and_drift_see_the_conductances_that_hold_the_weights(device, cells, devices):
    also = "ir_drop: {wire_ratio: 1e-4}, drift: {time: 1 h}"
    chip, problem = chip_of(f"device: {{{device}, {also}}}")
    drift, wires = chip.reads
    assert drift.cells == wires.cells == cells
    assert drift.deviate.unique().numel() == devices * problem.num_parameters


def measured_file(folder, unit, smallest=30.0):
    path, steps = folder / "measured.csv", np.linspace(smallest, 60.0, 41)
    rows = [
        f"{k},{up:g},{down:g}" for k, (up, down) in enumerate(zip(steps, steps[::-1], strict=True))
    ]
    path.write_text("\n".join([f"pulse,LTP{unit},LTD{unit}", *rows]) + "\n")
    return path


DRIFTS = "drift: {time: 1 h, exponent: 0.05}"


@pytest.mark.parametrize(
    ("unit", "window", "smallest"),
    [
        (" (uS)", "", 0.5),
        ("", "", 0.0),
        (" (uS)", ", conductance: {min: 1 uS, max: 4 uS}", 0.25),
        (" (uS)", ", conductance: {mapping: differential_pair}", 0.5),
    ],
)
def test_a_measured_file_in_siemens_tells_the_window(tmp_path, unit, window, smallest):
    """Half of the largest conductance drifts and loads wires under every weight."""
    path = measured_file(tmp_path, unit)
    text = f"{{measured: {path}{window}, {DRIFTS}, ir_drop: {{wire_ratio: 1e-4}}}}"
    chip, _ = chip_of(f"device: {text}")
    pair = "pair" in window
    found = [each.cells for each in chip.reads]
    assert len(found) == 2
    for cells in found:
        assert cells.smallest == pytest.approx(smallest, rel=1e-9)
        assert (cells.span, cells.reference) == ((1.0, None) if pair else (2.0, 0.5))


def test_a_measured_window_is_read_anew_where_the_file_changes(tmp_path):
    path = measured_file(tmp_path, " (uS)")
    device = spec_of(f"device: {{measured: {path}, {DRIFTS}}}").device
    assert smallest_part(device) == pytest.approx(0.5)
    measured_file(tmp_path, " (uS)", 15.0)
    assert smallest_part(device) == pytest.approx(0.25)
    path.unlink()
    with pytest.raises(NeurogradError, match=r"device.measured: .*No such file"):
        smallest_part(device)


def test_readings_below_0_are_no_conductance_that_drifts(tmp_path):
    path = measured_file(tmp_path, " (uS)", -1.0)
    assert smallest_part(spec_of(f"device: {{measured: {path}, {DRIFTS}}}").device) == 0.0


def test_thermal_noise_is_that_of_a_measured_conductance(tmp_path):
    read = "read: {voltage: 0.2 V, bandwidth: 100 MHz}"
    given = chip_of(
        f"device: {{conductance: {{mapping: reference, max: 60 uS, min: 0 S}}, {read}}}"
    )
    found = chip_of(f"device: {{measured: {measured_file(tmp_path, ' (uS)')}, {read}}}")
    assert found[0].reads[0].part == pytest.approx(given[0].reads[0].part)
    with pytest.raises(SpecError, match=r"conductance.max: is missing; thermal noise"):
        chip_of(f"device: {{measured: {measured_file(tmp_path, '')}, {read}}}")


def test_a_reference_that_varies_over_devices_is_the_chips():
    also = "reference_std: 0.1, w_max_dtod: 0.2, subtract_symmetry_point: true}"
    chip, problem = chip_of(f"device: {{{PULSED}, {also}, drift: {{time: 1 h}}}}")
    reference = chip.reads[0].cells.reference
    assert reference.shape == (problem.num_parameters,)
    torch.testing.assert_close(2.0 * reference - 0.5, chip.writes[0].devices.reference)


WIDE = "pulsed: {model: soft_bounds, reference_std: 0.6}, conductance: {min: 1 uS, max: 50 uS}"


def test_references_outside_their_window_have_thermal_noise_and_no_negative_resistors():
    """A spread of 0.6 of half a window puts one reference in twenty below 0."""
    also = "read: {voltage: 0.2 V, bandwidth: 1 MHz}, ir_drop: {wire_ratio: 1e-3}"
    chip, problem = chip_of(f"device: {{{WIDE}, {also}}}")
    w = chip.program(problem.initial_weights)
    wires, thermal = chip.reads
    cells = wires.cells
    plus, minus = cells.conductances(w)
    assert 0.02 * w.numel() < int((minus == 0).sum()) < 0.1 * w.numel()
    assert min(float(plus.min()), float(minus.min())) >= 0
    variance = thermal.part * (plus + minus) * (cells.span / 0.98) ** 2
    torch.testing.assert_close(thermal.moments(w).variance, variance)
    assert bool(chip.read(w, generator_for(0)).isfinite().all())
    seen, beyond, *lines = (
        next(iter(problem.parameters_of(each).values())).numpy()
        for each in (wires.read(w, generator_for(0)), cells.beyond(w), plus, minus)
    )
    solved = cells.span / 0.98 * seen_by_passes(*lines, 1e-3) + beyond
    np.testing.assert_allclose(seen, solved, rtol=0, atol=1e-9)


@pytest.mark.parametrize("effect", ["ir_drop: {wire_ratio: 1e-4}", "drift: {time: 1 h}"])
def test_the_on_off_ratio_changes_what_passes_see(effect):
    """590 and 1.18, all else equal: more loss in wires, more drift against the window."""
    seen = []
    for smallest in ("0.1 uS", "50 uS"):
        chip, problem = chip_of(
            f"device: {{conductance: {{min: {smallest}, max: 59 uS}}, {effect}}}"
        )
        w = chip.program(problem.initial_weights)
        seen.append(float((chip.read(w, generator_for(0)) - w).norm() / w.norm()))
    assert seen[1] > 1.5 * seen[0]


def test_arrays_that_are_too_large_to_solve_are_refused():
    text = "network: {hidden: [600, 600]}\ndevice: {ir_drop: {wire_ratio: 1e-3}}"
    with pytest.raises(NeurogradError, match=r"device\.ir_drop: an array of 600 by 600 weights"):
        chip_of(text)


@pytest.mark.parametrize(("wire_ratio", "accuracy"), [(5e-3, 0.917), (2e-2, 0.627)])
def test_trained_behind_wires_as_with_the_solved_network(wire_ratio, accuracy):
    """Accuracy of the same training with every array solved node by node at every step."""
    task = "{name: digits, train_samples: 600, test_samples: 300}"
    spec = spec_of(
        f"device: {{ir_drop: {{wire_ratio: {wire_ratio}}}}}\nnetwork: {{hidden: [16]}}\n"
        f"task: {task}\ntraining: {{step_size: 0.5}}"
    )
    problem = build_problem(spec)
    end = train(problem, build_chip(spec, problem), 200, 0)
    # A sample of 300 more or less right here and there.
    assert float(end.correct.double().mean()) == pytest.approx(accuracy, abs=0.01)
    chip = build_chip(spec, problem)
    first, seen = (
        next(iter(problem.parameters_of(v).values())).numpy()
        for v in (end.weights, chip.read(end.weights, generator_for(0)))
    )
    plus, minus = np.maximum(first, 0), np.maximum(-first, 0)
    np.testing.assert_allclose(seen, seen_by_passes(plus, minus, wire_ratio), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("device", "std"),
    [
        ({"preset": "pcm"}, 0.01 * 2.0 * 2.0**0.5),
        ({"pulsed": {"w_max": 0.6, "w_min": -0.6}}, 0.01 * 1.2),
        ({"pulsed": {"w_max": 1.2, "w_min": -0.8}, "conductance": {"weight_range": 0.5}}, 0.01),
        ({"conductance": {"weight_range": 0.5}}, 0.01 * 0.5 * 2.0**0.5),
    ],
)
def test_read_noise_is_a_part_of_the_range_that_devices_have(device, std):
    """1 % of the range from the smallest to the largest weight of a device, twice in a pair."""
    spec = validate_spec(
        {"network": {"hidden": [4]}, "device": {**device, "read": {"noise": 0.01}}}
    )
    chip = build_chip(spec, build_problem(spec))
    w = torch.zeros(8, dtype=torch.float64)
    assert chip.reads[0].moments(w).variance.sqrt().tolist() == pytest.approx([std] * 8)
