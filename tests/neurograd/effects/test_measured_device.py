"""A measured device's file beside its spec: found, checked, and refused in one line."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from neurograd.effects import cycle_to_cycle
from neurograd.effects.registry import active_in, knobs_of
from neurograd.errors import DataError, FitWarning, SpecError
from neurograd.fit.device_fit import fit_device
from neurograd.fit.joint import joint_ranges
from neurograd.fit.reading import read_measurements
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.notes import notes
from neurograd.pipeline.ranges import typical_notes
from neurograd.seeding import generator_for
from neurograd.spec import load_spec, spec_to_dict, validate_spec
from tests.neurograd.command_line import run_command

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
        ("pulse,potentiation\n0,1\n", "3 or more"),
        (CURVE.replace(",depression", ""), "there is no depression"),
        ("pulse,potentiation\n0,1\n1,5\n2,9\n", "there is no depression"),
        (CURVE.replace("5,4", "x,4"), "'x'"),
        (CURVE.replace("1,5,4", "0.5,5,4"), "line 3, column pulse is 0.5; allowed: whole"),
        (CURVE.replace("5,4", "0.5,4"), "potentiation changes in one pulse only"),
        ("a,b\n1,2\n", "allowed"),
        (b"\xff\xfe\x00", "is not UTF-8 text; allowed: text (UTF-8, UTF-16, Latin-1)"),
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
    assert write.cycle_to_cycle == (0.07, 0.07)
    assert write.levels == (2, 2)
    assert float(write.crossbar.populations[0].scale.std()) > 0


def _uneven(ending):
    down = [f"{10 - 9 * k / 16:.6f}" if k <= 16 else ending for k in range(65)]
    rows = "".join(f"{k},{1 + 9 * k / 64:.6f},{down[k]}\n" for k in range(65))
    return f"pulse,potentiation,depression\n{rows}"


NOISY = "pulse,potentiation,depression\n" + "".join(
    f"{k},{k + 1.5 * (k % 3 == 1)},{9 - k}\n" for k in range(10)
)


def test_noise_needs_a_place(tmp_path):
    """A curve holds none: the file alone would be a device without noise."""
    with pytest.raises(SpecError, match="by noise that a curve does not hold") as caught:
        load_spec(spec_beside(tmp_path, NOISY))
    assert "write.cycle_to_cycle or read.noise beside it" in str(caught.value)
    assert "neurograd fit" in str(caught.value)
    for more in (", write: {cycle_to_cycle: 3 %}", ", read: {noise: 0 %}"):
        spec = load_spec(spec_beside(tmp_path, NOISY, more))
        (write,) = build_chip(spec, build_problem(spec)).writes
        # Every third reading and the one behind it become their mean; the ends stay.
        assert write.levels == pytest.approx((9, 9), rel=0.12)
        said = " ".join(notes(spec, build_problem(spec), "check"))
        assert "device.measured scatters by" in said


def test_cycles_are_averaged(tmp_path):
    rows = [f"{k},{1 + k + shift},{10 - k + shift}" for shift in (-0.5, 0.5) for k in range(10)]
    text = "pulse,potentiation,depression\n" + "\n".join(rows)
    spec = load_spec(spec_beside(tmp_path, text, ", read: {noise: 1 %}"))
    (write,) = build_chip(spec, build_problem(spec)).writes
    assert write.levels == (9, 9)


VARIED_JUMPS = "conductance,delta_up,delta_down\n" + "".join(
    f"{g},{2.2 - 0.2 * g + noise},{-0.2 - 0.2 * g - noise}\n"
    for g in range(11)
    for noise in (-0.1, 0.1)
)


def _left_out(tmp_path, *names, **more):
    """The write of a table of jumps without effects, and the places of its devices."""
    (tmp_path / "jumps.csv").write_text(VARIED_JUMPS)
    spec = validate_spec(
        {
            "device": {"measured": str(tmp_path / "jumps.csv"), **more},
            "network": {"hidden": [4]},
            "task": {"name": "teacher_student", "train_samples": 20, "test_samples": 5},
        }
    )
    problem = build_problem(spec)
    active = {effect.name: effect for effect in active_in(spec, problem.num_samples)}
    assert {"granularity", "nonlinearity", "cycle_to_cycle"} <= set(active)
    chip = build_chip(spec, problem, without=[active[name] for name in names])
    places = torch.linspace(-0.5, 0.5, problem.num_parameters, dtype=torch.float64)
    return chip.writes[0], places


def test_jumps_that_are_left_out_leave_the_rest(tmp_path):
    """Of a table of jumps: the dependence on the state, the deviations, whole pulses."""
    whole, w = _left_out(tmp_path)
    asked = torch.full_like(w, 0.01)
    bent, noisy = whole.moments(w, asked).mean, whole.moments(w, asked).variance
    assert float(bent.max() - bent.min()) > 0.005
    straight, _ = _left_out(tmp_path, "nonlinearity")
    for sign in (1, -1):
        torch.testing.assert_close(straight.moments(w, sign * asked).mean, sign * asked)
    assert float(straight.moments(w, asked).variance.min()) > 0
    quiet, _ = _left_out(tmp_path, "cycle_to_cycle")
    torch.testing.assert_close(quiet.moments(w, asked).mean, bent)
    assert bool((quiet.moments(w, asked).variance < noisy).all())
    divided, _ = _left_out(tmp_path, "granularity")
    assert divided.max_pulses is None
    assert whole.max_pulses == (9, 9)


def test_without_its_three_effects_a_table_of_jumps_writes_what_is_asked(tmp_path):
    names = ("granularity", "nonlinearity", "cycle_to_cycle")
    ideal, w = _left_out(tmp_path, *names)
    assert ideal.deterministic
    for size in (0.013, -0.15):
        asked = torch.full_like(w, size)
        torch.testing.assert_close(ideal.write(w, asked, generator_for(0)), asked)
    trains, _ = _left_out(tmp_path, *names, pulse_train={})
    torch.testing.assert_close(trains.write(w, asked, generator_for(0)), asked)


def test_a_table_of_jumps_says_itself_what_its_noise_is(tmp_path):
    """Its deviations are an effect, whose remedy is another table; no key of noise is turned."""
    for text, noisy in ((VARIED_JUMPS, True), (JUMPS, False)):
        spec = load_spec(spec_beside(tmp_path, text))
        assert ("cycle_to_cycle" in [each.name for each in active_in(spec, 20)]) == noisy
        keys = [knob.key for knob in knobs_of(spec, 20)]
        assert not any(key.startswith("device.write.") for key in keys)
    assert cycle_to_cycle.EFFECT.remedy(spec).key == "device.measured"


UNEVEN_JUMPS = "conductance,delta_up,delta_down\n" + "".join(
    f"{1 + 9 * k / 64:.6f},0.140625,-0.5625\n" for k in range(65)
)
UNEVEN_LEVELS = {"levels": {"potentiation": 64, "depression": 16}, "mapping": "reference"}
UNEVEN_PULSED = {"model": "constant", "dw_min": 0.078125, "up_down": -0.6}


def test_one_device_written_five_ways_has_one_set_of_moments(tmp_path):
    """A straight device with 64 pulses up and 16 down: gain 1, no bias, the same variance."""
    devices = []
    for name, text in (("a", _uneven("")), ("b", _uneven("1.000000")), ("c", UNEVEN_JUMPS)):
        (tmp_path / f"{name}.csv").write_text(text)
        devices.append({"measured": str(tmp_path / f"{name}.csv")})
    devices += [{"conductance": UNEVEN_LEVELS}, {"pulsed": UNEVEN_PULSED}]
    found = []
    for device in devices:
        spec = validate_spec(
            {
                "device": device,
                "network": {"hidden": [4]},
                "task": {"name": "teacher_student", "train_samples": 20, "test_samples": 5},
            }
        )
        problem = build_problem(spec)
        chip = build_chip(spec, problem)
        w = 0.5 * problem.initial_weights.clamp(-1, 1)
        increment = 0.004 * torch.randn(
            w.shape, generator=torch.Generator().manual_seed(3), dtype=w.dtype
        )
        (write,) = chip.writes
        moments = write.moments(w, increment)
        torch.testing.assert_close(moments.mean, increment, rtol=1e-6, atol=1e-9)
        found.append(moments.variance)
    for variance in found[1:]:
        torch.testing.assert_close(variance, found[0], rtol=1e-4, atol=1e-10)


def test_trains_of_pulses_do_not_make_up_for_uneven_steps(tmp_path):
    """A coincidence is one pulse: a controller that counts both directions alike gets 4 down."""
    (tmp_path / "a.csv").write_text(_uneven(""))
    (tmp_path / "c.csv").write_text(UNEVEN_JUMPS)
    pulse = 2 / 64, 2 * (1 / 64 + 1 / 16) / 2
    for device, size in (
        ({"conductance": UNEVEN_LEVELS}, pulse[0]),
        ({"measured": str(tmp_path / "a.csv")}, pulse[0]),
        ({"measured": str(tmp_path / "c.csv")}, pulse[1]),
        ({"pulsed": UNEVEN_PULSED}, pulse[1]),
    ):
        spec = validate_spec(
            {
                "device": device | {"pulse_train": {}},
                "network": {"hidden": [4]},
                "task": {"name": "teacher_student", "train_samples": 20, "test_samples": 5},
            }
        )
        problem = build_problem(spec)
        (write,) = build_chip(spec, problem).writes
        w = torch.zeros_like(problem.initial_weights)
        generator = torch.Generator().manual_seed(0)
        for sign, step in ((1, 2 / 64), (-1, 2 / 16)):
            realized = write.write(w, torch.full_like(w, sign * size), generator)
            torch.testing.assert_close(realized, torch.full_like(w, sign * step), rtol=1e-5, atol=0)


def test_two_windows_of_one_device_are_hinted_at(tmp_path):
    small = "pulse,potentiation,depression\n0,1,9\n1,1.2,4\n2,1.4,1\n"
    for text, words in ((small, "1 to 1.4, 5 % of it"), (CURVE, "")):
        spec = load_spec(spec_beside(tmp_path, text))
        found = " ".join(notes(spec, build_problem(spec), "check"))
        assert ("two windows" in found) == bool(words)
        assert words in found


def test_a_file_of_one_direction_is_told_what_takes_it(tmp_path):
    rows = "\n".join(f"{k},{4 * k}" for k in range(9))
    with pytest.raises(SpecError, match=r"no depression; allowed: .*, or measured_as: fit"):
        build_problem(load_spec(spec_beside(tmp_path, f"pulse,potentiation\n{rows}\n")))


def test_several_devices_are_averaged_and_said_to_be(tmp_path):
    """Their windows differ by a quarter: no noise of readings, and a spread that the spec says."""
    rows = [f"{k},{4 * k},{20 - 4 * k},{5 * k},{25 - 5 * k}" for k in range(6)]
    heads = "pulse," + ",".join(f"Device {n} {way}" for n in (1, 2) for way in ("LTP", "LTD"))
    path = spec_beside(tmp_path, "\n".join([heads, *rows]), ", write: {device_to_device: 10 %}")
    spec = load_spec(path)
    found = " ".join(notes(spec, build_problem(spec), "check"))
    assert "holds 2 devices, and the curve is their average" in found
    assert "device.write.device_to_device says, 10" in found
    noisy = path.with_name("table.csv").read_text().replace(",12,", ",7,")
    with pytest.raises(SpecError, match=r"readings lie .* of the window beside"):
        load_spec(spec_beside(tmp_path, noisy))


def test_advice_of_an_option_says_whose_it_is(tmp_path):
    path = tmp_path / "turned.csv"
    rows = "\n".join(f"{k},{1 + k / 10},{1 + k / 10}" for k in range(8))
    path.write_text(f"pulse,potentiation,depression\n{rows}\n")
    with pytest.raises(SpecError, match=r"--columns .*an option of neurograd fit"):
        validate_spec({"device": {"measured": str(path)}})


def _soft_bounds(tmp_path, ups=1, against=()):
    """A file of a device with soft bounds of 10 levels, 20 pulses either way.

    Args:
        tmp_path: Its folder.
        ups: Runs up; one goes down.
        against: Runs up behind these, of parts of the window.
    """
    rng = np.random.default_rng(3)
    runs = np.zeros((ups + 1, 21))
    for k in range(1, 21):
        noise = 0.02 * rng.standard_normal(len(runs))
        runs[:, k] = runs[:, k - 1] + (1 - runs[:, k - 1]) / 10 + noise
    reads = runs + 0.01 * rng.standard_normal(runs.shape)
    columns = [*(2 + 16 * up for up in (*reads[:-1], *against)), 18 - 16 * reads[-1]]
    lines = [",".join(map(str, (k, *row))) for k, row in enumerate(zip(*columns, strict=True))]
    heads = [f"LTP{n + 1} (uS)" for n in range(len(columns) - 1)]
    path = tmp_path / "pulses.csv"
    path.write_text("\n".join([",".join(["pulse", *heads, "LTD1 (uS)"]), *lines]) + "\n")
    return path


def test_a_measured_device_may_be_the_fitted_one_with_its_ranges(tmp_path):
    """It is what the fit of the same file writes, but for what the spec itself says."""
    path = _soft_bounds(tmp_path)
    found = fit_device(read_measurements(path), "soft_bounds")
    device = {
        "measured": str(path),
        "measured_as": "soft_bounds",
        "read": {"noise": "3 %"},
        "write": {"cycle_to_cycle": {"depression": {"typ": "2 %", "min": "1 %", "max": "4 %"}}},
    }
    pair = ["device.conductance.levels.potentiation", "device.write.cycle_to_cycle.depression", 0.5]
    spec = validate_spec({"device": device, "ranges": {"draws": 6, "correlations": [pair]}})
    assert spec.device.measured is None
    assert (spec.device.write.model, spec.device.conductance.mapping) == (
        "soft_bounds",
        "reference",
    )
    assert spec.device.conductance.levels.depression == round(
        found.number("conductance.levels.depression").value
    )
    assert (spec.device.read.noise, spec.device.write.cycle_to_cycle.depression) == (0.03, 0.02)
    section, numbers = joint_ranges(found), spec.ranges.numbers
    assert (spec.ranges.draws, spec.ranges.data) == (6, str(path))
    assert set(numbers) == set(section["numbers"]) - {"device.read.noise"}
    for key, known in section["numbers"].items():
        if key not in ("device.read.noise", pair[1]):
            assert list(numbers[key].interval) == known["interval"]
    assert numbers[pair[1]].interval is None
    given = {frozenset(each[:2]): each[2] for each in section["correlations"]}
    for *keys, value in spec.ranges.correlations:
        assert value == (0.5 if keys == pair[:2] else given[frozenset(keys)])
    assert validate_spec(spec_to_dict(spec)).like(spec) == spec
    one, other, _ = next(each for each in spec.ranges.correlations if each[:2] != tuple(pair[:2]))
    own = {"draws": 6, "correlations": [[other, one, 0.125]]}
    spec = validate_spec({"device": device, "ranges": own})
    assert [each[2] for each in spec.ranges.correlations if {*each[:2]} == {one, other}] == [0.125]


@pytest.mark.parametrize("preset", ["alox-hfo2", "reram-es"])
def test_a_fitted_straight_device_has_nothing_of_how_a_preset_is_written(tmp_path, preset):
    device = {"measured": str(_soft_bounds(tmp_path)), "measured_as": "constant"}
    alone = validate_spec({"device": device}).device
    assert (alone.write.model, alone.write.nonlinearity) == ("linear", None)
    over = validate_spec({"device": {"preset": preset, **device}}).device
    assert over.model_copy(update={"preset": None}) == alone


@pytest.mark.parametrize("form", ["fit", "constant", "soft_bounds"])
def test_a_fit_that_is_pasted_is_the_device_of_its_file(tmp_path, form):
    """One device against a reference both ways: a pair would move a weight twice as far."""
    path = _soft_bounds(tmp_path)
    found = fit_device(read_measurements(path), None if form == "fit" else form)
    pasted = validate_spec({"device": found.device_block()}).device
    measured = validate_spec({"device": {"measured": str(path), "measured_as": form}}).device
    assert measured == pasted
    assert pasted.conductance.mapping == "reference"


def test_curves_that_the_data_allow_as_well_are_said_with_the_ranges(tmp_path, monkeypatch):
    path = _soft_bounds(tmp_path)
    found = replace(
        fit_device(read_measurements(path), "soft_bounds"), other_forms=("nonlinear", "power")
    )
    monkeypatch.setattr("neurograd.fit.device_fit.fit_device", lambda *_: found)
    spec = validate_spec({"device": {"measured": str(path), "measured_as": "fit"}})
    assert spec.ranges.other_curves == found.other_forms
    said = "The data do not rule out nonlinear; power: ranges are of another curve's numbers."
    assert said in typical_notes(spec, "check")
    assert validate_spec(spec_to_dict(spec)).like(spec) == spec


@pytest.mark.parametrize(("states", "said"), [(400, True), (20, False)])
def test_a_table_of_jumps_says_what_the_noise_of_reads_does_to_it(tmp_path, states, said):
    """Readings before pulses are all different; states of a table come again and again."""
    rng = np.random.default_rng(5)
    before = np.tile(np.linspace(0, 1, states), 400 // states)
    up, down = 0.1 + 0.05 * rng.random((2, 400))
    lines = [f"{g:.6f},{a:.6f},{-b:.6f}" for g, a, b in zip(before, up, down, strict=True)]
    text = "\n".join(["conductance,delta_up,delta_down", *lines])
    spec = load_spec(spec_beside(tmp_path, text))
    found = " ".join(notes(spec, build_problem(spec), "check"))
    assert ("moves mean steps near the ends of the window towards the middle" in found) == said


def test_a_table_of_jumps_in_rows_names_the_fit(tmp_path):
    way = np.linspace(0, 1, 101) + 0.03 * np.random.default_rng(6).standard_normal(101)
    lines = [f"{a:.6f},{b - a:.6f}," for a, b in pairwise(way)]
    lines += [f"{a:.6f},,{b - a:.6f}" for a, b in pairwise(way[::-1])]
    text = "\n".join(["conductance,delta_up,delta_down", *lines])
    spec = load_spec(spec_beside(tmp_path, text))
    found = " ".join(notes(spec, build_problem(spec), "check"))
    assert "device.measured_as: fit tells it from that of pulses, since rows follow" in found


def test_a_plain_value_beside_it_has_no_range(tmp_path):
    device = {"measured": str(_soft_bounds(tmp_path)), "measured_as": "soft_bounds"}
    settings = ["device.write.cycle_to_cycle=2 %", "device.conductance.levels.potentiation=12"]
    spec = validate_spec({"device": device}, "spec", settings)
    assert spec.device.write.cycle_to_cycle == 0.02
    assert not [key for key in spec.ranges.numbers if "cycle_to_cycle" in key or ".potent" in key]
    assert "device.conductance.levels.depression" in spec.ranges.numbers


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("constant", "table.csv: a run of potentiation has 3 readings .*, or measured_as: table"),
        ("linear", "measured_as: 'linear' is not allowed"),
        ("layers", "fit is for a whole chip's device beside measured; allowed: table"),
    ],
)
def test_what_no_fit_gives_is_refused(tmp_path, form, words):
    path = tmp_path / "table.csv"
    path.write_text(CURVE)
    data = {"device": {"measured": str(path), "measured_as": form}}
    if form == "layers":
        data = {"layers": {"0": {"device": {"measured": str(path), "measured_as": "fit"}}}}
    with pytest.raises(SpecError, match=words):
        validate_spec(data)


def test_what_a_fit_leaves_out_is_said_as_a_spec_is_read_and_in_its_report(tmp_path):
    path = _soft_bounds(tmp_path, 3, [np.linspace(0.9, 0.1, 21)])
    data = {"device": {"measured": str(path), "measured_as": "soft_bounds"}}
    with pytest.warns(FitWarning) as said:
        spec = validate_spec(data, "chip.yaml")
    lines = [str(each.message) for each in said]
    left_out = f"chip.yaml: the fit of {path}: 1 of 4 runs of potentiation is left out"
    assert any(line.startswith(left_out) for line in lines)
    assert lines == [f"chip.yaml: {remark}" for remark in spec.remarks]
    assert typical_notes(with_settings(spec, {}), "check")[: len(lines)] == spec.remarks
    assert "unknown: write.device_to_device: one device tells" in spec.remarks[-1]
    data["device"]["write"] = {"device_to_device": "5 %"}
    with pytest.warns(FitWarning):
        told = validate_spec(data)
    assert told.remarks == spec.remarks[:-1]


def test_the_command_line_says_it_in_lines(tmp_path, capsys):
    """Here of a spec that is read, and then may not run its network's file."""
    path = tmp_path / "chip.yaml"
    _soft_bounds(tmp_path)
    (tmp_path / "net.py").touch()
    path.write_text(
        "device: {measured: pulses.csv, measured_as: soft_bounds}\n"
        "network: {kind: module, file: net.py}\n"
    )
    code, _, error = run_command(capsys, "check", path)
    *lines, refused = error.splitlines()
    assert (code, "--allow-code" in refused) == (2, True)
    assert all(line.startswith(f"neurograd: {path}: the fit of ") for line in lines)
    assert "unknown: write.device_to_device" in lines[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (JUMPS, "single jumps has no curve; allowed: measured_as table$"),
        ("pulse,potentiation\n0,1\n", "device.measured: .*table.csv: "),
    ],
)
def test_a_fit_advises_keys_of_the_spec(tmp_path, text, words):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(SpecError, match=words):
        validate_spec({"device": {"measured": str(path), "measured_as": "constant"}})


def test_a_fit_without_a_bound_advises_other_forms(tmp_path, monkeypatch):
    def unbounded(_):
        raise DataError("the data set no bound to it; allowed: no ranges, or data of more pulses")

    monkeypatch.setattr("neurograd.fit.joint.joint_ranges", unbounded)
    device = {"measured": str(_soft_bounds(tmp_path)), "measured_as": "soft_bounds"}
    allowed = "measured_as table or constant or nonlinear$"
    with pytest.raises(SpecError, match=f"no bound to it; allowed: {allowed}"):
        validate_spec({"device": device})
