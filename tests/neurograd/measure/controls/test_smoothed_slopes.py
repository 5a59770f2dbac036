"""Slopes of activations as noise sees them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from neurograd.measure.controls.linear import smoothed_gradient
from neurograd.measure.controls.smoothed_slopes import SmoothedSlopes, widths_of
from neurograd.seeding import generator_for
from tests.neurograd.cases import regression, relu_network


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(0.2), nn.Hardtanh(-0.3, 0.8)])
def test_a_slope_is_the_derivative_of_the_mean_over_the_noise(activation):
    """Of E f(z + sξ), by a fine sum over ξ; outputs stay those of the network."""
    z = torch.linspace(-2, 2, 41, dtype=torch.float64).requires_grad_()
    width = torch.linspace(0.05, 0.6, 41, dtype=torch.float64)
    with SmoothedSlopes([width]).applied():
        output = activation(z)
    (slope,) = torch.autograd.grad(output.sum(), z)
    assert torch.equal(output, activation(z.detach()))

    xi = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    weight = torch.exp(-0.5 * xi.square()) / math.sqrt(2 * math.pi) * float(xi[1] - xi[0])

    def mean(at: torch.Tensor) -> torch.Tensor:
        return activation(at[:, None] + width[:, None] * xi) @ weight

    step = 1e-3
    expected = (mean(z.detach() + step) - mean(z.detach() - step)) / (2 * step)
    np.testing.assert_allclose(slope.numpy(), expected.numpy(), atol=2e-4)


def test_an_activation_in_place_has_the_same_slope():
    z = torch.linspace(-1, 1, 7, dtype=torch.float64).requires_grad_()
    slopes = []
    for in_place in (False, True):
        with SmoothedSlopes([torch.tensor(0.3, dtype=torch.float64)]).applied():
            output = nn.ReLU(inplace=in_place)(2.0 * z)
        slopes.append(torch.autograd.grad(output.sum(), z)[0])
    assert torch.equal(*slopes)
    assert 0.0 < float(slopes[0][0]) < float(slopes[0][-1]) < 2.0


def test_widths_are_those_of_each_unit_with_the_mean_of_all_as_one_more_step():
    problem = relu_network()
    w = problem.initial_weights
    x = problem.data()[0]
    moved = [w.clone(), w.clone(), w.clone()]
    moved[0][:6] += 0.5  # the first unit's weights
    moved[2][54] += 0.1  # its bias
    squares = (torch.stack([0.5 * x.sum(1), 0.0 * x[:, 0], 0.1 + 0.0 * x[:, 0]]) ** 2).mean()
    (width,) = widths_of(problem, w, moved)
    assert width.shape == (9,)
    assert float(width[0]) == pytest.approx(math.sqrt(float(squares * (3 + 1 / 9)) / 4))
    assert width[1:].numpy() == pytest.approx(math.sqrt(float(squares) / 9 / 4))
    assert widths_of(problem, w, []) == ()


def test_widths_hold_a_chunk_of_samples_and_do_not_depend_on_it():
    """Every pass takes ``chunk_size`` samples at most; 50 samples in 7 chunks and in one.

    A second activation has no input that is one a sample.
    """

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 3), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(len(x))
            return self.last(self.first(x).relu()).reshape(1, -1).relu().reshape(-1, 2)

    seen: list[int] = []
    whole, chunked = (regression([Mixed()], 4, 2, samples=50, chunk_size=size) for size in (50, 8))
    w = whole.initial_weights
    moved = [w + 0.1 * torch.randn(w.shape, generator=generator_for(k, "a")) for k in range(3)]
    seen.clear()
    expected = widths_of(whole, w, moved)
    assert seen == [50] * 4
    seen.clear()
    found = widths_of(chunked, w, moved)
    assert max(seen) == 8
    assert [width.shape for width in found] == [(3,), ()]
    assert all(torch.allclose(*each, rtol=1e-12) for each in zip(found, expected, strict=True))


def test_calls_in_another_number_after_a_step_leave_no_widths():
    class Choosy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            z = self.layer(x)
            return z.relu() + z.relu() if float(self.layer.bias.detach()[0]) > 5 else z.relu()

    problem = regression([Choosy()], 4, 2, samples=6)
    w = problem.initial_weights
    assert len(widths_of(problem, w, [w])) == 1
    assert widths_of(problem, w, [w, w + 100.0]) == ()
    assert widths_of(problem, w + 100.0, [w]) == ()


def test_a_gradient_without_widths_is_the_plain_one_and_with_them_another():
    problem = regression([nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)], 4, 2, samples=30)
    w = problem.initial_weights
    plain = problem.gradient(w)
    assert torch.equal(smoothed_gradient(problem, w, ()), plain)
    tiny = torch.tensor(1e-12, dtype=torch.float64)
    assert torch.allclose(smoothed_gradient(problem, w, (tiny,)), plain, atol=1e-12)
    wide = torch.tensor(1e12, dtype=torch.float64)  # a slope of 1/2 everywhere
    named = problem.parameters_of(w.clone().requires_grad_())
    hidden = nn.functional.linear(problem.data()[0], named["0.weight"], named["0.bias"])
    straight = nn.functional.linear(
        0.5 * hidden + (hidden.relu() - 0.5 * hidden).detach(), named["2.weight"], named["2.bias"]
    )
    loss = problem.sample_losses(straight, problem.data()[1]).mean()
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(named.values()))])
    assert torch.allclose(smoothed_gradient(problem, w, (wide,)), expected)
    assert not torch.allclose(expected, plain)
