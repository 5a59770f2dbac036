"""A spec with a deployment, from the check to the report."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import jsonschema
import pytest
import torch
from rich.console import Console

import neurograd
from neurograd.judge.verdict import Verdict
from neurograd.pipeline import stages
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.check import train_beside
from neurograd.pipeline.notes import notes
from neurograd.pipeline.sweep.modes import MODES
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.records.json_form import report_from_json, report_schema
from neurograd.report import render_html, render_report
from neurograd.training import loop
from neurograd.training.untrained import untrained_loss
from tests.neurograd.pipeline.deployments import spec_of, trained_module


@pytest.fixture(scope="module")
def trained():
    return train_beside(spec_of())


def test_each_time_has_accuracy_cost_and_verdict(trained):
    report = trained.report
    soon, late = report["deployment"]
    assert (soon["time"], late["time"]) == (0.0, 86400.0)
    assert late["verdict"] == "not tolerated"
    assert trained.verdict is Verdict.NOT_TOLERATED
    assert report["verdict"] == "not tolerated"
    assert late["cost"]["lower_bound"] > late["cost"]["allowed"] == 0.1
    for row in (soon, late):
        clean = report["training"]["clean"]["test_accuracy"]
        assert row["cost"]["value"] == pytest.approx(clean - row["accuracy"])
        assert row["accuracy_ci"][0] < row["accuracy"] < row["accuracy_ci"][1]
        assert row["accuracy_spread"] > 0
        assert row["chips"] == row["cost"]["looks"][-1]["chips"] == 3
    assert late["accuracy"] < soon["accuracy"] < report["training"]["chip"]["test_accuracy"]


def test_the_training_is_that_of_the_same_chip_without_drift_and_deployment(trained):
    alone = train_beside(
        spec_of(
            deployment=None,
            device={"drift": None},
            targets={
                "max_accuracy_drop_deployed": None,
            },
        )
    ).report["training"]
    assert trained.report["training"] == alone


def test_the_cause_is_the_part_without_which_least_is_lost(trained):
    trials = {trial["label"]: trial for trial in trained.report["deployment_trials"]}
    assert set(trials) == {
        "the programming error",
        "conductance drift",
        "read noise",
        "any of them",
        "deployment.compensation: global",
    }
    assert [trial["effects"] for trial in trials.values()] == [1, 1, 1, 3, 0]
    assert all(trial["time"] == 86400.0 for trial in trials.values())
    late = trained.report["deployment"][1]["cost"]["value"]
    assert trials["conductance drift"]["cost"]["value"] < 0.5 * late
    assert trials["conductance drift"]["saves_ci"][0] > 0
    for trial in trials.values():
        assert trial["saves"] == pytest.approx(late - trial["cost"]["value"])
        low, high = trial["saves_ci"]
        assert low < trial["saves"] < high
    assert trained.report["cause"] == "conductance drift"
    told = " ".join(trained.report["reasons"])
    assert "1 day after programming the accuracy drop is" in told
    assert "Cause after training: conductance drift; without it the accuracy drop" in told
    assert "What deployment.compensation: global makes of it" in told


def test_console_and_page_show_every_time(trained):
    console = Console(file=io.StringIO(), width=80)
    render_report(trained.record, console)
    text, page = console.file.getvalue(), render_html(trained.record)
    for shown in (text, page):
        assert "After programming: at most 10 % accuracy drop allowed" in shown
        assert "1 day" in shown
    assert max(map(len, text.splitlines())) <= 80
    assert "Verdict: not tolerated" in text


def test_the_report_keeps_to_its_schema_and_is_read_back(trained):
    jsonschema.validate(trained.report, report_schema())
    again = report_from_json(json.loads(json.dumps(trained.report)))
    assert again == trained.record


def test_an_interrupted_check_goes_on_with_the_same_numbers(trained, tmp_path):
    first = train_beside(spec_of(), resume=tmp_path).report
    for kept in tmp_path.rglob("deployed-1.json"):
        kept.unlink()
    again = train_beside(spec_of(), resume=tmp_path).report
    for report in (first, again):
        assert report["deployment"] == trained.report["deployment"]
        assert report["deployment_trials"] == trained.report["deployment_trials"]


def test_a_row_of_a_sweep_has_the_time_that_costs_most():
    spec = spec_of(training={"steps": 20})
    clean = MODES["train"].clean(spec, "cpu", False)
    row = MODES["train"].evaluate(spec, "cpu", False, clean)
    assert row.deployed_time == 86400.0
    assert (row.allowed, row.deployed_allowed, row.decided_by) == (0.2, 0.1, "deployment")
    assert row.deployed_cost_low < row.deployed_cost < row.deployed_cost_high
    assert row.clean_accuracy - row.deployed_accuracy == pytest.approx(row.deployed_cost)
    other = spec_of(
        training={"steps": 20},
        deployment=None,
        device={"drift": None},
        targets={
            "max_accuracy_drop_deployed": None,
        },
    )
    assert MODES["train"].evaluate(other, "cpu", False, clean).deployed_cost is None


def test_notes_know_what_acts_after_training():
    def told(**sections):
        spec = spec_of(**sections)
        return " ".join(notes(spec, build_problem(spec), "train"))

    assert "no number" not in told()
    assert "device.drift.time changes no number" in told(
        device={"drift": {"time": "1 h", "exponent": 0.05}}
    )
    quiet = {"read": None, "drift": None}
    assert "do not drift (device.drift)" in told(device=quiet)
    assert "deployment.compensation changes no number" in told(
        device=quiet, deployment={"compensation": "global"}
    )
    assert "compensation" not in told(deployment={"compensation": "global"})
    assert "device.leakage acts on updates" in told(device={"leakage": {"lifetime": 1e6}})


def test_a_network_is_judged_as_it_is_programmed_without_steps():
    """Its own accuracy is the clean one, and the verdict is that of the deployment alone."""
    problem, trained = trained_module()
    assert float(trained.weights.abs().max()) > 0.2
    chip = {
        "device": {"conductance": {"weight_range": 0.2}},
        "deployment": {"program_error": 0.001, "times": [0]},
        "targets": {"max_accuracy_drop": 0.0, "max_accuracy_drop_deployed": 0.95},
        "training": {"steps": 0, "seeds": 3, "max_seeds": 3},
    }
    found = neurograd.check(problem=problem, chip=chip)
    report = found.report
    assert report["training"]["clean"]["test_accuracy"] == trained.test_accuracy
    assert report["points"] == []
    assert report["training"]["forecast"] is None
    held = problem.accuracy(trained.weights.clamp(-0.2, 0.2))
    assert report["training"]["chip"]["test_accuracy"] == pytest.approx(held)
    assert report["deployment"][0]["accuracy"] == pytest.approx(held, abs=0.02)
    assert found.verdict is Verdict.TOLERATED, "the training's own target counts for nothing"
    assert report["reasons"][0].startswith("Right after programming the accuracy drop is")
    assert any("training.steps is 0" in note for note in report["notes"])
    assert not any("point" in reason for reason in report["reasons"])


def _deployed(device, chips=3, **deployment):
    """The report of chips that a network is programmed into, right after that."""
    problem, _ = trained_module()
    chip = {
        "device": device,
        "deployment": {"times": [0], **deployment},
        "targets": {"max_accuracy_drop_deployed": 0.05},
        "training": {"steps": 0, "seeds": chips, "max_seeds": chips},
    }
    return neurograd.check(problem=problem, chip=chip).report


def test_without_steps_it_is_still_said_why_there_is_no_verdict_and_how_quick_the_look_was():
    problem, _ = trained_module()
    chip = {
        "device": {"read": {"noise": 0.01}},
        "deployment": {"times": [0]},
        "training": {"steps": 0, "seeds": 1, "max_seeds": 1},
    }
    found = neurograd.check(problem=problem, chip=chip, quick=True)
    assert found.verdict is Verdict.INCONCLUSIVE
    reasons = found.record.decided_by
    assert reasons[0] == (
        "Only one chip was programmed, which tells nothing about another one: set training.seeds "
        "to 2 or more."
    )
    assert reasons[1].startswith("Right after programming the accuracy drop is")
    assert reasons[-1].startswith("This was a quick look")


def test_an_effect_that_saves_nothing_is_not_the_cause():
    """Red where the cause is whichever effect costs least when it is left out."""
    narrow = {"conductance": {"weight_range": 0.03}, "read": {"noise": 0.001}}
    report = _deployed(narrow, program_error=0.001)
    assert report["verdict"] == "not tolerated"
    assert report["cause"] is None
    told = report["reasons"][1]
    assert told.startswith(
        "After training no single effect stands out: without all of the programming error and "
        "read noise the accuracy drop right after programming is"
    )
    assert told.endswith("; what is left comes from device.conductance.weight_range.")
    assert not any("What to do after training" in reason for reason in report["reasons"])
    (alone,) = _deployed(narrow)["reasons"][1:2]
    assert alone.startswith(
        "After training no effect is known to cost anything: without read noise"
    )


@pytest.mark.parametrize(
    ("sections", "cause", "key"),
    [
        ({"converters": {"dac_bits": 2, "adc_bits": 2}}, "the resolution of the converters",
         "device.converters.adc_bits"),
        ({"faults": {"stuck_high": 0.3}}, "stuck devices", "device.faults.stuck_high"),
    ],
    ids=["what passes meet", "what is held"],
)  # fmt: skip
def test_every_effect_that_acts_after_training_can_be_the_cause(sections, cause, key):
    device = {"conductance": {"weight_range": 4}, "read": {"noise": 0.001}, **sections}
    report = _deployed(device, 10, program_error=0.001)
    assert report["cause"] == cause
    told = " ".join(report["reasons"])
    assert f"Cause after training: {cause}; without it the accuracy drop" in told
    action = told.partition("What to do after training: ")[2]
    assert key in action
    assert "device.read.noise" not in action


def test_what_is_left_without_any_effect_is_told_beside_a_cause():
    """A window that clips most of the network, and an error of programming on top of it."""
    clipped = {"conductance": {"weight_range": 0.3}, "read": {"noise": 0.001}}
    report = _deployed(clipped, 10, program_error=0.8)
    cause, left = report["reasons"][1:3]
    assert cause.startswith("Cause after training: the programming error; without it")
    assert left.startswith("Without all of the programming error and read noise the accuracy drop")
    assert left.endswith("what is left comes from device.conductance.weight_range.")


def test_regression_without_steps_is_held_against_a_constant():
    inputs = torch.randn(80, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    module = torch.nn.Linear(3, 1).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[0.5, -0.3, 0.8]]))
        module.bias.fill_(0.1)
    targets = module(inputs).detach() + 0.01
    problem = Problem(module, MeanSquaredError(), inputs, targets)
    loss = untrained_loss(problem)
    centred = targets - targets.mean(0)
    (ratio,) = {
        round(loss / float(problem.sample_losses(centred, torch.zeros_like(targets)).mean()), 9)
    }
    assert ratio == 1.0
    chip = {
        "device": {},
        "deployment": {"program_error": 0.3, "times": [0]},
        "training": {"steps": 0, "seeds": 4, "max_seeds": 4},
    }
    cost = neurograd.check(problem=problem, chip=chip).report["deployment"][0]["cost"]
    assert cost["kind"] == "excess_loss"
    assert cost["clean_learned"]
    assert cost["value"] > 0.1


def test_a_network_that_has_learned_nothing_can_lose_nothing():
    problem = build_problem(spec_of())
    (x, y), (test_x, test_y) = problem.data("train"), problem.data("test")
    fresh = Problem(problem.module, CrossEntropy(), x, y, test_inputs=test_x, test_targets=test_y)
    chip = {
        "device": {}, "deployment": {"times": [0]},
        "training": {"steps": 0, "seeds": 2, "max_seeds": 2},
    }  # fmt: skip
    found = neurograd.check(problem=fresh, chip=chip)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "nothing that a chip could lose" in found.record.reasons[0]


def test_a_chip_that_diverged_is_as_lost_when_it_is_programmed(monkeypatch):
    """Also where its last weights are numbers, which a chip could hold."""

    def train(problem, chip, *arguments, **options):
        found = loop.train(problem, chip, *arguments, **options)
        return replace(found, diverged=True) if chip.reads else found

    monkeypatch.setattr(stages, "train", train)
    report = train_beside(spec_of(training={"steps": 20})).report
    assert report["training"]["chip"]["diverged"] == 3
    assert [row["accuracy"] for row in report["deployment"]] == [0.0, 0.0]
    assert report["verdict"] == "not tolerated"
