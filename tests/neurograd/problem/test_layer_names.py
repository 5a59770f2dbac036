"""Layers by name: which names there are, and where the weights lie."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from neurograd.errors import ModelError
from neurograd.problem import Problem
from neurograd.problem.layer_names import layers_called, layers_of


def problem_of(module: nn.Module, inputs: int = 3) -> Problem:
    x, y = torch.zeros(2, inputs), torch.tensor([0, 1])
    return Problem(module, nn.CrossEntropyLoss(), x, y)


def test_layers_of_a_sequence_are_called_by_their_place() -> None:
    layers = layers_of(problem_of(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))))
    assert [layer.name for layer in layers] == ["layer1", "layer2"]
    assert layers[0].others == ("0", "first")
    assert layers[1].others == ("2", "last")
    assert [layer.place for layer in layers] == [slice(0, 16), slice(16, 26)]
    assert [p.name for p in layers[1].parameters] == ["2.weight", "2.bias"]
    assert layers[1].parameters[0].shape == (2, 4)


def test_layers_have_the_names_of_their_modules() -> None:
    deep = nn.Sequential(OrderedDict(inner=nn.Linear(3, 4), norm=nn.LayerNorm(4)))
    module = nn.Sequential(OrderedDict(body=deep, head=nn.Linear(4, 2)))
    problem = problem_of(module)
    layers = layers_of(problem)
    assert [layer.name for layer in layers] == ["body_inner", "body_norm", "head"]
    found = layers_called(layers, ["body.inner", "layer2", "last"], "layers")
    assert [layer.name for layer in found.values()] == ["body_inner", "body_norm", "head"]
    w = problem.initial_weights
    for layer in layers:
        parts = [problem.parameters_of(w)[p.name].reshape(-1) for p in layer.parameters]
        assert torch.equal(w[layer.place], torch.cat(parts))


def test_a_name_belongs_to_the_layer_that_bears_it() -> None:
    module = nn.Sequential(OrderedDict(layer2=nn.Linear(3, 4), first=nn.Linear(4, 2)))
    layers = layers_of(problem_of(module))
    assert [layer.name for layer in layers] == ["layer2", "first"]
    assert layers_called(layers, ["layer2"], "layers")["layer2"] is layers[0]
    assert layers_called(layers, ["first"], "layers")["first"] is layers[1]
    mixed = nn.Sequential(OrderedDict([("layer2", nn.Linear(3, 4)), ("7", nn.Linear(4, 2))]))
    assert [layer.name for layer in layers_of(problem_of(mixed))] == ["layer2", "7"]


def test_a_module_that_is_the_network_itself() -> None:
    (layer,) = layers_of(problem_of(nn.Linear(3, 2)))
    assert (layer.name, layer.others) == ("layer1", ("first", "last"))


class _Scaled(nn.Module):
    """A weight of its own in front of modules with the names of places."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(3))
        for name in names:
            self.add_module(name, nn.Linear(3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.gain * x
        for layer in self.children():
            x = layer(x)
        return x


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (("layer1", "fc"), "network"),
        (("layer1", "network"), "network1"),
        (("layer1", "network", "network1"), "network2"),
        (("layer2", "fc"), "layer1"),
    ],
)
def test_every_layer_has_a_name(names: tuple[str, ...], first: str) -> None:
    layers = layers_of(problem_of(_Scaled(*names)))
    assert [layer.name for layer in layers] == [first, *names]
    assert layers_called(layers, ["first"], "layers")["first"] is layers[0]


def test_unknown_names_are_refused_with_those_there_are() -> None:
    layers = layers_of(problem_of(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))))
    with pytest.raises(ModelError) as caught:
        layers_called(layers, ["layer3"], "layers")
    assert str(caught.value) == (
        "layers: the network has no layer 'layer3'; did you mean 'layer2'? allowed: layer1, "
        "layer2, or by place: layer1 to layer2, first, last"
    )
    with pytest.raises(ModelError, match=r"first and layer1 are one layer; allowed: each layer on"):
        layers_called(layers, ["first", "layer1"], "layers")


def test_long_lists_of_names_are_shortened() -> None:
    layers = layers_of(problem_of(nn.Sequential(*(nn.Linear(3, 3) for _ in range(15)))))
    with pytest.raises(ModelError, match=r"layer11, \.\.\., layer15, or by place: layer1 to laye"):
        layers_called(layers, ["nothing"], "layers")
