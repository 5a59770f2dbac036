"""Published trainings: the small form, its parts, and what they are trainings of."""

from __future__ import annotations

import json

import pytest

from experiments import published
from experiments.published import PARTS, RUNS, claims
from experiments.support.published import analog_sgd, neurosim
from experiments.support.record import RESULTS
from neurograd.output import plain


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Folder with the record of the small form."""
    out = tmp_path_factory.mktemp("published")
    published.main(["--quick", "--out", str(out)])
    return out


def _record(out):
    return json.loads((out / "published.json").read_text(encoding="utf-8"))


def test_small_form(small):
    record = _record(small)
    runs = record["neurosim"]["runs"]
    assert len(runs) == 2 * len(RUNS) * len(neurosim.PUBLISHED)
    assert {row["variant"] for row in runs} == set(neurosim.VARIANTS)
    for row in runs:
        assert len(row["looks"]) == neurosim.LOOKS
        assert row["accuracy"] == pytest.approx(sum(row["looks"][-neurosim.LAST :]) / neurosim.LAST)
    # Runs of one seed differ, and readings share a start.
    starts = {(r["device"], r["variant"], r["run"]): r["looks"] for r in runs}
    assert starts["epiram", "source", 0] != starts["epiram", "source", 1]
    half = record["analog_sgd"]
    assert [row["tau"] for row in half["forecasts"] if not row["clean"]] == [0.7, 0.78, 0.8]
    assert {(row["tau"], row["converters"]) for row in half["parts"]} == {
        (tau, converters) for tau in analog_sgd.PUBLISHED for converters in (False, True)
    }
    assert plain([vars(claim) for claim in claims(record)]) == record["claims"]
    assert (small / "published.png").exists()


def test_a_part_is_made_anew_and_the_rest_kept(small, monkeypatch):
    before = _record(small)
    monkeypatch.setattr(published, "_forecast_work", None)
    monkeypatch.setattr(published, "_part_work", None)
    published.main(["--quick", "--out", str(small), "--only", "neurosim"])
    after = _record(small)
    assert after["analog_sgd"] == before["analog_sgd"]
    assert after["neurosim"] == before["neurosim"]
    assert set(after["parts"]) == {"neurosim"}
    assert set(PARTS) <= set(after)


def test_the_settings_are_the_published_ones():
    spec = neurosim.spec_of("epiram", neurosim.VARIANTS["source"], quick=False)
    assert spec.count_updates(4000) == 40_000
    assert neurosim.UPDATES == 4000 * neurosim.LOOKS
    assert tuple(spec.network.hidden) == (100,)
    assert (spec.training.order, spec.learning_rule.batch_size) == ("with_replacement", 1)
    for tau in analog_sgd.PUBLISHED:
        analog = analog_sgd.spec_of(tau, quick=False)
        # 80 epochs of 60,000 images in batches of 10; the step falls after 35 of them.
        assert analog.count_updates(analog_sgd.IMAGES) == 80 * 60_000 // 10
        assert analog_sgd.DROP_AFTER * analog_sgd.IMAGES == 35 * 60_000
        assert analog.device.pulsed.w_max == -analog.device.pulsed.w_min == tau
        assert analog.device.converters is None
    assert analog_sgd.spec_of(0.7, quick=False, converters=True).device.converters.dac_bits == 7


def test_networks_start_as_torch_layers_do():
    spec = analog_sgd.spec_of(0.7, quick=True)
    w = analog_sgd.problem_of(spec, 0).parameters_of(analog_sgd.problem_of(spec, 0).initial_weights)
    again = analog_sgd.problem_of(spec, 1).initial_weights
    for name, inputs in zip(w, (64, 64, 8, 8, 6, 6), strict=True):
        assert float(w[name].abs().max()) <= inputs**-0.5
    assert float(w[next(iter(w))].abs().max()) > 0.9 * 64**-0.5
    assert not (analog_sgd.problem_of(spec, 0).initial_weights == again).all()


@pytest.mark.skipif(
    not (RESULTS / "published.json").exists(), reason="the full record is made apart"
)
def test_the_kept_record_says_what_its_numbers_say():
    record = json.loads((RESULTS / "published.json").read_text(encoding="utf-8"))
    assert plain([vars(claim) for claim in claims(record)]) == record["claims"]
