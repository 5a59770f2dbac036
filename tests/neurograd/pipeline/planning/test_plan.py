"""A plan counts the work that a command then does, and says what it cannot know."""

from __future__ import annotations

import mmap
from collections import Counter

import numpy as np
import pytest
import torch

from neurograd.pipeline import mitigating
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import check
from neurograd.pipeline.forecasting import MOST_PREDICTED, bursts_beside
from neurograd.pipeline.limits import find_limits
from neurograd.pipeline.planning import LOADING, plan, plan_points, samples_part, unit_costs
from neurograd.pipeline.planning.clockwork import PeakMemory, seconds_per_call
from neurograd.pipeline.points.work import smoothed_losses
from neurograd.pipeline.predicted.network import forecast_network
from neurograd.spec import LearningRule, validate_spec
from tests.neurograd.command_line import refused, run_command

SMALL = {
    "name": "small",
    "device": {"preset": "epiram"},
    "network": {"hidden": [8]},
    "task": {"name": "digits", "train_samples": 60, "test_samples": 30},
    "learning_rule": {"batch_size": 20},
    "training": {"step_size": 0.2, "steps": 12, "seeds": 2, "max_seeds": 4},
    "measure": {"draws": 20, "loss_draws": 10, "points": 2, "seed": 1},
    # Whatever the chips cost is allowed: nothing is explained.
    "targets": {"max_accuracy_drop": 0.99},
}


class Labels:
    """Counts the stages that work begins, by their first word."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def stage(self, label: str, total: int):
        kind = label.partition(" ")[0] + (" clean" if "clean" in label else "")
        self.found[kind] += 1
        return lambda done: None


@pytest.fixture(scope="module")
def spec():
    return validate_spec(SMALL)


@pytest.fixture(scope="module")
def planned(spec):
    return plan(spec)


def test_a_plan_counts_what_a_check_does(spec, planned):
    labels = Labels()
    check(spec, reporter=labels)
    first = {stage.label: stage.first for stage in planned.stages}
    assert labels.found["training clean"] == first["training a clean network"] == 2
    assert labels.found["training"] == first["training a chip"] == 2
    assert labels.found["measuring"] == first["measuring at a point"] == 2
    assert labels.found["predicting"] == first["predicting a network"] == 2
    assert labels.found["predicting clean"] == 1, "one after the other"
    assert first["predicting a clean network"] == 2


def test_at_most_all_chips_are_trained_and_every_effect_is_looked_into(planned):
    most = {stage.label: stage.most for stage in planned.stages}
    assert most["training a clean network"] == most["training a chip"] == 4
    assert most["predicting a chip without an effect"] > 0
    assert planned.most_seconds > planned.first_seconds > 0


def test_bursts_and_more_chips_of_a_forecast_are_counted():
    """As many bursts as a check then takes; a sweep's forecast takes none, and as many chips."""
    long = {"training": {"step_size": 0.2, "steps": 600, "seeds": 2, "max_seeds": 20}}
    spec = validate_spec({**SMALL, **long, "learning_rule": {"name": "backprop"}})
    stages = {stage.label: stage for stage in plan(spec).stages}
    bursts, forecasts = stages["real updates beside a forecast"], stages["predicting a network"]
    assert (bursts.first, forecasts.first) == (2, 2)
    assert bursts.most == forecasts.most == MOST_PREDICTED * 2
    assert stages["predicting a clean network"].most == 1
    watched = forecast_network(spec, build_problem(spec), 0, bursts=True).bursts
    of_chip = bursts_beside(spec, build_problem(spec), build_chip(spec, build_problem(spec)))
    assert len(watched) == len(of_chip.targets) == 3
    assert watched[0].settling + watched[0].measured == of_chip.length == 4
    part = bursts.each_seconds / stages["training a chip"].each_seconds
    assert 0.01 < part < 0.5, "twelve updates of 600, and looks at the loss"
    sweep = {stage.label: stage for stage in plan(spec, "predict").stages}
    assert "real updates beside a forecast" not in sweep
    assert sweep["predicting a network"].most == forecasts.most
    short = {stage.label for stage in plan(validate_spec(SMALL)).stages}
    assert "real updates beside a forecast" not in short


def test_a_guide_that_would_not_be_begun_is_not_counted(spec, monkeypatch):
    label = "predicting a chip without an effect"
    monkeypatch.setattr(mitigating, "LITTLE_WORK", 0.0)
    monkeypatch.setattr(mitigating, "update_passes", lambda problem, chip: 1.0)
    for mitigation, expected in ((None, False), (True, True), (False, False)):
        stages = plan(spec, mitigation=mitigation).stages
        assert (label in {stage.label for stage in stages}) is expected


def test_a_training_is_planned_without_products(spec, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a Hessian product")

    monkeypatch.setattr(samples_part, "QUICK_GRADIENT", 0.0)
    monkeypatch.setattr(samples_part, "SLOW_GRADIENT", 0.0)
    monkeypatch.setattr("neurograd.problem.Problem.hvp", refuse)
    for size in (20, "full"):
        batches = spec.model_copy(update={"learning_rule": LearningRule(batch_size=size)})
        assert plan(batches, "train").memory_bytes > 0
    with pytest.raises(AssertionError, match="product"):
        plan(spec, "check")


def test_the_time_of_all_is_that_of_the_units_shared_by_the_workers(planned):
    total = sum(stage.each_seconds * stage.first for stage in planned.stages)
    longest = max(stage.each_seconds for stage in planned.stages if stage.first)
    assert planned.first_seconds == pytest.approx(max(longest, total / planned.workers))


def test_longer_trainings_take_longer(spec, planned):
    longer = spec.training.model_copy(update={"steps": 1200})
    other = plan(spec.model_copy(update={"training": longer}), "train")
    each = {stage.label: stage.each_seconds for stage in planned.stages}
    now = {stage.label: stage.each_seconds for stage in other.stages}
    assert now["training a chip"] > each["training a chip"]
    assert "measuring at a point" not in now


def test_points_of_a_sweep_are_shared_by_its_processes(spec):
    one = plan_points([spec], "predict")
    assert one.points == one.workers == 1
    many = plan_points([spec] * 8, "predict", processes=4)
    assert (many.points, many.workers) == (8, 4)
    assert {stage.label for stage in many.stages} == {stage.label for stage in one.stages}
    assert many.memory_bytes > one.memory_bytes


def test_processes_have_the_problem_for_themselves(spec):
    threads = plan(spec, "train", workers=3)
    processes = plan(spec, "train", processes=3)
    assert threads.workers == processes.workers == 3
    # The libraries alone are above this.
    assert processes.memory_bytes > threads.memory_bytes + 3 * 2**26


def test_what_takes_all_samples_is_extended_by_what_grows_with_them():
    problem = build_problem(validate_spec(SMALL))
    few, one = (samples_part.first_samples(problem, count) for count in (6, 1))
    assert [len(each.data("test")[0]) for each in (problem, few, one)] == [30, 3, 1]
    part = samples_part.Part(problem, few, one, times=10.0, gradient=0.1)
    assert part.extended(lambda some: 3.0 + 0.5 * some.num_samples) == pytest.approx(33.0)
    assert part.extended(lambda some: 3.0) == 3.0
    whole = samples_part.Part(problem, problem, problem, times=1.0, gradient=0.1)
    assert whole.extended(lambda some: 3.0 + 0.5 * some.num_samples) == 33.0


def test_a_slow_network_is_timed_with_a_part_of_its_samples(spec, monkeypatch):
    monkeypatch.setattr(samples_part, "QUICK_GRADIENT", 0.0)
    monkeypatch.setattr(samples_part, "SLOW_GRADIENT", 0.0)
    found = plan(spec.model_copy(update={"learning_rule": LearningRule(batch_size="full")}))
    assert found.timed_part == samples_part.FEW_SAMPLES / 60
    assert all(stage.each_seconds > 0 for stage in found.stages)


@pytest.mark.parametrize("quick", [True, False])
def test_what_is_left_of_a_spiking_point_is_extended_by_its_updates_and_losses(monkeypatch, quick):
    spiking = {"kind": "spiking", "hidden": [8], "time_steps": 2}
    measure = {"draws": 6, "loss_draws": 30, "smoothing_draws": 50, "points": 1, "budget": "none"}
    spec = validate_spec(SMALL | {"network": spiking, "measure": measure, "learning_rule": {}})
    problem = build_problem(spec)
    part = samples_part.Part(problem, problem, problem, times=1.0, gradient=0.1)
    monkeypatch.setattr(unit_costs, "seconds_of", lambda *_: 5.0)
    monkeypatch.setattr(unit_costs, "seconds_per_call", lambda *_: 1.0)
    found = unit_costs._point_seconds(spec, part, quick=quick, pool=None)
    some = unit_costs.SOME_SMOOTHED_DRAWS
    updates = 6 - 2 + 2 * (30 - some)
    assert found == 5.0 + updates + smoothed_losses(30 - some, 50 - some, quick=quick)


def test_what_the_first_update_waits_for_is_counted_once(spec, monkeypatch):
    monkeypatch.setattr(unit_costs, "seconds_of", lambda *_: 5.0)
    monkeypatch.setattr(unit_costs, "seconds_per_call", lambda *_: 1.0)
    stages = {stage.label: stage for stage in plan(spec, "train").stages}
    loading = stages[LOADING]
    assert (loading.first, loading.most) == (1, 1)
    assert loading.each_seconds > 5.0 - 1.0
    # Twelve updates, and looks after each of them but the last; what begins and ends a training
    # takes as long as its update here, and nothing beside it.
    assert stages["training a chip"].each_seconds == 12 + 11


def test_what_begins_and_ends_a_training_is_counted_once_for_each(spec, monkeypatch):
    def timed(call, device):
        return 5.0 if getattr(call, "__name__", "") == "training" else 1.0

    monkeypatch.setattr(unit_costs, "seconds_per_call", timed)
    stages = {stage.label: stage for stage in plan(spec, "train").stages}
    assert stages["training a chip"].each_seconds == (5 - 1) + 12 + 11
    # Of the two twins on batches of their own one is looked at along its training.
    assert stages["training a clean network"].each_seconds == (5 - 1) + 12 + 11 / 2
    none = spec.training.model_copy(update={"steps": 0})
    untrained = plan(spec.model_copy(update={"training": none}), "train").stages
    assert {stage.label: stage for stage in untrained}["training a chip"].each_seconds == 5


def test_updates_that_a_gpu_replays_are_timed_as_replays(spec, monkeypatch):
    def replayed():
        raise AssertionError

    monkeypatch.setattr(unit_costs, "can_be_recorded", lambda chip, problem: True)
    monkeypatch.setattr(unit_costs, "one_after_the_other", lambda problem, course: replayed)
    monkeypatch.setattr(
        unit_costs, "seconds_per_call", lambda call, device: 0.25 if call is replayed else 1.0
    )
    stages = {stage.label: stage for stage in plan(spec, "train").stages}
    assert stages["training a chip"].each_seconds == 12 * 0.25 + 11


AGING = {
    "device": {"read": {"noise": 0.02}},
    "network": {"hidden": [3]},
    "task": {"name": "digits", "train_samples": 20, "test_samples": 20},
    "training": {"steps": 0, "seeds": 2, "max_seeds": 2},
    "deployment": {"times": [0]},
    "ranges": {"draws": 10},
}


@pytest.fixture
def aging(tmp_path):
    """A network that comes with its weights, and only ages."""
    untrained = {**AGING, "training": {"steps": 1}, "deployment": None, "ranges": None}
    module = build_problem(validate_spec(untrained)).module
    path = tmp_path / "start.npz"
    np.savez(path, **{key: each.numpy() for key, each in module.state_dict().items()})
    return {**AGING, "network": {"hidden": [3], "weights": str(path)}}


def test_deployments_of_predicted_chips_are_counted_where_nothing_is_trained(aging, tmp_path):
    """Red where the work of a search is planned as that of the chips as they are."""
    spec = validate_spec({**aging, "ranges": None})
    planned = plan(spec, "limits", quick=True, confirm=False).stages
    (counted,) = (stage for stage in planned if stage.label == "deploying a chip")
    folder = tmp_path / "kept"
    find_limits(spec, quick=True, confirm=False, resume=folder)
    done = len(list(folder.glob("*/deployed-*.json")))
    assert 2 * 2 < counted.first <= done <= counted.most
    confirming = plan(spec, "limits", quick=True, confirm=True).stages
    (more,) = (stage.first for stage in confirming if stage.label == "deploying a chip")
    assert more > counted.first


def test_deployments_of_a_time_that_fails_are_counted():
    """As many as a check then tries, of each chip, at the first such time."""
    keys = {
        "device": {
            "read": {"noise": 0.9},
            "drift": {"exponent": 0.3, "exponent_spread": 0.3},
        },
        "task": {"name": "digits", "train_samples": 300, "test_samples": 300},
        "training": {**SMALL["training"], "steps": 60},
        "deployment": {"times": [0, "1 y"]},
        "targets": {"max_accuracy_drop": 0.0},
    }
    spec = validate_spec({**SMALL, **keys})
    labels = Labels()
    report = check(spec, reporter=labels).report
    trials = report["deployment_trials"]
    stage = {stage.label: stage for stage in plan(spec).stages}["deploying a chip otherwise"]
    assert stage.first == 0
    assert trials
    assert len(trials) * 4 == stage.most


def test_deployments_over_ranges_are_counted(aging):
    known = {"device": {"read": {"noise": {"typ": 0.02, "min": 0.01, "max": 0.04}}}}
    (one, ranged) = (
        next(each for each in plan(spec).stages if each.label == "deploying a chip")
        for spec in (validate_spec({**aging, "ranges": None}), validate_spec({**aging, **known}))
    )
    assert (one.first, one.most) == (2, 2)
    assert (ranged.first, ranged.most) == (2 + 10 * 2, 2 + 10 * 2)


def test_work_on_a_cluster_is_not_planned(capsys, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text("network: {hidden: [8]}\n")
    for command in ("check", "train", "limits"):
        line = refused(capsys, command, path, "--plan", "--scheduler", "tcp://h:1")
        assert "allowed: without --scheduler" in line


def test_memory_is_seen_in_passing():
    # Pages of a mapping of its own: an allocator may hand out what was freed before, of any size.
    values = torch.frombuffer(mmap.mmap(-1, 2**26), dtype=torch.float64)
    with PeakMemory() as memory:
        seconds_per_call(lambda: values.fill_(1.0), torch.device("cpu"), enough=0.02)
    assert memory.added > 0.8 * 2**26


def test_the_command_says_that_there_is_no_verdict(capsys, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text("network: {hidden: [8]}\ntraining: {steps: 5}\n")
    code, out, _ = run_command(capsys, "check", path, "--quick", "--plan")
    assert code == 0
    assert "No verdict" in out
    assert "Verdict:" not in out


def test_a_page_is_not_planned(capsys, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text("network: {hidden: [8]}\n")
    line = refused(capsys, "check", path, "--plan", "--html", tmp_path / "r.html")
    assert "--html" in line
    assert not (tmp_path / "r.html").exists()
