"""Learning rules, quantization and the chip that composes them."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from device_models import (
    Backprop,
    Chip,
    FeedbackAlignment,
    FixedPointGrid,
    LearningRule,
    MemristorWrite,
    Minibatch,
    ReadNoise,
    ReadPath,
    UpdateRounding,
    WeightRounding,
    WhiteNoise,
    WritePath,
    draw_crossbar,
    draw_feedback,
)
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, linear_regression, regression, relu_network


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# -- quantization -----------------------------------------------------------------------------


def test_grid_is_twos_complement():
    grid = FixedPointGrid(3, 2.0)
    assert (grid.step, grid.lowest, grid.highest) == (0.5, -2.0, 1.5)
    assert grid.clip(_tensor(-5, 0.1, 5)).tolist() == [-2.0, 0.1, 1.5]
    for bits, weight_range in ((0, 1.0), (60, 1.0), (4, 0.0)):
        with pytest.raises(ValueError, match="allowed"):
            FixedPointGrid(bits, weight_range)


def test_nearest_weights_lie_on_the_grid():
    grid = FixedPointGrid(4)
    w = _tensor(-2, -0.99, 0.06, 0.07, 0.4, 2)
    read = WeightRounding(grid).read(w, generator_for(0))
    assert read.tolist() == [-1, -1, 0, 0.125, 0.375, 0.875]
    moments = WeightRounding(grid).moments(w)
    assert moments.mean.equal(read)
    assert not moments.variance.any()


@pytest.mark.parametrize("kind", ["read", "write"])
def test_stochastic_rounding_agrees_with_its_closed_form(kind):
    """Every weight's mean at 99 % (Bonferroni over 6), cut at the ends of the grid too."""
    grid = FixedPointGrid(4)
    w = _tensor(-0.95, -0.3, 0.0, 0.21, 0.9, 0.875)
    increment = _tensor(-0.2, 0.04, 0.01, -0.07, 0.03, 0.4)
    if kind == "read":
        effect = WeightRounding(grid, "stochastic")
        exact = effect.moments(w)
        draws = torch.stack([effect.read(w, generator_for(0, k)) for k in range(4000)])
    else:
        effect = UpdateRounding(grid)
        exact = effect.moments(w, increment)
        draws = torch.stack([effect.write(w, increment, generator_for(0, k)) for k in range(4000)])
    assert not effect.deterministic
    error = (exact.variance / 4000).sqrt()
    assert bool(((draws.mean(0) - exact.mean).abs() <= 3.15 * error + 1e-12).all())
    torch.testing.assert_close(draws.var(0), exact.variance, rtol=0.1, atol=1e-12)


def test_stochastic_update_by_hand():
    """Unbiased, variance step²·p(1 − p)."""
    effect = UpdateRounding(FixedPointGrid(8))
    step = effect.grid.step
    moments = effect.moments(_tensor(0.0), _tensor(2.3 * step))
    assert float(moments.mean) == pytest.approx(2.3 * step)
    assert float(moments.variance) == pytest.approx(step**2 * 0.3 * 0.7)


def test_nearest_update_loses_small_increments_and_stays_on_the_grid():
    effect = UpdateRounding(FixedPointGrid(8), "nearest")
    step = effect.grid.step
    w = effect.program(_tensor(0.1234, -3.0, 3.0))
    assert effect.program(w).equal(w)
    realized = effect.write(w, _tensor(0.49 * step, 5.0, 1.6 * step), generator_for(0))
    torch.testing.assert_close(realized, _tensor(0.0, effect.grid.highest + 1, 0.0))
    assert effect.deterministic
    with pytest.raises(ValueError, match="rounding"):
        UpdateRounding(FixedPointGrid(8), "up")


# -- rules ------------------------------------------------------------------------------------


def test_backprop_is_the_gradient():
    problem = relu_network()
    w = problem.initial_weights
    assert Backprop().gradient(problem, w, generator_for(0)).equal(problem.gradient(w))


def test_minibatch_over_all_batches_by_enumeration():
    """Mean and total variance over all 15 batches of 2 of 6 samples are the closed form's."""
    problem = relu_network(samples=6)
    w = problem.initial_weights
    batches = [
        problem.gradient(w, torch.tensor(pair)) for pair in itertools.combinations(range(6), 2)
    ]
    table = torch.stack(batches)
    torch.testing.assert_close(table.mean(0), problem.gradient(w), rtol=1e-10, atol=1e-14)
    total = float((table - table.mean(0)).square().sum(1).mean())
    assert Minibatch(Backprop(), 2).total_variance(problem, w) == pytest.approx(total, rel=1e-9)


def test_minibatch_draws_distinct_samples_uniformly():
    """Each of 6 samples in a third of 3000 batches of 2, at 99 % (Bonferroni)."""
    rule = Minibatch(Backprop(), 2)
    counts = torch.zeros(6)
    for k in range(3000):
        batch = rule.sample_batch(6, generator_for(0, k))
        assert len(set(batch.tolist())) == 2
        counts[batch] += 1
    assert bool(((counts / 3000 - 1 / 3).abs() < 3.15 * math.sqrt(2 / 9 / 3000)).all())


def test_a_batch_that_covers_the_set_is_the_set():
    problem = relu_network(samples=6)
    w = problem.initial_weights
    rule = Minibatch(Backprop(), 6)
    assert rule.gradient(problem, w, generator_for(0)).equal(problem.gradient(w))
    assert rule.total_variance(problem, w) == 0.0
    with pytest.raises(ValueError, match="allowed: 1 or more"):
        Minibatch(Backprop(), 0)


def test_feedback_alignment_by_hand():
    """Two linear layers, squared error: the first layer's error comes through B, not W2."""
    problem = regression([nn.Linear(4, 5), nn.Linear(5, 3)], 4, 3)
    w = problem.initial_weights
    rule = draw_feedback(problem, w, generator_for(0))
    p = problem.parameters_of(w)
    x, y = problem.data()
    hidden = x @ p["0.weight"].T + p["0.bias"]
    error = 2 * (hidden @ p["1.weight"].T + p["1.bias"] - y) / y.numel()
    back = error @ rule.feedback["1.weight"]
    expected = problem.flatten(
        {
            "0.weight": back.T @ x,
            "0.bias": back.sum(0),
            "1.weight": error.T @ hidden,
            "1.bias": error.sum(0),
        }
    )
    estimate = rule.gradient(problem, w, generator_for(1))
    torch.testing.assert_close(estimate, expected, rtol=1e-10, atol=1e-14)
    exact = problem.gradient(w)
    torch.testing.assert_close(estimate[-18:], exact[-18:], rtol=1e-10, atol=1e-14)
    # The closed form of the bias: (W2 − B) in place of W2 on the way back.
    bias = (error @ (p["1.weight"] - rule.feedback["1.weight"])).T @ x
    torch.testing.assert_close((exact - estimate)[:20].view(5, 4), bias, rtol=1e-9, atol=1e-14)


NETWORKS = {
    "relu": relu_network,
    "tanh": lambda: regression(
        [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6, bias=False), nn.Tanh(), nn.Linear(6, 2)], 4, 2
    ),
    "cnn": lambda: classification(
        [
            nn.Conv2d(1, 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2, 3, 3, stride=2, bias=False),
            nn.Flatten(),
            nn.Linear(27, 3),
        ],
        (1, 8, 8),
        3,
        samples=12,
    ),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_feedback_equal_to_the_weights_is_backpropagation(network):
    problem = network()
    w = problem.initial_weights
    names = draw_feedback(problem, w, generator_for(0)).feedback
    same = FeedbackAlignment({name: problem.parameters_of(w)[name] for name in names})
    torch.testing.assert_close(
        same.gradient(problem, w, generator_for(0)), problem.gradient(w), rtol=1e-9, atol=1e-13
    )
    other = draw_feedback(problem, w, generator_for(0)).gradient(problem, w, generator_for(0))
    assert not torch.allclose(other, problem.gradient(w))


def test_feedback_has_the_variance_of_xavier_and_its_own_generator():
    problem = regression([nn.Linear(4, 60), nn.ReLU(), nn.Linear(60, 50), nn.Linear(50, 2)], 4, 2)
    before = torch.random.get_rng_state()
    feedback = draw_feedback(problem, problem.initial_weights, generator_for(0), 2.0).feedback
    assert torch.equal(before, torch.random.get_rng_state())
    assert set(feedback) == {"2.weight", "3.weight"}
    values = feedback["2.weight"]
    expected = 4 * 2 / 110
    # The square of a uniform variable has relative variance 4/5.
    assert abs(float(values.square().mean()) / expected - 1) < 2.6 * math.sqrt(0.8 / 3000)


def test_feedback_alignment_refuses_what_it_can_not_do():
    single = linear_regression()
    with pytest.raises(ValueError, match="two layers"):
        draw_feedback(single, single.initial_weights, generator_for(0))
    problem = relu_network()
    with pytest.raises(ValueError, match="scale"):
        draw_feedback(problem, problem.initial_weights, generator_for(0), 0.0)


def test_unknown_functions_pass_through_the_feedback_mode():
    """Linear maps without feedback keep their own gradient inside the rule."""
    problem = relu_network()
    w = problem.initial_weights
    none = FeedbackAlignment({})
    torch.testing.assert_close(none.gradient(problem, w, generator_for(0)), problem.gradient(w))


# -- chip -------------------------------------------------------------------------------------


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


def test_white_noise_is_equation_one():
    problem = linear_regression()
    w = problem.initial_weights
    rule = WhiteNoise(Backprop(), bias=0.1)
    assert rule.deterministic
    update = -rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(update, -problem.gradient(w) + 0.1)
    assert not WhiteNoise(Backprop(), total_variance=1.0).deterministic
    with pytest.raises(ValueError, match="allowed: 0 or more"):
        WhiteNoise(Backprop(), total_variance=-1.0)


def test_convolution_with_feedback_matches_autograd():
    """The custom backward pass with the kernel itself as feedback, for stride and dilation."""
    problem = classification(
        [
            nn.Conv2d(1, 2, 3),
            nn.Conv2d(2, 2, 2, stride=2, dilation=2),
            nn.Flatten(),
            nn.Linear(8, 2),
        ],
        (1, 8, 8),
        2,
        samples=5,
    )
    w = problem.initial_weights
    parameters = problem.parameters_of(w)
    same = FeedbackAlignment({"1.weight": parameters["1.weight"]})
    estimate = same.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-9, atol=1e-13)
