"""Draws of numbers that are not known exactly, and what forecasts of them say.

The forecast is a known function here, so that shares, edges and parts of the variance are known.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from neurograd.errors import NeurogradError
from neurograd.judge.verdict import Verdict
from neurograd.keys.ranges import typical_values
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.check import check
from neurograd.pipeline.limits import find_limits, outlook
from neurograd.pipeline.limits.outlook import PredictedCost
from neurograd.pipeline.notes import off_path
from neurograd.pipeline.own.front_door import sweep
from neurograd.pipeline.planning import plan
from neurograd.pipeline.predicted.network import CLEAN, forecast_network
from neurograd.pipeline.ranges.draws import column, corners, drawn
from neurograd.pipeline.ranges.forecasts import result_of, typical_notes, values_in_ranges
from neurograd.pipeline.ranges.outcome import edge_of, first_order, share_of
from neurograd.pipeline.ranges.sentences import not_below
from neurograd.pipeline.stages import Stages
from neurograd.records.json_form import report_from_json, to_json_dict
from neurograd.records.limits import RangeDraw
from neurograd.report import render_html, render_markdown
from neurograd.spec import spec_to_dict, validate_spec

C2C, NOISE = "device.write.cycle_to_cycle", "device.read.noise"
LEVELS = "device.conductance.levels"
KEPT, LOST, OPEN = Verdict.TOLERATED, Verdict.NOT_TOLERATED, Verdict.INCONCLUSIVE
SEEDS = 300
"""Repeated draws of a statistical test; its level is stated there."""


def spec_of(c2c, noise=None, **ranges):
    read = {} if noise is None else {"read": {"noise": noise}}
    more = {"ranges": ranges} if ranges else {}
    return validate_spec({"device": {"write": {"cycle_to_cycle": c2c}, **read}, **more})


def draws_of(spec, seed=0):
    return drawn(spec.ranges, typical_values(spec_to_dict(spec), spec.ranges), seed)


TRIANGLE = {"typ": 0.02, "min": 0.01, "max": 0.05}
SPREAD = {"typ": 0.5, "min": 0.2, "max": 0.8}


def predicted(cost, verdict):
    return PredictedCost(cost, (cost, cost), verdict, 0.1, None, None, "accuracy_drop", True)


def judged(spec, cost_of, seed=0, margin=0.0):
    """The result of a forecast that knows the cost, and leaves those near the limit open."""
    found = []
    for values in draws_of(spec, seed):
        cost = cost_of(values)
        verdict = OPEN if abs(cost - 0.1) < margin else (KEPT if cost <= 0.1 else LOST)
        found.append((values, predicted(cost, verdict)))
    return result_of(spec, found)


@pytest.mark.parametrize(
    ("written", "law"),
    [
        (TRIANGLE, stats.triang(0.25, 0.01, 0.04)),
        ("5 % ± 1 %", stats.truncnorm(-3, 3, 0.05, 0.01)),
        ("1 % ± 1 %", stats.truncnorm(-1, 3, 0.01, 0.01)),
    ],
)
def test_draws_are_of_the_distribution_that_is_written(written, law):
    values = column(draws_of(spec_of(written, draws=500)), C2C)
    # A Latin hypercube is nearer to its distribution than independent draws: within 1/n.
    assert stats.kstest(values, law.cdf).statistic <= 1 / 500 + 1e-9


def _known(key, typical, low, high, **known):
    """500 draws of one number of which the section ``ranges`` says what is known."""
    section, _, name = key.removeprefix("device.").partition(".")
    number = {"min": low, "max": high, **known}
    spec = {
        "device": {section: {name: typical}},
        "ranges": {"draws": 500, "numbers": {key: number}},
    }
    return column(draws_of(validate_spec(spec)), key)


def test_draws_of_an_interval_lie_as_often_on_either_side_of_the_typical_value():
    """2.5 % beyond either end of it, half on either side, but for what the cuts take (0.3 %)."""
    values = _known(NOISE, 0.02, 0.004, 0.15, interval=[0.01, 0.06])
    beyond = [np.mean(values < end) for end in (0.01, 0.02, 0.06)]
    assert beyond == pytest.approx([0.025, 0.5, 0.975], abs=0.004)
    assert values.max() - 0.02 > 3 * (0.02 - values.min())


def test_levels_with_an_interval_are_drawn_as_steps():
    """1/80 ± 0.004: normal in the step, of which a Latin hypercube is within 1/n, but for whole
    numbers."""
    step, half = 1 / 80, 0.004
    ends = [1 / (step + half), 1 / (step - half)]
    values = _known(LEVELS, 80, 50, 300, interval=ends)
    law = stats.truncnorm(-3.4, 3.4, step, half / 1.959964)
    below = [np.mean(values <= edge) for edge in (59, 70, 90, 110)]
    exact = [float(law.sf(1 / (edge + 0.5))) for edge in (59, 70, 90, 110)]
    assert below == pytest.approx(exact, abs=0.004)
    assert values.max() <= 300


def test_numbers_are_drawn_independently_or_with_their_correlation():
    numbers = ("5 % ± 1 %", "10 % ± 2 %")
    pair = [[C2C, NOISE, -0.8]]
    for more, expected in (({}, 0.0), ({"correlations": pair}, -0.8)):
        draws = draws_of(spec_of(*numbers, draws=400, **more))
        found = float(np.corrcoef(column(draws, C2C), column(draws, NOISE))[0, 1])
        # Four standard errors of a correlation of 400 draws (level 0.006 %), and what cuts take.
        assert found == pytest.approx(expected, abs=4 * (1 - expected**2) / 20 + 0.02)


def test_whole_numbers_stay_whole_and_a_seed_gives_the_same_draws():
    device = {"conductance": {"levels": {"typ": 40, "min": 30, "max": 60}}}
    spec = validate_spec({"device": device})
    values = [draw[LEVELS] for draw in draws_of(spec, 3)]
    assert all(isinstance(value, int) for value in values)
    assert draws_of(spec, 3) == draws_of(spec, 3) != draws_of(spec, 4)


def test_the_interval_of_the_share_holds_the_true_one():
    """At 99 %: of 300 seeds at most 9 may miss it (level 0.2 % by the binomial distribution)."""
    spec, law = spec_of(TRIANGLE, SPREAD), stats.triang(0.25, 0.01, 0.04)
    true = float(law.cdf(0.03))
    missed = 0
    for seed in range(SEEDS):
        verdicts = [KEPT if draw[C2C] <= 0.03 else LOST for draw in draws_of(spec, seed)]
        _, (low, high) = share_of(verdicts, KEPT)
        missed += not low <= true <= high
    assert missed <= 9
    # A large number of draws tells this triangle from a flat one.
    many = draws_of(spec_of(TRIANGLE, draws=2000))
    assert sum(draw[C2C] <= 0.03 for draw in many) / 2000 == pytest.approx(true, abs=2e-3)


def test_draws_that_are_not_decided_count_as_neither_and_widen_the_interval():
    verdicts = [KEPT] * 20 + [LOST] * 5 + [OPEN] * 7
    value, (low, high) = share_of(verdicts, KEPT)
    exact = stats.beta(20, 13).ppf(0.005), stats.beta(28, 5).ppf(0.995)
    assert (value, low, high) == pytest.approx((20 / 32, *exact))
    result = judged(spec_of(TRIANGLE), lambda values: 4 * values[C2C], margin=0.02)
    counts = (result.tolerated.draws, result.lost.draws, result.undecided)
    assert sum(counts) == 32
    assert min(counts) > 0
    assert result.tolerated.value == counts[0] / 32
    assert result.inside.draws > counts[0]
    assert f"{counts[2]} not decided" in result.sentences[0]
    assert "Taken at its word" in result.sentences[1]


def test_curves_that_are_not_drawn_are_named_beside_the_share():
    spec = spec_of(TRIANGLE)
    more = {"data": "pulses.csv", "other_curves": ("nonlinear", "soft bounds")}
    spec = spec.model_copy(update={"ranges": spec.ranges.model_copy(update=more)})
    share, beside, *_ = judged(spec, lambda values: values[C2C]).sentences
    assert "of what the data of pulses.csv and the spec allow" in share
    assert "pulses.csv do not rule out others: nonlinear; soft bounds. No draw is of" in beside


def test_the_edge_lies_between_the_last_kept_and_the_first_lost_draw():
    spec = spec_of(TRIANGLE, SPREAD)
    for seed in range(20):
        number, other = judged(spec, lambda values: 4 * values[C2C], seed).numbers
        assert (number.key, other.key) == (C2C, NOISE)
        assert number.larger_costs_more
        assert number.tolerated_to <= 0.025 < number.lost_from
        assert number.lost_from - number.tolerated_to < 0.005
        assert number.tolerated_draws + number.lost_draws == 32


def test_a_number_of_which_less_is_worse_has_its_edge_the_other_way_round():
    result = judged(spec_of(TRIANGLE), lambda values: 0.2 - 4 * values[C2C])
    number = result.numbers[0]
    assert not number.larger_costs_more
    assert number.lost_from < 0.025 <= number.tolerated_to
    assert "lost below" in " ".join(result.sentences)


def test_a_number_that_does_nothing_has_no_edge():
    """At 1 % for all edges of a result: at most 9 of 300 seeds (level 0.2 %)."""
    spec = spec_of(TRIANGLE, SPREAD)
    told = 0
    for seed in range(SEEDS):
        draws = draws_of(spec, seed)
        values = column(draws, NOISE)
        verdicts = [KEPT if draw[C2C] < 0.03 else LOST for draw in draws]
        found = (
            edge_of(values, verdicts, verdict, above=above, tests=4)
            for verdict, above in ((LOST, True), (KEPT, False))
        )
        told += any(each is not None for each in found)
    assert told <= 9


def test_equal_values_of_both_verdicts_are_no_edge():
    values = np.array([1.0] * 10 + [2.0] * 10 + [3.0] * 10)
    verdicts = [KEPT] * 10 + [KEPT, LOST] * 5 + [LOST] * 10
    lost = edge_of(values, verdicts, LOST, above=True, tests=2)
    kept = edge_of(values, verdicts, KEPT, above=False, tests=2)
    assert (lost.value, lost.draws, kept.value, kept.draws) == (3.0, 10, 1.0, 10)
    assert edge_of(values, [KEPT] * 30, KEPT, above=True, tests=2) is None


def test_the_part_of_the_variance_is_in_its_interval():
    """At 99 %: at most 5 of 60 seeds may miss it (level 0.04 % by the binomial distribution)."""

    def cost(values):
        return 10 * values[C2C] + 0.2 * values[NOISE] + (values[NOISE] - 0.5) ** 2

    spec = spec_of(TRIANGLE, SPREAD)
    known = draws_of(spec_of(TRIANGLE, SPREAD, draws=4000))
    own = {
        C2C: np.var(10 * column(known, C2C)),
        NOISE: np.var(0.2 * column(known, NOISE) + (column(known, NOISE) - 0.5) ** 2),
    }
    missed = dict.fromkeys(own, 0)
    for seed in range(60):
        draws = draws_of(spec, seed)
        costs = np.array([cost(values) for values in draws])
        for key, part in own.items():
            _, (low, high) = first_order(column(draws, key), costs)
            missed[key] += not low <= part / sum(own.values()) <= high
    assert max(missed.values()) <= 5


def test_of_a_cost_with_a_cliff_the_part_is_less_than_what_goes():
    """As docs and docstring say: of a chip that is lost beyond 1.5 standard deviations."""
    source = np.random.default_rng(0)
    values = source.standard_normal(20_000)
    noise = 0.1 * source.standard_normal(len(values))
    costs = (values > 1.5) + noise
    index = 1.0 - noise.var() / costs.var()
    assert index == pytest.approx(0.86, abs=0.01)
    parts = [first_order(values[k::500], costs[k::500])[0] for k in range(100)]
    assert np.mean(parts) == pytest.approx(0.49, abs=0.1)


def test_no_part_of_a_cost_that_does_not_vary():
    values = np.linspace(0, 1, 32)
    assert first_order(values, np.zeros(32)) is None
    assert first_order(np.zeros(32), values) is None
    assert first_order(values[:5], values[:5]) is None


def test_what_to_measure_next_is_named_only_where_it_matters():
    spec = spec_of(TRIANGLE, SPREAD)
    mixed = judged(spec, lambda values: 4 * values[C2C] + 0.001 * values[NOISE])
    assert mixed.measure_next == C2C
    (measure,) = [said for said in mixed.sentences if said.startswith(f"Measure {C2C} next")]
    assert "by a parabola through the draws its range carries roughly " in measure
    alike = judged(spec, lambda values: 4 * values[C2C] + 0.28 * (values[NOISE] - 0.5))
    assert all(not_below(number, alike.numbers[0]) for number in alike.numbers)
    assert alike.measure_next is None
    assert "Which number is worth knowing better these draws do not tell." in alike.sentences
    kept = judged(spec, lambda values: values[C2C])
    assert kept.measure_next is None
    assert "no number has to be known better" in " ".join(kept.sentences)
    flat = judged(spec, lambda values: 0.1, margin=0.01)
    assert flat.measure_next is None
    assert flat.numbers[0].share is None


def test_a_cost_without_bound_counts_as_all():
    spec = spec_of(TRIANGLE)
    found = [
        (values, predicted(math.inf if values[C2C] > 0.03 else 0.0, LOST))
        for values in draws_of(spec)
    ]
    result = result_of(spec, found, [({C2C: 0.05}, predicted(math.inf, LOST))], "all")
    assert result.numbers[0].share is not None
    assert "no bound" in result.sentences[-1]
    assert to_json_dict(result)["draws"][0]["cost"] in (0.0, None)


def _part(cost, allowed, time=None):
    verdict = KEPT if cost <= allowed else LOST
    return PredictedCost(
        cost, (cost, cost), verdict, allowed, None, None, "accuracy_drop", True, time=time
    )


def _of_two_parts(values):
    """A training that may cost 2 %, and an hour after it that may cost 10 % and decides at first.

    What each is above its own limit rises with the noise from -0.5 % on.
    """
    excess = values[C2C] - 0.015
    return _part(0.1 + excess, 0.1, 3600.0) if excess < 0 else _part(0.02 + excess, 0.02)


def test_each_draw_is_held_against_what_the_part_that_decides_it_may_cost():
    spec = spec_of(TRIANGLE)
    values = sorted(draws_of(spec), key=lambda each: each[C2C])
    for order in (values, values[::-1]):
        result = result_of(spec, [(each, _of_two_parts(each)) for each in order])
        kept = sum(each[C2C] <= 0.015 for each in order)
        assert 0 < kept < 32
        assert result.inside.draws == result.tolerated.draws == kept
        assert {(draw.allowed, draw.time) for draw in result.draws} == {(0.1, 3600.0), (0.02, None)}
        (number,) = result.numbers
        # Costs fall by 8 % where the part changes, and what they are above it rises all along.
        assert number.larger_costs_more
        assert number.tolerated_to <= 0.015 < number.lost_from
        assert number.share > 0.99
        (measure,) = [said for said in result.sentences if said.startswith("Measure")]
        assert measure.endswith("drop, each held against what its part may cost.")
    again = to_json_dict(result)
    assert again["draws"][0]["allowed"] == 0.02
    assert again["draws"][-1]["time"] == 3600.0


def test_the_worst_corner_is_furthest_above_what_it_may_cost():
    spec = spec_of(TRIANGLE)
    draws = [(each, _part(0.01, 0.02)) for each in draws_of(spec)]
    corners = [({C2C: 0.01}, _part(0.09, 0.1, 3600.0)), ({C2C: 0.05}, _part(0.05, 0.02))]
    said = result_of(spec, draws, corners, "all").sentences[-1]
    assert said.startswith(f"The worst of 2 corners: {C2C} 5 %, 5.0 % (")
    assert ") accuracy drop, not tolerated; 1 of" in said
    later = [(values, _part(0.14, 0.1, 3600.0)) for values, _ in corners[:1]]
    said = result_of(spec, draws, [*later, corners[1]], "all").sentences[-1]
    assert ") accuracy drop 1 hour after programming, not tolerated" in said
    # Reports of before have neither.
    old = {"values": {C2C: 0.01}, "cost": 0.01, "ci": [0.0, 0.1], "verdict": "tolerated"}
    assert (RangeDraw.model_validate(old).allowed, RangeDraw.model_validate(old).time) == (
        None,
        None,
    )


def test_corners_are_all_of_few_numbers_and_the_ends_of_many():
    spec = spec_of(TRIANGLE, SPREAD)
    kind, found = corners(spec.ranges, {C2C: 0.02, NOISE: 0.5})
    assert kind == "all"
    assert {tuple(each.values()) for each in found} == {
        (0.01, 0.2), (0.01, 0.8), (0.05, 0.2), (0.05, 0.8),
    }  # fmt: skip
    faults = {"stuck_low": "1 ± 0.1 %", "stuck_high": "1 ± 0.1 %"}
    write = {"cycle_to_cycle": TRIANGLE, "device_to_device": "9 ± 1 %"}
    many = validate_spec({"device": {"write": write, "read": {"noise": SPREAD}, "faults": faults}})
    typical = typical_values(spec_to_dict(many), many.ranges)
    kind, found = corners(many.ranges, typical)
    assert (kind, len(found)) == ("axes", 10)
    assert all(sum(each[key] != typical[key] for key in typical) == 1 for each in found)


SMALL = {
    "name": "small",
    "device": {
        "conductance": {
            "levels": 100, "min": "1 uS", "max": {"typ": "9 uS", "min": "8 uS", "max": "10 uS"},
        },
        "write": {"cycle_to_cycle": {"typ": "0.5 %", "min": "0.1 %", "max": "40 %"}},
    },
    "network": {"hidden": [3]},
    "task": {
        "name": "teacher_student", "inputs": 3, "outputs": 2, "teacher_hidden": [4],
        "train_samples": 30, "test_samples": 10,
    },
    "training": {"step_size": 0.1, "steps": 6, "seeds": 2, "max_seeds": 2},
    "targets": {"max_excess_loss": "50 %"},
    "measure": {"draws": 6, "loss_draws": 4, "points": 1, "seed": 3},
    "ranges": {"draws": 8},
}  # fmt: skip


@pytest.fixture(scope="module")
def checked():
    """A check whose forecasts over ranges take its problem and its clean twin."""

    def of_a_chip(spec, problem, index, **options):
        assert index != CLEAN
        return forecast_network(spec, problem, index, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outlook, "build_problem", None)
        patch.setattr(outlook, "forecast_network", of_a_chip)
        return check(validate_spec(SMALL), at_corners=True, mitigation=False)


def test_a_check_trains_at_the_typical_values_and_forecasts_over_the_rest(checked):
    typical = check(validate_spec(SMALL).typical, mitigation=False)
    assert typical.record.ranges is None
    assert checked.record.training == typical.record.training
    assert checked.record.points == typical.record.points
    found = checked.record.ranges
    assert (len(found.draws), len(found.corners), found.corners_kind) == (8, 4, "all")
    assert {draw.cost for draw in found.draws} != {found.draws[0].cost}
    high = [each for each in found.corners if each.values[C2C] > 0.1]
    assert min(each.cost for each in high) > checked.record.training.forecast.cost.value


def test_draws_and_corners_that_no_path_describes_are_counted(checked):
    """Two chips are too few to draw every update of, as noise of much of the weights asks for."""
    (said,) = [each for each in checked.record.ranges.sentences if "No path describes" in each]
    spec = validate_spec(SMALL)
    problem = build_problem(spec)

    def off(found):
        specs = [with_settings(spec.typical, each.values) for each in found]
        return [each for each in (off_path(each, problem) for each in specs) if each]

    draws, corners = off(checked.record.ranges.draws), off(checked.record.ranges.corners)
    assert corners
    assert said == (
        f"No path describes the training of {len(draws)} of the 8 draws and of {len(corners)} of "
        f"the 4 corners ({draws[0]}): predictions follow paths all the same, which may be off."
    )
    assert "2 chips are too few" in said


def test_a_number_that_changes_no_chip_is_said(checked):
    idle = "device.conductance.max"
    number = next(each for each in checked.record.ranges.numbers if each.key == idle)
    assert not number.changes
    assert any(idle in said and "no chip" in said for said in checked.record.ranges.sentences)


def test_the_report_keeps_and_shows_them(checked):
    assert report_from_json(checked.report) == checked.record
    assert checked.report["spec"]["ranges"]["numbers"][C2C]["max"] == 0.4
    for page in (render_html(checked.record), render_markdown(checked.record)):
        assert "draws" in page
        assert "worst of 4 corners" in page


def test_corners_without_ranges_are_refused():
    spec = validate_spec(SMALL).typical
    with pytest.raises(NeurogradError, match="--corners: no number"):
        values_in_ranges(spec, at_corners=True)


@pytest.fixture
def training_nothing(monkeypatch):
    """Red where bad input is found only after the clean training."""
    monkeypatch.setattr(Stages, "clean", lambda stages: pytest.fail("has been trained"))


@pytest.mark.usefixtures("training_nothing")
def test_corners_without_ranges_are_refused_before_the_training():
    with pytest.raises(NeurogradError, match="--corners: no number"):
        check(validate_spec(SMALL).typical, at_corners=True)


@pytest.mark.usefixtures("training_nothing")
def test_values_that_do_not_go_together_are_named():
    conductance = {
        "min": {"typ": "1 uS", "min": "1 uS", "max": "9 uS"},
        "max": {"typ": "10 uS", "min": "2 uS", "max": "20 uS"},
    }
    spec = validate_spec({**SMALL, "device": {"conductance": conductance}, "ranges": {"draws": 40}})
    with pytest.raises(NeurogradError, match=r"ranges: .*conductance\.min .*within the range"):
        check(spec)


def test_other_commands_take_the_typical_values_and_say_so():
    spec = validate_spec(SMALL)
    quiet = {**SMALL, "training": {"step_size": 0.1, "steps": 2, "seeds": 1, "max_seeds": 1}}
    small = validate_spec(quiet)
    (note,) = typical_notes(spec, "limits")
    assert C2C in note
    assert note in find_limits(small, quick=True, confirm=False).record.notes
    swept = sweep(small, over={C2C: [0.01, 0.02]}, mode="predict")
    assert all("device.conductance.max" in note and C2C not in note for note in swept.notes)
    assert swept.notes


def test_a_plan_counts_their_forecasts():
    spec = validate_spec(SMALL)
    for at_corners, count in ((False, 8), (True, 12)):
        stages = {stage.label: stage for stage in plan(spec, at_corners=at_corners).stages}
        assert stages["predicting a network in the ranges"].most == 2 * count
