"""Converters against numbers worked out by hand and against the exact passes."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from device_models.chip import Chip
from device_models.passes.converters import Converters, Quantizer
from device_models.protocols import PassPath
from device_models.rules.backprop import Backprop
from device_models.rules.feedback_alignment import FeedbackAlignment, draw_feedback
from device_models.rules.minibatch import AVERAGED_BATCHES, Minibatch
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, regression, relu_network, smooth_network


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _cnn(**kwargs):
    return classification(
        [
            nn.Conv2d(1, 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2, 4, 3, stride=2, dilation=2, groups=2, bias=False),
            nn.Flatten(),
            nn.Linear(16, 3),
        ],
        (1, 8, 8),
        3,
        samples=12,
        **kwargs,
    )


def _estimate(converters, problem, w, rule=None):
    return Chip(rule or Backprop(), 0.1, passes=(converters,)).estimate(
        problem, w, generator_for(0)
    )


def test_levels_by_hand():
    """Three bits: 7 levels from −1 to 1, a third apart; beyond them it clips."""
    quantizer = Quantizer(3, 1.0)
    x = _tensor(-7, -1, -0.51, -0.49, -0.1, 0.0, 0.16, 0.17, 0.9, 3)
    expected = _tensor(-3, -3, -2, -1, 0, 0, 0, 1, 3, 3) / 3
    torch.testing.assert_close(quantizer.convert(x, (-1,)), expected)
    levels = quantizer.convert(torch.linspace(-1, 1, 1001, dtype=torch.float64), (-1,))
    assert len(torch.unique(levels.mul(3).round())) == 7


def test_a_converter_that_does_not_clip_has_the_same_steps_without_end():
    endless = Quantizer(3, 1.0, clips=False)
    x = _tensor(-7.1, -0.51, 0.16, 3.4)
    torch.testing.assert_close(endless.convert(x, (-1,)), _tensor(-21, -2, 0, 10) / 3)
    assert Quantizer(None, 1.0, clips=False).convert(x, (-1,)).equal(x)


def test_matched_range_is_that_of_each_vector():
    x = torch.stack([_tensor(0.1, -0.3, 0.2), 100 * _tensor(0.1, -0.3, 0.2), _tensor(0, 0, 0)])
    converted = Quantizer(2, None).convert(x, (-1,))
    third = _tensor(0.0, -0.3, 0.3)
    torch.testing.assert_close(converted, torch.stack([third, 100 * third, 0 * third]))


@settings(max_examples=60, deadline=None)
@given(
    bits=st.integers(2, 16),
    reach=st.floats(1e-3, 1e3) | st.none(),
    seed=st.integers(0, 100),
)
def test_error_is_at_most_half_a_step_inside_the_range(bits, reach, seed):
    x = 2 * torch.rand(5, 7, generator=generator_for(seed), dtype=torch.float64) - 1
    x = x * (reach or 3.0)
    quantizer = Quantizer(bits, reach)
    largest = x.abs().amax(-1, keepdim=True) if reach is None else reach
    step = 2 * largest / (2**bits - 2)
    converted = quantizer.convert(x, (-1,))
    assert bool(((converted - x).abs() <= 0.5 * step * (1 + 1e-9)).all())
    assert bool((converted.abs() <= largest * (1 + 1e-12)).all())
    torch.testing.assert_close(quantizer.convert(converted, (-1,)), converted)


def test_a_fixed_range_without_bits_only_clips():
    x = _tensor(-2.0, 0.123, 5.0)
    assert Quantizer(None, 1.0).convert(x, (-1,)).tolist() == [-1.0, 0.123, 1.0]
    assert Quantizer(None, None).convert(x, (-1,)).equal(x)


def test_one_layer_by_hand():
    """Both passes of one layer, composed from the quantizer alone."""
    converters = Converters(4, 5, input_range=1.5, output_range=2.0)
    problem = regression([nn.Linear(4, 3)], 4, 3, samples=9)
    w = problem.initial_weights
    x, y = problem.data()
    p = problem.parameters_of(w)
    entered = Quantizer(4, 1.5).convert(x, (-1,))
    assert bool((entered.abs() <= 1.5).all())
    out = Quantizer(5, 2.0).convert(entered @ p["0.weight"].T, (-1,)) + p["0.bias"]
    seen = problem.through(converters.applied)
    torch.testing.assert_close(seen.outputs(p, x), out)
    error = 2 * (out - y) / y.numel()
    coded = Quantizer(4, None).convert(error, (-1,))
    assert not torch.allclose(coded, error)
    expected = problem.flatten({"0.weight": coded.T @ entered, "0.bias": error.sum(0)})
    torch.testing.assert_close(_estimate(converters, problem, w), expected, rtol=1e-9, atol=1e-14)


def test_the_error_leaves_through_the_adc():
    """The error of a first layer is that of the second's array, coded and read."""
    converters = Converters(6, 4, error_input_range=0.01, error_output_range=0.02)
    problem = regression([nn.Linear(4, 5), nn.Linear(5, 3)], 4, 3, samples=9)
    w = problem.initial_weights
    x, y = problem.data()
    p = problem.parameters_of(w)
    six, four = Quantizer(6, None), Quantizer(4, None)

    def layer(values, name):
        entered = six.convert(values, (-1,))
        return entered, four.convert(entered @ p[f"{name}.weight"].T, (-1,)) + p[f"{name}.bias"]

    first, hidden = layer(x, "0")
    second, out = layer(hidden, "1")
    error = 2 * (out - y) / y.numel()
    coded = Quantizer(6, 0.01).convert(error, (-1,))
    assert bool((coded.abs() <= 0.01).all())
    back = Quantizer(4, 0.02).convert(coded @ p["1.weight"], (-1,))
    again = Quantizer(6, 0.01).convert(back, (-1,))
    expected = problem.flatten(
        {
            "0.weight": again.T @ first,
            "0.bias": back.sum(0),
            "1.weight": coded.T @ second,
            "1.bias": error.sum(0),
        }
    )
    torch.testing.assert_close(_estimate(converters, problem, w), expected, rtol=1e-9, atol=1e-14)


def test_a_vector_of_a_convolution_is_a_whole_image():
    """Channels and positions of a sample share a range; samples do not."""
    x = torch.randn(3, 2, 4, 4, generator=generator_for(0), dtype=torch.float64)
    x *= _tensor(1.0, 10.0, 100.0).view(3, 1, 1, 1) * _tensor(1.0, 1e-3).view(1, 2, 1, 1)
    weight = torch.eye(2, dtype=torch.float64).view(2, 2, 1, 1)
    with Converters(dac_bits=4).applied():
        seen = functional.conv2d(x, weight)
    step = x.flatten(1).abs().amax(1).view(3, 1, 1, 1) / 7.0
    torch.testing.assert_close(seen, (x / step).round() * step, rtol=1e-12, atol=0.0)
    assert not seen[:, 1].any(), "lost in the range of the other channel"


@pytest.mark.parametrize("network", [relu_network, _cnn])
def test_many_bits_are_exact(network):
    problem = network()
    w = problem.initial_weights
    fine = Converters(28, 28)
    x, _ = problem.data()
    p = problem.parameters_of(w)
    seen = problem.through(fine.applied)
    torch.testing.assert_close(seen.outputs(p, x), problem.outputs(p, x), rtol=1e-6, atol=1e-6)
    exact = problem.gradient(w)
    torch.testing.assert_close(_estimate(fine, problem, w), exact, rtol=1e-6, atol=1e-6)
    ideal = _estimate(Converters(), problem, w)
    torch.testing.assert_close(ideal, exact, rtol=1e-10, atol=1e-14)
    coarse = _estimate(Converters(2, 2), problem, w)
    assert float((coarse - exact).norm()) > 0.05 * float(exact.norm())
    assert coarse.dtype == torch.float64


@pytest.mark.parametrize("network", [relu_network, _cnn])
def test_feedback_alignment_through_converters(network):
    problem = network()
    w = problem.initial_weights
    rule = draw_feedback(problem, w, generator_for(0))
    aligned = rule.gradient(problem, w, generator_for(0))
    assert not torch.allclose(aligned, problem.gradient(w))
    fine = _estimate(Converters(28, 28), problem, w, rule)
    torch.testing.assert_close(fine, aligned, rtol=1e-6, atol=1e-6)
    coarse = _estimate(Converters(3, 3), problem, w, rule)
    assert not torch.allclose(coarse, aligned, rtol=1e-2)
    # With the forward weights as feedback, it is backpropagation through the same converters.
    same = FeedbackAlignment({name: problem.parameters_of(w)[name] for name in rule.feedback})
    torch.testing.assert_close(
        _estimate(Converters(3, 3), problem, w, same),
        _estimate(Converters(3, 3), problem, w),
        rtol=1e-9,
        atol=1e-13,
    )


def test_more_bits_bring_the_gradient_nearer():
    problem = smooth_network()
    w = problem.initial_weights
    exact = problem.gradient(w)
    errors = [
        float((_estimate(Converters(b, b), problem, w) - exact).norm()) for b in (3, 6, 9, 12)
    ]
    assert all(b < 0.5 * a for a, b in itertools.pairwise(errors))


def test_batch_of_one_sample_is_part_of_the_batch():
    """Ranges are matched sample by sample: other samples change nothing."""
    problem = _cnn()
    p = problem.parameters_of(problem.initial_weights)
    x, _ = problem.data()
    seen = problem.through(Converters(4, 4).applied)
    torch.testing.assert_close(seen.outputs(p, x[3:4]), seen.outputs(p, x)[3:4])


def test_samples_gradients_under_vmap():
    problem = relu_network(samples=20)
    w = problem.initial_weights
    seen = problem.through(Converters(5, 5).applied)
    norms = seen.per_sample_gradient_square_norms(w)
    one = seen.gradient(w, torch.tensor([7]))
    assert float(norms[7]) == pytest.approx(float(one.square().sum()), rel=1e-9)


def test_contexts_are_fresh_and_leave_nothing_behind():
    converters = Converters(2, 2)
    assert isinstance(converters, PassPath)
    assert converters.deterministic
    assert converters.applied() is not converters.applied()
    problem = relu_network(dtype=torch.float32)
    w = problem.initial_weights
    before = problem.gradient(w)
    assert _estimate(converters, problem, w).dtype == torch.float32
    assert problem.gradient(w).equal(before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dac_bits": 0}, "dac_bits is 0; allowed: 2 to 32"),
        ({"adc_bits": 33}, "adc_bits is 33; allowed: 2 to 32"),
        ({"input_range": 0.0}, "input_range is 0; allowed: above 0"),
        ({"output_range": float("nan")}, "output_range is nan; allowed: above 0"),
        ({"error_input_range": -1.0}, "error_input_range is -1; allowed: above 0"),
        (
            {"error_output_range": 1.0, "noise_management": "abs_max"},
            "ranges of errors are fixed beside management",
        ),
    ],
)
def test_refuses_what_no_converter_has(arguments, message):
    with pytest.raises(ValueError, match=message):
        Converters(**arguments)


def test_batches_behind_fixed_ranges_of_errors_are_averaged():
    """A mean loss has errors 1/B as large: what a fixed range makes of a sample depends on B.

    On all 20 batches of 3 of 6 samples: the set's own estimate is another one, and the average that
    a chip takes is within five of its standard errors.
    """
    problem = relu_network(samples=6)
    w = problem.initial_weights
    chip = Chip(Minibatch(Backprop(), 3), 0.1, passes=(Converters(4, 4, error_input_range=0.3),))
    seen = chip.see(problem)
    batches = [torch.tensor(each) for each in itertools.combinations(range(6), 3)]
    rows = torch.stack([Backprop().gradient(seen, w, generator_for(0), each) for each in batches])
    mean, whole = rows.mean(0), Backprop().gradient(seen, w, generator_for(0))
    assert float((whole - mean).norm()) > 0.05 * float(mean.norm())
    found = torch.stack([chip.expected_at(problem, w, generator_for(1, k)) for k in range(60)])
    error = float((rows - mean).square().sum(1).mean()) / (60 * AVERAGED_BATCHES)
    assert float((found.mean(0) - mean).norm()) < 5 * math.sqrt(error)
    assert chip.rule.mean_is_averaged(problem)


def test_samples_alone_are_refused_behind_fixed_ranges_of_errors():
    passes = (Converters(4, 4, error_output_range=0.3),)
    with pytest.raises(ValueError, match="write_each is sample behind passes with fixed ranges"):
        Chip(Minibatch(Backprop(), 3), 0.1, passes=passes, write_each="sample")
