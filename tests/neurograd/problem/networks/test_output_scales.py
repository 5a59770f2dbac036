"""Learned factors of layers as weights of a problem."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from neurograd.errors import DataError, ModelError
from neurograd.problem import Problem
from neurograd.problem.layer_names import layers_of
from neurograd.problem.networks import check_output_scales, learn_output_scales, start_from
from tests.neurograd.cases import dense_hessian, smooth_network


def scaled(problem, *names):
    return problem.changed(lambda module: learn_output_scales(module, names))


@pytest.fixture(scope="module")
def problem():
    return scaled(smooth_network(), "first", "layer2")


def test_each_layer_has_one_weight_more_and_the_network_starts_as_it_was(problem):
    plain = smooth_network()
    assert problem.num_parameters == plain.num_parameters + 2
    assert [len(layer.parameters) for layer in layers_of(problem)] == [3, 3]
    assert [p.name for layer in layers_of(problem) for p in layer.parameters if p.digital] == [
        "0.output_scale", "2.output_scale",
    ]  # fmt: skip
    assert problem.loss(problem.initial_weights) == pytest.approx(
        plain.loss(plain.initial_weights), rel=1e-12
    )
    assert problem.outside_layers == {}
    assert [name for name, _ in plain.module.named_parameters()][1] == "0.bias"


def test_gradient_and_curvature_see_the_factor(problem):
    """Only the product s·W counts: ⟨W, ∂L/∂W⟩ is s·∂L/∂s, and (W, −s) is flat to first order."""
    w = problem.initial_weights.clone()
    parameters = problem.parameters_of(w)
    parameters["0.output_scale"].fill_(1.3)
    gradient = problem.parameters_of(problem.gradient(w))
    along = (parameters["0.weight"] * gradient["0.weight"]).sum()
    torch.testing.assert_close(1.3 * gradient["0.output_scale"], along)
    direction = torch.randn(len(w), generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(problem.hvp(w, direction), dense_hessian(problem, w) @ direction)
    flat = {name: torch.zeros_like(p) for name, p in parameters.items()}
    flat["0.weight"] = parameters["0.weight"].clone()
    flat["0.output_scale"] = -parameters["0.output_scale"].clone()
    step = problem.flatten(flat)
    assert abs(float(problem.gradient(w) @ step)) < 1e-12
    moved = problem.loss(w + 1e-4 * step) - problem.loss(w)
    assert moved == pytest.approx(0.5e-8 * float(step @ problem.hvp(w, step)), rel=1e-2)


def test_a_program_keeps_its_module_and_what_was_said_of_it():
    module = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    problem = Problem(module, nn.CrossEntropyLoss(), x, torch.arange(20) % 3)
    other = scaled(problem, "last")
    assert other.parts == problem.parts
    assert "output_scale" not in dict(module[3].named_parameters())
    assert problem.num_parameters + 1 == other.num_parameters
    check_output_scales(other)


@pytest.mark.parametrize("used", [Problem.loss, Problem.gradient, Problem.accuracy])
def test_what_was_asked_of_a_problem_before_changes_nothing(used):
    """A used problem keeps its passes written out, which know no factor."""
    fresh, before = smooth_network(), smooth_network()
    used(before, before.initial_weights)
    assert before.outside_layers == {}
    one, other = scaled(fresh, "first"), scaled(before, "first")
    w = one.initial_weights
    assert other.initial_weights.equal(w)
    assert other.loss(w) == one.loss(w) == pytest.approx(fresh.loss(fresh.initial_weights))
    assert other.gradient(w).equal(one.gradient(w))
    assert other.plain_stack is None
    assert before.plain_stack is not None


class Untouched(nn.Module):
    """Takes a layer's weights without calling it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.b(functional.linear(x, self.a.weight, self.a.bias))


def test_what_cannot_be_scaled_is_refused():
    x, y = torch.ones(4, 6), torch.arange(4) % 3
    problem = Problem(Untouched(), nn.CrossEntropyLoss(), x, y)
    check_output_scales(scaled(problem, "b"))
    with pytest.raises(ModelError, match=r"layers\.a\.output_scale: the network takes the weights"):
        check_output_scales(scaled(problem, "a"))
    norm = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    with pytest.raises(ModelError, match=r"layer2\.output_scale: the layer is BatchNorm1d; allow"):
        learn_output_scales(norm, ["layer2"])
    with pytest.raises(ModelError, match="no layer 'layer5'; did you mean 'layer"):
        learn_output_scales(norm, ["layer5"])


def test_start_weights_may_have_factors_and_may_lack_them(tmp_path):
    network = nn.Sequential(nn.Linear(2, 3))
    learn_output_scales(network, ["first"])
    arrays = {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3)}
    for more, expected in (({}, 1.0), ({"0.output_scale": np.array(2.5)}, 2.5)):
        np.savez(tmp_path / "start.npz", **arrays, **more)
        start_from(network, tmp_path / "start.npz")
        assert network[0].output_scale.item() == expected
    np.savez(tmp_path / "start.npz", **{"0.weight": arrays["0.weight"]})
    with pytest.raises(DataError, match=r"no 0\.bias"):
        start_from(network, tmp_path / "start.npz")
