"""Agreement of predictions and trainings: its design, its sums and its kept record."""

from __future__ import annotations

import json

import pytest

from experiments import agreement
from experiments.agreement import (
    SETTING,
    chips,
    judge_again,
    main,
    predicted,
    scaled,
    spec_of,
)
from experiments.support.forecasts.claims import claims, summary
from experiments.support.forecasts.judged_again import has_bounds, judged_again
from experiments.support.record import RESULTS, parse
from neurograd.errors import NeurogradError
from neurograd.pipeline.forecasting import forecast_chips


def _row(a, b, predicted_drop, trained_drop):
    ends = None if predicted_drop is None else [predicted_drop - 0.01, predicted_drop + 0.01]
    return {
        "predicted": {"verdict": a, "drop": predicted_drop, "ci": [0, 1], "plain_ci": ends},
        "trained": {"verdict": b, "drop": trained_drop, "ci": [0, 1]},
        "seconds": {"predict": 1.0, "train": 20.0},
    }


def test_at_least_sixty_chips_with_every_preset(tmp_path):
    run = parse("agreement", "", ["--quick", "--out", str(tmp_path)])
    todo = chips()
    assert len(todo) >= 60
    specs = [spec_of(sections, run) for sections in todo.values()]
    assert len({spec.training.step_size for spec in specs}) == 2
    assert len({spec.network.hidden for spec in specs}) == 2
    assert len({spec.learning_rule.name for spec in specs}) >= 6


def test_only_random_terms_are_scaled():
    device = {"write": {"cycle_to_cycle": "5 %", "nonlinearity": 2}, "pulsed": {"dw_min": 0.1}}
    result = scaled(device, 3.0)
    assert result["write"]["cycle_to_cycle"] == pytest.approx(0.15)
    assert result["write"]["nonlinearity"] == 2
    assert result["pulsed"]["dw_min"] == 0.1


def test_sums():
    rows = {
        "a": _row("tolerated", "tolerated", 0.0, 0.01),
        "b": _row("tolerated", "not tolerated", 0.02, 0.2),
        "c": _row("inconclusive", "tolerated", 0.05, 0.03),
        "d": _row("not tolerated", "not tolerated", None, 0.8),
    }
    result = summary(rows)
    assert (result["agree"], result["both_conclusive"]) == (2, 3)
    assert (result["predicted_tolerated"], result["predicted_tolerated_failed"]) == (2, 1)
    assert result["cost_ratio"] == pytest.approx(0.05)
    assert result["cost_ratio_ci"] == pytest.approx((0.05, 0.05))
    assert result["spearman"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("good", "bad", "held"),
    [(200, 0, "held"), (43, 0, "inconclusive"), (0, 200, "not held")],
)
def test_a_claim_is_held_by_its_interval_not_by_its_point(good, bad, held):
    """0 of 22 failures leave a rate of 19 %: no proof of 5 %."""
    kept = _row("tolerated", "tolerated", 0.0, 0.01)
    broken = _row("tolerated", "not tolerated", 0.02, 0.2)
    rows = [*[kept] * good, *[broken] * bad]
    result = summary({f"{k:03}": row for k, row in enumerate(rows)})
    assert [c.held for c in claims(result, "")][:2] == [held, held]


def test_one_forecast_in_miniature(tmp_path):
    run = parse("agreement", "", ["--quick", "--out", str(tmp_path)])
    row = predicted(run, {"network": {"hidden": [6]}, "training": {"steps": 400}})
    assert row["predicted"]["drop"] == pytest.approx(0.0, abs=1e-12)  # an ideal chip
    assert min(row["seconds"].values()) > 0


def test_a_forecast_is_what_the_product_predicts(tmp_path, monkeypatch):
    """Red without redrawn paths, regimes or more chips, and with an interval as the bounds."""
    run, found = parse("agreement", "", ["--quick", "--out", str(tmp_path)]), []

    def product(spec, problem):
        found.append(forecast_chips(spec, problem))
        return found[-1]

    monkeypatch.setattr(agreement, "forecast_chips", product)
    sections = {
        "device": {"preset": "alox-hfo2"},
        "network": {"hidden": [6]},
        "training": {"steps": 400, "max_seeds": 4},
    }
    told = predicted(run, sections)["predicted"]
    ((forecast, networks),) = found
    judged = forecast.judgement
    assert told["verdict"] == judged.verdict.value
    assert told["ci"] == pytest.approx(judged.cost.ci)
    assert (told["chips"], told["way"]) == (len(networks) - 1, forecast.way)


def test_verdicts_of_older_predictions_are_told_apart():
    """Records without bounds were judged by intervals: their claims say so."""
    rows = {"a": _row("tolerated", "tolerated", 0.0, 0.01)}
    told = claims(summary(rows), "")[0].setting
    assert "; 1 predictions are older and judged by their 99 % intervals" in told
    rows["a"]["predicted"]["by_chance"] = {}
    assert "older" not in claims(summary(rows), "")[0].setting


def test_the_kept_record_says_what_its_chips_say():
    record = json.loads((RESULTS / "agreement.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.agreement --seed 0"
    assert set(record["chips"]) == set(chips())
    rows = {
        name: judged_again(row) if has_bounds(row) else row for name, row in record["chips"].items()
    }
    assert rows == record["chips"]
    result = summary(rows)
    assert result["confusion"] == record["summary"]["confusion"]
    assert result["spearman"] == pytest.approx(record["summary"]["spearman"])
    for claim, kept in zip(claims(result, SETTING), record["claims"], strict=True):
        assert (claim.claim, claim.measured) == (kept["claim"], kept["measured"])
        assert claim.held == kept["held"]
        older = "judged by their 99 % intervals"
        assert (older in claim.setting) is (older in kept["setting"])


def test_predicting_again_beside_kept_trainings_and_judging_that_again(tmp_path, monkeypatch):
    path, name = tmp_path / "agreement.json", "8 bits, nearest"
    kept = json.loads((RESULTS / "agreement.json").read_text(encoding="utf-8"))
    path.write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(agreement, "chips", lambda: {name: chips()[name]})
    main(["--predict-again", "--out", str(tmp_path)])
    again = json.loads(path.read_text(encoding="utf-8"))
    row = again["chips"][name]
    assert has_bounds(row)
    assert row["trained"] == kept["chips"][name]["trained"]
    assert row["predicted"]["verdict"] == row["trained"]["verdict"] == "not tolerated"
    assert again["predicted_again"]["command"].endswith("--predict-again")
    judge_again(tmp_path)
    judged = json.loads(path.read_text(encoding="utf-8"))
    assert judged.pop("judged_again_by").endswith("--judge-again")
    assert judged == {key: value for key, value in again.items() if key != "judged_again_by"}


def test_records_older_than_their_bounds_are_not_judged_again(tmp_path):
    path = tmp_path / "agreement.json"
    old = {"chips": {"a": _row("tolerated", "tolerated", 0.0, 0.01)}}
    path.write_text(json.dumps(old), encoding="utf-8")
    with pytest.raises(NeurogradError, match="no bounds of its forecast"):
        judge_again(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8")) == old


def test_trainings_are_kept_beside_forecasts_of_their_own_options_only(tmp_path):
    kept = (RESULTS / "agreement.json").read_text(encoding="utf-8")
    (tmp_path / "agreement.json").write_text(kept, encoding="utf-8")
    for other in (["--quick"], ["--seed", "5"]):
        with pytest.raises(NeurogradError, match="--predict-again"):
            main(["--predict-again", "--out", str(tmp_path), *other])
    assert (tmp_path / "agreement.json").read_text(encoding="utf-8") == kept
