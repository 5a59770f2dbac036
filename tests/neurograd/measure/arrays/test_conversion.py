"""What converters clip, against direct counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from device_models import Backprop, Chip, Converters
from neurograd.measure.arrays import measure_conversion
from tests.neurograd.cases import classification


def problem_of(**kwargs):
    layers = [nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4)]
    return classification(layers, (6,), 4, samples=30, **kwargs)


def products(problem, converters):
    """Values that enter and leave the two arrays, of all samples, by plain arithmetic."""
    first, second = problem.module[0], problem.module[2]
    x, _ = problem.data("train")
    dims = (-1,)
    inner = converters.dac.convert(x, dims)
    sums = functional.linear(inner, first.weight)
    hidden = (converters.adc.convert(sums, dims) + first.bias).relu()
    after = functional.linear(converters.dac.convert(hidden, dims), second.weight)
    return (
        torch.cat([x.flatten(), hidden.flatten()]).detach(),
        torch.cat([sums.flatten(), after.flatten()]).detach(),
    )


@pytest.mark.parametrize("chunk_size", [7, 1000])
def test_counts_by_hand(chunk_size):
    problem = problem_of(chunk_size=chunk_size)
    converters = Converters(dac_bits=6, adc_bits=4, input_range=1.5, output_range=0.8)
    chip = Chip(Backprop(), 0.1, passes=(converters,))
    found = measure_conversion(problem, chip, problem.initial_weights, 0)
    for tally, values, reach in zip(
        (found.inputs, found.sums), products(problem, converters), (1.5, 0.8), strict=True
    ):
        assert tally.values == values.numel()
        assert tally.part_clipped == pytest.approx(float((values.abs() > reach).double().mean()))
        assert 0.01 < tally.part_clipped < 0.9
        assert tally.largest == pytest.approx(float(values.abs().max()))
        lost = (values - values.clamp(-reach, reach)).square().sum() / values.square().sum()
        assert tally.clipping_error == pytest.approx(float(lost.sqrt()))
    assert (found.input_range, found.output_range) == (1.5, 0.8)


def test_clipping_and_rounding_errors_tell_which_of_them_dominates():
    problem = problem_of()

    def sums(**options):
        chip = Chip(Backprop(), 0.1, passes=(Converters(**options),))
        return measure_conversion(problem, chip, problem.initial_weights, 0).sums

    narrow, coarse = sums(adc_bits=10, output_range=0.3), sums(adc_bits=3, output_range=10.0)
    assert narrow.clipping_error > 10 * narrow.rounding_error
    assert coarse.rounding_error > 0.05
    assert coarse.part_clipped == coarse.clipping_error == 0


def test_matched_ranges_clip_nothing():
    problem = problem_of()
    chip = Chip(Backprop(), 0.1, passes=(Converters(dac_bits=4, adc_bits=4),))
    found = measure_conversion(problem, chip, problem.initial_weights, 0)
    assert found.inputs.part_clipped == found.sums.part_clipped == 0
    assert found.output_range is None
    assert found.sums.rounding_error > 0


def test_counting_changes_no_number():
    """Loss and gradient through watched converters are those through plain ones."""
    problem = problem_of()
    plain = Chip(Backprop(), 0.1, passes=(Converters(adc_bits=4, output_range=0.5),))
    w = problem.initial_weights
    before = plain.see(problem).loss(w)
    measure_conversion(problem, plain, w, 0)
    assert plain.see(problem).loss(w) == before


def test_a_chip_without_converters_has_none():
    problem = problem_of()
    assert measure_conversion(problem, Chip(Backprop(), 0.1), problem.initial_weights, 0) is None
