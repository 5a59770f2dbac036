"""Data sets and networks."""

from __future__ import annotations

import gzip
import math

import numpy as np
import pytest
import torch
from torch import nn

from neurograd.errors import DataError
from neurograd.problem import datasets, networks
from neurograd.seeding import generator_for

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def _idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def _mnist_arrays():
    generator = np.random.default_rng(0)
    arrays = {}
    for prefix, count in (("train", 20), ("t10k", 10)):
        arrays[f"{prefix}-images-idx3-ubyte"] = generator.integers(0, 256, (count, 28, 28))
        arrays[f"{prefix}-labels-idx1-ubyte"] = np.arange(count) % 10
    return arrays


@pytest.fixture
def mnist(tmp_path):
    for name, array in _mnist_arrays().items():
        (tmp_path / name).write_bytes(_idx(array))
    return tmp_path


@pytest.fixture
def cifar(tmp_path):
    generator = np.random.default_rng(0)
    for name in [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]:
        records = generator.integers(0, 256, (10, 3073))
        records[:, 0] = np.arange(10)
        (tmp_path / name).write_bytes(records.astype(np.uint8).tobytes())
    return tmp_path


def _refused(load, *words):
    with pytest.raises(DataError) as error:
        load()
    message = str(error.value)
    assert "\n" not in message
    assert "allowed" in message
    assert all(word in message for word in words), message


def test_digits_are_split_once_and_keep_their_classes():
    data = datasets.digits()
    assert data.inputs.shape == (1437, 64)
    assert data.test_inputs.shape == (360, 64)
    assert (float(data.inputs.min()), float(data.inputs.max())) == (0.0, 1.0)
    assert (data.output_size, data.input_shape, data.kind) == (10, (64,), "classification")
    from sklearn.datasets import load_digits

    everything = sorted(map(tuple, load_digits().data / 16))
    split = sorted(map(tuple, torch.cat([data.inputs, data.test_inputs]).tolist()))
    assert split == everything
    share = torch.bincount(data.test_targets) / 360 - torch.bincount(data.targets) / 1437
    assert float(share.abs().max()) < 0.005


def test_digits_as_images_and_in_part():
    images = datasets.digits(flat=False, train_samples=50, test_samples=20)
    assert images.inputs.shape == (50, 1, 8, 8)
    assert torch.bincount(images.targets).tolist() == [5] * 10
    flat = datasets.digits(train_samples=50, dtype=torch.float32)
    assert flat.inputs.dtype == torch.float32
    torch.testing.assert_close(flat.inputs.double(), images.inputs.flatten(1))
    _refused(lambda: datasets.digits(train_samples=1438), "task.train_samples", "1437")
    _refused(lambda: datasets.digits(test_samples=0), "task.test_samples")


def test_teacher_makes_the_targets():
    first = datasets.teacher_student(samples=40, test_samples=10, seed=3)
    again = datasets.teacher_student(samples=40, test_samples=10, seed=3)
    assert first.inputs.equal(again.inputs)
    assert first.targets.equal(again.targets)
    with torch.no_grad():
        assert first.teacher(first.test_inputs).equal(first.test_targets)
    assert len([m for m in first.teacher if isinstance(m, nn.Linear)]) == 4
    other = datasets.teacher_student(samples=40, test_samples=10, seed=4)
    assert not first.targets.equal(other.targets)
    assert (first.kind, first.output_size, first.input_shape) == ("regression", 10, (25,))


def test_label_noise_has_its_standard_deviation():
    """99 % interval of a standard deviation of 20,000 numbers."""
    clean = datasets.teacher_student(samples=2000, seed=1)
    noisy = datasets.teacher_student(samples=2000, seed=1, label_noise=0.3)
    ratio = float((noisy.targets - clean.targets).std()) / 0.3
    assert abs(ratio - 1) < 2.6 / math.sqrt(2 * 20_000)
    _refused(lambda: datasets.teacher_student(label_noise=-1), "label_noise")
    _refused(lambda: datasets.teacher_student(samples=0), "0 training")


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_from_its_files(mnist, packed):
    arrays = _mnist_arrays()
    if packed:
        for name in arrays:
            path = mnist / name
            (mnist / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    data = datasets.load("mnist", folder=mnist, flat=False)
    assert data.inputs.shape == (20, 1, 28, 28)
    pixels = {
        (int(y), tuple(x.flatten().tolist()))
        for x, y in zip(data.inputs, data.targets, strict=False)
    }
    expected = {
        (int(y), tuple((x / 255).flatten().tolist()))
        for x, y in zip(arrays[IMAGES], arrays[LABELS], strict=False)
    }
    assert pixels == expected
    assert datasets.load("mnist", folder=mnist).test_inputs.shape == (10, 784)
    part = datasets.load("mnist", folder=mnist, train_samples=10)
    assert torch.bincount(part.targets).tolist() == [1] * 10


def _corrupt(kind, folder):
    path = folder / (LABELS if kind in ("label", "counts", "labels magic") else IMAGES)
    content = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(content[:-1])
    elif kind == "longer":
        path.write_bytes(content + b"x")
    elif kind == "magic":
        path.write_bytes(b"\x1f\x8b" + content[2:])
    elif kind == "labels magic":
        path.write_bytes(b"")
    elif kind == "size":
        path.write_bytes(_idx(np.zeros((20, 14, 56))))
    elif kind == "label":
        path.write_bytes(content[:-1] + bytes([11]))
    elif kind == "counts":
        path.write_bytes(_idx(np.zeros(19)))
    elif kind == "missing":
        path.unlink()
    elif kind == "damaged":
        path.unlink()
        (folder / f"{IMAGES}.gz").write_bytes(gzip.compress(content)[:-20])
    else:
        path.unlink()
        (folder / f"{IMAGES}.gz").write_bytes(gzip.compress(content + bytes(10_000_000)))


KINDS = [
    "truncated",
    "longer",
    "magic",
    "size",
    "label",
    "counts",
    "missing",
    "damaged",
    "bomb",
    "labels magic",
]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_mnist_is_one_line(mnist, kind):
    _corrupt(kind, mnist)
    _refused(lambda: datasets.load("mnist", folder=mnist), str(mnist))


def test_folders_that_are_not_there(tmp_path):
    for name in ("mnist", "cifar10"):
        _refused(lambda name=name: datasets.load(name, folder=tmp_path / "no"), "task.folder")
        (tmp_path / "file").write_text("x")
        _refused(lambda name=name: datasets.load(name, folder=tmp_path / "file"), "not a folder")
        _refused(lambda name=name: datasets.load(name), "task.folder")
    _refused(lambda: datasets.load("imagenet"), "digits")


def test_cifar_from_its_files(cifar):
    data = datasets.load("cifar10", folder=cifar, flat=False)
    assert data.inputs.shape == (50, 3, 32, 32)
    raw = np.frombuffer((cifar / "test_batch.bin").read_bytes(), np.uint8).reshape(10, 3073)
    place = int((data.test_targets == 7).nonzero())
    # Red, green and blue planes, row by row.
    assert float(data.test_inputs[place, 2, 0, 5]) == raw[7, 1 + 2 * 1024 + 5] / 255
    folder = cifar / "cifar-10-batches-bin"
    folder.mkdir()
    for path in cifar.glob("*.bin"):
        path.rename(folder / path.name)
    assert datasets.load("cifar10", folder=cifar).inputs.shape == (50, 3072)


@pytest.mark.parametrize(
    "content", [b"", bytes(3072), bytes(3074), bytes([12]) + bytes(3072), None]
)
def test_damaged_cifar_is_one_line(cifar, content):
    path = cifar / "data_batch_3.bin"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    _refused(lambda: datasets.load("cifar10", folder=cifar), "data_batch_3.bin")


# -- networks ---------------------------------------------------------------------------------


def _mlp(**options):
    return networks.mlp(6, (20, 10), 3, generator=generator_for(0), **options)


def test_mlp_layers_and_activations():
    kinds = [type(layer) for layer in _mlp()]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in _mlp(activation="linear")] == [nn.Linear] * 3
    assert isinstance(_mlp(activation="tanh")[1], nn.Tanh)
    assert _mlp(bias=False)[0].bias is None
    image = networks.mlp((1, 2, 3), (), 4, generator=generator_for(0))
    assert image(torch.zeros(5, 1, 2, 3, dtype=torch.float64)).shape == (5, 4)


@pytest.mark.parametrize(("init", "variance"), [("xavier", 2 / 300), ("kaiming", 2 / 200)])
def test_initial_weights_have_their_variance(init, variance):
    """99 %: the square of a uniform variable has relative variance 4/5."""
    layer = networks.mlp(200, (), 100, init=init, generator=generator_for(0))[0]
    ratio = float(layer.weight.square().mean()) / variance
    assert abs(ratio - 1) < 2.6 * math.sqrt(0.8 / 20_000)
    assert not layer.bias.any()


def test_weights_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    first, second = (_mlp()[0].weight for _ in range(2))
    networks.small_cnn((1, 8, 8), generator=generator_for(0))
    assert first.equal(second)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("pool", ["average", "max"])
def test_cnn_pools_until_the_map_is_one_wide(pool):
    network = networks.small_cnn((3, 5, 8), (4, 4, 4, 2), 7, pool=pool, generator=generator_for(0))
    pools = [m for m in network if isinstance(m, nn.AvgPool2d | nn.MaxPool2d)]
    assert len(pools) == 2
    assert network(torch.zeros(2, 3, 5, 8, dtype=torch.float64)).shape == (2, 7)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            lambda g: networks.mlp(3, (2,), 1, activation="rellu", generator=g),
            "did you mean 'relu'",
        ),
        (lambda g: networks.mlp(3, (0,), 1, generator=g), "allowed: 1 or more"),
        (lambda g: networks.mlp(3, (), 1, init="zeros", generator=g), "xavier, kaiming"),
        (lambda g: networks.small_cnn((8, 8), generator=g), "height and width"),
        (lambda g: networks.small_cnn((1, 8, 8), pool="mean", generator=g), "average, max"),
    ],
)
def test_bad_networks_are_refused(build, words):
    with pytest.raises(ValueError, match=words):
        build(generator_for(0))
