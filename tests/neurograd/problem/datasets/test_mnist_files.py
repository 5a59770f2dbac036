"""MNIST's files, whole and damaged."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch

from neurograd.problem import datasets
from tests.neurograd.problem.datasets.refusal import refused

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


@pytest.mark.parametrize("inside", ["raw", "MNIST/raw"])
def test_files_where_torchvision_keeps_them(mnist, inside):
    loose = datasets.load("mnist", folder=mnist)
    place = mnist / inside
    place.mkdir(parents=True)
    for path in mnist.glob("*ubyte"):
        path.rename(place / path.name)
    assert torch.equal(datasets.load("mnist", folder=mnist).inputs, loose.inputs)


def test_the_middle_of_the_images_in_black_and_white(mnist):
    whole = datasets.load("mnist", folder=mnist, flat=False)
    middle = datasets.load("mnist", folder=mnist, flat=False, crop=21, binarise=0.25)
    assert torch.equal(middle.inputs, (whole.inputs[..., 3:24, 3:24] > 0.25).double())
    refused(lambda: datasets.load("mnist", folder=mnist, crop=29), "task.crop", "1 to 28")


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
    refused(lambda: datasets.load("mnist", folder=mnist), str(mnist))
