"""Theorem 2.3's exact factor against the expectation that is computed layer by layer."""

import itertools

import pytest

from neurograd import theory


@pytest.mark.parametrize("init", ["xavier", "kaiming"])
@pytest.mark.parametrize("hidden", [(7,), (5, 9), (4, 4, 6)])
def test_every_relu_halves_the_expected_trace(hidden, init):
    traces = [
        theory.expected_hessian_trace([3, *hidden, 2], 1.7, relu=relu, init=init)
        for relu in (False, True)
    ]
    assert traces[1] == pytest.approx(theory.relu_trace_ratio(len(hidden)) * traces[0])


def test_the_factor_falls_with_depth():
    factors = [theory.relu_trace_ratio(hidden) for hidden in range(1, 6)]
    assert factors[0] == 0.5
    assert all(deeper < shallower for shallower, deeper in itertools.pairwise(factors))


def test_biases_pass_fewer_gates():
    """With biases the ratio lies above that of the weights alone."""
    linear = theory.expected_hessian_trace([3, 8, 8, 2], 1.7, biases=True)
    gated = theory.expected_hessian_trace([3, 8, 8, 2], 1.7, relu=True, biases=True)
    assert theory.relu_trace_ratio(2) < gated / linear < 1
