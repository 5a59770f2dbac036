"""Anisotropy of chips: white noise as a control, minibatches, and the kept record."""

from __future__ import annotations

import json
import math

import pytest

from device_models import Backprop, Chip, WhiteNoise
from experiments.anisotropy import (
    chips,
    claims,
    defined,
    draw,
    far,
    judge,
    measure,
    near,
    rate,
    text,
)
from experiments.library import clean_weights, common_spec
from experiments.support.anisotropy_kinks import kink_claims, kinks_of_chip, with_kinks
from experiments.support.record import RESULTS, parse
from neurograd.measure.estimate import Estimate
from neurograd.pipeline.build import build_problem
from neurograd.spec import list_presets
from neurograd.spec.rule_schema import RULE_DEFAULTS, SPIKING_ONLY


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return parse("anisotropy", "", ["--quick", "--out", str(tmp_path_factory.mktemp("out"))])


@pytest.fixture(scope="module")
def clean(run):
    return clean_weights(common_spec(), run)


def test_equal_noise_on_every_write_is_white_among_the_written(run, clean):
    """Noise of every write, at 99 %: N over the number of written weights.

    Pixels that are always 0 have no gradient, no write and no curvature.
    """
    device = {
        "conductance": {"min": "1 uS", "max": "20 uS", "weight_range": 4},
        "write": {"cycle_to_cycle": "1 %"},
    }
    spec = common_spec(device=device)
    gradient = build_problem(spec).gradient(clean)
    expected = len(clean) / int((gradient != 0).sum())
    assert expected > 1.05
    found = rate(spec, clean, run)
    low, high = found["ci"]
    assert low <= expected <= high
    assert high - low < 0.2
    assert found["total_variance"] > 0


def test_minibatch_noise_is_along_the_curvature(run, clean):
    spec = common_spec(learning_rule={"name": "backprop", "batch_size": 32})
    assert rate(spec, clean, run)["ci"][0] > 10


def test_a_rule_without_noise_has_none(run, clean):
    found = rate(common_spec(learning_rule={"name": "manhattan"}), clean, run)
    assert math.isnan(found["anisotropy"])
    assert found["draws"] == 0


ROWS = [
    {"kind": "device", "name": "a", "anisotropy": 1.0, "ci": [0.95, 1.05]},
    {"kind": "device", "name": "b", "anisotropy": 3.0, "ci": [2.0, 4.0]},
    {"kind": "rule", "name": "c", "anisotropy": 1.0, "ci": [0.5, 1.5]},
    {"kind": "rule", "name": "d", "anisotropy": None, "ci": [None, None]},
    {"kind": "batch", "name": "e", "anisotropy": 5.0, "ci": [None, None]},
]


def test_claims_and_figure_of_known_rows():
    made = claims(ROWS)
    assert [c.held for c in made] == ["partly", "inconclusive", "inconclusive"]
    assert made[0].measured.startswith("right for 1 of 2, wrong for 1, not known for 0: b 3 (2 to")
    assert made[1].measured.endswith("without noise: d")
    assert "Tr H lost in noise" in text(ROWS[4])
    assert [near(r) for r in ROWS] == [True, False, False, False, False]
    assert [far(r) for r in ROWS] == [False, True, False, False, False]
    assert [r["name"] for r in defined(ROWS, "device")] == ["b", "a"]
    assert judge(2, 0, 2) == "held"
    assert judge(0, 2, 2) == "not held"
    assert draw(ROWS).axes[0].get_xlabel().startswith("anisotropy")


def test_white_noise_is_white_with_kinks_as_well(run, clean):
    """Drawn kinks of white noise are those of its closed form, at 99.9 %; without noise, none."""
    problem = build_problem(common_spec())
    chip = Chip(WhiteNoise(Backprop(), total_variance=10.0), 0.1)
    found = kinks_of_chip(problem, chip, clean, 120, 0)
    drawn = Estimate(found["noise_kinks"], found["noise_kinks_error"], 119.0)
    low, high = drawn.interval(0.999)
    assert low <= found["white_kinks"] <= high
    assert high - low < 0.5 * found["white_kinks"]
    assert kinks_of_chip(problem, Chip(Backprop(), 0.1), clean, 4, 0) is None


def test_anisotropy_with_kinks_of_known_numbers():
    kinks = {"noise_kinks": 1.0, "noise_kinks_error": 0.0, "white_kinks": 0.5, "draws": 100}
    row = {"kind": "device", "name": "x", "anisotropy": 2.0, "ci": [1.9, 2.1]}
    value, (low, high) = with_kinks(row, kinks)
    assert value == pytest.approx(2.0)
    assert high - low == pytest.approx(0.2 / 1.5, rel=1e-3)
    made = kink_claims([row], {"device-x": kinks}, {"device": "noise"}, (0.9, 1.1))
    assert made[0].held == "not held"


def test_rules_without_noise_need_no_measurement(run, monkeypatch):
    monkeypatch.setattr("experiments.anisotropy.QUICK", ("rule-surrogate",))
    monkeypatch.setattr("experiments.anisotropy.clean_weights", lambda spec, run: None)
    (found,) = measure(run)
    assert found["name"] == "surrogate"
    assert found["anisotropy"] is None


def test_the_kept_record():
    record = json.loads((RESULTS / "anisotropy.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.anisotropy --seed 0"
    assert record["seed"] == 0
    assert record["versions"]["torch"]
    assert (RESULTS / "anisotropy.png").exists()
    made = claims(record["rows"], record["kinks"])
    assert [vars(claim) for claim in made] == record["claims"]
    noisy = {f"{r['kind']}-{r['name']}" for r in record["rows"]
             if r["anisotropy"] is not None and r["name"] not in SPIKING_ONLY}  # fmt: skip
    assert set(record["kinks"]) == noisy
    names = {kind: {r["name"] for r in record["rows"] if r["kind"] == kind} for kind in
             ("device", "rule", "batch")}  # fmt: skip
    assert names["device"] == set(list_presets())
    assert names["rule"] == names["batch"] == set(RULE_DEFAULTS)
    assert len(record["rows"]) == len(chips())
