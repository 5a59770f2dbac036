"""Which effect of a failing chip does the damage: ranked, judged, resumed and shown."""

from __future__ import annotations

import copy
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from neurograd.effects import cycle_to_cycle, faults, levels, read_noise, weight_rounding
from neurograd.effects.layer_keys import layer_remedy
from neurograd.effects.registry import all_effects
from neurograd.explain.advice import advice
from neurograd.explain.guide import (
    PredictedChips,
    certain_damage,
    judged_trials,
    measured_guide,
    with_trials,
)
from neurograd.explain.mitigation import recorded
from neurograd.explain.reasons import explain
from neurograd.explain.trials import Tried, best_first, trials_of, why_not
from neurograd.explain.variants import variants
from neurograd.judge.cost import Judgement
from neurograd.judge.prediction_error import MODEL_ERROR, error_of_prediction, widened
from neurograd.judge.verdict import Bounds, Cost, Verdict
from neurograd.pipeline.build import active_effects, build_problem
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.check import check, train_beside
from neurograd.pipeline.forecasting import allowed_by, baseline_of, forecast
from neurograd.pipeline.mitigating import chip_in_words
from neurograd.records.json_form import report_from_json, to_json_dict
from neurograd.records.training import PredictedNetwork
from neurograd.report import render_html, render_report
from neurograd.report.content import mitigation_sheet
from neurograd.report.figures.mitigation import plot_mitigation
from neurograd.spec import list_presets, load_spec, spec_to_dict, validate_spec
from neurograd.words import ranged_percent

ROOT = Path(__file__).parents[3]

NOISY = {
    "device": {"write": {"cycle_to_cycle": "30 %"}},
    "quantization": {"weight_bits": 8},
    "network": {"hidden": [8]},
    "task": {"name": "digits", "train_samples": 120, "test_samples": 120},
    "training": {"step_size": 0.5, "steps": 60, "seeds": 3, "max_seeds": 3},
    "targets": {"max_accuracy_drop": "4 %"},
    "measure": {"draws": 8, "loss_draws": 4, "points": 1},
}


def _made(chip, predicted, trained):
    return recorded(measured_guide(chip, predicted, trained))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stages")


@pytest.fixture(scope="module")
def report(folder):
    return check(validate_spec(NOISY), resume=folder).report


def _text(report, width):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    render_report(report_from_json(report), console)
    return console.file.getvalue()


# -- a real chip --------------------------------------------------------------------------------


def test_strong_write_noise_beside_8_bits_is_the_culprit(report):
    found = report["mitigation"]
    assert report["verdict"] == found["whole"]["verdict"] == "not tolerated"
    noise, rounding = found["effects"]
    assert (noise["effect"], rounding["effect"]) == ("cycle_to_cycle", "weight_rounding")
    assert noise["key"] == "device.write.cycle_to_cycle"
    assert noise["without"]["verdict"] == "tolerated"
    assert rounding["without"]["verdict"] == "not tolerated"
    assert noise["alone"]["verdict"] == "not tolerated"
    assert rounding["alone"]["verdict"] == found["ideal"]["verdict"] == "tolerated"
    assert noise["saves_ci"][0] > 0
    assert rounding["saves_ci"][0] < noise["saves_ci"][0]
    assert noise["share"] > 0.8
    for part in found["effects"]:
        assert part["saves"] == pytest.approx(found["whole"]["value"] - part["without"]["value"])
    # Of two effects, the one alone is the chip without the other.
    assert noise["alone"] == rounding["without"]


def test_reason_and_advice_name_the_culprit_and_its_key(report):
    found = report["mitigation"]
    whole, without = (
        ranged_percent(cost["value"], cost["ci"], found["confidence"])
        for cost in (found["whole"], found["effects"][0]["without"])
    )
    assert report["cause"] == "cycle-to-cycle noise"
    assert report["reasons"][0] == (
        "Cause: cycle-to-cycle noise; without it the predicted accuracy drop is "
        f"{without} in place of {whole}."
    )
    assert report["reasons"][2].startswith("What to do first: set device.write.cycle_to_cycle to ")
    first, second = found["advice"][:2]
    best = found["tried"][0]
    assert first.startswith(f"Set {best['key']} to {best['value']} (now 30 %): the predicted ")
    assert ranged_percent(best["cost"]["value"], best["cost"]["ci"], found["confidence"]) in first
    assert second.startswith("Lower device.write.cycle_to_cycle: without cycle-to-cycle noise")
    assert "within the 4 % that are allowed" in second


def test_what_is_advised_is_what_the_changed_spec_is_predicted_to_cost(report):
    """Red where a change is not made, or where its outcome is another one's."""
    found = report["mitigation"]
    assert {each["value"] for each in found["tried"]} == {"15 %", "7.5 %", "1.87 %"}
    best = found["tried"][0]
    spec = validate_spec(NOISY)
    again = forecast(with_settings(spec, best["settings"]), build_problem(spec)).judgement
    assert best["cost"]["value"] == again.cost.value
    assert best["cost"]["verdict"] == again.verdict.value
    assert best["cost"]["value"] < found["whole"]["value"]


def test_resume_gives_the_same_numbers_on_any_number_of_cores(report, folder):
    (kept,) = folder.iterdir()
    stages = sorted(path.name for path in kept.glob("mitigation-*.json"))
    assert len(stages) == 3 * 3
    (kept / "mitigation-ideal-2.json").unlink()
    (kept / "mitigation-without-cycle_to_cycle-1.json").write_text("{ half writ")
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if threads > 1 else 2)
    try:
        again = check(validate_spec(NOISY), resume=folder).report
    finally:
        torch.set_num_threads(threads)
    assert {k: v for k, v in again.items() if k != "timing"} == {
        k: v for k, v in report.items() if k != "timing"
    }


def test_only_a_measured_chip_that_fails_has_a_guide(report, folder):
    spec = validate_spec(NOISY)
    assert check(spec, resume=folder, mitigation=False).report["mitigation"] is None
    assert train_beside(spec, resume=folder).report["mitigation"] is None
    spared = validate_spec({**NOISY, "device": None, "quantization": {"weight_bits": 16}})
    tolerated = check(spared).report
    assert tolerated["verdict"] == "tolerated"
    assert tolerated["mitigation"] is None


def test_clean_network_that_learned_nothing_has_no_guide():
    lazy = {**NOISY, "training": {"step_size": 1e-4, "steps": 2, "seeds": 2, "max_seeds": 2}}
    found = check(validate_spec(lazy)).report
    assert found["verdict"] == "inconclusive"
    assert found["mitigation"] is None


# -- the report ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 100, 160])
def test_console_shows_the_guide(report, width):
    text = _text(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "What the accuracy drop comes from, predicted" in text
    words = " ".join(text.split())
    for sentence in report["mitigation"]["advice"]:
        assert sentence in words
    for row in mitigation_sheet(report_from_json(report)).cells(page=False):
        assert all(part in words for cell in row[1:] for part in cell.split())


def test_page_shows_the_guide(report):
    page = render_html(report_from_json(report))
    assert page.count("<svg") == 5
    assert 'id="plot-mitigation"' in page
    for row in mitigation_sheet(report_from_json(report)).cells(page=False):
        assert all(cell in page for cell in row)
    for part in report["mitigation"]["effects"]:
        assert part["key"] in page
    spared = render_html(report_from_json({**report, "mitigation": None}))
    assert "plot-mitigation" not in spared
    assert spared.count("<svg") == 4


def test_plot_holds_the_costs(report):
    axes = plot_mitigation(report_from_json(report).mitigation).axes[0]
    widths = [bar.get_width() for bar in axes.patches if bar.get_height() == pytest.approx(0.36)]
    effects = report["mitigation"]["effects"]
    expected = [100 * part[key]["value"] for key in ("without", "alone") for part in effects]
    assert widths == pytest.approx(expected)
    assert [label.get_text() for label in axes.get_yticklabels()] == [p["label"] for p in effects]


def test_costs_without_a_finite_value_are_shown(report):
    lost = copy.deepcopy(report)
    found = lost["mitigation"]
    nothing = {"value": None, "ci": [None, None], "verdict": "not tolerated"}
    found["whole"], found["effects"][1]["without"] = nothing, nothing
    found["effects"][0].update(saves=None, saves_ci=[None, None], share=None)
    assert "–" in _text(lost, 100)
    assert "diverges" in {
        t.get_text().strip()
        for t in plot_mitigation(report_from_json(lost).mitigation).axes[0].texts
    }
    assert "plot-mitigation" in render_html(report_from_json(lost))
    (first, *_), _ = explain(report_from_json(lost), ["a", "b"])
    assert first.startswith("Cause: cycle-to-cycle noise; without it the predicted accuracy drop")
    assert first.endswith("in place of that of a diverging training.")


# -- known costs --------------------------------------------------------------------------------

SAMPLES = 100
THREE = {
    "device": {
        "conductance": {"levels": 32},
        "write": {"cycle_to_cycle": "5 %"},
        "faults": {"stuck_low": "1 %"},
    },
    "network": {"hidden": [3]},
    "task": {"name": "digits", "train_samples": 20, "test_samples": SAMPLES},
    "training": {"seeds": 4, "max_seeds": 4},
}


@pytest.fixture(scope="module")
def three():
    spec = validate_spec(THREE)
    return spec, build_problem(spec)


def _networks(errors, chips=4):
    """Networks that misclassify a number of the samples, with one more or less for every chip."""
    made = []
    for chip in range(chips):
        wrong = errors + (-1) ** chip if errors > 1 else errors
        made.append(
            PredictedNetwork(
                loss=0.1,
                test_accuracy=1 - wrong / SAMPLES,
                correct="0" * wrong + "1" * (SAMPLES - wrong),
                diverged=False,
                gradients=1,
            )
        )
    return made


def _variants(whole):
    """Chips of which every effect costs a third of the whole one."""
    predicted = {"ideal": _networks(0)}
    for effect in (levels.EFFECT, cycle_to_cycle.EFFECT, faults.EFFECT):
        predicted[f"without-{effect.name}"] = _networks(whole - whole // 3)
        predicted[f"alone-{effect.name}"] = _networks(whole // 3)
    return predicted


def _trained(value=0.4):
    cost = Cost(value, (value - 0.05, value + 0.05), 0.95)
    bounds = Bounds(value - 0.05, value + 0.05, 0.95)
    return Judgement(Verdict.NOT_TOLERATED, "accuracy_drop", cost, bounds, cost, 0.02, True)


def _guide(three, whole, ideal, without, alone, trained=0.4):
    """The guide of a chip with levels, noise and faults, from numbers of misclassified samples."""
    spec, problem = three
    effects = active_effects(spec, problem)
    assert effects == [levels.EFFECT, cycle_to_cycle.EFFECT, faults.EFFECT]
    predicted = {"ideal": _networks(ideal)}
    for effect, left, only in zip(effects, without, alone, strict=True):
        predicted[f"without-{effect.name}"] = _networks(left)
        predicted[f"alone-{effect.name}"] = _networks(only)
    assert set(predicted) == {variant.name for variant in variants(effects)}
    clean = _networks(0, chips=1)[0]
    chips = _predicted(spec, problem, clean, _networks(whole), predicted)
    return to_json_dict(_made(chip_in_words(spec, problem), chips, _trained(trained)))


def _predicted(spec, problem, clean, chips, predicted):
    return PredictedChips(baseline_of(problem), allowed_by(spec), clean, chips, predicted)


def test_costs_savings_and_order_are_the_known_ones(three):
    found = _guide(three, whole=60, ideal=0, without=(58, 48, 54), alone=(2, 50, 6), trained=0.5)
    assert [part["effect"] for part in found["effects"]] == ["cycle_to_cycle", "faults", "levels"]
    noise = found["effects"][0]
    assert noise["without"]["value"] == pytest.approx(0.48)
    assert noise["alone"]["value"] == pytest.approx(0.50)
    assert noise["saves"] == pytest.approx(0.12)
    assert noise["share"] == pytest.approx(0.2)
    assert noise["saves_ci"][0] < 0.12 < noise["saves_ci"][1]
    # 60 = 2 + 50 + 6 + 2: nearly all of it adds up.
    assert found["together"]["value"] == pytest.approx(0.02)
    text = " ".join(found["advice"])
    assert "Leaving out no single effect is predicted to be enough" in text
    assert "act together" not in text
    assert "overlap" not in text
    assert "Training lost" not in text


def test_parts_of_opposite_sign_are_no_shares(three):
    """Red where a share of −563 % stands beside one of 95 %."""
    found = _guide(three, whole=30, ideal=0, without=(80, 2, 29), alone=(1, 29, 1))
    assert [part["share"] for part in found["effects"]] == [None, None, None]
    assert found["effects"][-1]["saves"] == pytest.approx(-0.5)
    rest = _guide(three, whole=40, ideal=0, without=(40, 2, 39), alone=(1, 29, 1))
    shares = {part["effect"]: part["share"] for part in rest["effects"]}
    assert shares["levels"] is None  # nothing is no share
    assert shares["cycle_to_cycle"] == pytest.approx(0.95)


def test_a_forecast_that_leaves_damage_open_is_not_shared_out(three):
    spec, problem = three
    clean = _networks(0, chips=1)[0]
    # 5 chips from no loss to all lost: a drop of 38 % that may be none.
    chips = [network for lost in (0, 0, 0, 95, 95) for network in _networks(lost, chips=1)]
    predicted = _predicted(spec, problem, clean, chips, {})
    assert not certain_damage(predicted.judged(chips))
    (line,) = _made(chip_in_words(spec, problem), predicted, _trained()).advice
    assert "no damage is certain enough in it to be shared out, so no change was tried" in line


@pytest.mark.parametrize(
    ("samples", "ways"),
    [(SAMPLES, "More chips (training.seeds) or more test samples make"), (None, "seeds) make it")],
)
def test_more_test_samples_are_advised_where_the_cost_is_over_them(three, samples, ways):
    """Red where more of them are to make the cost of a regression more certain."""
    spec, problem = three
    (clean,) = _networks(0, chips=1)
    chips = [network for lost in (0, 0, 0, 95, 95) for network in _networks(lost, chips=1)]
    found = measured_guide(
        chip_in_words(spec, problem), _predicted(spec, problem, clean, chips, {}), _trained()
    )
    assert found.whole.test_samples == SAMPLES
    (line,) = advice(replace(found, whole=replace(found.whole, test_samples=samples)))
    assert ways in line


def test_advice_for_batches_is_marked_as_not_tried(three):
    spec, problem = three
    assert why_not(spec, problem.num_samples) is None
    batches = validate_spec({**THREE, "learning_rule": {"batch_size": 4}})
    reason = why_not(batches, problem.num_samples)
    assert reason == "in batches a forecast takes long beside a training"
    clean, chips = _networks(0, chips=1)[0], _networks(40)
    single = validate_spec({**THREE, "device": {"faults": {"stuck_low": "1 %"}}})
    predicted = _predicted(single, problem, clean, chips, {})
    found = with_trials(
        measured_guide(chip_in_words(single, problem), predicted, _trained()), [], reason
    )
    assert advice(found)[-1].endswith(f"(not tried: {reason}).")


def test_of_the_remedies_of_one_effect_the_one_that_was_tried_best_comes_first(three):
    """A clipping converter: bits change nothing, a wider range does."""
    spec = validate_spec(
        {
            **THREE,
            "device": {
                "preset": "ecram-mo",
                "converters": {"dac_bits": 8, "adc_bits": 8, "output_range": 2.0},
            },
        }
    )
    effects = [effect for effect in all_effects() if effect.name.startswith("converter")]
    trials = trials_of(spec, 100, effects)
    keys = {trial.key.rpartition(".")[2] for trial in trials}
    assert {"output_range", "adc_bits", "dac_bits"} <= keys
    drops = {"output_range": 0.01, "adc_bits": 0.4, "dac_bits": 0.4}
    tried = [
        Tried(trial, _judged(drops.get(trial.key.rpartition(".")[2], 0.5)), NOTHING)
        for trial in trials
    ]
    assert best_first(tried)[0].trial.key == "device.converters.output_range"


NOTHING = Cost(0.0, (0.0, 0.0), 0.99)


def _judged(drop):
    verdict = Verdict.TOLERATED if drop < 0.02 else Verdict.NOT_TOLERATED
    cost = Cost(drop, (drop, drop), 0.95)
    bounds = Bounds(drop, drop, 0.95)
    return Judgement(verdict, "accuracy_drop", cost, bounds, cost, 0.02, True)


def _with_tried(three, whole, changed):
    """A guide with changes tried, by networks that have them, and these changes."""
    spec, problem = three
    effects = active_effects(spec, problem)
    predicted = {"ideal": _networks(0)}
    for effect, left, only in zip(effects, (58, 48, 54), (2, 50, 6), strict=True):
        predicted[f"without-{effect.name}"] = _networks(left)
        predicted[f"alone-{effect.name}"] = _networks(only)
    clean, chips = _networks(0, chips=1)[0], _networks(whole)
    found = _predicted(spec, problem, clean, chips, predicted)
    trials = trials_of(spec, problem.num_samples, [cycle_to_cycle.EFFECT])
    tried = judged_trials(
        found, [(trials[k % len(trials)], each) for k, each in enumerate(changed)]
    )
    chip = chip_in_words(spec, problem)
    return with_trials(measured_guide(chip, found, _trained()), tried, None), tried


def test_a_change_that_is_enough_is_not_followed_by_that_none_is(three):
    """Red where the numbers behind two effects are one, and no effect alone is left out in vain."""
    guide, (tried,) = _with_tried(three, 60, [_networks(0)])
    said = " ".join(advice(replace(guide, tried=(replace(tried, judged=_judged(0.004)),))))
    assert "to 0.4 % (0.4 to 0.4 at 95 %), at most 0.4 %" in said
    assert "no single effect" not in said
    in_vain, _ = _with_tried(three, 60, [_networks(40)])
    assert "Leaving out no single effect is predicted to be enough" in " ".join(advice(in_vain))


def test_a_change_that_only_seems_to_lower_the_cost_is_not_advised(three):
    """Red where the smallest of ten costs that differ by chance is said to fall."""
    by_chance = [_networks(60 - k) for k in (0, 1)]
    nothing, tried = _with_tried(three, 60, by_chance)
    assert min(each.judged.cost.value for each in tried) < nothing.whole.cost.value
    first = advice(nothing)[0]
    assert first.startswith("Nothing that was tried is known to lower the predicted accuracy drop")
    one_is, _ = _with_tried(three, 60, [*by_chance, _networks(30)])
    assert advice(one_is)[0].startswith("Set device.write.cycle_to_cycle to ")
    assert "falls from 60.0 %" in advice(one_is)[0]


def test_intervals_of_changes_share_their_error(three):
    """The more changes are tried, the more has to be saved for it to be known."""
    one = _with_tried(three, 60, [_networks(45)])[1][0].saves
    beside = _with_tried(three, 60, [_networks(45)] * 10)[1][0].saves
    assert one.value == beside.value == pytest.approx(0.15)
    assert (one.confidence, beside.confidence) == pytest.approx((0.95, 0.995))
    assert beside.ci[0] < one.ci[0] < 0.15 < one.ci[1] < beside.ci[1]


def test_effects_that_hurt_only_together_are_said_to(three):
    found = _guide(three, whole=40, ideal=0, without=(2, 2, 39), alone=(1, 1, 1))
    assert found["together"]["value"] == pytest.approx(0.37)
    text = " ".join(found["advice"])
    assert "act together here: one at a time they add up to 3.0 % only" in text
    assert "Leaving out only stuck devices saves nothing" in text


def test_effects_of_which_one_is_enough_are_said_to_overlap(three):
    found = _guide(three, whole=42, ideal=0, without=(41, 41, 41), alone=(40, 40, 40))
    assert found["together"]["value"] == pytest.approx(0.42 - 1.2)
    text = " ".join(found["advice"])
    assert "overlap here: one at a time they add up to 120 %" in text
    alone = found["effects"][0]["alone"]
    cost = ranged_percent(alone["value"], alone["ci"], found["confidence"])
    assert cost.startswith("40.0 % (")
    assert (
        f"each alone costs more than is allowed: the finite number of levels {cost}, "
        f"cycle-to-cycle noise {cost} and stuck devices {cost}. All of them have to get smaller."
        in text
    )


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("saves", [-0.01, 0.01])
def test_what_is_known_of_an_effect_is_one_rule_for_advice_and_tables(three, saves, drawn):
    """Red where the ends of the interval decide for tables, and chance's for the advice."""
    spec, problem = three
    chips = _predicted(spec, problem, _networks(0, chips=1)[0], _networks(60), _variants(60))
    found = measured_guide(chip_in_words(spec, problem), chips, _trained())
    low, high = saves - 0.0095, saves + 0.0095
    saved = widened(Cost(saves, (low, high), 0.99), 0.0 if drawn else MODEL_ERROR)
    assert (saved.ci[0] < 0 < saved.ci[1]) is not drawn
    found = replace(found, parts=tuple(replace(part, saves=saved) for part in found.parts))
    for part, kept in zip(found.parts, recorded(found).effects, strict=True):
        assert kept.saves_known
        assert kept.helps is part.helps is (saves < 0)
        assert kept.costs is part.harms is (saves > 0)
        older = kept.model_copy(update={"saves_known": None})  # ends alone, of paths
        assert drawn or (older.helps, older.costs) == (kept.helps, kept.costs)


def test_differences_of_chips_that_were_drawn_have_no_error_of_a_prediction(three):
    spec, problem = three
    (clean,) = _networks(0, chips=1)

    def as_drawn(chips):
        return [chip.model_copy(update={"drawn": True, "twin": clean}) for chip in chips]

    variants_ = _variants(60)
    all_drawn = {name: as_drawn(chips) for name, chips in variants_.items()}
    one_path = {**all_drawn, "ideal": variants_["ideal"], "without-faults": variants_["ideal"]}
    trial = trials_of(spec, problem.num_samples, [cycle_to_cycle.EFFECT])[0]

    def guide(whole, left):
        found = _predicted(spec, problem, clean, whole, left)
        tried = judged_trials(found, [(trial, each) for each in (_networks(20), whole)])
        made = measured_guide(chip_in_words(spec, problem), found, _trained())
        return {part.effect.name: part for part in made.parts}, made.together, tried

    def error(cost):
        assert cost.chance is not None
        return cost.ci != cost.chance

    whole = _networks(60)
    parts, together, tried = guide(whole, variants_)
    assert all(error(part.saves) for part in parts.values())
    assert error(together)
    assert [error(each.saves) for each in tried] == [True, True]
    chance = {name: part.saves.chance for name, part in parts.items()}
    parts, together, tried = guide(as_drawn(whole), all_drawn)
    assert {name: part.saves.ci for name, part in parts.items()} == chance
    assert not error(together)
    assert [error(each.saves) for each in tried] == [True, False]  # one was tried along its path
    parts, together, _ = guide(as_drawn(whole), one_path)
    assert {name for name, part in parts.items() if error(part.saves)} == {"faults"}
    assert error(together)


def test_overlap_of_drawn_chips_is_told_however_small_it_is_beside_the_whole(three):
    """Less than the error of a prediction cannot be told from it: drawn chips have none."""
    spec, problem = three
    (clean,) = _networks(0, chips=1)
    chips = _predicted(spec, problem, clean, _networks(60), _variants(60))
    found = measured_guide(chip_in_words(spec, problem), chips, _trained())
    little = Cost(0.1, (0.09, 0.11), 0.99)
    along = replace(found, together=widened(little))
    assert not any("act together" in each for each in advice(along))
    drawn = replace(found, together=widened(little, 0.0))
    assert any("act together here: one at a time they add up to 50.0 %" in e for e in advice(drawn))


def test_what_no_effect_explains_is_said(three):
    found = _guide(three, whole=40, ideal=30, without=(36, 36, 38), alone=(34, 34, 32))
    text = " ".join(found["advice"])
    assert "Look at device.conductance.weight_range: without any effect the predicted" in text
    assert "accuracy drop is still 30.0 %" in text
    assert "device.conductance.weight_range" in text
    # 40 − 30 = 4 + 4 + 2: counted from the ideal chip, the effects add up.
    assert found["together"]["value"] == pytest.approx(0.0)


def test_an_effect_that_helps_ranks_last_and_is_kept(three):
    found = _guide(three, whole=30, ideal=0, without=(80, 2, 29), alone=(1, 29, 1))
    assert found["effects"][-1]["effect"] == "levels"
    assert found["effects"][-1]["saves"] == pytest.approx(-0.5)
    assert "would cost more without the finite number of levels" in " ".join(found["advice"])


def test_a_prediction_that_training_does_not_confirm_is_said(three):
    wrong = _guide(three, 40, 0, (38, 10, 34), (2, 30, 6), trained=0.9)
    text = " ".join(wrong["advice"])
    assert "Training lost 90.0 % (85.0 to 95.0 at 95 %), not the predicted 40.0 % (" in text
    blind = _guide(three, 0, 0, (0, 0, 0), (0, 0, 0))
    (sentence,) = blind["advice"]
    assert "no damage is certain enough" in sentence


def test_one_effect_or_none_is_one_line(three):
    _, problem = three
    clean, chips = _networks(0, chips=1)[0], _networks(40)
    single = validate_spec({**THREE, "device": {"faults": {"stuck_low": "1 %"}}})
    # Weights of 0.5 fit the window, so that the chip without its effect is the clean twin.
    chip = chip_in_words(single, problem, 0.5)
    assert chip.compared == []
    predicted = _predicted(single, problem, clean, chips, {})
    found = _made(chip, predicted, _trained())
    assert found.effects == ()
    assert found.ideal is found.together is None
    (line,) = found.advice
    assert line == (
        "Nothing but stuck devices sets this chip apart from an ideal one: lower "
        "device.faults.stuck_low (not tried)."
    )
    for learned in (None, 1.5):
        chip = chip_in_words(single, problem, learned)
        assert [variant.name for variant in chip.compared] == ["without-faults"]
        (line,) = _made(chip, predicted, _trained()).advice
        assert line.startswith("Stuck devices and the weight window (device.conductance.weight_ra")
    narrow = validate_spec({**THREE, "device": {"conductance": {"weight_range": 0.4}}})
    chip = chip_in_words(narrow, problem, 0.5)
    assert (chip.effects, chip.compared, chip.other_cause) == ((), [], chip.window_key)
    (line,) = _made(chip, predicted, _trained()).advice
    assert line.startswith("Cause: the weight window (device.conductance.weight_range), the only")
    assert chip_in_words(narrow, problem, 0.3).other_cause is None
    none = validate_spec({**THREE, "device": None})
    predicted = _predicted(none, problem, clean, chips, {})
    (line,) = _made(chip_in_words(none, problem), predicted, _trained()).advice
    assert line.startswith("Cause: no effect that the spec names")  # the chip is not tolerated


def test_an_effect_that_saves_nothing_is_no_change_to_make(three):
    _, problem = three
    single = validate_spec({**THREE, "device": {"faults": {"stuck_low": "0.0001 %"}}})
    chips = {"without-faults": _networks(1)}
    predicted = _predicted(single, problem, _networks(0, chips=1)[0], _networks(1), chips)
    found = _made(chip_in_words(single, problem, 1.5), predicted, _trained())
    assert found.effects[0].saves == 0.0
    assert found.advice[0].startswith("Without stuck devices the predicted accuracy drop is 1.0 %")
    assert found.advice[0].endswith(", and no lower: nothing to change in it.")
    assert found.first_change is None


@pytest.mark.parametrize(
    ("without", "first"),
    [
        (
            0,
            "Lower device.faults.stuck_low: without stuck devices the predicted accuracy drop",
        ),
        (40, "Look at device.conductance.weight_range: without stuck devices the predicted"),
    ],
)
def test_one_effect_beside_a_window_is_told_from_it(three, without, first):
    _, problem = three
    single = validate_spec({**THREE, "device": {"faults": {"stuck_low": "1 %"}}})
    chips = {"without-faults": _networks(without)}
    clean = _networks(0, chips=1)[0]
    predicted = _predicted(single, problem, clean, _networks(40), chips)
    found = _made(chip_in_words(single, problem, 1.5), predicted, _trained())
    (part,) = found.effects
    assert part.alone == found.whole
    assert part.without == found.ideal
    assert found.together is None
    assert part.saves == pytest.approx(0.4 - without / SAMPLES)
    assert found.advice[0].startswith(first)


def test_regression_ranks_an_effect_without_which_nothing_diverges_first():
    spec = validate_spec(
        {
            "device": {"write": {"cycle_to_cycle": "5 %"}, "read": {"noise": "1 %"}},
            "network": {"hidden": [3]},
            "task": {"name": "teacher_student", "inputs": 3, "outputs": 2, "train_samples": 20},
        }
    )
    problem = build_problem(spec)
    start = problem.loss(problem.initial_weights)

    def networks(*losses):
        rest = {"test_accuracy": None, "correct": None, "diverged": False, "gradients": 1}
        return [PredictedNetwork(loss=loss, **rest) for loss in losses]

    fifth = (0.1, 0.11, 0.1, 0.11, 0.105)
    predicted = {
        f"without-{read_noise.EFFECT.name}": networks(*([math.inf] * 3 + [0.2 * start] * 2)),
        f"without-{cycle_to_cycle.EFFECT.name}": networks(*(k * start for k in fifth)),
        "ideal": networks(*[0.0] * 5),
    }
    trained = Judgement(
        Verdict.NOT_TOLERATED,
        "excess_loss",
        Cost(1.0, (1.0, 1.0), 0.95),
        Bounds(1.0, 1.0, 0.95),
        Cost(math.inf, (math.inf, math.inf), 0.95),
        0.05,
        True,
    )
    (clean,) = networks(0.0)
    whole = networks(math.inf, *(k * start for k in (1.3, 1.0, 1.1, 2.0)))
    chip, chips = chip_in_words(spec, problem), _predicted(spec, problem, clean, whole, predicted)
    found = measured_guide(chip, chips, trained)
    assert [part.effect for part in found.parts] == [cycle_to_cycle.EFFECT, read_noise.EFFECT]
    # Chips that diverge or end above the untrained network lose all of the decrease.
    assert found.parts[0].saves.value == pytest.approx(0.895)
    assert found.parts[0].without.cost.value == pytest.approx(0.105)
    report = to_json_dict(_made(chip, chips, trained))
    assert report["effects"][0]["share"] == pytest.approx(0.895)
    # Five of five that lose all, and the prediction's own error, in squares.
    least = 1.0 - math.hypot(1.0 - 0.005 ** (1 / 5), error_of_prediction(1.0))
    said = f"falls from 100 % ({100 * least:.1f} to 100 at 99 %) to 10.5 %"
    assert said in report["advice"][0]


# -- keys ---------------------------------------------------------------------------------------


def _specs():
    files = sorted((ROOT / "examples").rglob("*.yaml"))
    return [load_spec(path) for path in files] + [
        validate_spec({"device": {"preset": name}}) for name in list_presets()
    ]


def test_every_effect_of_every_shipped_spec_names_a_key_that_is_set():
    problems, named = {}, set()
    for spec in _specs():
        key = spec.learning_rule.batch_size
        problem = problems.setdefault(key, _Sized(100_000))
        for effect in active_effects(spec, problem):
            found = layer_remedy(effect, spec, 100_000)
            assert found.key in found.words
            value = spec_to_dict(spec)
            for word in found.key.split("."):
                value = value[word]
            assert value not in (None, 0, False), found
            named.add(effect.name)
    assert len(named) > 12


class _Sized:
    """All that ``active_effects`` asks of a problem."""

    def __init__(self, num_samples):
        self.num_samples = num_samples


def test_rounding_at_random_is_the_remedy_where_small_updates_are_lost():
    stalled = validate_spec({**THREE, "quantization": {"update_rounding": "nearest"}})
    assert "quantization.update_rounding to stochastic" in levels.EFFECT.remedy(stalled).words
    assert levels.EFFECT.remedy(validate_spec(THREE)).words == "raise device.conductance.levels"
    stored = {"device": None, "quantization": {"weight_bits": 4, "update_rounding": "truncate"}}
    assert (
        "update_rounding" in weight_rounding.EFFECT.remedy(validate_spec({**THREE, **stored})).words
    )
