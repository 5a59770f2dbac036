"""`neurograd limits`: knobs, the search for a flip, its confirmation, remedies and the command."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
import torch

from neurograd.effects.knob import Knob
from neurograd.errors import SpecError
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import train_beside
from neurograd.pipeline.forecasting import forecast
from neurograd.pipeline.limits import find_limits, outlook
from neurograd.pipeline.limits.confirm import Confirmation, TrainedCost, Trainer
from neurograd.pipeline.limits.design_changes import best_first, find_changes, try_change
from neurograd.pipeline.limits.knobs import find_knobs, turn
from neurograd.pipeline.limits.outlook import Outlook, PredictedCost
from neurograd.pipeline.limits.search import FULL, QUICK, find_limit
from neurograd.records.json_form import report_from_json
from neurograd.records.training import PredictedNetwork
from neurograd.report.content.limits import limits_warnings
from neurograd.report.figures.tornado import plot_tornado
from neurograd.spec import list_presets, load_spec, validate_spec
from tests.neurograd.command_line import run_command

TEACHER = {
    "name": "teacher_student",
    "inputs": 5,
    "outputs": 2,
    "teacher_hidden": [6],
    "train_samples": 80,
    "test_samples": 40,
}
DEVICE = {"conductance": {"levels": 100}, "write": {"cycle_to_cycle": "0.2 %"}}
SMALL = {
    "name": "small",
    "device": DEVICE,
    "network": {"hidden": [6]},
    "task": TEACHER,
    "training": {"step_size": 0.1, "steps": 40, "seeds": 2, "max_seeds": 2},
    "targets": {"max_excess_loss": "5 %"},
    "measure": {"draws": 20, "loss_draws": 10, "points": 1, "seed": 3},
}
DIGITAL = """
name: digital
quantization: {weight_bits: 12}
network: {hidden: [6]}
task:
  {name: teacher_student, inputs: 5, outputs: 2, teacher_hidden: [6], train_samples: 80,
   test_samples: 40}
training: {step_size: 0.1, steps: 30, seeds: 3, max_seeds: 3}
targets: {max_excess_loss: 20 %}
measure: {draws: 20, loss_draws: 10, points: 1, seed: 3}
"""
C2C, LEVELS = "device.write.cycle_to_cycle", "device.conductance.levels"


def _spec(**sections):
    return validate_spec({**SMALL, **sections})


def _knob(spec, key):
    return next(knob for knob in find_knobs(spec, 80) if knob.key == key)


def _estimate(cost, allowed=0.02, part=0.0):
    """A predicted cost that is off by a part of it at most."""
    extra = part * cost
    verdict = (
        Verdict.TOLERATED if cost + extra <= allowed
        else Verdict.NOT_TOLERATED if cost - extra > allowed
        else Verdict.INCONCLUSIVE
    )  # fmt: skip
    ends = (cost - extra, cost + extra)
    return PredictedCost(cost, ends, verdict, allowed, 0.9, 0.9 - cost, "accuracy_drop", True)


def _line(**changes):
    options = {"key": "k", "label": "noise", "now": 0.01, "harmful": 1, "low": 0.0, "high": 1.0}
    return Knob(**{**options, "settings": lambda value: {"k": value}, "unit": "%", **changes})


def _search(knob, cost, budget=FULL, part=0.0):
    now = knob.now if knob.now is not None else math.inf
    seen = []

    def predict(value):
        seen.append(value)
        return _estimate(cost(value), part=part)

    return find_limit(knob, _estimate(cost(now), part=part), predict, budget), seen


# -- Search on known costs -------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [FULL, QUICK])
@pytest.mark.parametrize("limit", [0.0137, 0.047, 0.31])
@pytest.mark.parametrize("part", [0.25, 0.7])
def test_a_limit_is_two_numbers_with_the_verdicts_that_they_say(limit, budget, part):
    """Red where the point at which the cost is the allowed one is called tolerated."""
    found, seen = _search(_line(), lambda v: 0.02 * v / limit, budget, part)
    inside = found.inside.value
    kept, lost = limit / (1 + part), limit / (1 - part)
    close = 4 ** (1 / 2**4) if budget is FULL else 1.3
    assert kept / close <= inside <= kept < limit
    assert found.inside.estimate.verdict is Verdict.TOLERATED
    if lost > 1.0:
        assert found.outside is None
        assert found.sentence().endswith(", not known to be lost up to 100 %")
    else:
        outside = found.outside.value
        assert lost < outside <= lost * close
        assert found.outside.estimate.verdict is Verdict.NOT_TOLERATED
        ends = (f"{100 * value:.3g} %" for value in (inside, outside))
        assert found.sentence() == (
            "noise: now 1 %, tolerated up to {}, lost from {}, not decided between".format(*ends)
        )
    assert found.monotone
    assert len(seen) == len(set(seen)) <= 22


def test_one_number_that_is_not_known_is_said_to_be_so():
    some, _ = _search(_line(), lambda v: min(0.019, 0.02 * v / 0.05), part=0.25)
    assert some.outside is None
    assert some.sentence().endswith(", not known to be lost up to 100 %")
    never, _ = _search(_line(), lambda v: 0.018 + v, part=0.25)
    assert never.inside is None
    assert "not known to be tolerated down to 0 %, lost from " in never.sentence()
    vague, _ = _search(_line(), lambda v: 0.02, part=0.25)
    assert (vague.status, vague.inside, vague.outside) == ("undecided", None, None)
    assert vague.sentence() == "noise: now 1 %, not decided anywhere from 0 % to 100 %"


def test_a_spec_beyond_its_target_is_searched_towards_the_harmless_side():
    found, _ = _search(_line(now=0.05), lambda v: v)
    assert found.inside.value <= 0.02 < found.outside.value < 0.05
    assert found.sentence().startswith("noise: now 5 %, tolerated up to 1.")


def test_whole_numbers_stay_whole_and_are_needed_from_below():
    knob = _line(label="levels", unit="", now=40, harmful=-1, low=2, high=10**6, whole=True)
    found, seen = _search(knob, lambda v: 0.02 * 64 / v)
    assert all(value == round(value) for value in seen)
    assert found.outside.value < 64 <= found.inside.value <= 64 * FULL.close
    ends = found.inside.value, found.outside.value
    assert found.sentence() == "levels: now 40, tolerated from {}, lost from {} down".format(*ends)


def test_bits_end_at_neighbours_and_an_ideal_converter_has_a_need():
    knob = _line(unit="bits", now=None, harmful=-1, low=2, high=16, whole=True, scale="linear")
    found, _ = _search(knob, lambda v: 0.02 if v >= 7 else 0.021)
    assert (found.outside.value, found.inside.value) == (6, 7)
    assert found.sentence() == "noise: now ideal, tolerated from 7 bits, lost from 6 bits down"
    assert found.worse.value == 6
    assert found.better is None


def test_no_limit_not_enough_and_already_best_are_said():
    flat, _ = _search(_line(), lambda v: 0.01)
    assert (flat.status, flat.reach) == ("open", 1.0)
    assert flat.sentence() == "noise: now 1 %, no limit up to 100 %"
    assert flat.worse.value == 0.02
    bad, seen = _search(_line(), lambda v: 0.5 + v)
    assert (bad.status, bad.reach) == ("hopeless", 0.0)
    assert bad.sentence() == "noise: now 1 %, not enough alone down to 0 %"
    # Nothing says that no value in between helps where 0 does not.
    scanned = [0.0, *(float(f"{0.01 / 4**k:.3g}") for k in (4, 3, 2, 1)), 0.005]
    assert [value for value in sorted(seen) if value < 0.01] == scanned
    best, _ = _search(_line(now=0.0, first=0.005), lambda v: 0.5 + v)
    assert best.status == "best"
    assert best.sentence() == "noise: now 0 %, which is not what limits"


def test_noise_that_helps_only_where_there_is_a_little_is_found():
    """Red where nothing is tried below a value because not even 0 helps."""
    found, _ = _search(_line(now=0.1), lambda v: 0.001 if 0.002 <= v <= 0.01 else 0.5)
    assert found.status == "limit"
    assert found.inside.value == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"unit": "", "now": 1, "low": 1, "high": 1437, "whole": True}, "1"),
        ({"unit": "bits", "now": 1, "low": 1, "high": 32, "whole": True, "scale": "linear"},
         "1 bit"),
    ],
)  # fmt: skip
def test_a_number_at_its_harmful_end_has_nowhere_to_go(options, shown):
    """Red where there is no limit 'down to ideal'."""
    found, _ = _search(_line(harmful=-1, **options), lambda v: 0.001 / v)
    assert (found.status, found.reach) == ("open", None)
    assert found.sentence() == f"noise: now {shown}, which is as far as it goes"


SIGNED = {"unit": "", "low": -0.5, "high": 0.5, "scale": "signed", "either": True}


@pytest.mark.parametrize("budget", [FULL, QUICK])
@pytest.mark.parametrize("now", [-0.2, -0.01, 0.0, 0.05])
def test_signed_numbers_are_searched_both_ways(now, budget):
    """Red where values of the other sign are not tried."""
    knob = _line(now=now, **SIGNED)
    found, seen = _search(knob, lambda v: 0.001 if -0.4 <= v <= 0.1 else 0.5, budget)
    assert all(-0.5 <= value <= 0.5 for value in seen)
    above, below = (found, found.opposite)[:: 1 if found.upper else -1]
    assert above.upper
    assert not below.upper
    assert below.outside.value < -0.4 <= below.inside.value < 0.1
    assert above.inside.value <= 0.1 < above.outside.value
    close = 0.01 if budget is FULL else 0.05
    assert above.outside.value - above.inside.value < close
    assert below.inside.value - below.outside.value < close
    # The nearer one comes first.
    distances = [abs(each.outside.value - now) for each in (found, found.opposite)]
    assert distances == sorted(distances)
    assert found.monotone
    for each in (above, below):
        assert f"lost from {each.outside.value:.3g}" in found.sentence()


def test_a_signed_number_that_decides_nothing_says_how_far_it_was_tried():
    flat, _ = _search(_line(now=-0.2, **SIGNED), lambda v: 0.01)
    assert flat.sentence() == "noise: now -0.2, no limit from -0.5 to 0.5"
    bad, _ = _search(_line(now=-0.2, **SIGNED), lambda v: 0.5)
    assert bad.sentence() == "noise: now -0.2, not enough alone anywhere from -0.5 to 0.5"
    ripple, _ = _search(_line(now=0.0, **SIGNED), lambda v: 0.01 if abs(v) > 0.2 else 0.5)
    assert ripple.status == "limit"
    assert not ripple.monotone


def test_a_number_that_is_0_now_is_scanned_from_its_first_value():
    found, _ = _search(_line(now=0.0, first=0.005), lambda v: 0.2 * v)
    assert found.inside.value <= 0.1 < found.outside.value
    assert found.worse == found.outside
    tiny, _ = _search(_line(now=0.0, first=0.005), lambda v: 20 * v)
    assert tiny.inside.value <= 0.001 < tiny.outside.value


def test_costs_that_fall_again_are_reported():
    found, _ = _search(_line(), lambda v: 0.01 if v < 0.03 or v > 0.05 else 0.03)
    assert found.status == "limit"
    assert not found.monotone
    assert "does not rise throughout" in found.sentence()


def test_harm_on_the_other_side_is_found_where_it_is_plausible():
    def cost(value):
        return 0.02 * value / 90

    knob = _line(unit="", now=40, harmful=-1, low=2, high=10**6, whole=True, either=True)
    found, _ = _search(knob, cost)
    assert found.upper
    assert found.inside.value <= 90 < found.outside.value
    assert "tolerated up to" in found.sentence()
    missed, _ = _search(replace(knob, either=False), cost)
    assert missed.status == "open"


def test_a_reversed_direction_finds_nothing():
    knob = _line(now=0.05)
    assert _search(knob, lambda v: v)[0].status == "limit"
    reversed_, _ = _search(replace(knob, harmful=-1), lambda v: v)
    assert reversed_.status == "hopeless"


@pytest.mark.parametrize(
    ("inside", "outside", "status"),
    [
        (("tolerated", 0.01), ("not tolerated", 0.04), "confirmed"),
        (("inconclusive", 0.01), ("not tolerated", 0.04), "agrees"),
        (("inconclusive", 0.03), ("inconclusive", 0.04), "unclear"),
        (("not tolerated", 0.06), ("not tolerated", 0.08), "not confirmed"),
        (("tolerated", 0.0), ("tolerated", 0.01), "not confirmed"),
        (("tolerated", 0.0), None, "confirmed"),
        (None, ("tolerated", 0.01), "not confirmed"),
        (None, ("inconclusive", 0.03), "agrees"),
    ],
)
def test_what_training_says(inside, outside, status):
    ends = [
        None
        if side is None
        else TrainedCost(1.0, side[0], side[1], (side[1] - 1, side[1] + 1), allowed=0.02)
        for side in (inside, outside)
    ]
    assert Confirmation(*ends).status == status


# -- Knobs -----------------------------------------------------------------------------------------


def test_what_is_harmful_harms_and_every_knob_reaches_its_chip():
    """Red when a knob's direction is reversed or its keys do nothing."""
    spec = _spec()
    look = Outlook(torch.device("cpu"), None)
    ends = {
        C2C: (0.0, 0.08),
        "device.write.device_to_device": (0.0, 0.6),
        "device.read.noise": (0.0, 0.3),
        "device.faults.stuck_low": (0.0, 0.4),
        "device.faults.stuck_high": (0.0, 0.4),
        "device.converters.adc_bits": (12, 2),
        "quantization.weight_bits": (12, 2),
    }
    knobs = {knob.key: knob for knob in find_knobs(spec, 80)}
    assert set(knobs) == {
        *ends, LEVELS, "device.write.nonlinearity", "device.converters.dac_bits",
        "device.conductance.weight_range",
    }  # fmt: skip
    for key, (mild, strong) in ends.items():
        assert (strong > mild) == (knobs[key].harmful > 0), key
        costs = [look.predict(turn(knobs[key], spec, value)).cost for value in (mild, strong)]
        assert costs[1] > costs[0] + 0.005, key


@pytest.mark.parametrize("preset", list_presets())
def test_every_knob_of_every_preset_builds_at_both_neighbouring_values(preset):
    spec = validate_spec({**SMALL, "device": {"preset": preset}})
    problem = build_problem(spec)
    knobs = find_knobs(spec, 80)
    assert len({knob.key for knob in knobs}) == len(knobs) >= 8
    for knob in knobs:
        start = knob.now if knob.now is not None else knob.high
        for value in (start * 2, start / 2, knob.first):
            build_chip(turn(knob, spec, knob.rounded(value)), problem)


@pytest.mark.parametrize(
    ("sections", "keys"),
    [
        ({"device": {**DEVICE, "drift": {"time": "1 h", "exponent": 0.05}}}, {"time", "exponent"}),
        ({"device": {**DEVICE, "leakage": {"lifetime": 500}}}, {"lifetime", "spread"}),
        ({"device": {**DEVICE, "endurance": {"age": 1e4}}}, {"age", "cycles"}),
        ({"device": {**DEVICE, "ir_drop": {"wire_ratio": 1e-3}}}, {"wire_ratio"}),
        ({"device": {**DEVICE, "pulse_train": {}}}, {"length"}),
        ({"learning_rule": {"batch_size": 16}}, {"batch_size"}),
        ({"learning_rule": {"name": "weight_perturbation"}}, {"samples", "perturbation"}),
        ({"learning_rule": {"name": "feedback_alignment"}}, {"feedback_scale"}),
        (
            {"learning_rule": {"name": "equilibrium_propagation"}},
            {"nudging", "relaxation_steps", "relaxation_rate"},
        ),
    ],
)
def test_active_numbers_are_knobs_with_their_present_value(sections, keys):
    spec = _spec(**sections)
    found = {knob.key.rpartition(".")[2]: knob for knob in find_knobs(spec, 80)}
    assert keys <= set(found)
    for key in keys:
        knob = found[key]
        assert knob.low <= knob.now <= knob.high
        moved = turn(knob, spec, knob.rounded(2 * knob.now or knob.first))
        assert moved != spec
        assert turn(knob, spec, knob.now) == spec


def test_labels_and_levels_of_both_directions_move_together():
    spec = validate_spec({**SMALL, "device": {"preset": "alox-hfo2"}})
    labels = turn(_knob(spec, "device.write.nonlinearity"), spec, 3.88).device.write.nonlinearity
    assert (labels.potentiation, labels.depression) == pytest.approx((3.88, -1.22))
    uneven = _spec(
        device={"conductance": {"levels": {"potentiation": 100, "depression": 40}}, "write": {}}
    )
    levels = turn(_knob(uneven, LEVELS), uneven, 50).device.conductance.levels
    assert (levels.potentiation, levels.depression) == (50, 20)


def test_values_are_shown_with_their_units():
    shown = [_line(unit=unit).show(value) for unit, value in (
        ("%", 0.021), ("%", 4.76), ("s", 7200.0), ("s", 5.0), ("", 12345.6), ("", None),
    )]  # fmt: skip
    assert shown == ["2.1 %", "476 %", "2 h", "5 s", "1.23e4", "ideal"]


# -- Predictions of small chips --------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    # Fewer chips with such noise decide nothing in a forecast (``FEWEST_DRAWN``).
    spec = _spec(training={**SMALL["training"], "seeds": 5, "max_seeds": 5})
    look = Outlook(torch.device("cpu"), None)
    knob = _knob(spec, C2C)

    def predict(value):
        return look.predict(turn(knob, spec, value))

    return spec, knob, find_limit(knob, look.predict(spec), predict, FULL)


def test_the_forecasts_at_the_two_numbers_have_the_verdicts_that_are_said(real):
    spec, knob, limit = real
    assert limit.status == "limit"
    verdicts = []
    for tried in (limit.inside, limit.outside):
        point = turn(knob, spec, tried.value)
        found = forecast(point, build_problem(point)).judgement
        assert found.cost.value == tried.estimate.cost
        verdicts.append(found.verdict)
    assert verdicts == [Verdict.TOLERATED, Verdict.NOT_TOLERATED]
    assert limit.inside.value < limit.outside.value


def test_a_reversed_direction_misses_the_flip_of_a_chip(real):
    spec, knob, limit = real
    look = Outlook(torch.device("cpu"), None)
    wrong = replace(knob, harmful=-1)
    found = find_limit(wrong, limit.now, lambda value: look.predict(turn(knob, spec, value)), QUICK)
    assert found.status == "open"


def test_remedies_are_predicted_and_the_best_comes_first():
    rough = {"weight_bits": 5, "update_rounding": "nearest"}
    spec = validate_spec({**SMALL, "device": None, "quantization": rough})
    look = Outlook(torch.device("cpu"), None)
    changes, now = find_changes(spec, 80), look.predict(spec)
    labels = [change.label for change in changes]
    assert labels == [
        "twice the width", "twice the step size, 20 steps", "half the step size, 80 steps",
        "a quarter of the step size, 160 steps", "stochastic rounding of updates",
    ]  # fmt: skip
    for change in changes[1:4]:
        rate, steps = change.settings["training.step_size"], change.settings["training.steps"]
        assert rate * steps == pytest.approx(0.1 * 40)
    found = best_first([try_change(spec, change, look, now) for change in changes])
    costs = [each.estimate.cost for each in found]
    assert costs == sorted(costs)
    # Nearest rounding loses every small update; stochastic rounding keeps them on average.
    stochastic = next(each for each in found if each.change.label.startswith("stochastic"))
    assert stochastic.estimate.cost < now.cost - 0.1


def test_rules_and_batches_have_their_remedies_and_a_failing_one_says_why(monkeypatch):
    rule = {"name": "weight_perturbation", "batch_size": 16}
    spec = _spec(learning_rule=rule)
    labels = [change.label for change in find_changes(spec, 80)]
    assert {"batches of 64", "4 perturbations an update"} <= set(labels)
    monkeypatch.setattr(outlook, "forecast_network", _diverged)
    change, look = find_changes(spec, 80)[1], Outlook(torch.device("cpu"), None)
    found = try_change(spec, change, look, _estimate(0.5))
    assert found.estimate is None
    assert "predicted to diverge" in found.problem
    good = replace(found, estimate=_estimate(0.5))
    assert best_first([found, good]) == [good, found]


def test_a_clean_training_that_is_predicted_to_diverge_is_one_line(capsys, path, monkeypatch):
    monkeypatch.setattr(outlook, "forecast_network", _diverged)
    code, out, err = run_command(capsys, "limits", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "training.step_size" in err


def _diverged(*arguments, **options):
    return PredictedNetwork(
        loss=math.inf, test_accuracy=None, correct=None, diverged=True, gradients=3
    )


def test_steps_of_absurd_size_end_and_are_no_verdict():
    """Stages of a long step are bounded, whatever the curvature."""
    spec = _spec(training={"step_size": 1e200, "steps": 40, "seeds": 2, "max_seeds": 2})
    found = Outlook(torch.device("cpu"), None).predict(spec)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert not found.clean_learned


def test_the_clean_twin_is_predicted_once(monkeypatch):
    clean = []
    real_forecast = outlook.forecast_network

    def counting(spec, problem, index, **options):
        clean.append(index == outlook.CLEAN)
        return real_forecast(spec, problem, index, **options)

    monkeypatch.setattr(outlook, "forecast_network", counting)
    spec = _spec(learning_rule={"batch_size": 16})
    look = Outlook(torch.device("cpu"), None)
    for key, value in ((C2C, 0.01), (LEVELS, 50)):
        look.predict(turn(_knob(spec, key), spec, value))
    assert sum(clean) == 1
    look.predict(turn(_knob(spec, "learning_rule.batch_size"), spec, 32))
    assert sum(clean) == 2


# -- The command -----------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "digital.yaml"
    path.write_text(DIGITAL)
    return path


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """The report of a quick look without training, on one core."""
    path = tmp_path_factory.mktemp("predicted") / "digital.yaml"
    path.write_text(DIGITAL)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return find_limits(load_spec(path), quick=True, confirm=False).report
    finally:
        torch.set_num_threads(threads)


def _numbers(path):
    report = json.loads(path.read_text())
    assert set(report.pop("timing")) == {"prediction_seconds", "training_seconds"}
    return report


def test_the_command_prints_and_writes_and_goes_on_with_the_same_numbers(
    capsys, path, tmp_path, monkeypatch
):
    first, again, plot = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "t.png"
    kept = ["--quick", "--resume", tmp_path / "kept"]
    with monkeypatch.context() as patch:
        # Trainings at the limits take the problem that is there.
        patch.setattr("neurograd.pipeline.check.build_problem", None)
        code, out, _ = run_command(capsys, "limits", path, "--json", first, "--plot", plot, *kept)
    report = _numbers(first)
    spec = load_spec(path)
    found = forecast(spec, build_problem(spec)).judgement
    assert report["now"]["cost"] == found.cost.value
    assert report["now"]["verdict"] == found.verdict.value
    # The verdict is that of a check of the same file: its training, with the same chips.
    checked = train_beside(spec, quick=True)
    assert report["verdict"] == checked.verdict.value
    assert report["trained"] == checked.report["training"]["cost"]
    assert code == checked.verdict.exit_code
    bits = next(row for row in report["numbers"] if row["key"] == "quantization.weight_bits")
    assert bits["status"] == "limit"
    assert bits["sentence"].startswith("weight resolution: now 12 bits, tolerated from ")
    assert bits["training"]["status"] in ("confirmed", "agrees", "not confirmed", "unclear")
    for side in ("inside", "outside"):
        assert (bits[side] is None) == (bits["training"][side] is None)
    assert bits["training"]["inside"]["value"] == bits["inside"]["value"] < 12
    text = " ".join(out.split())
    for row in report["numbers"]:
        assert row["sentence"] in text
    assert f"Verdict: {report['verdict']}" in out
    assert "twice the width" in text
    assert plot.read_bytes().startswith(b"\x89PNG")

    def lost(*arguments, **options):
        raise AssertionError("computed again")

    monkeypatch.setattr(outlook, "forecast_network", lost)
    monkeypatch.setattr("neurograd.pipeline.stages.train", lost)
    assert run_command(capsys, "limits", path, "--json", again, *kept)[0] == code
    assert _numbers(again) == report


@pytest.mark.parametrize("trained", [Verdict.NOT_TOLERATED, Verdict.INCONCLUSIVE])
def test_the_verdict_is_that_of_training_and_the_curve_that_of_the_forecast(
    path, monkeypatch, predicted, trained
):
    """Red where a trained verdict stands between predicted ones, or nobody says that they differ.

    A present value that only training leaves open made limits on both sides of it, beyond values
    that are predicted otherwise.
    """
    real_training = Trainer.as_it_is

    def other(self, *arguments, **options):
        found = real_training(self, *arguments, **options)
        return found.model_copy(update={"verdict": trained})

    assert predicted["verdict"] == predicted["now"]["verdict"] == "tolerated"
    assert limits_warnings(report_from_json(predicted)) == []
    monkeypatch.setattr(Trainer, "as_it_is", other)
    found = find_limits(load_spec(path), quick=True, confirm=False)
    assert found.verdict is trained
    assert found.record.now.verdict is Verdict.TOLERATED
    assert found.report["numbers"] == predicted["numbers"]
    (warning,) = limits_warnings(found.record)
    assert warning.startswith("The forecast says 'tolerated' of the spec as it is, ")
    assert ("contradicts" in warning) == (trained is Verdict.NOT_TOLERATED)
    assert ("training 'inconclusive'" in warning) == (trained is Verdict.INCONCLUSIVE)


def test_an_interrupted_run_goes_on_with_the_same_numbers_on_other_cores(
    path, tmp_path, monkeypatch, predicted, cores
):
    cores(2)  # so that at most one forecast is under way when another one is interrupted
    spec = load_spec(path)
    real_forecast, calls = outlook.forecast_network, itertools.count(1)

    def stopping(*arguments, **options):
        if next(calls) == 12:
            raise KeyboardInterrupt
        return real_forecast(*arguments, **options)

    monkeypatch.setattr(outlook, "forecast_network", stopping)
    with pytest.raises(KeyboardInterrupt):
        find_limits(spec, quick=True, confirm=False, resume=tmp_path)
    assert 9 <= len(list(tmp_path.glob("*/forecast-*.json"))) <= 12
    cores(3)
    report = find_limits(spec, quick=True, confirm=False, resume=tmp_path).report
    assert {**report, "timing": None} == {**predicted, "timing": None}
    assert all(row["training"] is None for row in report["numbers"])


def test_a_tornado_has_a_bar_for_every_number_and_the_longest_on_top(predicted):
    report = predicted
    bars = [row for row in report["numbers"] if row["better"] or row["worse"]]
    axes = plot_tornado(report_from_json(report)).axes[0]
    assert len(axes.get_yticks()) == len(bars) == 2
    lines = {line.get_label(): line.get_xdata()[0] for line in axes.get_lines()}
    assert lines["allowed"] == pytest.approx(20.0)
    assert lines["as it is now"] == pytest.approx(100 * report["now"]["cost"])

    def length(row):
        ends = [row[side]["cost"] for side in ("better", "worse") if row[side]]
        ends = [math.inf if end is None else end for end in [*ends, report["now"]["cost"]]]
        return max(ends) - min(ends)

    top = max(bars, key=length)
    assert axes.get_yticklabels()[-1].get_text().startswith(top["label"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.yaml"], ["nothing.yaml", "no such file"]),
        (["{spec}", "--plot", "{folder}/t.gif"], ["t.gif", ".png"]),
        (["{spec}", "--json", "{folder}"], ["is a folder"]),
        (["{spec}", "--json", "{folder}/a.png", "--plot", "{folder}/a.png"], ["twice"]),
        (["{spec}", "--resume", "{spec}"], ["is not a folder"]),
        (["{spec}", "--device", "tpu"], ["--device", "auto, cpu, cuda"]),
        (["{spec}", "--set", "quantization.weight_bits=99"], ["quantization.weight_bits"]),
        (["{spec}", "--seed", "-1"], ["measure.seed"]),
        (["{spec}", "--set", "task={{name: mnist, folder: none}}"], ["digital.yaml"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(capsys, path, tmp_path, arguments, words):
    filled = [a.format(spec=path, folder=tmp_path) for a in arguments]
    code, out, err = run_command(capsys, "limits", *filled)
    assert (code, out) == (2, "")
    assert err.startswith("neurograd: error: ")
    assert err.count("\n") == 1
    assert all(word in err for word in words), err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digital.yaml"]


def test_values_that_do_not_go_together_are_refused():
    spec = _spec()
    with pytest.raises(SpecError):
        turn(_knob(spec, "device.faults.stuck_low"), spec, 1.5)
