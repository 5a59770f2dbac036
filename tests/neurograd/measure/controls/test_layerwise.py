"""Controls that follow each layer's own noise: their means, exactly, over all outcomes of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from neurograd.errors import ModelError
from neurograd.measure.controls import LayerControl, LinearControl
from neurograd.measure.controls.layerwise import independent_layers
from neurograd.measure.controls.linear import smoothed_gradient
from neurograd.measure.loss_change import measure_loss_change
from neurograd.measure.moments import measure_moments
from neurograd.problem import Problem
from tests.neurograd.cases import regression

DT = 0.3


class _Twice(nn.Module):
    """One layer whose second call gets what the first one gave, and one that is called once."""

    def __init__(self) -> None:
        super().__init__()
        self.again = nn.Linear(2, 2, bias=False)
        self.last = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.again(self.again(x).relu()).relu())


class _Side(nn.Module):
    """One layer that is called on two inputs side by side, and a gain beside all layers."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Linear(1, 2, bias=False)
        self.gain = nn.Parameter(torch.tensor([0.7, -1.2]))

    def forward(self, x: Tensor) -> Tensor:
        one, two = (self.both(part).relu() for part in x.split(1, dim=1))
        return (self.gain * (one + 0.5 * two)).sum(1, keepdim=True)


class _Hidden(nn.Module):
    """One layer that gets what it gave before, where no graph leads, and one called once."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.again = nn.Linear(2, 2, bias=False)
        self.last = nn.Linear(2, 1)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        if self.way == "no_grad":
            with torch.no_grad():
                first = self.again(x).relu()
        else:
            first = self.again(x)
            first = first.detach().relu() if self.way == "detach" else (first > 0).to(x.dtype)
        return self.last(self.again(x + first).relu())


def _stack() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True), nn.Linear(2, 1), nn.ReLU())


def _problem(module: nn.Module) -> Problem:
    return regression([module], 2, 1, samples=5)


def _signs(size: int) -> Tensor:
    """All outcomes of independent noise of two values: every sign of every weight, ``(2^N, N)``."""
    return torch.tensor(list(itertools.product((-1.0, 1.0), repeat=size)), dtype=torch.float64)


def _control(problem: Problem, mean: Tensor, **changes) -> LayerControl:
    w = problem.initial_weights
    widths = (torch.tensor(0.3, dtype=torch.float64),) * 2
    layers = independent_layers(problem, w + DT * mean)
    options = {"layers": layers, "widths": widths, "keep_inputs": True, **changes}
    return LayerControl(problem, w, DT, mean, **options)


HIDDEN = ("detach", "no_grad", "comparison")


@pytest.mark.parametrize("way", HIDDEN)
def test_a_layer_that_reaches_itself_outside_the_graph_is_none_to_follow(way):
    problem = _problem(_Hidden(way))
    assert independent_layers(problem, problem.initial_weights).weights == {"0.last.weight"}


@pytest.mark.parametrize("module", [_stack(), _Twice(), _Side(), *map(_Hidden, HIDDEN)])
def test_its_mean_over_all_outcomes_of_independent_noise_is_zero(module):
    """To rounding; an update's own mean apart from the one that is told shows as its direction."""
    problem = _problem(module)
    size = problem.num_parameters
    mean = torch.linspace(-0.5, 0.6, size, dtype=torch.float64)
    outcomes = _signs(size)
    scale = torch.linspace(0.5, 1.5, size, dtype=torch.float64)
    control = _control(problem, mean)
    values = [control.judge(mean + scale * each)[1] for each in outcomes]
    assert np.std(values) > 0.02
    assert np.mean(values) == pytest.approx(0.0, abs=1e-13)

    other = torch.linspace(0.2, -0.3, size, dtype=torch.float64)
    control = _control(problem, mean)
    values = [control.judge(mean + other + scale * each)[1] for each in outcomes]
    assert np.mean(values) == pytest.approx(float(control.direction() @ other), rel=1e-10)


def test_it_is_nearer_to_the_losses_than_the_first_order():
    """On the same outcomes of the same noise, far from the targets: what kinks and products of the
    noise of two layers add is not drowned by the loss's curvature."""
    near = _problem(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))
    inputs, targets = near.data()
    problem = Problem(near.module, near.loss_function, inputs, 20.0 * targets)
    size = problem.num_parameters
    mean = torch.zeros(size, dtype=torch.float64)
    w, control = problem.initial_weights, _control(problem, mean)
    slope = DT * smoothed_gradient(problem, w, (torch.tensor(0.3, dtype=torch.float64),) * 2)
    linear = LinearControl(problem, w, DT, mean, slope)
    left = {"layer": [], "linear": []}
    for update in _signs(size):
        losses, known = control.judge(update)
        assert torch.equal(losses, problem.per_sample_losses(w + DT * update))
        same, first = linear.judge(update)
        assert torch.equal(same, losses)
        left["layer"].append(float(losses.mean()) - known)
        left["linear"].append(float(losses.mean()) - first)
    assert np.mean(left["layer"]) == pytest.approx(np.mean(left["linear"]), abs=1e-12)
    assert np.var(left["layer"]) < 0.8 * np.var(left["linear"])


def test_layers_are_told_from_those_that_get_what_they_gave():
    problem = _problem(_Twice())
    layers = independent_layers(problem, problem.initial_weights)
    assert layers.weights == {"0.last.weight"}
    assert layers.parameters == {"0.last.weight", "0.last.bias"}
    assert layers.numbers == 3
    side = _problem(_Side())
    assert independent_layers(side, side.initial_weights).weights == {"0.both.weight"}


def test_convolutions_behind_a_branch_are_followed():
    """Over single weights that move one way and the other: odd parts cancel, as in the mean."""

    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv1d(1, 2, 1, bias=False)
            self.second = nn.Conv1d(2, 2, 3, padding=1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.first(x.unsqueeze(1)).relu()
            return (hidden + self.second(hidden)).amax(1).sum(1, keepdim=True)

    problem = _problem(Branched())
    mean = torch.zeros(problem.num_parameters, dtype=torch.float64)
    control = _control(problem, mean)
    first = torch.tensor([0.4, -0.8], dtype=torch.float64)
    values = []
    for signs in _signs(4):
        update = mean.clone()
        update[:2] = signs[:2] * first
        update[5], update[9] = signs[2:]
        values.append(control.judge(update)[1])
    assert np.std(values) > 0.02
    assert np.mean(values) == pytest.approx(0.0, abs=1e-13)


def test_a_network_that_calls_other_layers_after_a_step_is_refused():
    class Choosy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            out = self.layer(x)
            return out + self.layer(x) if float(self.layer.bias.detach()) > 5 else out

    problem = _problem(Choosy())
    control = _control(problem, torch.zeros(3, dtype=torch.float64))
    far = torch.tensor([0.0, 0.0, 100.0], dtype=torch.float64)
    with pytest.raises(ModelError, match="calls its 1 layers in another number or order after"):
        control.judge(far)


def test_a_network_that_calls_its_layers_in_another_order_after_a_step_is_refused():
    class Ordered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(2, 2), nn.Linear(2, 2, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            first, second = self.one, self.two
            if float(self.one.bias.detach()[0]) > 5:
                first, second = second, first
            return second(first(x)).sum(1, keepdim=True)

    problem = _problem(Ordered())
    named = problem.parameters_of(torch.arange(10, dtype=torch.float64))
    (place,) = (int(tensor[0]) for name, tensor in named.items() if name.endswith("bias"))
    control = _control(problem, torch.zeros(10, dtype=torch.float64))
    update = torch.zeros(10, dtype=torch.float64)
    control.judge(update)
    update[place] = 100.0
    with pytest.raises(ModelError, match="calls its 2 layers in another number or order after"):
        control.judge(update)


class _Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.w).relu()


class _Fed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.again = nn.Linear(2, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.again(self.again(x).relu()).sum(1, keepdim=True)


class _Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(1, 1, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x.unsqueeze(-1))[0][:, -1]


@pytest.mark.parametrize(
    "make", [_Product, _Fed, _Recurrent, lambda: weight_norm(nn.Linear(2, 1, bias=False))]
)
def test_networks_without_a_layer_to_follow_have_the_first_order(make):
    problem = _problem(make())
    w = problem.initial_weights
    g = problem.gradient(w)

    def sample(generator: torch.Generator) -> Tensor:
        return -g + torch.randn(g.shape, generator=generator, dtype=g.dtype)

    moments = measure_moments(sample, g, 10, seed=0)
    found = [
        measure_loss_change(problem, w, sample, 0.1, moments, 8, 0, independent=independent)
        for independent in (True, False)
    ]
    assert found[0] == found[1]
    assert found[0].error > 0


def test_a_direction_is_refused_where_inputs_were_not_kept():
    problem = _problem(_stack())
    mean = torch.zeros(problem.num_parameters, dtype=torch.float64)
    control = _control(problem, mean, keep_inputs=False)
    control.judge(mean)
    with pytest.raises(ValueError, match="allowed: keep_inputs"):
        control.direction()
