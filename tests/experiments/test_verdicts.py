"""Verdicts of drawn chips: what is drawn, what a true cost is, and the sums."""

from __future__ import annotations

import json

import pytest

from experiments.support.record import RESULTS
from experiments.support.verdicts import TrueCost, claims, summary, wrong
from experiments.verdicts import main
from neurograd.effects.training_keys import MOST_SEEDS
from neurograd.errors import NeurogradError
from neurograd.output import plain
from neurograd.spec.rule_schema import RULES
from tests.neurograd.chip_specs import BATCHES, MEASURED, TASKS, draw_spec, seed_of

COMMIT = "49a0507f0123456789abcdef0123456789abcdef"


def test_the_commit_and_the_number_alone_decide_what_is_drawn():
    seed = seed_of(COMMIT)
    first = draw_spec((seed, 0, 3, 0))
    assert first == draw_spec((seed, 0, 3, 0))
    others = [(seed_of("b" + COMMIT[1:]), 0, 3, 0), (seed, 1, 3, 0), (seed, 0, 4, 0)]
    assert all(draw_spec(other).sections != first.sections for other in others)
    for bad in ("HEAD", COMMIT[:15], COMMIT.upper()):
        with pytest.raises(NeurogradError, match="no hash; allowed: 16 to 64 digits"):
            seed_of(bad)


def test_everything_is_drawn():
    """200 specs miss one of 12 rules with probability 12·(11/12)^200 = 3e-7; the seed is fixed."""
    drawn = [draw_spec((seed_of(COMMIT), 0, k, 0)) for k in range(200)]
    specs = [one.spec for one in drawn]
    assert {spec.learning_rule.name for spec in specs} == set(RULES)
    assert {spec.learning_rule.batch_size for spec in specs} == set(BATCHES)
    assert {spec.task.name for spec in specs} == set(TASKS)
    assert {spec.training.max_seeds for spec in specs} == {MOST_SEEDS}
    devices = [one.sections.get("device") or {} for one in drawn]
    assert {device.get("measured") for device in devices} >= set(MEASURED)
    assert len({device.get("preset") for device in devices}) > 10
    assert any(spec.quantization is not None for spec in specs)
    assert any(one.refused for one in drawn)


@pytest.mark.parametrize(
    ("value", "error", "zone"),
    [
        (0.05, 0.009, "off"),
        (0.05, 0.011, "unclear"),
        (0.02, 0.004, "near"),
        (0.025, 0.004, "unclear"),
        (-0.01, 0.0, "off"),
        (float("inf"), 0.0, "off"),
    ],
)
def test_a_true_cost_is_a_point_from_the_limit_beyond_two_errors(value, error, zone):
    assert TrueCost(value, error, 10).zone(0.02) == zone


def test_a_true_cost_has_the_error_of_its_chips():
    true = TrueCost.of([0.0, 0.02, 0.04, 0.06])
    assert (true.value, true.chips) == (pytest.approx(0.03), 4)
    assert true.error == pytest.approx((0.002 / 3) ** 0.5 / 2)
    assert TrueCost.of([0.0, float("inf")]) == TrueCost(float("inf"), 0.0, 2)


def test_a_wrong_verdict_contradicts_the_true_cost():
    over, under = TrueCost(0.03, 0.004, 10), TrueCost(0.01, 0.004, 10)
    assert wrong("tolerated", over, 0.02)
    assert wrong("not tolerated", under, 0.02)
    assert not wrong("tolerated", under, 0.02)
    assert not wrong("not tolerated", over, 0.02)
    assert not wrong("inconclusive", over, 0.02)
    assert not wrong("tolerated", TrueCost(0.03, 0.006, 10), 0.02)


def _row(verdict, zone="off", off=True, bad=False):
    return {
        "task": "digits",
        "batch": 1,
        "verdict": verdict,
        "refused": ["a"],
        "not_learned": 1,
        "looks": [{"chips": 5}],
        "true": {"zone": zone, "off": off},
        "wrong": bad,
    }


@pytest.mark.parametrize(
    ("good", "open_", "held"),
    [
        (400, 0, ["held", "held", "held"]),
        (36, 4, ["held", "inconclusive", "inconclusive"]),
        (30, 10, ["not held", "inconclusive", "inconclusive"]),
        (10, 30, ["not held", "not held", "inconclusive"]),
    ],
)
def test_claims_of_all_chips_are_held_by_intervals(good, open_, held):
    found = [*[_row("tolerated")] * good, *[_row("inconclusive")] * open_]
    rows = {str(k): row for k, row in enumerate(found)}
    result = summary(rows)
    assert [claim.held for claim in claims(result, "")] == held
    assert result["redrawn_refused"] == result["redrawn_not_learned"] == good + open_
    assert len(result["inconclusive_chips"]) == open_


def test_chips_that_may_be_off_or_not_count_either_way():
    """10 of 11 surely off are decided; 1 decided and 3 open chips may be off: 1/12 to 4/14."""
    unclear = [_row("inconclusive", "unclear", off) for off in (True, False, False)]
    near = _row("inconclusive", "near", off=False)
    decided = [*[_row("tolerated")] * 10, _row("tolerated", "unclear", off=False)]
    found = [*decided, _row("inconclusive"), *unclear, near]
    result = summary({str(k): row for k, row in enumerate(found)})
    assert (result["off_inconclusive"], result["off"]) == (2, 12)
    assert result["share_range"] == (1 / 12, 4 / 14)
    assert claims(result, "")[0].held == "inconclusive"


def test_one_chip_in_miniature(tmp_path):
    out = ["--quick", "--chips", "1", "--commit", COMMIT, "--out", str(tmp_path)]
    main(out)
    record = json.loads((tmp_path / "verdicts.json").read_text(encoding="utf-8"))
    assert record["command"] == (
        f"python -m experiments.verdicts --quick --seed 0 --commit {COMMIT} --chips 1"
    )
    assert set(record["chips"]) == {"chip-00"}
    for row in record["chips"].values():
        assert row["true"]["chips"] == 2
        assert row["looks"][-1]["chips"] == 3
        assert row["lower_bound"] is None or row["lower_bound"] <= row["cost"]
    with pytest.raises(NeurogradError, match="--chips: 41; allowed: 1 to 40"):
        main([*out, "--chips", "41"])


def test_the_kept_record_says_what_its_chips_say():
    record = json.loads((RESULTS / "verdicts.json").read_text(encoding="utf-8"))
    rows = record["chips"]
    assert list(rows) == [f"chip-{k:02}" for k in range(len(rows))]  # the first ones, none left out
    assert f"--commit {record['commit']}" in record["command"]
    result = summary(rows)
    assert plain(result) == record["summary"]
    kept = [(claim["measured"], claim["held"]) for claim in record["claims"]]
    assert [(claim.measured, claim.held) for claim in claims(result, "")] == kept


def test_the_kept_chips_are_those_that_the_commit_draws():
    record = json.loads((RESULTS / "verdicts.json").read_text(encoding="utf-8"))
    for k, row in enumerate(record["chips"].values()):
        if not row["refused"] and not row["not_learned"]:
            drawn = draw_spec((seed_of(record["commit"]), record["seed"], k, 0))
            assert plain(drawn.sections) == row["sections"]
