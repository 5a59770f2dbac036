"""Forecasts of drawn chips: what is drawn, when an interval holds, and the sums."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from experiments import drawn_tuning
from experiments.drawn_agreement import earlier_runs, main
from experiments.support.forecasts.drawn import REGIMES, TUNING_SEED
from experiments.support.forecasts.drawn_claims import (
    claims,
    holds,
    narrow,
    numbers,
    summary,
    trained_verdict,
)
from experiments.support.record import Run
from experiments.support.verdicts import TrueCost
from neurograd.errors import NeurogradError
from neurograd.judge.prediction_error import MODEL_ERROR
from tests.neurograd.chip_specs import draw_spec


def test_half_of_the_batches_are_shuffled():
    """Of 60 drawn orders each of three is missed with probability below (3/4)^60 = 3e-8."""
    drawn = [draw_spec((TUNING_SEED, k), REGIMES["8"]).spec for k in range(60)]
    orders = [spec.training.order for spec in drawn]
    assert set(orders) == {"fresh", "with_replacement", "shuffled"}
    shuffled = orders.count("shuffled")
    assert 15 <= shuffled <= 45  # a binomial of 60 halves lies outside with probability 1e-4
    assert {spec.learning_rule.batch_size for spec in drawn} == {8}
    assert {spec.task.name for spec in drawn} == {"digits", "mnist_5k", "teacher_student"}


def test_every_run_stays_in_the_record(tmp_path):
    run = Run("drawn_agreement", quick=True, device=torch.device("cpu"), seed=0, out=tmp_path)
    assert earlier_runs(run, "new", {}) == []
    path = tmp_path / "drawn_agreement.json"
    first = {"command": "first", "claims": ["first"], "chips": {"1-00": {"cost": [0.5, None]}}}
    second = {"command": "second", "claims": ["second"], "chips": {"1-00": {"cost": [0.25, 1]}}}
    path.write_text(json.dumps({**second, "earlier": [first]}))
    assert earlier_runs(run, "new", {}) == [first, second]
    assert earlier_runs(run, "second", {}) == [first], "the same one again"
    gone_on = {"1-00": {"cost": (0.25, 1)}, "8-00": {"cost": [0.75, 1]}}
    assert earlier_runs(run, "new", gone_on) == [first], "the second is in it"
    assert earlier_runs(run, "new", {"8-00": {}}) == [first, second]


def _told(**predicted):
    return {"over_chips": predicted["ci"], "error": 0.0, "way": "whole_set", **predicted}


def _row(value=0.03, ci=(0.01, 0.06), true=0.04, error=0.0, verdicts=("tolerated",) * 2, batch=1):
    return {
        "batch": batch,
        "allowed": 0.02,
        "kind": "excess_loss",
        "predicted": _told(value=value, ci=list(ci), verdict=verdicts[0]),
        "trained": {"value": true, "error": error, "chips": 20, "verdict": verdicts[1]},
        "seconds": {"predict": 1.0, "train": 15.0, "train_twins": 5.0},
        "refused": [],
        "failed": [],
        "not_learned": 0,
    }


def test_an_interval_holds_the_trained_mean_with_its_own_error():
    assert holds(_row())
    assert not holds(_row(true=0.061))
    assert not holds(_row(true=0.009))
    # The error's arm is 2.093 standard errors of 20 chips: 0.03² + 0.02² against 0.035².
    assert holds(_row(true=0.065, error=0.02 / 2.093))
    assert not holds(_row(true=0.067, error=0.02 / 2.093))
    assert holds(_row(value=None, ci=(None, None), true=None))
    assert not holds(_row(value=None, ci=(None, None)))
    assert not holds(_row(true=None))


def test_an_interval_is_narrow_by_the_target_or_the_cost():
    assert narrow(_row(ci=(0.02, 0.04), true=0.0))
    assert not narrow(_row(ci=(0.02, 0.041), true=0.0))
    assert narrow(_row(ci=(0.02, 0.06), true=0.081))
    assert not narrow(_row(ci=(0.0, None), true=0.081))


def test_trained_chips_decide_by_a_one_sided_bound_of_their_mean():
    reach = 1.729  # t of 19 degrees of freedom at 95 %
    assert trained_verdict(TrueCost(0.02 - 0.00174, 0.001, 20), 0.02, 0.95) == "tolerated"
    assert trained_verdict(TrueCost(0.02 - 0.00172, 0.001, 20), 0.02, 0.95) == "inconclusive"
    assert trained_verdict(TrueCost(0.02 + 0.001 * reach, 0.001, 20), 0.02, 0.95) == "inconclusive"
    assert trained_verdict(TrueCost(0.02175, 0.001, 20), 0.02, 0.95) == "not tolerated"


def test_the_sums_count_what_they_say():
    open_, lost = ("inconclusive", "tolerated"), ("tolerated", "not tolerated")
    rows = {
        "a": _row(),
        "b": _row(verdicts=open_, batch="full"),
        "c": _row(verdicts=lost, true=0.5, value=0.04),
        "d": _row(verdicts=("not tolerated",) * 2, true=0.05, value=0.05),
    }
    result = summary(rows)
    assert (result["agree"], result["both_conclusive"]) == (2, 3)
    assert (result["predicted_tolerated_failed"], result["predicted_tolerated"]) == (1, 2)
    assert (result["predicted_inconclusive"], result["held"], result["chips"]) == (1, 3, 4)
    assert result["missed_chips"] == result["opposite_chips"] == ["c"]
    assert result["cost_ratio"] == pytest.approx(0.05)
    assert result["batches"]["full"]["chips"] == 1
    words = claims(result, "by hand")
    assert "2 of 3" in words[0].measured
    assert "3 of 4: 2 of 3 at batch 1, 1 of 1 at batch full" in words[3].measured
    assert "for other test samples 3;" in words[3].measured
    assert words[5].held == "inconclusive"
    assert "0.050 at batch 1 (0.050 of the 3 that follow a path)" in words[5].measured
    assert np.isnan(numbers([_row()])["spearman"])


def test_costs_of_paths_are_told_apart_from_those_of_drawn_updates():
    drawn = _row(batch=8)
    drawn["predicted"]["way"] = "every_update"
    drawn["seconds"] = {"predict": 30.0, "train": 10.0, "train_twins": 10.0}
    result = summary({"a": _row(), "b": {**drawn, "batch": 1}, "c": drawn})
    assert result["batches"]["1"]["cost_ratio"] == pytest.approx(31 / 40)
    assert result["batches"]["1"]["followed"]["cost_ratio"] == pytest.approx(0.05)
    said = claims(result, "by hand")[5].measured
    assert "0.775 at batch 1 (0.050 of the 1 that follow a path)" in said
    assert "1.500 at batch 8 (no path is followed)" in said


COMMIT = "49a0507f01234567"


def _learned(record):
    assert {row["batch"] for row in record["chips"].values()} == {"full", 1}
    for row in record["chips"].values():
        low, high = row["predicted"]["ci"]
        assert low < row["predicted"]["value"] < high
        assert low <= row["predicted"]["chance"][0]
        assert row["predicted"]["over_chips"][0] <= row["predicted"]["value"]
        assert row["predicted"]["error"] in (0.0, MODEL_ERROR)
        assert row["failed"] == []
        assert row["trained"]["chips"] == 2


def test_quick(tmp_path):
    main(["--quick", "--commit", COMMIT, "--out", str(tmp_path)])
    record = json.loads((tmp_path / "drawn_agreement.json").read_text())
    assert record["command"].endswith(f"--quick --seed 0 --commit {COMMIT} --chips 1")
    assert record["model_error"] == MODEL_ERROR
    assert "; 2 trained chips each; " in record["claims"][0]["setting"]
    _learned(record)
    assert (tmp_path / "drawn_agreement.png").stat().st_size > 1000


def test_quick_tuning(tmp_path):
    drawn_tuning.main(["--quick", "--out", str(tmp_path)])
    record = json.loads((tmp_path / "drawn_tuning.json").read_text())
    assert record["command"].endswith("--quick --seed 0 --chips 1")
    assert record["model_error"]["tuned"] is None  # two chips bound nothing
    _learned(record)
    drawn_tuning.main(["--quick", "--predict-again", "--out", str(tmp_path)])
    again = json.loads((tmp_path / "drawn_tuning.json").read_text())
    assert again["command"].endswith("--quick --seed 0 --chips 1 --predict-again")
    for name, row in again["chips"].items():
        before = record["chips"][name]
        assert {**row, "seconds": None} == {**before, "seconds": None}
        assert row["seconds"] != before["seconds"]
    assert [each.name for each in tmp_path.iterdir()] == ["drawn_tuning.json"]


def test_wrong_options_are_one_line():
    with pytest.raises(NeurogradError, match="--chips: 36; allowed: 1 to 35"):
        main(["--commit", COMMIT, "--chips", "36"])
    with pytest.raises(NeurogradError, match="--chips: 16; allowed: 1 to 15"):
        drawn_tuning.main(["--chips", "16"])


def test_nothing_is_predicted_again_beside_another_record(tmp_path):
    again = ["--quick", "--predict-again", "--out", str(tmp_path)]
    with pytest.raises(NeurogradError, match="--predict-again: no record in"):
        drawn_tuning.main(again)
    record = {"chips": {"full-00": {"sections": {}}, "1-00": {"sections": {}}}}
    (tmp_path / "drawn_tuning.json").write_text(json.dumps(record))
    with pytest.raises(NeurogradError, match="full-00 is another chip"):
        drawn_tuning.main(again)
    with pytest.raises(NeurogradError, match="full-01 is not in "):
        drawn_tuning.main([*again, "--chips", "2"])
