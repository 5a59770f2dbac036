"""The chip that composes rule, reads and writes."""

from __future__ import annotations

import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    Converters,
    FixedPointGrid,
    LearningRule,
    MemristorWrite,
    Minibatch,
    NodePerturbation,
    ReadNoise,
    ReadPath,
    SurrogateBptt,
    UpdateRounding,
    WeightPerturbation,
    WeightRounding,
    WhiteNoise,
    WritePath,
    draw_crossbar,
    draw_feedback,
)
from device_models.spiking.network import SpikingNetwork
from neurograd.forecast.chip_end import way_of
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from tests.neurograd.cases import linear_regression, relu_network


def _memristor(problem, **options):
    crossbar = draw_crossbar(problem.num_parameters, generator=generator_for(0))
    return MemristorWrite(crossbar, **options)


def test_models_keep_their_protocols():
    problem = relu_network()
    rules = [
        Backprop(),
        Minibatch(Backprop(), 2),
        WhiteNoise(Backprop()),
        draw_feedback(problem, problem.initial_weights, generator_for(0)),
    ]
    assert all(isinstance(rule, LearningRule) for rule in rules)
    grid = FixedPointGrid(8)
    assert all(isinstance(r, ReadPath) for r in (ReadNoise(0.1), WeightRounding(grid)))
    assert all(isinstance(w, WritePath) for w in (_memristor(problem), UpdateRounding(grid)))


def test_chip_divides_what_the_synapses_realize_by_the_step():
    problem = relu_network()
    w = problem.initial_weights
    write = UpdateRounding(FixedPointGrid(6), "nearest")
    chip = Chip(Backprop(), 0.5, writes=(write,))
    w = chip.program(w)
    g = problem.gradient(w)
    expected = write.write(w, -0.5 * g, generator_for(0)) / 0.5
    assert chip.sample_update(problem, w, generator_for(0)).equal(expected)
    assert Chip(Backprop(), 0.5).sample_update(problem, w, generator_for(0)).equal(-g)
    with pytest.raises(ValueError, match="step_size"):
        Chip(Backprop(), 0.0)


def test_effects_act_in_their_order():
    problem = relu_network()
    coarse = UpdateRounding(FixedPointGrid(3), "nearest")
    fine = UpdateRounding(FixedPointGrid(20), "nearest")
    w = problem.initial_weights
    one = Chip(Backprop(), 1.0, writes=(coarse, fine)).program(w)
    torch.testing.assert_close(one, coarse.program(w))
    noise, rounding = ReadNoise(0.05), WeightRounding(FixedPointGrid(3))
    rounded = Chip(Backprop(), 1.0, reads=(noise, rounding)).read(w, generator_for(0))
    assert bool((rounded / 0.25 == (rounded / 0.25).round()).all())
    noisy = Chip(Backprop(), 1.0, reads=(rounding, noise)).read(w, generator_for(0))
    assert not bool((noisy / 0.25 == (noisy / 0.25).round()).all())


def test_gradient_is_taken_where_the_chip_reads():
    problem = relu_network()
    w = problem.initial_weights
    rounding = WeightRounding(FixedPointGrid(4))
    chip = Chip(Backprop(), 0.1, reads=(rounding,))
    expected = -problem.gradient(rounding.read(w, generator_for(0)))
    assert chip.sample_update(problem, w, generator_for(0)).equal(expected)
    assert chip.closed_form(problem, w).mean.equal(expected)


def test_sampler_is_sample_update():
    problem = relu_network()
    chips = [
        Chip(Minibatch(Backprop(), 7), 0.1, (ReadNoise(0.1),), (_memristor(problem),)),
        Chip(Backprop(), 0.1, writes=(_memristor(problem, levels=(40, 40)),)),
    ]
    w = problem.initial_weights.clamp(-1, 1)
    for chip in chips:
        sample = chip.sampler(problem, w)(generator_for(0, 1))
        assert sample.equal(chip.sample_update(problem, w, generator_for(0, 1)))
    assert not chips[0].independent_noise
    assert chips[1].independent_noise


def test_closed_form_is_there_exactly_where_it_is_known():
    problem = relu_network()
    w = problem.initial_weights
    stochastic = UpdateRounding(FixedPointGrid(10))
    nearest = UpdateRounding(FixedPointGrid(10), "nearest")
    write = _memristor(problem, levels=(40, 40))
    assert Chip(Minibatch(Backprop(), 7), 0.1).closed_form(problem, w) is None
    assert Chip(Backprop(), 0.1, (ReadNoise(0.1),)).closed_form(problem, w) is None
    assert Chip(Backprop(), 0.1, writes=(stochastic, write)).closed_form(problem, w) is None
    assert Chip(Backprop(), 0.1, writes=(nearest, write)).closed_form(problem, w) is not None
    plain = Chip(Backprop(), 0.1).closed_form(problem, w)
    assert plain.total_variance == 0.0
    assert plain.mean.equal(-problem.gradient(w))


def test_noise_in_gradient_units_grows_as_the_step_shrinks():
    """The same write noise is a larger σ at a smaller learning rate."""
    problem = linear_regression()
    w = problem.initial_weights.clamp(-0.5, 0.5)
    write = _memristor(problem, cycle_to_cycle=0.001)
    large, small = (
        Chip(Backprop(), dt, writes=(write,)).closed_form(problem, w).total_variance
        for dt in (0.1, 0.01)
    )
    assert small == pytest.approx(100 * large, rel=1e-6)


@pytest.mark.parametrize(
    "rule", [WeightPerturbation(), Minibatch(NodePerturbation(), 2), WhiteNoise(NodePerturbation())]
)
def test_rules_that_compare_losses_have_no_known_mean_behind_converters(rule):
    """The loss is a staircase there, which other rules see through (straight-through gradients)."""
    problem, coarse = relu_network(), Converters(dac_bits=6, adc_bits=6)
    assert Chip(rule, 0.1).knows_mean(problem)
    assert not Chip(rule, 0.1, passes=(coarse,)).knows_mean(problem)
    assert Chip(Minibatch(Backprop(), 2), 0.1, passes=(coarse,)).knows_mean(problem)


@pytest.mark.parametrize("readout", ["membrane", "spikes"])
def test_rules_that_compare_losses_have_no_known_mean_where_neurons_spike(readout):
    """Their mean is the gradient of a smoothed staircase; that of a pass is the surrogate's."""
    network = SpikingNetwork([3, 6, 2], readout=readout)
    inputs = torch.rand(8, 5, 3, generator=generator_for(2), dtype=torch.float64)
    problem = Problem(network, CrossEntropy(), inputs, torch.arange(8) % 2)
    for rule in (WeightPerturbation(0.05), Minibatch(NodePerturbation(), 2)):
        assert not Chip(rule, 0.1).knows_mean(problem)
        assert way_of(problem, Chip(rule, 0.1), 200) == "every_update"
        assert Chip(rule, 0.1).knows_mean(relu_network())
    assert Chip(SurrogateBptt(), 0.1).knows_mean(problem)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"writes": (3,)}, "writes has a int; allowed: objects with a method write"),
        ({"writes": (UpdateRounding,)}, "writes has the class UpdateRounding itself"),
        (
            {"writes": UpdateRounding(FixedPointGrid(7))},
            "writes is a UpdateRounding",
        ),
        ({"reads": (UpdateRounding(FixedPointGrid(7)),)}, "reads has a UpdateRounding"),
        ({"passes": (None,)}, "passes has a NoneType; allowed: objects with a method applied"),
    ],
)
def test_what_is_no_effect_is_refused(parts, words):
    with pytest.raises(ValueError, match=words):
        Chip(Backprop(), 0.1, **parts)
