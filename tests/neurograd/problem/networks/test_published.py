"""LeNet-5, ResNet-18 and VGG: their published sizes, and what their layers make of an image."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from torch import nn

from neurograd.errors import ModelError, SpecError
from neurograd.measure.curvature.layerwise import has_exact_diagonal
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.check import train_beside
from neurograd.problem import Problem
from neurograd.problem.networks import lenet5, resnet18, vgg
from neurograd.problem.networks.published import VGG_STAGES, ResidualBlock
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec


def _size(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_sizes_are_the_published_ones():
    assert _size(lenet5((1, 28, 28), generator=generator_for(0))) == 61_706
    narrow = {"generator": generator_for(0), "dtype": torch.float32}
    assert _size(resnet18((3, 32, 32), **narrow)) == 11_173_962


@pytest.mark.parametrize(("layers", "size"), [(11, 9_225_610), (16, 14_719_818), (19, 20_029_514)])
def test_sizes_of_vgg_are_those_of_its_table_with_one_linear_layer(layers, size, monkeypatch):
    # Weights that are never looked at need not be drawn.
    monkeypatch.setattr("neurograd.problem.networks.published.initialized", lambda made, *_: made)
    network = vgg((3, 32, 32), layers=layers, generator=generator_for(0), dtype=torch.float32)
    assert _size(network) == size
    assert sum(isinstance(layer, nn.Conv2d) for layer in network) == layers - 3


def test_vgg_by_name(monkeypatch, tmp_path):
    narrow = {11: tuple((2,) * len(stage) for stage in VGG_STAGES[11])}
    monkeypatch.setattr("neurograd.problem.networks.published.VGG_STAGES", narrow)
    x = np.random.default_rng(0).normal(size=(6, 3, 32, 32))
    np.savez(tmp_path / "images.npz", x=x, y=np.arange(6) % 3)
    task = {"name": "file", "train": str(tmp_path / "images.npz"), "test_fraction": 0.5}
    spec = validate_spec({"network": {"architecture": "vgg11"}, "task": task})
    problem = build_problem(spec)
    problem.check_network()
    assert has_exact_diagonal(problem)
    gradients = problem.parameters_of(problem.gradient(problem.initial_weights))
    assert len(gradients) == 18


def test_a_vgg_of_another_depth_is_refused():
    with pytest.raises(ValueError, match="layers is 13; allowed: 11, 16, 19"):
        vgg((3, 32, 32), layers=13, generator=generator_for(0))
    with pytest.raises(ModelError, match="vgg16 needs images of 32 by 32 or more"):
        vgg((1, 28, 28), generator=generator_for(0))


@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 32, 32), (1, 28, 13)])
def test_lenet5_takes_images_of_any_size_from_12(shape):
    network = lenet5(shape, 7, generator=generator_for(0))
    assert network(torch.zeros(2, *shape, dtype=torch.float64)).shape == (2, 7)


@pytest.mark.parametrize("shape", [(1, 11, 28), (64,)])
def test_other_samples_are_refused(shape):
    with pytest.raises(ModelError, match="lenet5 needs images of 12 by 12 or more"):
        lenet5(shape, generator=generator_for(0))


def test_a_block_adds_its_input():
    block = ResidualBlock(4, 4, 1, "relu", torch.float64)
    with torch.no_grad():
        for parameter in block.path.parameters():
            parameter.zero_()
    x = torch.randn(2, 4, 5, 5, generator=generator_for(0), dtype=torch.float64)
    assert torch.equal(block(x), x.relu())


def test_a_block_that_changes_shape_brings_its_input_there():
    block = ResidualBlock(4, 6, 2, "relu", torch.float64)
    assert [type(layer) for layer in block.beside] == [nn.Conv2d, nn.BatchNorm2d]
    assert block(torch.zeros(2, 4, 5, 5, dtype=torch.float64)).shape == (2, 6, 3, 3)


def test_every_weight_of_resnet18_has_a_gradient_and_a_seed():
    options = {"dtype": torch.float32}
    network = resnet18((1, 8, 8), 3, generator=generator_for(0), **options)
    x = torch.randn(6, 1, 8, 8, generator=generator_for(1))
    problem = Problem(network, nn.CrossEntropyLoss(), x, torch.arange(6) % 3, dtype=torch.float32)
    problem.check_network()
    gradients = problem.parameters_of(problem.gradient(problem.initial_weights))
    assert all(bool(part.abs().max() > 0) for part in gradients.values())
    assert len(problem.parts.calibrated) == 20
    same = resnet18((1, 8, 8), 3, generator=generator_for(0), **options)
    assert all(map(torch.equal, network.parameters(), same.parameters()))
    assert all(
        bool((layer.weight == 1).all()) and bool((layer.bias == 0).all())
        for layer in network.modules()
        if isinstance(layer, nn.BatchNorm2d)
    )


def _idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes())


def test_lenet5_by_name_through_a_chip(tmp_path):
    random = np.random.default_rng(0)
    for part, count in (("train", 20), ("t10k", 10)):
        images, labels = random.integers(0, 256, (count, 28, 28)), np.arange(count) % 10
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(_idx(images))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(_idx(labels))
    spec = validate_spec(
        {
            "device": {"preset": "epiram", "converters": {"adc_bits": 8}},
            "network": {"architecture": "lenet5"},
            "task": {"name": "mnist", "folder": str(tmp_path)},
            "training": {"step_size": 0.1, "steps": 2, "seeds": 2, "max_seeds": 2},
        }
    )
    assert spec.network.activation == "tanh"
    assert spec.network.hidden == ()
    found = train_beside(spec, quick=True)
    assert found.record.num_parameters == 61_706
    assert not any("outside" in note for note in found.record.notes)
    assert build_problem(spec).outside_layers == {}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"hidden": [3]}, "network.hidden: is not for architecture lenet5"),
        ({"channels": [3]}, "network.channels: is for architecture cnn only"),
        ({"kind": "spiking"}, "lenet5 is not there for kind spiking"),
    ],
)
def test_keys_that_do_not_go_with_a_published_network(network, message):
    with pytest.raises(SpecError, match=message):
        validate_spec({"network": {"architecture": "lenet5", **network}})


def test_images_that_are_too_small_are_one_line():
    with pytest.raises(ModelError, match="the task's samples are 8 by 8"):
        build_problem(validate_spec({"network": {"architecture": "lenet5"}}))
