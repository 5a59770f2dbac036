"""Devices fitted from few pulses and many: what is counted, the small form, the kept record."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from experiments.fitted_ranges import DEVICES, SEED, main
from experiments.support.fitted_claims import (
    LOST,
    TOLERATED,
    bounds_of,
    claims,
    counts_of_sum,
    expected_counts,
    held,
    numbers,
    place_of,
    share_interval,
    summary,
)
from experiments.support.fitted_devices import FULL, RUNS, block_of, draw_device, spec_of
from experiments.support.record import RESULTS
from neurograd.errors import NeurogradError
from neurograd.output import plain

OPEN = "inconclusive"


def _fit(costs, verdicts=OPEN):
    names = [verdicts] * len(costs) if isinstance(verdicts, str) else verdicts
    told = [{"cost": c, "verdict": v} for c, v in zip(costs, names, strict=True)]
    return {"refused": "", "draws": told}


def _truth(forecast, trained=OPEN):
    trained = {"value": forecast, "error": 0.001, "chips": 16, "verdict": trained}
    return {"forecast": {"cost": forecast, "verdict": OPEN}, "trained": trained}


def test_draws_hold_a_device_whose_cost_lies_among_theirs():
    fitted = _fit([0.01, 0.02, 0.02, None])
    assert place_of(fitted, _truth(0.02)) == (1, 1)
    assert place_of(fitted, _truth(0.005)) == (0, 4)
    assert held(fitted, _truth(0.01))
    assert not held(fitted, _truth(0.009))
    # A cost without bound is the largest.
    assert held(fitted, _truth(None))
    assert not held(_fit([0.01, 0.02]), _truth(None))


def test_one_more_draw_may_be_any_of_them():
    assert bounds_of(_fit([0.0] * 4, [TOLERATED, TOLERATED, OPEN, LOST])) == (0.4, 0.8)
    assert bounds_of(_fit([0.0] * 4, TOLERATED)) == (0.8, 1.0)
    assert bounds_of(_fit([0.0] * 4, LOST)) == (0.0, pytest.approx(0.2))


def test_counts_of_equal_trials_are_binomial():
    found = counts_of_sum([0.3] * 12)
    np.testing.assert_allclose(found, stats.binom.pmf(np.arange(13), 12, 0.3), atol=1e-12)
    low, high = expected_counts([(0.3, 0.6)] * 12)
    assert (low, high) == (stats.binom.ppf(0.005, 12, 0.3), stats.binom.ppf(0.995, 12, 0.6))


def _rows(inside, outside, verdict, trained):
    """Devices whose cost is 2 % and whose draws go from 1 to 3 %, or from 3 % on."""
    truths = {f"{k:02}": _truth(0.02, trained) for k in range(inside + outside)}
    costs = [0.01 + 0.02 * k / 18 for k in range(19)]
    fits = {
        name: _fit([cost + (0.02 if k < outside else 0.0) for cost in costs], verdict)
        for k, name in enumerate(truths)
    }
    return truths, fits


def _judged(inside, outside, verdict=TOLERATED, trained=TOLERATED):
    truths, fits = _rows(inside, outside, verdict, trained)
    result = summary(truths, {f"5000-{name}": row for name, row in fits.items()}, (5000,))
    return result["5000"], [claim.held for claim in claims(result, "by hand")]


@pytest.mark.parametrize(
    ("outside", "word"), [(2, "inconclusive"), (6, "inconclusive"), (7, "not held")]
)
def test_ninety_percent_must_not_lie_above_the_interval(outside, word):
    """14 of 20 leave 90 % inside the exact 99 % interval (0.395 to 0.909), 13 do not (0.884).

    Red where what the interval does not contradict is called held: 14 of 20 are no 90 %.
    """
    part, words = _judged(20 - outside, outside)
    assert part["held"] == 20 - outside
    assert part["expected"] == pytest.approx(0.9)
    assert (part["below_all"], part["above_all"]) == (outside, 0)
    assert words[0] == word


def test_so_many_files_show_ninety_percent():
    """The exact 99 % interval of 60 of 60 begins at 0.926."""
    assert _judged(60, 0)[1][0] == "held"


def test_shares_are_held_against_what_trained():
    # A test of a sum can only contradict it, and of lost devices there is none.
    assert _judged(20, 0)[1][1:3] == ["inconclusive", "partly"]
    part, words = _judged(20, 0, TOLERATED, LOST)
    assert part["wrong_and_sure"] == 20
    assert part["share_where_lost"] == (1.0, 20)
    assert words[1:3] == ["not held", "not held"]
    assert _judged(20, 0, LOST, TOLERATED)[1][1] == "not held"
    # Draws that decide nothing are wrong about nothing, and tell nothing.
    assert _judged(20, 0, OPEN, LOST)[1][1] == "inconclusive"
    assert numbers(*_rows(2, 0, OPEN, TOLERATED))["share_where_tolerated"] == (0.0, 2)


def test_shares_of_few_devices_show_nothing():
    """Red where means over five devices are judged as points."""
    part = _judged(20, 0)[0]
    few = {**part, "share_where_tolerated": (0.8, 5), "share_where_lost": (0.0, 5)}
    many = {**part, "share_where_tolerated": (0.8, 200), "share_where_lost": (0.0, 200)}
    assert _words({"5000": few})[2] == "inconclusive"
    assert _words({"5000": many})[2] == "held"
    assert _words({"5000": {**many, "share_where_lost": (0.3, 200)}})[2] == "partly"


def _words(result):
    return [claim.held for claim in claims(result, "by hand")]


def test_the_interval_of_a_share_covers_whatever_its_law():
    """Of all numbers from 0 to 1 with a mean those that are 0 or 1 vary most: 3,000 draws each."""
    generator = np.random.default_rng(11)
    for mean, count in ((0.05, 5), (0.5, 14), (0.9, 40)):
        drawn = generator.binomial(count, mean, size=3000) / count
        ends = {each: share_interval(each, count) for each in set(drawn.tolist())}
        missed = sum(not ends[each][0] <= mean <= ends[each][1] for each in drawn.tolist())
        assert missed <= 30  # 1 %; the bound is wide, so that fewer are missed
    assert share_interval(0.0, 5) == (0.0, pytest.approx(1 - 200 ** (-1 / 5)))


@pytest.mark.parametrize(("narrower", "word"), [(16, "held"), (8, "inconclusive"), (0, "not held")])
def test_a_sign_test_that_tells_nothing_is_inconclusive(narrower, word):
    """Red where p = 0.5 of 16 devices is called not held."""
    part = _judged(20, 0)[0]
    wide = {f"{k:02}": 1.0 for k in range(16)}
    narrow = {name: 0.5 if k < narrower else 1.5 for k, name in enumerate(wide)}
    result = {"50": {**part, "width": wide}, "500": {**part, "width": narrow}}
    assert _words(result)[3] == word


def test_a_refused_file_is_counted_apart():
    truths, fits = _rows(3, 0, TOLERATED, TOLERATED)
    fits["00"] = {"refused": "no curve"}
    part = numbers(truths, fits)
    assert (part["files"], part["held"], part["refused"]) == (3, 2, {"00": "no curve"})


def test_the_true_device_is_the_drawn_one():
    source = draw_device(np.random.default_rng((SEED, 1, 0)))
    assert source.stops
    spec = spec_of(FULL, block_of(source.truth))
    assert spec.device.write.model == "soft_bounds"
    assert spec.device.read.noise == source.truth["read.noise"]
    for way in ("potentiation", "depression"):
        levels = getattr(spec.device.conductance.levels, way)
        assert levels == source.truth[f"conductance.levels.{way}"]
        noise = getattr(spec.device.write.cycle_to_cycle, way)
        assert noise == source.truth[f"write.cycle_to_cycle.{way}"]
    assert [2 * length * runs for length, runs in RUNS.values()] == list(RUNS)


def test_the_small_form(tmp_path):
    main(["--quick", "--out", str(tmp_path)])
    record = json.loads((tmp_path / "fitted_ranges.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.fitted_ranges --quick --seed 0"
    assert set(record["summary"]) == {"50", "500"}
    row = record["fits"]["500-00"]
    truth = record["truths"]["00"]["truth"]
    for key, known in row["numbers"].items():
        assert known["min"] <= known["typical"] <= known["max"]
        # A normal number lies 5 of its standard deviations off with probability 6e-7; the interval
        # at 95 % ends after 1.96 of them, on either side.
        off = truth[key.removeprefix("device.")] - known["typical"]
        end = known["interval"][0 if off < 0 else 1]
        assert abs(off) < 5 / 1.96 * abs(end - known["typical"])
    assert len({draw["cost"] for draw in row["draws"]}) > 1
    assert (tmp_path / "fitted_ranges.png").stat().st_size > 1000


def test_wrong_options_are_one_line():
    with pytest.raises(NeurogradError, match=f"--devices: 0; allowed: 1 to {DEVICES}"):
        main(["--devices", "0"])


def test_the_kept_record_says_what_its_rows_say():
    record = json.loads((RESULTS / "fitted_ranges.json").read_text(encoding="utf-8"))
    count = len(record["truths"])
    assert len(record["fits"]) == count * len(RUNS)
    assert count == DEVICES or record["command"].endswith(f" --devices {count}")
    result = summary(record["truths"], record["fits"], tuple(RUNS))
    assert plain(result) == record["summary"]
    setting = record["claims"][0]["setting"]
    kept = [(claim["measured"], claim["held"]) for claim in record["claims"]]
    assert [(claim.measured, claim.held) for claim in claims(result, setting)] == kept
