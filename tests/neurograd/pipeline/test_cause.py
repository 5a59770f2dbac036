"""Every command names the cause of a cost in the same words."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from neurograd.pipeline.check import check, train_beside, train_clean
from neurograd.pipeline.limits import find_limits
from neurograd.pipeline.sweep.modes import MODES, evaluate
from neurograd.records.json_form import to_json_dict
from neurograd.report import render_html, render_report
from neurograd.report.console.limits_tables import render_limits
from neurograd.report.console.sweep_table import render_sweep
from neurograd.spec import validate_spec
from tests.neurograd.quoted import parted

COARSE = {
    "name": "a step of a quarter of the window",
    # No number that a cost on 200 samples may be as well: a sentence would seem to quote the cost.
    # The window holds all that the clean network learns.
    "device": {
        "conductance": {"weight_range": 2},
        "pulsed": {"model": "constant", "dw_min": 0.5043},
    },
    "network": {"hidden": [8]},
    "task": {"name": "digits", "train_samples": 200, "test_samples": 200},
    "training": {"step_size": 0.3, "steps": 60, "seeds": 4, "max_seeds": 4},
    "measure": {"draws": 12, "loss_draws": 8, "points": 1},
}
LABEL = "the granularity of pulses"
SENTENCE = f"Cause: {LABEL}, the only thing that sets this chip apart from an ideal one."


@pytest.fixture(scope="module")
def spec():
    return validate_spec(COARSE)


@pytest.mark.parametrize("work", [check, train_beside], ids=["check", "train"])
def test_check_and_train(spec, work):
    record = work(spec).record
    assert record.verdict == "not tolerated"
    assert (record.cause, record.reasons[0]) == (LABEL, SENTENCE)
    console = Console(width=200, file=io.StringIO())
    render_report(record, console)
    for text in (console.file.getvalue(), render_html(record)):
        assert SENTENCE in text
        assert "Nothing in the spec" not in text


def _narrow(weight_range, device):
    conductance = {"weight_range": weight_range}
    return validate_spec({**COARSE, "device": {"conductance": conductance, **device}})


def test_an_effect_that_saves_nothing_is_not_the_cause_of_what_the_window_clips():
    """Red where a single effect is the cause whatever the window costs."""
    spec = _narrow(0.03, {"read": {"noise": 0.001}})
    record = check(spec).record
    assert (record.verdict, record.cause) == ("not tolerated", None)
    assert record.reasons[0].startswith(
        "Cause: no effect that is known to cost anything; without read noise the predicted "
        "accuracy drop is "
    )
    assert record.reasons[0].endswith("; what is left comes from device.conductance.weight_range.")
    said = "What to do first: look at device.conductance.weight_range: without read noise"
    assert record.reasons[2].startswith(said)
    (part,) = record.mitigation.effects
    assert part.without.value == record.mitigation.ideal.value > 0
    assert part.alone == record.mitigation.whole
    # No prediction tells the two apart here.
    trained = train_beside(spec).record
    assert trained.cause is None
    assert trained.reasons[0] == (
        "Cause: read noise or the weight window (device.conductance.weight_range); which of them "
        "costs how much is predicted by neurograd check without --no-mitigation."
    )
    assert not any(reason.startswith("What to do first: lower") for reason in trained.reasons)


def test_the_only_effect_is_the_cause_where_the_window_alone_would_cost_less():
    """The clean network leaves the window, the forecast of the chip is open, training is not."""
    record = check(_narrow(1.0, {"pulsed": {"model": "constant", "dw_min": 0.5043}})).record
    assert (record.verdict, record.cause) == ("not tolerated", LABEL)
    assert record.reasons[0].startswith(f"Cause: {LABEL}; without it the predicted accuracy drop")
    (part,) = record.mitigation.effects
    assert part.without.ci[1] < record.training.cost.lower_bound


@pytest.mark.parametrize("mode", ["train", "predict"])
def test_sweep(spec, mode):
    kind = MODES[mode]
    row = evaluate(spec, mode, device="cpu", quick=False, clean=kind.clean(spec, "cpu", False))
    assert row["verdict"] != "tolerated"
    assert row["cause"] == LABEL
    console = Console(width=200, file=io.StringIO())
    render_sweep([{"training.seeds": "3", **row}], ["training.seeds"], console)
    assert LABEL in console.file.getvalue()


def test_a_sweep_says_at_which_confidence_its_intervals_are(spec):
    clean = train_clean(spec)
    row = evaluate(spec, "train", device="cpu", quick=False, clean=clean)

    def shown(*levels):
        rows = [{"key": "1", **row, "confidence": level} for level in levels]
        console = Console(width=200, file=io.StringIO())
        render_sweep(rows, ["key"], console)
        return console.file.getvalue()

    assert "at 95 %" in shown(0.95, 0.95).splitlines()[0]
    head, _, first, second, *_ = shown(0.95, 0.9).splitlines()
    assert "interval" in head
    assert "at 95 %" in first
    assert "at 90 %" in second


def test_limits(spec):
    record = find_limits(spec, quick=True, confirm=False).record
    assert record.verdict == "not tolerated"
    assert (record.cause, record.reasons[0]) == (LABEL, SENTENCE)
    assert parted(to_json_dict(record)) == []
    console = Console(width=200, file=io.StringIO())
    render_limits(record, console)
    text = console.file.getvalue()
    assert SENTENCE in text.partition("Verdict: not tolerated")[2]
    # What cannot be made less harmful is one line.
    assert text.count("not what limits") == sum(row.status == "best" for row in record.numbers)
    harmless = any(row.status == "best" for row in record.numbers)
    assert ("- as harmless as they can be: " in text) is harmless
