"""VGG networks: the published configurations, pretrained weights, the exact diagonal."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from experiments.support.vgg.network import CONVOLUTIONS, load_pretrained, standard_names, vgg
from neurograd.errors import ModelError
from neurograd.measure.curvature import exact_diagonal, has_exact_diagonal, layerwise
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.seeding import generator_for
from tests.neurograd.cases import dense_hessian

CIFAR = (3, 32, 32)


def _vgg(depth=11, shape=CIFAR, outputs=10, seed=0, **kwargs):
    return vgg(depth, shape, outputs, generator=generator_for(seed, "vgg"), **kwargs)


def _tiny(depth=11, shape=(1, 8, 8), outputs=3, **kwargs):
    return _vgg(depth, shape, outputs, factor=32, classifier_width=128, **kwargs)


@pytest.mark.parametrize(
    ("depth", "millions"), [(11, 132.863336), (13, 133.047848), (16, 138.357544), (19, 143.667240)]
)
def test_sizes_are_the_published_ones(depth, millions, monkeypatch):
    """133, 133, 138 and 144 million parameters (Simonyan & Zisserman, Table 2), to the digit."""
    monkeypatch.setattr("experiments.support.vgg.network.initialized", lambda network, *_: network)
    with torch.device("meta"):
        network = vgg(depth, (3, 224, 224), 1000, generator=torch.Generator())
    assert sum(p.numel() for p in network.parameters()) == round(millions * 1e6)
    layers = [m for m in network if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth


@pytest.mark.parametrize("depth", CONVOLUTIONS)
def test_cifar_images_go_through_all_stages(depth):
    network = _vgg(depth, factor=16)
    assert sum(isinstance(m, nn.MaxPool2d) for m in network) == 5
    assert [m.in_features for m in network if isinstance(m, nn.Linear)] == [32, 256, 256]
    x = torch.rand(2, *CIFAR, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert network(x).shape == (2, 10)


def test_digits_get_three_stages_and_no_dead_filters():
    """Where the map is 1 wide, eight of nine weights of a filter would never see an input."""
    network = _vgg(19, (1, 8, 8), factor=8)
    assert sum(isinstance(m, nn.Conv2d) for m in network) == 8
    assert sum(isinstance(m, nn.MaxPool2d) for m in network) == 3
    x = torch.rand(64, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    network(x).square().sum().backward()
    last = [m for m in network if isinstance(m, nn.Conv2d)][-1]
    assert bool((last.weight.grad.abs().sum((0, 1)) > 0).all())


def test_factor_and_generator():
    network = _vgg(16, factor=8)
    assert [m.out_channels for m in network if isinstance(m, nn.Conv2d)][::3] == [8, 16, 32, 64, 64]
    state = torch.get_rng_state()
    again, other = _vgg(16, factor=8), _vgg(16, factor=8, seed=1)
    assert torch.get_rng_state().equal(state)
    assert again[0].weight.equal(network[0].weight)
    assert not other[0].weight.equal(network[0].weight)
    bound = (6 / (3 * 9)) ** 0.5  # kaiming, uniform, 3 inputs of 3×3
    assert 0.9 * bound < network[0].weight.abs().max().item() <= bound
    assert not any(m.bias.any() for m in network if isinstance(m, nn.Linear))


def test_uniform_biases_are_torchs():
    """±1/√(fan-in), as in torch.nn; the weights are those of a network with biases of 0."""
    network, zero = _vgg(factor=4, biases="uniform"), _vgg(factor=4)
    assert network[3].weight.equal(zero[3].weight)
    for layer in (m for m in network if isinstance(m, nn.Conv2d | nn.Linear)):
        bound = layer.weight[0].numel() ** -0.5
        assert layer.bias.unique().numel() == layer.bias.numel()
        assert 0.5 * bound < layer.bias.abs().max().item() <= bound


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((12, CIFAR), "VGG-12 .* 11, 13, 16, 19"),
        ((11, (3, 1, 32)), "2 by 2 or more"),
        ((11, (32, 32)), "channels, height and width"),
        ((11, CIFAR, 0), "size 0"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        vgg(*arguments, generator=torch.Generator())


def test_wrong_names():
    with pytest.raises(ValueError, match="biases 'none' is unknown; allowed: zero, uniform"):
        _vgg(biases="none")
    with pytest.raises(ValueError, match="init 'he' is unknown"):
        _vgg(init="he")


# -- curvature -------------------------------------------------------------------------------------


def _problem(loss=None, **kwargs):
    generator = generator_for(0, "vgg-data")
    x = torch.rand(12, 1, 8, 8, generator=generator, dtype=torch.float64)
    if isinstance(loss, MeanSquaredError):
        y = torch.randn(12, 3, generator=generator, dtype=torch.float64)
    else:
        y = torch.randint(3, (12,), generator=generator)
    return Problem(_tiny(), loss or CrossEntropy(), x, y, **kwargs)


@pytest.mark.parametrize("loss", [CrossEntropy(), MeanSquaredError()], ids=lambda loss: loss.name)
def test_exact_diagonal_is_the_dense_hessians(loss):
    problem = _problem(loss)
    w = problem.initial_weights
    assert problem.num_parameters > 500
    assert has_exact_diagonal(problem)
    dense = torch.diagonal(dense_hessian(problem, w))
    torch.testing.assert_close(exact_diagonal(problem, w), dense, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("chunk_bytes", "layer_bytes"), [(1, 1), (100_000, 3_000)], ids=["one by one", "a few"]
)
def test_little_memory_gives_the_same_diagonal(monkeypatch, chunk_bytes, layer_bytes):
    problem = _problem()
    w = problem.initial_weights
    whole = exact_diagonal(problem, w)
    sizes = []
    add = layerwise._add_chunk
    monkeypatch.setattr(layerwise, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(layerwise, "LAYER_BYTES", layer_bytes)
    monkeypatch.setattr(layerwise, "_add_chunk", lambda *a: (sizes.append(len(a[2])), add(*a))[1])
    torch.testing.assert_close(exact_diagonal(problem, w), whole, rtol=1e-12, atol=1e-16)
    assert sum(sizes) == 12
    assert 1 <= max(sizes) < 12


def test_memory_of_the_largest_network_is_bounded():
    """The real VGG-19 on CIFAR-10: a few dozen samples at once, not thousands."""
    network = vgg(19, CIFAR, classifier_width=8, generator=torch.Generator(), dtype=torch.float32)
    x = torch.zeros(1000, *CIFAR)
    problem = Problem(network, CrossEntropy(), x, torch.zeros(1000, dtype=torch.long))
    parameters = problem.parameters_of(problem.initial_weights)
    samples = layerwise._samples_at_once(problem, parameters)
    activations = [(3, 32, 64), (64, 32, 64)]  # inputs, side, outputs of the first two layers
    least = sum(side**2 * (9 * i + i + 3 * o) for i, side, o in activations) * 8
    assert 4 <= samples <= layerwise.CHUNK_BYTES // least


# -- pretrained weights ----------------------------------------------------------------------------


def _state(network):
    """A state dict with the standard names."""
    return {
        f"{standard}.{part}": getattr(network.get_submodule(ours), part).detach().clone()
        for ours, standard in standard_names(network).items()
        for part in ("weight", "bias")
    }


def _saved(path, content):
    torch.save(content, path)
    return path


def test_standard_names_are_torchvisions():
    expected = [f"features.{n}" for n in (0, 3, 6, 8, 11, 13, 16, 18)]
    assert list(standard_names(_vgg(11, factor=32)).values()) == [
        *expected,
        *(f"classifier.{n}" for n in (0, 3, 6)),
    ]


def test_own_weights_come_back(tmp_path):
    source, target = _vgg(factor=32), _vgg(factor=32, seed=1)
    path = _saved(tmp_path / "own.pt", _state(source))
    assert load_pretrained(target, path) == ()
    assert all(a.equal(b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


@pytest.mark.parametrize("side", [32, 64])
def test_imagenet_weights_compute_what_the_pretrained_network_does(tmp_path, side):
    """Adaptive pooling to 7×7 in front of the wide layer, against the narrow layer without it."""
    source = _vgg(11, (3, 224, 224), 1000, factor=32)
    target = _vgg(11, (3, side, side), 10, factor=32, seed=1)
    fresh = target[-1].weight.detach().clone()
    path = _saved(tmp_path / "imagenet.pt", _state(source))
    assert load_pretrained(target, path) == ("classifier.6",)
    assert target[-1].weight.equal(fresh)
    x = torch.rand(3, 3, side, side, dtype=torch.float64, generator=generator_for(0, "x"))
    flatten = next(k for k, m in enumerate(source) if isinstance(m, nn.Flatten))
    features = functional.adaptive_avg_pool2d(source[:flatten](x), 7)
    torch.testing.assert_close(target[:-1](x), source[flatten:-1](features), rtol=1e-10, atol=1e-14)


def test_wrong_files_are_one_line(tmp_path):
    good = _state(_vgg(factor=32))
    text = tmp_path / "text.pt"
    text.write_text("not weights\n")
    renamed = {k.replace("features.0", "conv"): v for k, v in good.items()}
    reshaped = good | {"features.3.weight": torch.zeros(4, 2, 5, 5)}
    infinite = good | {"classifier.3.bias": torch.full_like(good["classifier.3.bias"], torch.inf)}
    cases = {
        tmp_path / "none.pt": "is not a file",
        tmp_path: "is not a file",
        text: "cannot be read",
        _saved(tmp_path / "list.pt", [torch.zeros(2)]): "is not a state dict",
        _saved(tmp_path / "module.pt", _vgg(factor=32)): "cannot be read",
        _saved(tmp_path / "deep.pt", _state(_vgg(13, factor=32))): "other names",
        _saved(tmp_path / "renamed.pt", renamed): "lacks features.0.bias",
        _saved(tmp_path / "reshaped.pt", reshaped): "features.3.weight has shape (4, 2, 5, 5)",
        _saved(tmp_path / "wide.pt", _state(_vgg(factor=16))): "features.0.bias has shape",
        _saved(tmp_path / "infinite.pt", infinite): "NaN or infinite",
    }
    for path, words in cases.items():
        network = _vgg(factor=32, seed=1)
        before = [p.detach().clone() for p in network.parameters()]
        with pytest.raises(ModelError) as error:
            load_pretrained(network, path)
        message = str(error.value)
        assert words in message or words.replace("bias", "weight") in message, message
        assert message.startswith(str(path))
        assert "\n" not in message
        assert all(a.equal(b) for a, b in zip(before, network.parameters(), strict=True))
