"""What is quick is timed as it is; what takes longer is extended from what is shorter."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from neurograd.effects.registry import knobs_of
from neurograd.errors import ModelError
from neurograd.forecast.chip_end import forecast_passes
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.limits.search import QUICK, harmful_value
from neurograd.pipeline.planning import LOADING, plan, plan_points, planned_work, unit_costs
from neurograd.pipeline.planning import forecast_costs as costs
from neurograd.pipeline.planning.clockwork import SHORT
from neurograd.pipeline.planning.samples_part import Part
from neurograd.spec import validate_spec

SMALL = {
    "name": "small",
    "device": {"preset": "epiram"},
    "network": {"hidden": [8]},
    "task": {"name": "digits", "train_samples": 60, "test_samples": 30},
    "training": {"step_size": 0.2, "steps": 300, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 20, "loss_draws": 10, "points": 2, "seed": 1},
}
BATCHES = {**SMALL, "learning_rule": {"batch_size": 4}}


class Timed:
    """Stands in for a clock and for what it times: notes the lengths of the trainings."""

    def __init__(self, seconds: float, thrown: bool = False) -> None:
        self.seconds, self.thrown, self.lengths, self.without = seconds, thrown, [], []

    def timed(self, call, device):
        call()
        return self.seconds

    def network(self, spec, problem, index, *, without=(), first=None):
        self.lengths.append(spec.count_updates(problem.num_samples))
        self.without.append(without)

    def chip(self, problem, chip, steps, seed, *, schedule, way):
        assert way == "small_batches"
        self.lengths.append(steps)
        return SimpleNamespace(thrown=self.thrown)

    def in_place_of(self, monkeypatch):
        for name, work in (
            ("seconds_of", self.timed),
            ("seconds_per_call", self.timed),
            ("forecast_network", self.network),
            ("forecast_chip", self.chip),
        ):
            monkeypatch.setattr(costs, name, work)
        return self


def parts(given, steps=300):
    training = {**given["training"], "steps": steps}
    spec = validate_spec({**given, "training": training})
    problem = build_problem(spec)
    return spec, Part(problem, problem, problem, 1.0, 0.01), build_chip(spec, problem)


@pytest.mark.parametrize("seconds", [0.9 * SHORT, 1.1 * SHORT])
def test_a_quick_forecast_is_timed_as_it_is(monkeypatch, seconds):
    clock = Timed(seconds).in_place_of(monkeypatch)
    found = costs.forecast_seconds(*parts(SMALL), (0.001, 0.001))
    shorter = list(costs.FORECAST_STEPS)
    assert clock.lengths == ([*shorter, 300] if seconds < SHORT else shorter)
    # The two shorter ones take as long as each other, so a longer one does too.
    assert found == pytest.approx(seconds)


@pytest.mark.parametrize("thrown", [False, True])
def test_a_long_path_in_small_batches_is_extended_from_a_shorter_one(monkeypatch, thrown):
    clock = Timed(3.0, thrown).in_place_of(monkeypatch)
    spec, part, chip = parts(BATCHES, 20000)
    monkeypatch.setattr(costs, "forecast_way", lambda *_: ("small_batches", None))
    update = 0.001
    found = costs.forecast_seconds(spec, part, chip, (update, 0.0))
    (steps,) = clock.lengths
    assert costs.SHORTEST_PATH <= steps < 20000
    all_passes, passes = (
        forecast_passes(part.whole, chip, count, "small_batches") for count in (20000, steps)
    )
    # The updates that are drawn where a short path learns nothing are no part of a long one.
    path = 3.0 - steps * update if thrown else 3.0
    assert found == pytest.approx(path * all_passes / passes)


def test_other_chips_are_timed_where_a_forecast_is_quick(monkeypatch):
    clock = Timed(0.5).in_place_of(monkeypatch)
    spec, part, _ = parts(SMALL)
    others = [costs.OtherChip(spec, (name,)) for name in "abcdefghijkl"]
    assert costs.others_seconds(others, part.whole, 0.2) == 0.5
    # As many from each part of what is predicted: chips without one effect, and with one alone.
    assert clock.without == [("b",), ("e",), ("h",), ("k",)]
    assert costs.others_seconds(others, part.whole, 2 * SHORT) == 2 * SHORT
    assert costs.others_seconds([], part.whole, 0.2) == 0.2
    assert len(clock.without) == costs.SOME_OTHERS


def test_a_number_that_a_rule_refuses_takes_until_it_does(monkeypatch):
    def refuse(*arguments, **options):
        raise ModelError("diverges")

    clock = Timed(0.5).in_place_of(monkeypatch)
    monkeypatch.setattr(costs, "forecast_network", refuse)
    spec, part, _ = parts(SMALL)
    assert costs.others_seconds([costs.OtherChip(spec)], part.whole, 0.2) == clock.seconds


def test_guides_and_searches_are_planned_with_chips_of_their_own(monkeypatch):
    asked = []

    def others_seconds(others, problem, whole):
        asked.extend(others)
        return 10.0 * whole

    monkeypatch.setattr(unit_costs, "others_seconds", others_seconds)
    spec = validate_spec(SMALL | {"training": {**SMALL["training"], "steps": 12}})
    each = {stage.label: stage.each_seconds for stage in plan(spec).stages}
    whole = each["predicting a network"]
    assert each["predicting a chip without an effect"] == pytest.approx(10.0 * whole)
    assert len({tuple(e.name for e in other.without) for other in asked}) == len(asked) > 1
    assert all(other.spec == spec for other in asked)
    asked.clear()
    each = {stage.label: stage.each_seconds for stage in plan(spec, "limits").stages}
    whole = each["predicting a network"]
    assert each["predicting a chip with another number"] == pytest.approx(10.0 * whole)
    assert asked
    assert all(other.spec != spec and not other.without for other in asked)
    asked.clear()
    plan(spec, mitigation=False)
    assert asked == []


def test_a_number_is_turned_towards_harm():
    spec = validate_spec(SMALL | {"quantization": {"weight_bits": 8}, "device": None})
    for knob in knobs_of(spec, 60, layers=True):
        found = harmful_value(knob, QUICK)
        assert knob.low <= found <= knob.high
        if knob.now is not None:
            assert (found - knob.now) * knob.harmful > 0
    (bits,) = (k for k in knobs_of(spec, 60, layers=True) if k.key.endswith("weight_bits"))
    assert harmful_value(bits, QUICK) == 4
    assert harmful_value(replace(bits, now=None), QUICK) == bits.rounded(bits.high / 2)
    noise = replace(
        bits, now=0.0, harmful=1, low=0.0, high=1.0, scale="log", whole=False, first=0.01
    )
    assert harmful_value(noise, QUICK) == pytest.approx(0.01 * QUICK.factor)
    assert harmful_value(replace(noise, now=0.02), QUICK) == pytest.approx(0.02 * QUICK.factor)


def test_points_of_a_sweep_share_libraries_and_clean_twins(monkeypatch):
    """Six points of two networks on two processes: 3 s of libraries for each process."""
    loads = iter([4.0, 1.0, 1.0])

    def planned(spec, command, **options):
        clean = ("predicting a clean network", 2.0, 1)
        rows = ((LOADING, next(loads), 1), clean, ("predicting a network", 2.0, 2))
        stages = tuple(
            planned_work.PlannedStage(label=label, each_seconds=each, first=n, most=n)
            for label, each, n in rows
        )
        total = sum(stage.each_seconds * stage.first for stage in stages)
        return like.model_copy(
            update={
                "command": command,
                "stages": stages,
                "first_seconds": total,
                "most_seconds": total,
            }
        )

    base = validate_spec(SMALL | {"training": {**SMALL["training"], "steps": 12}})
    like = plan(base, "predict")
    monkeypatch.setattr(planned_work, "plan", planned)
    specs = [
        validate_spec({**SMALL, "network": {"hidden": [width]}, "device": {"preset": name}})
        for width in (8, 9)
        for name in ("epiram", "alox-hfo2", "gokmen-vlasov")
    ]
    found = plan_points(specs, "predict", processes=2)
    # Each point loads for 1 s and predicts two chips; the two clean twins are predicted once each.
    work = 6 * (1.0 + 2 * 2.0) + 2 * 2.0
    assert found.first_seconds == found.most_seconds == pytest.approx(3.0 + work / 2)


def test_snapshots_along_a_clean_training_are_held(monkeypatch):
    spec = validate_spec(SMALL | {"training": {**SMALL["training"], "steps": 12}})
    bytes_of_weights = build_problem(spec).initial_weights.nbytes
    measured = []

    def measure(*arguments, **options):
        measured.append(unit_costs.measure_units(*arguments, **options))
        return measured[-1]

    monkeypatch.setattr(planned_work, "measure_units", measure)
    found = plan(spec, "train", workers=1)
    (units,) = measured
    assert units.snapshot_bytes == bytes_of_weights
    held = units.base_bytes + units.worker_bytes
    assert found.memory_bytes == held + 2 * bytes_of_weights


def test_a_forecast_of_every_update_takes_them_as_a_training_does(monkeypatch):
    """On a GPU replayed: not in the time of an update alone."""
    spec, part, chip = parts(SMALL, 20000)
    monkeypatch.setattr(costs, "forecast_way", lambda *_: ("every_update", None))
    found = costs.forecast_seconds(spec, part, chip, (math.nan, 0.1))
    assert found == pytest.approx(20000 * 0.1, rel=0.1)
