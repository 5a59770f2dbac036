"""A chip of device_models beside a problem: the numbers of the same chip by its keys."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import neurograd
from device_models import Backprop, Chip, Minibatch, PulseTrains, ReadNoise
from device_models.updates.recipe import Recipe
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_clean_chip
from neurograd.pipeline.own.handed_over import spec_for
from neurograd.pipeline.own.written_keys import with_keys, written_keys
from neurograd.report.content.headline import heading
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec

TRAINING = {"steps": 3, "seeds": 2, "max_seeds": 2}
MEASURE = {"draws": 12, "loss_draws": 8, "points": 1}
KEYS = {
    # Without spread from device to device every chip of the keys is the same one.
    "device": {"read": {"noise": "3 %"}, "write": {"cycle_to_cycle": "4 %"}},
    "learning_rule": {"batch_size": 10},
    "training": {**TRAINING, "step_size": 0.3},
    "measure": MEASURE,
}


@pytest.fixture(scope="module")
def problem():
    generator = generator_for(0, "own chip")
    y = torch.arange(40) % 2
    x = torch.randn((40, 4), generator=generator) + 2.0 * y.unsqueeze(1)
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(0.4 * torch.randn(p.shape, generator=generator))
    loss = nn.CrossEntropyLoss()
    return neurograd.Problem(module, loss, x[:30], y[:30], test_inputs=x[30:], test_targets=y[30:])


@pytest.fixture(scope="module")
def chip(problem):
    return build_chip(validate_spec(KEYS), problem)


@pytest.fixture(scope="module")
def checked(problem, chip):
    return neurograd.check(problem=problem, chip=chip, training=TRAINING, measure=MEASURE)


def test_a_check_has_the_numbers_of_the_keys(problem, checked):
    by_keys = neurograd.check(problem=problem, chip=KEYS)
    mine, its = checked.report, by_keys.report
    for part in ("moments", "curvature", "delta_loss", "descent"):
        assert mine["points"][0][part] == its["points"][0][part]
    for part in ("clean", "chip", "cost", "forecast"):
        assert mine["training"][part] == its["training"][part]
    assert mine["step_size"] == 0.3
    assert mine["points"][0]["moments"]["total_variance"] > 0


def test_the_report_names_it(checked):
    parts = "Minibatch of Backprop, "
    assert checked.record.own_chip.startswith(parts)
    assert f"a chip of {parts}" in heading(checked.record)
    assert any("handed over by a program (Minibatch of" in note for note in checked.record.notes)
    assert not any("no number" in note for note in checked.record.notes)
    told = " ".join(checked.record.reasons)
    assert "Nothing in the spec" not in told
    assert checked.record.mitigation is None


def test_the_forecast_and_a_sweep_take_it(problem, chip, checked):
    sections = {"training": TRAINING, "measure": MEASURE}
    alone = neurograd.predict(problem=problem, chip=chip, **sections)
    assert alone.cost == checked.record.training.forecast.cost
    found = neurograd.sweep(
        problem=problem, chip=chip, over={"training.step_size": [0.3, 0.1]}, **sections
    )
    assert found.rows[0]["chip_loss"] == pytest.approx(
        checked.report["training"]["chip"]["loss"], rel=1e-12
    )
    assert found.rows[1]["chip_loss"] > found.rows[0]["chip_loss"]


REFUSED = {
    "its precision beside it": (
        {"quantization": {"weight_bits": 4}},
        "quantization: is not for a chip of your own",
    ),
    "another step": ({"training": {"step_size": 0.2}}, "beside a chip whose step_size is 0.3"),
    "another order": ({"training": {"order": "shuffled"}}, "beside a chip whose order is fresh"),
}


@pytest.mark.parametrize(("sections", "said"), REFUSED.values(), ids=REFUSED)
def test_sections_that_the_chip_has_are_refused(problem, chip, sections, said):
    with pytest.raises(NeurogradError, match=said):
        neurograd.check(problem=problem, chip=chip, **sections)


def test_whole_sets_drawn_with_replacement_are_refused(problem, chip):
    """The clean twin of such a batch would see every sample once."""
    drawn = Minibatch(Backprop(), problem.num_samples, order="with_replacement")
    with pytest.raises(NeurogradError, match="draws 30 of 30 samples with replacement"):
        neurograd.check(problem=problem, chip=replace(chip, rule=drawn))


def test_what_needs_keys_is_refused(problem, chip, tmp_path):
    with pytest.raises(NeurogradError, match=r"device\.read\.noise is no key of a chip object"):
        neurograd.sweep(problem=problem, chip=chip, over={"device.read.noise": [0.0, 0.1]})
    with pytest.raises(NeurogradError, match="cannot be told from that of another one"):
        neurograd.check(problem=problem, chip=chip, resume=tmp_path)
    with pytest.raises(NeurogradError, match="has a recipe of its own"):
        neurograd.check(problem=problem, chip=replace(chip, recipe=Recipe()))


def test_an_ideal_chip_is_its_own_clean_twin(problem):
    ideal = Chip(Minibatch(Backprop(), 10), 0.3)
    found = neurograd.check(problem=problem, chip=ideal, training=TRAINING, measure=MEASURE).report[
        "training"
    ]
    assert found["chip"]["loss"] == pytest.approx(found["clean"]["loss"], rel=1e-12)


# -- what the chip follows of a sweep, and what it cannot follow -----------------------------------


def pulses(step_size=0.3):
    return Minibatch(PulseTrains(0.002, step_size), 10)


def test_a_chip_that_counts_pulses_counts_those_of_the_swept_step_size(problem):
    chip = Chip(pulses(), 0.3)
    spec = spec_for(problem, chip, {"training": TRAINING})
    swept = with_keys(spec, written_keys(spec), {"training.step_size": 0.03}, "over")
    assert build_chip(swept, problem) == Chip(pulses(0.03), 0.03)
    found = neurograd.sweep(
        problem=problem, chip=chip, over={"training.step_size": [0.03]}, training=TRAINING
    )
    alone = neurograd.sweep(
        problem=problem, chip=Chip(pulses(0.03), 0.03), over={"measure.seed": [0]},
        training=TRAINING,
    )  # fmt: skip
    assert found.rows[0]["chip_loss"] == alone.rows[0]["chip_loss"]


def test_a_chip_sees_its_samples_in_the_swept_order(problem, chip):
    spec = spec_for(problem, chip, {"training": TRAINING})
    for order in ("fresh", "shuffled", "with_replacement"):
        swept = with_keys(spec, written_keys(spec), {"training.order": order}, "over")
        assert build_chip(swept, problem).rule.order == order
        assert build_clean_chip(swept, problem).rule.order == order


def by_sample():
    return Chip(Minibatch(Backprop(), 10), 0.3, reads=(ReadNoise(0.02),), write_each="sample")


MOMENTUM = {"optimizer": {"momentum": 0.9}}
NO_RECIPE = {
    "pulses with momentum": (Chip(pulses(), 0.3), MOMENTUM, "optimizer", "counts the pulses"),
    "pulses, clipped": (Chip(pulses(), 0.3), {"clip": 1.0}, "clip", "counts the pulses"),
    "samples with momentum": (by_sample(), MOMENTUM, "optimizer", "writes every sample"),
    "samples, clipped": (by_sample(), {"clip": 1.0}, "clip", "writes every sample"),
}


@pytest.mark.parametrize(("own", "recipe", "key", "said"), NO_RECIPE.values(), ids=NO_RECIPE)
def test_a_recipe_is_refused_for_a_chip_that_has_no_sum_of_estimates(
    problem, own, recipe, key, said
):
    told = rf"^training\.{key}: is not for a chip .*{said}"
    with pytest.raises(NeurogradError, match=told):
        neurograd.predict(problem=problem, chip=own, training={**TRAINING, **recipe})
    over = {f"training.{key}": [None, recipe[key]]}
    with pytest.raises(NeurogradError, match=told):
        neurograd.sweep(problem=problem, chip=own, over=over, training=TRAINING)


def test_a_rule_of_another_step_size_than_its_chip_is_refused(problem):
    with pytest.raises(
        NeurogradError, match=r"step size 0\.3, and its rule PulseTrains one of 0\.2"
    ):
        neurograd.predict(problem=problem, chip=Chip(pulses(0.2), 0.3), training=TRAINING)
