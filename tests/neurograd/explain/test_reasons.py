"""Why a verdict is what it is, in sentences."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest

from neurograd.explain import reasons
from neurograd.explain.cause import NOTHING, cause_of
from neurograd.judge.verdict import Verdict
from neurograd.records.json_form import report_from_json
from tests.neurograd.small_report import small_report, with_guide


@pytest.fixture(scope="module")
def report():
    return small_report()


def explain(report, effects, remedies=()):
    deciding, beside = reasons.explain(report_from_json(report), effects, remedies)
    return deciding + beside


def _changed(report, **training):
    changed = copy.deepcopy(report)
    nothing = dict.fromkeys(
        ("lower_bound", "upper_bound", "bound_confidence", "needed_chips", "needed_test_samples")
    )
    changed["training"]["cost"].update({**nothing, "confidence": 0.99, **training})
    return changed


def test_cause_then_cost_then_action(report):
    failing = _changed(report, value=0.031, ci=[0.024, 0.038], allowed=0.02, clean_learned=True)
    failing.update(verdict="not tolerated", mitigation=None)
    noise, other = "cycle-to-cycle noise", "stuck devices"
    assert explain(failing, [noise], ["Lower its key"])[:3] == [
        "Cause: cycle-to-cycle noise, the only thing that sets this chip apart from an ideal one.",
        "The accuracy drop is 3.1 % (2.4 to 3.8 at 99 %), where 2 % is allowed.",
        "What to do first: lower its key (not tried).",
    ]
    several = explain(failing, [noise, other], ["lower a key", "lower another key"])
    assert several[0].startswith("Cause: cycle-to-cycle noise or stuck devices; which of them")
    guide = {**report["mitigation"], "effects": [], "ideal": None, "together": None}
    vague = explain({**failing, "mitigation": guide}, [noise, other])[0]
    assert vague.endswith("the prediction is too uncertain to tell them apart.")
    assert several[1] == "The accuracy drop is 3.1 % (2.4 to 3.8 at 99 %), where 2 % is allowed."
    assert not any(sentence.startswith("What to do first") for sentence in several)
    failing["verdict"] = "inconclusive"
    assert explain(failing, [noise])[0].startswith("Possible cause: cycle-to-cycle noise")
    lost = _changed(report, value=None, ci=[None, None], clean_learned=True)
    assert "diverges on the chip" in explain(lost, ["a", "b"])[1]
    gained_nothing = _changed(lost, clean_learned=False)
    gained_nothing["training"]["forecast"]["cost"].update(
        value=None, ci=[None, None], clean_learned=False
    )
    told = explain({**gained_nothing, "verdict": "inconclusive"}, ["a", "b"])
    assert told[1].startswith("There is no cost: of a loss that a clean network does not lower")
    assert "The forecast without training says that the clean network learns nothing." in told
    assert not any("diverges" in sentence for sentence in told)


@pytest.mark.parametrize("trained", [0.3, None])
def test_a_forecast_left_open_gives_its_reason_and_no_divergence(report, trained):
    """Of a loss, all that is possible has no lower end."""
    ends = [None, None] if trained is None else [0.2, 0.4]
    open_ = _changed(report, value=trained, ci=ends, clean_learned=True)
    forecast = open_["training"]["forecast"]
    forecast["cost"].update(value=0.4, ci=[None, 1.0], clean_learned=True)
    forecast["verdict"] = "inconclusive"
    regime = {"name": "path_left", "reason": "its path is left", "number": 0.001, "limit": 0.01}
    forecast["regime"] = regime
    (said,) = [each for each in explain(open_, ["a", "b"]) if each.startswith("The forecast with")]
    assert said.endswith("inconclusive; its path is left.")
    assert "diverges" not in said


@pytest.mark.parametrize(
    ("trained", "said"),
    [
        ((0.1, 0.15), " (39.0 to 41.0 at 99 %), a size that training does not confirm: tolerated."),
        ((0.38, 0.4), " (39.0 to 41.0 at 99 %): tolerated."),
    ],
)
def test_of_a_forecast_that_training_does_not_confirm_it_is_the_size(report, trained, said):
    """Red where the same verdict of both is said not to be confirmed."""
    low, high = trained
    both = _changed(report, value=0.5 * (low + high), ci=[low, high], clean_learned=True)
    both["verdict"] = "tolerated"
    forecast = both["training"]["forecast"]
    forecast["cost"].update(value=0.4, ci=[0.39, 0.41], clean_learned=True)
    forecast.update(verdict="tolerated", regime=None)
    (found,) = [each for each in explain(both, ["a", "b"]) if each.startswith("The forecast with")]
    assert found.endswith(said)


@pytest.mark.parametrize(
    ("verdict", "ends", "said"),
    [
        ("tolerated", (-0.01, 0.0149), "at most 1.5 % by the one-sided bound at 90 %, within the"),
        ("not tolerated", (0.0251, 0.06), "at least 2.5 % by the one-sided bound at 90 %, above"),
        ("inconclusive", (0.011, 0.04), "1.1 to 4.0 % by one-sided bounds at 90 % each, and 2 %"),
        ("inconclusive", (None, None), "unbounded by one-sided bounds at 90 % each, and 2 %"),
    ],
)
def test_the_bound_that_decided_is_quoted_with_its_confidence(report, verdict, ends, said):
    judged = _changed(
        report, value=0.02, ci=[0.004, 0.036], confidence=0.99, allowed=0.02, clean_learned=True,
        lower_bound=ends[0], upper_bound=ends[1], bound_confidence=0.9,
    )  # fmt: skip
    judged["verdict"] = verdict
    (sentence,) = [s for s in explain(judged, ["a", "b"]) if s.startswith("The accuracy drop is")]
    assert sentence.startswith("The accuracy drop is 2.0 % (0.4 to 3.6 at 99 %): ")
    assert said in sentence
    assert "2 % " in sentence.partition("one-sided")[2]


def _first_things(open_, needed):
    """What a report says to do first where nothing alone would decide."""
    nothing = needed.get("needed_chips") is None and needed.get("needed_test_samples") is None
    said = [s for s in explain(open_, ["a"]) if s.startswith("What to do first")]
    return said if nothing else []


@pytest.mark.parametrize(
    ("verdict", "begin"),
    [
        ("not tolerated", "Cause: the weight window (device.w), the only thing that sets"),
        ("inconclusive", "Possible cause: the weight window (device.w), the only thing that"),
        (
            "tolerated",
            "Nothing but the weight window (device.w) sets this chip apart from an ideal one.",
        ),
    ],
)
def test_a_window_that_may_not_hold_is_named_without_any_effect(report, verdict, begin):
    judged = _changed(report, clean_learned=True)
    judged.update(verdict=verdict, mitigation=None)
    deciding, _ = reasons.explain(report_from_json(judged), [], [], "device.w")
    assert deciding[0].startswith(begin)
    assert cause_of(Verdict(verdict), ()).sentence != deciding[0]


@pytest.mark.parametrize("verdict", [Verdict.NOT_TOLERATED, Verdict.INCONCLUSIVE])
def test_a_window_that_may_not_hold_is_named_beside_several_effects(verdict):
    """In "a, b or the window" where nothing tells them apart, and of what is left without any."""
    assert (
        "a, b or the weight window (device.w); "
        in cause_of(verdict, ["a", "b"], window="device.w").sentence
    )

    def guide(ideal):
        whole = SimpleNamespace(verdict=verdict, value=0.3)
        effect = SimpleNamespace(without=whole, saves=0.0, costs=False)
        found = SimpleNamespace(
            whole=whole, effects=(effect,), ideal=SimpleNamespace(verdict=ideal)
        )
        return cause_of(verdict, ["a", "b"], found, window="device.w").sentence

    left = "; without any of them what is left comes from device.w."
    assert guide(Verdict.INCONCLUSIVE).endswith(left)
    assert not guide(Verdict.TOLERATED).endswith(left)


def test_a_cause_beside_a_deployment_is_of_the_training():
    begin = "Possible cause in training: "
    for effects in (["a"], ["a", "b"]):
        found = cause_of(Verdict.INCONCLUSIVE, effects, deployed=True).sentence
        assert found.startswith(begin)
        assert "sets this chip apart" not in found
    none = cause_of(Verdict.NOT_TOLERATED, (), deployed=True).sentence
    assert none.startswith("Cause in training: no effect")


def test_what_would_decide_is_said_first(report):
    def first(**needed):
        cost = dict(value=0.02, allowed=0.02, clean_learned=True, **needed)
        open_ = _changed(report, **cost, bound_confidence=0.95, lower_bound=0.0, upper_bound=0.1)
        open_["verdict"] = "inconclusive"
        assert not _first_things({**open_, "quick": True}, needed), (
            "a quick look is not all there is"
        )
        (sentence,) = [s for s in explain(open_, ["a"]) if s.startswith("What to do first")]
        return sentence

    assert "about 34 chips (training.max_seeds) would" in first(needed_chips=34)
    both = first(needed_chips=34, needed_test_samples=1200)
    assert "about 34 chips (training.max_seeds) or about 1200 test samples" in both
    assert "neither more chips (training.max_seeds) alone nor more test samples" in first()
    assert "no number of chips that the spec allows" in first(test_samples=None)
    # digits has 1,797 samples, and this spec trains on 100 of them.
    assert "about 1697 test samples (task.test_samples) would" in first(needed_test_samples=1697)
    assert "about 1698 test samples (more than the data have) would" in first(
        needed_test_samples=1698
    )


def test_what_decides_stands_apart_from_what_does_not(report):
    record = report_from_json(report)
    assert record.reasons == record.decided_by + record.beside
    assert record.decided_by[-1].startswith(("The accuracy drop is", "What to do first"))
    assert any("loss change of a step agree" in sentence for sentence in record.beside)
    deciding, beside = reasons.explain(record.model_copy(update={"quick": True}), ["a"])
    assert "quick look" in deciding[-1]
    assert list(record.beside) == beside
    older = record.model_copy(update={"deciding_reasons": None})
    assert (older.decided_by, older.beside) == (record.reasons, ())


def test_a_chip_that_is_tolerated_has_no_cause(report):
    fine = _changed(report, value=0.001, ci=[-0.004, 0.006], allowed=0.02, clean_learned=True)
    fine.update(verdict="tolerated", mitigation=None)
    first, second, *_ = explain(fine, ["a", "b"], ["lower a", "lower b"])
    assert first == "The accuracy drop is 0.1 % (-0.4 to 0.6 at 99 %), where 2 % is allowed."
    assert not second.startswith("What to do first")
    assert explain(fine, [])[0] == NOTHING


def _unseen(report, verdict=Verdict.TOLERATED):
    return reasons.unseen_chips(report_from_json(report), verdict)


def test_chips_that_were_not_seen_are_noted_where_a_chip_is_tolerated(report):
    """Of five chips at 95 % and one look: p with (1 − p)^5 = 0.05 is 45.1 %."""
    chips = _changed(report, bound_confidence=0.95)
    chips["spec"]["training"]["max_seeds"] = chips["spec"]["training"]["seeds"]
    chip = chips["training"]["chip"]
    curve = chip["curves"][0]
    other = {**curve, "train_loss": [*curve["train_loss"][:-1], 0.0123]}
    chip.update(chips=5, curves=[curve, other, other, other, other])
    (said,) = _unseen(chips)
    chips["spec"]["training"].update(seeds=5, max_seeds=40, looks=3)
    (of_three,) = _unseen(chips)
    assert of_three.startswith("Up to 56 % of all chips, at 95 %"), "1 − (0.05/3)^(1/5)"
    chips["spec"]["training"]["looks"] = 1
    assert said.startswith("Up to 45 % of all chips, at 95 %, may be worse than each of the 5 that")
    for verdict in (Verdict.NOT_TOLERATED, Verdict.INCONCLUSIVE):
        assert _unseen(chips, verdict) == []
    chip.update(curves=[curve] * 5, correct=["11"] * 5)
    assert _unseen(chips) == [], "chips that are all alike"
    chip["correct"] = ["11", "11", "10", "11", "11"]
    assert _unseen(chips) == [said]
    late = {
        **{"time": 60, "accuracy": 0.5, "accuracy_ci": [0.4, 0.6], "accuracy_spread": 0.1},
        **{"loss": 1.0, "test_loss": 1.0, "cost": chips["training"]["cost"]},
        "verdict": "tolerated",
    }
    chips["deployment"] = [{**late, "chips": 20}, {**late, "time": 90, "chips": 9}]
    assert "each of the 5 that" in _unseen(chips)[0]
    chips["training"]["chip"]["chips"] = 20
    assert _unseen(chips)[0].startswith("Up to 28 % of all chips")
    assert "each of the 9 that" in _unseen(chips)[0]
    chips["training"]["chip"]["chips"] = 3
    chips["spec"]["training"]["steps"] = 0
    assert "each of the 9 that" in _unseen(chips)[0], "nothing was trained"
    chips["training"]["cost"]["bound_confidence"] = None
    assert _unseen(chips) == [], "a report of an earlier version"


def test_nothing_in_the_spec_never_stands_above_not_tolerated(report):
    failing = _changed(report, value=0.5, ci=[0.4, 0.6], clean_learned=True)
    failing.update(verdict="not tolerated", mitigation=None)
    text = " ".join(explain(failing, []))
    assert NOTHING not in text
    assert text.startswith("Cause: no effect that the spec names")


def test_why_there_is_no_verdict(report):
    changed = _changed(report, clean_learned=False)
    changed["training"]["chip"]["chips"] = 1
    text = " ".join(explain(changed, ["a"]))
    assert "nothing that a chip could lose" in text
    assert "Only one chip was trained" in text


def test_sentences_of_the_points(report):
    changed = _changed(report, clean_learned=True)
    changed["training"]["chip"]["diverged"] = 1
    changed["quick"] = True
    first, last = changed["points"]
    first["delta_loss"].update(predicted=0.001, measured=0.002, agree=False)
    first["delta_loss"].update(predicted_bias=0.0, predicted_variance=0.001, predicted_kinks=0.0)
    first["descent"]["exact_margin_ci"] = [0.1, 0.2]
    first["contributions"] = [
        {"effect": "levels", "label": "the levels", "predicted_without": 0.0002, "share": 0.8}
    ]
    last["delta_loss"].update(predicted=0.0001, agree=True)
    last["moments"].update(gain=0.0, total_variance=0.0)
    first["delta_loss"].update(predicted_ci=[0.0009, 0.0011], measured_ci=[0.0015, 0.0025])
    text = " ".join(explain(changed, ["a", "b"]))
    assert (
        "In a single step at step 0, the levels is the largest part of the predicted change of the "
        "loss: 0.001 (0.0009 to 0.0011 at 99 %) with it, 0.0002 without." in text
    )
    first["contributions"][0].update(saves=0.0007)
    assert "loss: 0.0009 with it, 0.0002 without." in " ".join(explain(changed, ["a", "b"]))
    assert "1 of 3 chips diverged" in text
    assert (
        "agree at 1 of 2 points; they differ most at step 0: 0.001 (0.0009 to 0.0011 at 99 %) "
        "predicted, 0.002 (0.0015 to 0.0025 at 99 %) measured." in text
    )
    assert "raises the loss at step 0" in text
    assert "At step 40 no weight moves" in text
    assert "quick look" in text


def test_agreement_and_descent_everywhere(report):
    changed = copy.deepcopy(report)
    for point in changed["points"]:
        point["delta_loss"]["agree"] = True
        point["descent"]["exact_margin_ci"] = [-0.2, -0.1]
    text = " ".join(explain(changed, ["a"]))
    assert "agree at all 2 measured points" in text
    assert "lowers the loss at every measured point" in text
    changed["points"][0]["descent"]["exact_margin_ci"] = [-0.2, 0.1]
    assert "At step 0 it is not known" in " ".join(explain(changed, ["a"]))


def test_descent_is_told_of_the_points_where_weights_move(report):
    """Red where points at which none does count among those whose loss falls."""
    changed = copy.deepcopy(report)
    for point in changed["points"]:
        point["descent"]["exact_margin_ci"] = [-0.2, -0.1]
    changed["points"][1]["moments"].update(gain=0.0, total_variance=0.0)
    text = " ".join(explain(changed, ["a"]))
    assert "At step 40 no weight moves" in text
    assert "every measured point" not in text
    assert (
        "The expected step through the chip lowers the loss at step 0; no weight moves at the "
        "other measured points." in text
    )


def test_pre_activations_at_a_kink_are_told(report):
    """None are here; where some are, the sentence has the most of them."""
    assert "exactly at a kink" not in " ".join(explain(report, ["a"]))
    changed = copy.deepcopy(report)
    for point, count in zip(changed["points"], (3, 7), strict=True):
        point["delta_loss"]["kinks"]["at_kink"] = count
    units = changed["points"][1]["delta_loss"]["kinks"]["units"]
    sentence = f"At step 40, 7 of {units} pre-activations are exactly at a kink"
    assert sentence in " ".join(explain(changed, ["a"]))


@pytest.mark.parametrize(
    ("allowed", "verdict", "bound", "low_or_high", "limit"),
    [
        (0.0004, "tolerated", 0.0003, "at most 0.03 %", "within the 0.04 % allowed"),
        (0.0004, "not tolerated", 0.00041, "at least 0.041 %", "above the 0.04 % allowed"),
        (0.02, "not tolerated", 0.0203, "at least 2.03 %", "above the 2 % allowed"),
        (0.0196, "tolerated", 0.01955, "at most 1.955 %", "within the 1.96 % allowed"),
        (0.02, "tolerated", 0.02, "at most 2.0 %", "within the 2 % allowed"),
        (0.0004, "inconclusive", 0.00044, "0.044 to 0.044 %", "and 0.04 % is allowed"),
    ],
)
def test_what_is_allowed_is_said_as_it_was_typed_and_bounds_stand_on_their_side(
    report, allowed, verdict, bound, low_or_high, limit
):
    judged = _changed(
        report, value=bound, ci=[0.0, 0.05], allowed=allowed, clean_learned=True,
        lower_bound=bound, upper_bound=bound, bound_confidence=0.9,
    )  # fmt: skip
    judged["verdict"] = verdict
    (sentence,) = [s for s in explain(judged, ["a", "b"]) if s.startswith("The accuracy drop is")]
    assert f": {low_or_high} by " in sentence
    assert limit in sentence


def test_more_chips_than_the_spec_allows_are_no_way_to_decide(report):
    def first(**needed):
        cost = dict(value=0.02, allowed=0.02, clean_learned=True, **needed)
        open_ = _changed(report, **cost, bound_confidence=0.95, lower_bound=0.0, upper_bound=0.1)
        open_["verdict"] = "inconclusive"
        return next(s for s in explain(open_, ["a"]) if s.startswith("What to do first"))

    assert "about 1000 chips (training.max_seeds) would" in first(needed_chips=1000)
    assert "neither more chips (training.max_seeds) alone nor" in first(needed_chips=1001)
    assert "; about 70 test samples" in first(needed_chips=1001, needed_test_samples=70)


def test_only_advice_that_names_a_change_is_what_to_do_first(report):
    """Red where 'Nothing that was tried lowers the cost' stands behind 'What to do first:'."""
    failing = with_guide(_changed(report, value=0.2, ci=[0.1, 0.3], allowed=0.02))
    failing["verdict"] = "not tolerated"
    guide = failing["mitigation"]
    guide["advice"] = ["Nothing that was tried lowers it.", "Lower a key: it falls."]
    first = "What to do first: lower a key: it falls."
    assert first in explain(
        {**failing, "mitigation": {**guide, "first_change": guide["advice"][1]}}, ["a", "b"]
    )
    told = explain({**failing, "mitigation": {**guide, "first_change": None}}, ["a", "b"])
    assert not any(sentence.startswith("What to do first") for sentence in told)
