"""``limits`` of a chip of device_models: which of its numbers are turned, and how far they go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

import neurograd
from device_models import Backprop, Chip, Converters, Minibatch, ReadNoise
from device_models.protocols import ElementMoments
from device_models.read.by_layer import LayerReads, PartReads
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip
from neurograd.pipeline.own.chip_numbers import ChipNumber, chip_knobs, numbers_notes, with_numbers
from neurograd.pipeline.own.handed_over import HandedOver, spec_for
from neurograd.report.figures.limit_curve import CostAxis, plot_limit_curve
from neurograd.report.limit_curves import limit_curves
from neurograd.spec import validate_spec
from tests.neurograd.cases import linear_regression

SECTIONS = {
    "training": {"steps": 12, "seeds": 3, "max_seeds": 3},
    "targets": {"max_excess_loss": 0.3, "confidence": 0.8},
    "measure": {"draws": 12, "loss_draws": 8, "points": 1},
}
DEVICE = {
    "write": {"cycle_to_cycle": "0.2 %"}, "read": {"noise": "0.25 %"},
    "conductance": {"weight_range": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def problem():
    """A quadratic loss: where a chip learns, it learns all."""
    return linear_regression(samples=60)


@pytest.fixture(scope="module")
def chip(problem):
    """One without spread from device to device, of which every index gives the same one."""
    keys = {"device": DEVICE, "training": {"step_size": 0.3}}
    return build_chip(validate_spec(keys), problem)


@pytest.fixture(scope="module")
def found(problem, chip):
    return neurograd.limits(problem=problem, chip=chip, quick=True, **SECTIONS).record


def test_noise_may_grow_until_the_target_is_lost_and_training_agrees(found):
    assert found.verdict == "tolerated"
    assert [number.key for number in found.numbers] == ["reads.0.std", "writes.0.cycle_to_cycle"]
    for number in found.numbers:
        assert number.status == "limit"
        assert number.now < number.inside.value < number.outside.value
        assert number.training.status in ("confirmed", "agrees")
    assert found.numbers[0].sentence.startswith(
        "std of ReadNoise (reads.0): now 0.00707, tolerated"
    )
    said = " ".join(found.notes)
    assert "Not turned, as no name says which way harms: writes.0.crossbar.weight_range" in said
    assert "drawn for the chip are kept as they are: those of writes.0." in said
    # A chip has its own rounding and batches: only step size and steps can be others.
    assert {tuple(change.settings) for change in found.remedies} == {
        ("training.step_size", "training.steps")
    }


def test_what_is_predicted_at_a_number_is_what_its_key_gives(problem, found):
    """The read noise twice as large, by the object and by the key of the same chip."""
    twice = found.numbers[0].worse
    device = {**DEVICE, "read": {"noise": 0.0025 * twice.value / found.numbers[0].now}}
    keys = {**SECTIONS, "device": device, "training": {**SECTIONS["training"], "step_size": 0.3}}
    alone = neurograd.predict(problem=problem, chip=keys, quick=True)
    assert twice.value == pytest.approx(2.0 * found.numbers[0].now, rel=0.01)
    assert twice.cost == pytest.approx(alone.cost.value, rel=1e-6)
    assert twice.cost != pytest.approx(found.now.cost, rel=0.01)


def test_named_numbers_are_turned_within_their_ranges(problem):
    passes = (Converters(adc_bits=8),)
    chip = Chip(Backprop(), 0.3, reads=(ReadNoise(0.01),), passes=passes)
    numbers = {"passes.0.adc_bits": (3, 8)}
    one = neurograd.limits(
        problem=problem, chip=chip, numbers=numbers, quick=True, confirm=False, **SECTIONS
    ).record
    (bits,) = one.numbers
    tried = [each.value for each in bits.tried]
    assert tried == sorted({round(value) for value in tried})
    assert min(tried) >= 3
    assert max(tried) == 8
    assert len({each.cost for each in bits.tried}) > 1


def test_numbers_are_found_below_layers_and_changed_alone():
    parts = (PartReads((slice(0, 4),), (ReadNoise(0.1),)), PartReads((slice(4, 9),)))
    chip = Chip(Backprop(), 0.3, reads=(LayerReads(parts), ReadNoise(0.0)))
    knobs = {knob.key: knob for knob in chip_knobs(HandedOver(None, chip))}
    assert list(knobs) == ["reads.0.parts.0.reads.0.std", "reads.1.std"]
    assert knobs["reads.1.std"].first == 0.01
    spec = validate_spec({}).beside(HandedOver(None, chip), allow_code=True)
    turned = with_numbers(spec, knobs["reads.0.parts.0.reads.0.std"].settings(0.3))
    reads = turned.handed_over.chip.reads
    assert turned.allows_code
    assert reads[0].parts[0].reads == (ReadNoise(0.3),)
    assert (reads[0].parts[1], reads[1]) == (parts[1], ReadNoise(0.0))
    assert chip.reads[0].parts == parts


@dataclass(frozen=True)
class Wobble:
    """A read of a program's own."""

    spread: tuple[float, float]
    offset: float

    deterministic = False

    def __post_init__(self):
        if max(self.spread) > 0.5:
            raise ValueError("spread is above 0.5")

    def read(self, w, generator):
        low, high = self.spread
        return w + self.offset + torch.where(w < 0, low, high) * torch.randn(
            w.shape, generator=generator, dtype=w.dtype
        )  # fmt: skip


@dataclass(frozen=True)
class Shifted:
    """A read that is off by as much everywhere."""

    offset: float

    deterministic = True

    def read(self, w, generator):
        return w + self.offset

    def moments(self, w):
        return ElementMoments(w + self.offset, torch.zeros_like(w))


class Plain:
    """A read that is no dataclass."""

    deterministic = True

    def read(self, w, generator):
        return w


def test_parts_of_a_programs_own_are_searched_up_to_what_they_allow():
    given = HandedOver(None, Chip(Backprop(), 0.3, reads=(Wobble((0.1, 0.2), 0.01), Plain())))
    (knob,) = chip_knobs(given)
    assert (knob.key, knob.now, knob.low) == ("reads.0.spread", 0.2, 0.0)
    assert knob.high == pytest.approx(0.5, abs=1e-3)
    assert knob.settings(0.4) == {"reads.0.spread": (0.2, 0.4)}
    told = list(numbers_notes(given, ["x"]))
    assert told[0] == "These change nothing on this chip: x."
    assert "harms: reads.0.offset;" in told[1]
    assert told[2] == "No number is found in what is no dataclass: Plain (reads.1)."


def test_signed_numbers_are_searched_on_both_sides_of_the_present_one(problem):
    """Red where values of the other sign are never tried."""
    chip = Chip(Backprop(), 0.3, reads=(Shifted(-0.02),))
    numbers = {"reads.0.offset": (np.float64(-4.0), 4)}
    one = neurograd.limits(
        problem=problem, chip=chip, numbers=numbers, quick=True, confirm=False, **SECTIONS
    ).record
    (offset,) = one.numbers
    tried = [each.value for each in offset.tried]
    assert min(tried) < -0.02 < 0.0 < max(tried)
    assert offset.sentence.count("lost from") == 2
    (curve,) = limit_curves(one)
    costs = CostAxis.of([curve], one.now.allowed)
    axes = plot_limit_curve(curve, costs, "excess_loss", 2.0).axes[0]
    assert len(axes.get_xticks()) >= 2


def test_several_signed_numbers_are_turned_by_that_which_is_furthest_from_0():
    number = ChipNumber("reads.0.shift", "Own", (-0.4, 0.0, 0.1))
    assert number.size == -0.4
    assert number.at(-0.4) == number.value
    assert number.at(0.2) == pytest.approx((0.2, 0.0, -0.05))
    assert not number.harms
    knob = number.knob(-1.0, 1.0, either=True)
    assert knob.signed
    assert (knob.rounded(2.8e-17), knob.rounded(0.12345), knob.rounded(-3)) == (0.0, 0.123, -1.0)
    assert not number.knob(0.0, 1.0, either=True).signed


REFUSED = {
    "a name": ({"reads.0.sd": (0, 1)}, r"reads\.0\.sd is no number.*did you mean reads\.0\.std"),
    "batches": ({"rule.batch_size": (1, 20)}, r"rule\.batch_size is no number"),
    "a range beside it": ({"reads.0.std": (0.1, 1)}, r"\(0\.1, 1\) does not hold it"),
    "no range": ({"reads.0.std": 1.0}, "allowed: a pair"),
    "what the part refuses": ({"reads.0.std": (-1, 1)}, "std at -1: read noise std is -1"),
}


@pytest.mark.parametrize(("numbers", "said"), REFUSED.values(), ids=REFUSED)
def test_names_and_ranges_that_do_not_fit_are_refused(problem, numbers, said):
    chip = Chip(Minibatch(Backprop(), 10), 0.3, reads=(ReadNoise(0.01),))
    with pytest.raises(NeurogradError, match=said):
        neurograd.limits(problem=problem, chip=chip, numbers=numbers, quick=True, **SECTIONS)


def test_what_has_no_number_is_refused(problem, tmp_path):
    ideal = Chip(Backprop(), 0.3)
    with pytest.raises(NeurogradError, match="has no number whose name says that it harms"):
        chip_knobs(spec_for(problem, ideal, {}).handed_over)
    with pytest.raises(NeurogradError, match=r"numbers: is for a device_models\.Chip"):
        neurograd.limits(problem=problem, chip={}, numbers={"reads.0.std": (0, 1)})
    with pytest.raises(NeurogradError, match="cannot be told from that of another one"):
        neurograd.limits(problem=problem, chip=ideal, resume=tmp_path)
