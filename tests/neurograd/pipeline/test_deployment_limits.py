"""Numbers of a deployment that are turned, and a deployment that is predicted."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console

import neurograd
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.check import train_beside
from neurograd.pipeline.limits import command, outlook
from neurograd.pipeline.limits.command import deployment_notes
from neurograd.pipeline.limits.design_changes import find_changes
from neurograd.pipeline.limits.knobs import find_knobs, turn
from neurograd.pipeline.limits.outlook import Outlook
from neurograd.pipeline.sweep.modes import MODES
from neurograd.report.console.limits_tables import render_limits
from tests.neurograd.pipeline.deployments import spec_of, trained_module

ERROR, TIMES = "deployment.program_error.error", "deployment.times"
EXPONENT, SPREAD = "device.drift.exponent", "device.drift.exponent_spread"


def _knobs(spec):
    return {knob.key: knob for knob in find_knobs(spec, 200)}


def _after(spec):
    return {key for key in _knobs(spec) if key.startswith(("deployment", "device.drift"))}


# -- Numbers ---------------------------------------------------------------------------------------


def test_what_comes_after_training_has_its_numbers():
    spec = spec_of()
    assert _after(spec) == {ERROR, TIMES, EXPONENT, SPREAD}
    found = _knobs(spec)
    assert (found[ERROR].now, found[TIMES].now, found[EXPONENT].now) == (0.05, 86400.0, 0.05)
    for key in (ERROR, TIMES, EXPONENT, SPREAD):
        assert turn(found[key], spec, found[key].now) == spec
    assert turn(found[TIMES], spec, 3600.0).deployment.times == (0.0, 3600.0)
    assert turn(found[TIMES], spec, 1e9).deployment.times == (0.0, 1e9)


def test_numbers_that_are_not_there_yet_are_numbers_where_they_could_be():
    exact = spec_of(device={"drift": None}, deployment={"program_error": None, "times": [20]})
    assert _after(exact) == {ERROR, EXPONENT}, "without drift all times are alike"
    assert turn(_knobs(exact)[ERROR], exact, 0.1).deployment.program_error.error == 0.1
    assert turn(_knobs(exact)[EXPONENT], exact, 0.1).device.drift.exponent == 0.1
    published = spec_of(
        device={"drift": {}}, deployment={"program_error": {"model": "pcm_nandakumar_2019"}}
    )
    assert _after(published) == {TIMES}, "what is published has no size"
    fresh = spec_of(deployment={"times": [0]})
    assert _after(fresh) == {ERROR, TIMES}, "nothing has drifted yet"
    assert (_knobs(fresh)[TIMES].now, _knobs(fresh)[TIMES].first) == (0.0, 20.0)
    assert not _after(spec_of(deployment=None, device={"drift": None}, targets=None))


def test_global_compensation_is_tried_where_it_can_help():
    def labels(**sections):
        return [change.label for change in find_changes(spec_of(**sections), 200)]

    assert labels()[-1] == "global drift compensation"
    assert "global drift compensation" not in labels(device={"drift": None})
    assert "global drift compensation" not in labels(deployment={"compensation": "global"})


# -- Predictions -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def looked():
    """An outlook on a spec with a deployment, which counts the chips that it predicts."""
    look, chips = Outlook(torch.device("cpu"), None), []
    real = outlook.forecast_weights

    def counting(spec, problem, index, **options):
        chips.append(index)
        return real(spec, problem, index, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outlook, "forecast_weights", counting)
        yield look, look.predict(spec_of()), chips


@pytest.mark.parametrize(
    ("key", "mild", "strong"),
    [(ERROR, 0.0, 0.4), (TIMES, 20.0, 3e9), (EXPONENT, 0.0, 0.6), (SPREAD, 0.0, 0.6)],
)
def test_what_harms_after_training_costs_more_and_trains_nothing_anew(looked, key, mild, strong):
    look, _, chips = looked
    spec, knob = spec_of(), _knobs(spec_of())[key]
    costs = [look.predict(turn(knob, spec, value)).excess for value in (mild, strong)]
    assert costs[1] > costs[0] + 0.05
    assert sorted(chips) == [0, 1, 2], "the chips of the spec as it is serve all of them"


def test_the_part_furthest_above_what_it_may_cost_is_told(looked):
    look, now, _ = looked
    assert now.time == 86400.0
    assert now.verdict is not Verdict.TOLERATED
    easy = spec_of(
        deployment={"times": [0], "program_error": 0}, targets={"max_accuracy_drop": 0.01}
    )
    found = look.predict(easy)
    assert found.time is None, "right after programming more is allowed than after training"
    assert found.allowed == 0.01


def test_a_predicted_deployment_is_that_of_trained_chips():
    """The predicted interval, the method's own error included, holds what training costs."""
    spec = spec_of()
    clean = MODES["predict"].clean(spec, "cpu", False)
    row = MODES["predict"].evaluate(spec, "cpu", False, clean)
    trained = train_beside(spec).record.deployment[1]
    assert row.deployed_time == trained.time == 86400.0
    assert row.deployed_cost_low < trained.cost.value < row.deployed_cost_high
    assert row.deployed_accuracy == pytest.approx(trained.accuracy, abs=0.15)
    assert row.deployed_cost > row.cost + 0.1, "what is lost by ageing, not by training"
    assert row.verdict is not Verdict.TOLERATED


def test_networks_that_are_not_trained_are_measured_and_not_predicted():
    """The same chips, the same numbers as a check's: no error of a prediction is added."""
    problem, _ = trained_module()
    chip = {
        "device": {"drift": {"exponent": 0.1}},
        "deployment": {"program_error": 0.1, "times": [0, "1 d"]},
        "training": {"steps": 0, "seeds": 3, "max_seeds": 3},
    }
    found = neurograd.predict(problem=problem, chip=chip)
    checked = neurograd.check(problem=problem, chip=chip).record
    for predicted, judged in zip(found.deployment, checked.deployment, strict=True):
        assert predicted.accuracy == judged.accuracy
        assert predicted.cost.value == judged.cost.value
        assert predicted.cost.ci == judged.cost.ci
        assert predicted.verdict is judged.verdict
    assert found.verdict is checked.verdict


def test_limits_of_a_programmed_network():
    problem, _ = trained_module()
    chip = {
        "device": {"read": {"noise": 0.01}},
        "deployment": {"program_error": 0.01, "times": [0]},
        "training": {"steps": 0, "seeds": 4, "max_seeds": 4},
        "targets": {"max_accuracy_drop_deployed": 0.3},
    }
    found = neurograd.limits(problem=problem, chip=chip, quick=True, confirm=False).record
    numbers = {row.key: row for row in found.numbers}
    assert "device.write.cycle_to_cycle" not in numbers
    assert any("cycle-to-cycle noise" in note for note in found.notes), "said, not dropped"
    limit = numbers[ERROR]
    assert limit.status == "limit"
    assert limit.upper
    assert 0.01 < limit.outside.value <= 1.0
    assert found.now.time == 0.0
    assert [row.label for row in found.remedies] == []
    console = Console(file=io.StringIO(), width=80)
    render_limits(found, console)
    assert "right after programming, predicted" in " ".join(console.file.getvalue().split())


def test_the_limit_of_a_network_that_is_trained_and_deployed_is_trained(monkeypatch):
    """Chips at the limit are trained, programmed and read after the last time, as a check does."""
    monkeypatch.setattr(command, "find_knobs", lambda *given, **options: [_knobs(given[0])[ERROR]])
    monkeypatch.setattr(command, "find_changes", lambda *given: [])
    spec = spec_of(
        device={"read": {"noise": 0.0}, "drift": {"exponent": 0.02}},
        network={"hidden": []},
        task={"train_samples": 60, "test_samples": 100},
        training={"steps": 12, "step_size": 1.0},
        deployment={"program_error": 0.01},
        targets={"max_accuracy_drop": 0.3, "max_accuracy_drop_deployed": 0.3, "confidence": 0.8},
    )
    found = neurograd.limits(spec, quick=True).record
    (row,) = found.numbers
    assert (found.verdict, row.status, row.upper) == (Verdict.TOLERATED, "limit", True)
    assert row.now < row.inside.value < 0.3
    assert row.training.status in ("confirmed", "agrees")
    turned = turn(_knobs(spec)[ERROR], spec, row.inside.value)
    cost, time = train_beside(turned, quick=True).record.deciding
    assert time is not None
    assert row.training.inside.cost == pytest.approx(cost.value, abs=1e-12)
    assert row.training.inside.cost > found.trained.value


def test_a_published_error_is_said_to_have_no_size():
    spec = spec_of(deployment={"program_error": {"model": "reram_wan_2022"}})
    assert "reram_wan_2022" in deployment_notes(spec, [])[0]
    assert deployment_notes(spec_of(), []) == []
