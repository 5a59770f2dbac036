"""Theorems 2.2 and 2.3: the expected Hessian trace, against the mean over initializations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from neurograd.measure.curvature import hessian_trace
from neurograd.measure.intervals import mean_interval
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.problem.networks import mlp
from neurograd.seeding import generator_for
from neurograd.theory import expected_hessian_trace


def traces(widths, activation, init, biases, count=400):
    """Tr H of many initializations on 40 inputs, and the mean of ‖x‖²."""
    generator = generator_for(1, "initialization")
    x = torch.randn(40, widths[0], generator=generator, dtype=torch.float64)
    y = torch.zeros(40, widths[-1], dtype=torch.float64)
    found = []
    for _ in range(count):
        network = mlp(
            widths[0],
            widths[1:-1],
            widths[-1],
            activation=activation,
            bias=biases,
            init=init,
            generator=generator,
        )
        problem = Problem(network, MeanSquaredError(), x, y)
        found.append(hessian_trace(problem, problem.initial_weights, 0).value)
    return np.array(found), float(x.square().sum(1).mean())


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize(
    ("activation", "init"),
    [("linear", "xavier"), ("relu", "xavier"), ("relu", "kaiming")],
)
def test_expected_trace_is_the_mean_over_initializations(activation, init, biases):
    """At 99 % confidence, on layers of unequal widths; the interval is narrower than 8 %."""
    widths = [7, 12, 9, 4]
    found, square = traces(widths, activation, init, biases)
    expected = expected_hessian_trace(
        widths, square, relu=activation == "relu", init=init, biases=biases
    )
    _, (low, high) = mean_interval(found)
    assert low <= expected <= high
    assert high - low < 0.08 * expected


def test_expected_trace_by_hand():
    """Kaiming on 2-3-1 units: variances 1 and 2/3; the last layer meets 3·‖x‖², 2 come back."""
    assert expected_hessian_trace([2, 3, 1], 5.0, init="kaiming") == pytest.approx(
        2 * (3 * 5.0) + 2 * 2 * 5.0
    )
    # Xavier: variances 2/5 and 1/2; a ReLU halves what passes it, in either direction.
    assert expected_hessian_trace([2, 3, 1], 5.0, relu=True, biases=True) == pytest.approx(
        2 * (3 * 0.4 / 2 * 5.0 + 1) + 2 * (3 * 0.5 / 2) * (5.0 + 1)
    )


def size(widths):
    return sum(n * m for n, m in pairwise(widths))


def per_parameter(widths, **options):
    return expected_hessian_trace(widths, 25.0, **options) / size(widths)


def test_depth_in_expectation():
    """Equal layers: no change. Hidden layers between n and m: a fall above (n + m)/2 only."""
    assert per_parameter([25] * 3) == pytest.approx(per_parameter([25] * 9))
    for width, sign in ((17, 1), (18, -1)):
        change = per_parameter([25, *[width] * 8, 10]) - per_parameter([25, width, 10])
        assert np.sign(change) == sign
    shallow, deep = (per_parameter([25] * k, relu=True) for k in (3, 4))
    assert deep == pytest.approx(shallow / 2)


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"^init"):
        expected_hessian_trace([3, 2], 1.0, init="lecun")
    with pytest.raises(ValueError, match=r"^widths"):
        expected_hessian_trace([3], 1.0)
    with pytest.raises(ValueError, match=r"^mean_input_square"):
        expected_hessian_trace([3, 2], -1.0)
