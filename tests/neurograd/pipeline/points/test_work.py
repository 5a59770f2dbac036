"""How much is measured: no more work than the training of the chips, and the report says so."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from device_models.layer_hooks import LayerHook
from neurograd.forecast.costs.updates import update_passes
from neurograd.measure.curvature.spectrum import QUICK
from neurograd.measure.loss_change import measure_loss_change
from neurograd.measure.moments import measure_moments
from neurograd.measure.smoothed.point import measure_smoothed_point
from neurograd.measure.smoothed.reference import SmoothedBudget
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import check
from neurograd.pipeline.points import work
from neurograd.pipeline.points.work import full_budget, measured_less, point_budget, point_passes
from neurograd.problem import Problem
from neurograd.problem.sample_parts import count_of_parts
from neurograd.spec import validate_spec

TASK = {
    "name": "teacher_student", "train_samples": 400, "test_samples": 50, "inputs": 6, "outputs": 3,
    "teacher_hidden": [5],
}  # fmt: skip


def spec_of(*, seeds=4, steps=1000, **measure):
    return validate_spec(
        {
            "device": {"write": {"cycle_to_cycle": 0.02}, "conductance": {"levels": 50}},
            "network": {"hidden": [20]},
            "task": TASK,
            "learning_rule": {"batch_size": 20},
            "training": {"step_size": 0.05, "steps": steps, "seeds": seeds},
            "measure": {"draws": 1000, "loss_draws": 40, "points": 2, **measure},
        }
    )


def budget_of(spec, *, quick=False):
    problem = build_problem(spec)
    return point_budget(spec, problem, build_chip(spec, problem), quick=quick)


def full_of(spec, *, quick=False):
    return full_budget(spec, build_problem(spec), quick=quick)


def test_a_little_work_is_done_in_full_whatever_training_costs():
    assert budget_of(spec_of(steps=1)) == full_of(spec_of())


def test_a_quick_look_at_a_large_network_judges_a_draw_on_a_part_of_the_samples(monkeypatch):
    assert full_of(spec_of(), quick=True).samples is None
    monkeypatch.setattr(work, "QUICK_WORK", 400.0)
    monkeypatch.setattr(work, "QUICK_SAMPLES", 100)
    assert full_of(spec_of()).samples is None
    report = check(spec_of(steps=2, points=1), quick=True, mitigation=False)
    (point,) = report.record.points
    assert point.delta_loss.samples == 100
    (said,) = (note for note in report.record.notes if "of 400 samples" in note)
    assert "as a quick check measures large networks" in said
    assert "about 100 of 400 samples, parts of the training set taking turns" in said
    # Where little work is wanted, no more samples are judged than by then.
    monkeypatch.setattr(work, "LITTLE_WORK", 0.0)
    assert budget_of(spec_of(steps=1, loss_draws=8), quick=True).samples == 100
    assert budget_of(spec_of(steps=1, loss_draws=40), quick=True).samples == 40


def test_a_quick_look_at_many_samples_gives_each_part_two_draws(monkeypatch):
    monkeypatch.setattr(work, "QUICK_WORK", 400.0)
    monkeypatch.setattr(work, "QUICK_SAMPLES", 10)
    assert full_of(spec_of(), quick=True).samples == 20
    assert count_of_parts(400, 20, 40) == 400 / 20
    assert full_of(spec_of(loss_draws=3), quick=True).samples is None
    # Draws of a smoothed loss have no parts.
    assert full_of(spiking_spec(), quick=True).samples == 10
    monkeypatch.setattr(work, "QUICK_SAMPLES", 400)
    assert full_of(spiking_spec(), quick=True).samples is None


class _Samples(LayerHook):
    """Counts the samples that pass the first layer."""

    def __init__(self):
        self.count = 0

    def before(self, call, x):
        self.count += len(x) if x.shape[-1] == TASK["inputs"] else 0
        return x


def test_the_work_of_a_loss_change_is_that_of_the_updates_and_passes_it_takes():
    """What 80 draws of the loss take more than 24, on 40 of 400 samples each."""
    spec = spec_of()
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    w = problem.initial_weights
    g = problem.gradient(w)
    moments = measure_moments(lambda generator: -g, g, 2, seed=0)
    moments = replace(moments, total_variance=1.0)
    budget = replace(full_of(spec), samples=40)
    taken, told = [], []
    for draws in (24, 80):
        updates, samples = [], _Samples()
        with samples.applied():
            measure_loss_change(
                problem, w, lambda generator, updates=updates: updates.append(1) or -g, 0.05,
                moments, draws, 0, samples=40, exact_mean=-g,
            )  # fmt: skip
        taken.append((len(updates), samples.count))
        told.append(point_passes(replace(budget, loss_draws=draws), problem, chip))
    updates, samples = (more - less for less, more in zip(*taken, strict=True))
    assert (updates, samples) == (56 + 10, 40 * 56 + 64 * 10)
    an_update = update_passes(problem, chip)
    assert told[1] - told[0] == pytest.approx(an_update * updates + work.LOSS_PASSES * samples)


@pytest.fixture
def no_little_work(monkeypatch):
    monkeypatch.setattr(work, "LITTLE_WORK", 0.0)


@pytest.mark.usefixtures("no_little_work")
def test_the_first_of_less_and_less_that_is_no_more_work_than_training():
    full = full_of(spec_of())
    parts = replace(full, samples=40)
    quick = replace(parts, spectrum=QUICK)
    problem = build_problem(spec_of())
    chip = build_chip(spec_of(), problem)
    update = update_passes(problem, chip)
    for wanted in (full, parts, quick, replace(quick, draws=600)):
        # Updates of four chips that are just as much work as two such points.
        steps = math.ceil(2 * point_passes(wanted, problem, chip) / (4 * update))
        found, less = budget_of(spec_of(steps=steps)), budget_of(spec_of(steps=steps - 1))
        # What is left of the last update is worth two draws of each point at most.
        assert 0 <= found.draws - wanted.draws <= 2
        assert replace(found, draws=wanted.draws) == wanted
        assert less != found
        assert 2 * point_passes(less, problem, chip) <= 4 * (steps - 1) * update
        assert budget_of(spec_of(steps=steps - 1, budget="none")) == full
    assert budget_of(spec_of(steps=1)) == replace(quick, draws=work.FEWEST_DRAWS)
    assert budget_of(spec_of(steps=1, draws=30)) == replace(quick, draws=30)
    assert budget_of(spec_of(seeds=8, steps=steps)) == budget_of(spec_of(steps=2 * steps))


@pytest.mark.usefixtures("no_little_work")
def test_a_report_says_what_was_measured_less_of_and_keeps_it_by_itself(tmp_path):
    spec = spec_of(seeds=2, steps=3, points=1)
    report = check(spec, resume=tmp_path, mitigation=False).record
    (point,) = report.points
    assert point.delta_loss.samples == 40
    assert point.moments.draws == work.FEWEST_DRAWS
    problem = build_problem(spec)
    (said,) = measured_less(spec, problem, build_chip(spec, problem), quick=False)
    assert said in report.notes
    assert "about 40 of 400 samples" in said
    assert "200 updates are drawn at a point in place of 1000" in said
    assert "measure.budget: none" in said
    # Asked for, and kept beside the others: the same chips, another amount of measuring.
    asked = spec_of(seeds=2, steps=3, points=1, budget="none", draws=20)
    whole = check(asked, resume=tmp_path, mitigation=False).record
    assert whole.points[0].delta_loss.samples == 400
    assert not any("measure.budget" in note for note in whole.notes)
    kept = {path.name for path in tmp_path.rglob("point-0*.json")}
    assert kept == {"point-0-200-40-4.json", "point-0.json"}


def spiking_spec(*, steps=5, **measure):
    return validate_spec(
        {
            "network": {"kind": "spiking", "hidden": [8], "time_steps": 3, "coding": "current"},
            "task": {**TASK, "test_samples": 20},
            "device": {"write": {"cycle_to_cycle": 0.02}, "conductance": {"levels": 50}},
            "training": {"step_size": 0.05, "steps": steps, "seeds": 2},
            "measure": {
                "draws": 8, "loss_draws": 16, "points": 1, "smoothing_draws": 10, **measure,
            },
        }
    )  # fmt: skip


def test_a_smoothed_loss_is_judged_by_as_many_samples_as_training_allows():
    full = budget_of(spiking_spec())
    assert full.samples is None  # little work
    problem = build_problem(spiking_spec())
    chip = build_chip(spiking_spec(), problem)
    update = update_passes(problem, chip)

    def cost(samples):
        wanted = replace(full, samples=samples)
        return work.smoothed_passes(wanted, spiking_spec(), problem, chip, quick=True)

    # Updates of two chips that are as much work as draws on 300 samples.
    steps = math.floor(cost(300) / (2 * update))
    some = budget_of(spiking_spec(steps=steps), quick=True)
    assert 100 < some.samples <= 300
    assert cost(some.samples) <= 2 * steps * update < cost(some.samples + 1)
    assert budget_of(spiking_spec(), quick=True).samples == 100
    assert budget_of(spiking_spec(budget="none"), quick=True).samples is None
    (said,) = measured_less(spiking_spec(), problem, chip, quick=True)
    assert "about 100 of 400 samples, at random" in said


def test_of_few_draws_of_a_smoothed_loss_each_is_judged_by_all_samples():
    spec = spiking_spec(loss_draws=6)
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    found = budget_of(spec, quick=True)
    assert work.smoothed_passes(found, spec, problem, chip, quick=True) > (
        2 * 5 * update_passes(problem, chip)
    )
    assert found == full_of(spec, quick=True)
    assert measured_less(spec, problem, chip, quick=True) == ()


@pytest.mark.parametrize("quick", [True, False])
def test_losses_of_a_smoothed_point_are_counted_as_it_takes_them(monkeypatch, quick):
    spec = spiking_spec()
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    taken = []
    losses = Problem.per_sample_losses

    def counted(*arguments):
        taken.append(1)
        return losses(*arguments)

    monkeypatch.setattr(Problem, "per_sample_losses", counted)

    def count(draws, pairs):
        taken.clear()
        measure_smoothed_point(
            problem, chip, problem.initial_weights, 0, 0, 0.02,
            SmoothedBudget(draws=4, loss_draws=draws, norm_draws=pairs, seed=0, samples=10),
            other_std=() if quick else (0.01, 0.04),
        )  # fmt: skip
        return len(taken)

    one, more, longer = count(8, 8), count(16, 8), count(8, 12)
    assert more - one == work.smoothed_losses(8, 0, quick=quick)
    assert longer - one == work.smoothed_losses(0, 4, quick=quick)


def test_time_steps_are_those_of_inputs_in_time():
    assert work._time_steps(build_problem(spiking_spec())) == 3
    # As inputs of a module that makes spikes of them itself.
    assert work._time_steps(build_problem(spec_of())) == 1
